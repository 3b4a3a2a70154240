//! Folders below the root: walking them without following links, creating, flushing and pruning them.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, Key};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Non-blocking, in case a media folder contains a named pipe.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
/// Folders remembered as flushed; a few megabytes at most.
const MOST_FLUSHED: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Folders {
    root: File,
    path: PathBuf,
    /// Folders whose own entry is known to be on disk, by inode and creation time, since the inode of a removed
    /// folder is reused.
    flushed: Mutex<HashSet<(u64, SystemTime)>>,
}

/// The folders from just below the root down to the one that holds a name; empty for the root itself.
pub(super) struct FolderChain<'a> {
    folders: &'a Folders,
    below: Vec<File>,
}

impl Folders {
    /// `path` must not contain links.
    pub(super) fn new(root: File, path: PathBuf) -> Self {
        Self {
            root,
            path,
            flushed: Mutex::default(),
        }
    }

    pub(super) fn root(&self) -> &File {
        &self.root
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens an existing folder; the root for an empty path. `None` also if a file or a link is in the way.
    pub(super) fn find(&self, path: &str) -> Result<Option<File>, Error> {
        let mut folder = self
            .root
            .try_clone()
            .map_err(Error::io("opening a folder"))?;
        for segment in path.split_terminator('/') {
            folder = match rustix::fs::openat(&folder, segment, FOLDER, Mode::empty()) {
                Ok(below) => below.into(),
                Err(errno) if is_absence(errno) => return Ok(None),
                Err(errno) => return Err(Error::io("opening a folder")(errno.into())),
            };
        }
        Ok(Some(folder))
    }

    /// Opens a file for reading. A link is followed if it leads to another original of this store.
    pub(super) fn open(&self, path: &str) -> Result<Option<File>, Error> {
        if let Some(file) = self.open_without_links(path)? {
            return Ok(Some(file));
        }
        // Walked again without links, so that changes in between cannot lead outside.
        let Ok(target) = self.path.join(path).canonicalize() else {
            return Ok(None);
        };
        let Ok(target) = target.strip_prefix(&self.path) else {
            return Ok(None);
        };
        match target.to_str().map(Key::existing) {
            Some(Ok(key)) if key.as_str() != path => self.open_without_links(key.as_str()),
            _ => Ok(None),
        }
    }

    /// Opens a file if that takes no reading of the disk: every name on the way is in the kernel's cache. `None` if not,
    /// and also if there is none, or a link or another mount: [`Self::open`] finds out.
    #[cfg(target_os = "linux")]
    pub(super) fn open_cached(&self, path: &str) -> Option<File> {
        use rustix::fs::{ResolveFlags, openat2};

        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_XDEV
            | ResolveFlags::CACHED;
        let opened = openat2(&self.root, path, FILE, Mode::empty(), resolve);
        opened.ok().map(File::from)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn open_cached(&self, _: &str) -> Option<File> {
        None
    }

    fn open_without_links(&self, path: &str) -> Result<Option<File>, Error> {
        let (parent, name) = split(path);
        let Some(folder) = self.find(parent)? else {
            return Ok(None);
        };
        match rustix::fs::openat(&folder, name, FILE, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(errno) if is_absence(errno) => Ok(None),
            Err(errno) => Err(Error::io("opening an object")(errno.into())),
        }
    }

    /// Opens the folder that holds `path`, creating all missing folders above.
    pub(super) fn make(&self, path: &str) -> Result<FolderChain<'_>, Error> {
        'again: loop {
            let mut chain = FolderChain {
                folders: self,
                below: Vec::new(),
            };
            let (parent, _) = split(path);
            let mut end = 0;
            for segment in parent.split_terminator('/') {
                end += segment.len() + 1;
                let folder = chain.leaf();
                match rustix::fs::mkdirat(folder, segment, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    // The folder was emptied and removed since it was opened.
                    Err(Errno::NOENT) => continue 'again,
                    Err(errno) => return Err(Error::io("making a folder")(errno.into())),
                }
                match rustix::fs::openat(folder, segment, FOLDER, Mode::empty()) {
                    Ok(below) => chain.below.push(below.into()),
                    Err(Errno::NOENT) => continue 'again,
                    Err(Errno::NOTDIR | Errno::LOOP) => {
                        let parent = path[..end].trim_end_matches('/').to_owned();
                        return Err(Error::ParentNotDirectory { parent });
                    }
                    Err(errno) => return Err(Error::io("opening a folder")(errno.into())),
                }
            }
            return Ok(chain);
        }
    }

    /// Removes empty folders above `path`, innermost first, but never `keep` or those above it. The kernel refuses
    /// to remove a folder into which a file has just been put, and a writer whose folder disappeared creates it
    /// again.
    pub(super) fn prune(&self, path: &str, keep: &str) {
        let mut path = split(path).0.trim_end_matches('/');
        while path.len() > keep.trim_end_matches('/').len() {
            let (parent, name) = split(path);
            let Ok(Some(folder)) = self.find(parent) else {
                return;
            };
            if rustix::fs::unlinkat(&folder, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            path = parent.trim_end_matches('/');
        }
    }
}

impl FolderChain<'_> {
    pub(super) fn leaf(&self) -> &File {
        self.below.last().unwrap_or(&self.folders.root)
    }

    /// Makes the entry in the leaf durable, and the path to it.
    ///
    /// A folder may be new even if another process created it: that process may still be flushing, or be dead.
    pub(super) fn flush(&self) -> Result<(), Error> {
        let sync = |folder: &File| folder.sync_all().map_err(Error::io("flushing a folder"));
        sync(self.leaf())?;
        for (depth, folder) in self.below.iter().enumerate().rev() {
            let metadata = folder
                .metadata()
                .map_err(Error::io("looking at a folder"))?;
            // Without a creation time it cannot be recognised, so it is flushed every time.
            let id = metadata.created().ok().map(|born| (metadata.ino(), born));
            let flushed = &self.folders.flushed;
            let known = |id| {
                flushed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(id)
            };
            if id.as_ref().is_some_and(known) {
                continue;
            }
            sync(
                depth
                    .checked_sub(1)
                    .map_or(&self.folders.root, |above| &self.below[above]),
            )?;
            if let Some(id) = id {
                let mut flushed = flushed.lock().unwrap_or_else(PoisonError::into_inner);
                if flushed.len() >= MOST_FLUSHED {
                    flushed.clear();
                }
                flushed.insert(id);
            }
        }
        Ok(())
    }
}

/// Splits a path into its folder, with a slash or empty, and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
}

/// No such file, a file in place of a folder, a link, a socket, or a name that cannot exist.
fn is_absence(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::NAMETOOLONG
    )
}
