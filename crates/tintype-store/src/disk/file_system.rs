//! The abilities of the file system below a store, tested once at start.

use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;
use tracing::warn;
use xattr::FileExt;

use super::stage::TempFile;
use crate::Error;

/// `f_type` of statfs(2), from Linux's magic.h. On these a flush may not reach the disk, or a lock may not reach
/// other hosts.
const NETWORK: [(u64, &str); 14] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x00c3_6400, "ceph"),
    (0x0102_1997, "9p"),
    (0x0bd0_0bd0, "lustre"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "kafs"),
    (0x7375_7245, "coda"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x1983_0326, "beegfs"),
    (0x786f_4256, "vboxsf"),
];
const FUSE: u64 = 0x6573_5546;

pub(super) struct Abilities {
    pub(super) attributes: bool,
}

/// Refuses a folder on a network file system, unless allowed.
pub(super) fn refuse_network(folder: &File, path: &Path, allowed: bool) -> Result<(), Error> {
    #[cfg(target_os = "linux")]
    {
        let stat = rustix::fs::fstatfs(folder)
            .map_err(|errno| Error::io("reading the type of the file system")(errno.into()))?;
        // The field is signed and differs in width between architectures.
        let magic = stat.f_type as u64 & 0xffff_ffff;
        if let Some((_, kind)) = network_kind(magic) {
            if !allowed {
                return Err(Error::NetworkFileSystem {
                    path: path.display().to_string(),
                    kind,
                });
            }
            warn!(path = %path.display(), kind, "the store is on a network file system: only one host may write to it");
        } else if magic == FUSE && !allowed {
            warn!(path = %path.display(), "the store is on a FUSE file system: make sure that it flushes, and that only one host writes to it");
        }
    }
    Ok(())
}

/// Whether a look at a cached name never waits: not on a network or FUSE file system, which may ask another host or
/// program about it.
#[cfg(target_os = "linux")]
pub(super) fn is_local(folder: &File) -> bool {
    rustix::fs::fstatfs(folder).is_ok_and(|stat| {
        let magic = stat.f_type as u64 & 0xffff_ffff;
        magic != FUSE && network_kind(magic).is_none()
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_local(_: &File) -> bool {
    false
}

fn network_kind(magic: u64) -> Option<(u64, &'static str)> {
    NETWORK.into_iter().find(|(network, _)| *network == magic)
}

/// Tests in `tmp` what the store depends on.
pub(super) fn try_out(tmp: &Path) -> Result<Abilities, Error> {
    let unfit = |reason| Error::Unfit {
        path: tmp.display().to_string(),
        reason,
    };
    let (temp, file) = TempFile::create(tmp)?;

    let link = TempFile::name(tmp)?;
    fs::hard_link(temp.path(), link.path())
        .map_err(|_| unfit("its file system has no hard links"))?;
    file.try_lock()
        .map_err(|_| unfit("its file system has no locks"))?;

    let upper = temp
        .path()
        .file_name()
        .map(|name| name.to_ascii_uppercase());
    if upper.is_some_and(|name| tmp.join(name).exists()) {
        warn!(path = %tmp.display(), "the file system of the store is case-insensitive: keys that differ only in case name the same file");
    }

    let attributes = match file.set_xattr("user.tintype.nonce", b"probe") {
        Ok(()) => true,
        Err(error) if Errno::from_io_error(&error) == Some(Errno::OPNOTSUPP) => {
            warn!(path = %tmp.display(), "the file system of the store has no extended attributes: a retried upload cannot be told from a new one");
            false
        }
        Err(error) => return Err(Error::io("setting an extended attribute")(error)),
    };
    Ok(Abilities { attributes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_shared_between_hosts_are_recognised() {
        assert_eq!(network_kind(0x6969).map(|(_, kind)| kind), Some("nfs"));
        assert_eq!(
            network_kind(0xff53_4d42).map(|(_, kind)| kind),
            Some("cifs")
        );
        for local in [
            0xef53,      /* ext4 */
            0x5846_5342, /* xfs */
            0x9123_683e, /* btrfs */
            0x0102_1994, /* tmpfs */
            0x794c_7630, /* overlay */
        ] {
            assert_eq!(network_kind(local), None);
        }
    }
}
