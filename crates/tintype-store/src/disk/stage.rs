//! Complete files in `.tintype/tmp` that are about to get their names.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tracing::{info, warn};

use crate::{Error, WriteSource};

/// Name prefixes of all files that we leave in the folder; `spool-` is the server's.
const OURS: [&str; 2] = ["put-", "spool-"];
/// A file is locked right after it is created, for as long as its process lives; until then only its age protects
/// it.
pub(super) const YOUNG: Duration = Duration::from_secs(60);

/// What to write; [`WriteSource`] without its borrow.
pub(super) enum StagedContent {
    Bytes(Bytes),
    File {
        path: PathBuf,
        len: u64,
    },
    /// An open original, whose inode is not touched.
    Copy {
        file: File,
        len: u64,
    },
}

impl From<WriteSource<'_>> for StagedContent {
    fn from(source: WriteSource<'_>) -> Self {
        match source {
            WriteSource::Bytes(bytes) => Self::Bytes(bytes),
            WriteSource::File { path, len } => Self::File {
                path: path.to_owned(),
                len,
            },
        }
    }
}

/// A path in the temporary folder, removed on drop if it still exists.
pub(crate) struct TempFile {
    path: PathBuf,
}

impl TempFile {
    /// A new, unused name.
    pub(super) fn name(folder: &Path) -> Result<Self, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Error::io("drawing a name")(io::Error::other(error.to_string())))?;
        let name = format!("{}{:032x}", OURS[0], u128::from_ne_bytes(random));
        Ok(Self {
            path: folder.join(name),
        })
    }

    pub(crate) fn create(folder: &Path) -> Result<(Self, File), Error> {
        let temp = Self::name(folder)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            // The usual mode, so that a web server can read the store too.
            .mode(0o644)
            .open(&temp.path)
            .map_err(Error::io("making a temporary file"))?;
        // The lock tells sweepers that the file is in use. A file system without locks is refused as a store.
        let _ = file.lock();
        Ok((temp, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(path = %self.path.display(), %error, "a temporary file could not be removed");
        }
    }
}

/// Writes a complete file under a temporary name, without flushing it.
pub(super) fn stage(folder: &Path, content: &StagedContent) -> Result<(TempFile, File), Error> {
    match content {
        StagedContent::Bytes(bytes) => {
            let (temp, mut file) = TempFile::create(folder)?;
            file.write_all(bytes)
                .map_err(Error::io("writing an object"))?;
            Ok((temp, file))
        }
        StagedContent::File { path, len } => {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
                .open(path)
                .map_err(Error::io("opening a spooled file"))?;
            match link(folder, path, &file)? {
                Some(temp) => expect_length(&file, *len).map(|()| (temp, file)),
                None => copy(folder, &file, *len),
            }
        }
        StagedContent::Copy { file, len } => copy(folder, file, *len),
    }
}

/// Gives a second name to a file that has only one: with further names it would share attributes and times.
fn link(folder: &Path, path: &Path, file: &File) -> Result<Option<TempFile>, Error> {
    let links = file
        .metadata()
        .map_err(Error::io("reading a spooled file's metadata"))?
        .nlink();
    if links != 1 {
        return Ok(None);
    }
    let temp = TempFile::name(folder)?;
    match fs::hard_link(path, temp.path()) {
        Ok(()) => Ok(Some(temp)),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(None),
        Err(error) => Err(Error::io("linking a spooled file")(error)),
    }
}

fn copy(folder: &Path, mut from: &File, len: u64) -> Result<(TempFile, File), Error> {
    let (temp, mut file) = TempFile::create(folder)?;
    from.seek(SeekFrom::Start(0))
        .map_err(Error::io("reading a source"))?;
    // On Linux the kernel copies, or shares the blocks if the file system can.
    io::copy(&mut from.take(len), &mut file).map_err(Error::io("copying an object"))?;
    expect_length(&file, len).map(|()| (temp, file))
}

fn expect_length(file: &File, announced: u64) -> Result<(), Error> {
    let actual = file
        .metadata()
        .map_err(Error::io("reading a spooled file's metadata"))?
        .len();
    if actual == announced {
        Ok(())
    } else {
        Err(Error::SourceChanged { announced, actual })
    }
}

/// Removes leftovers of processes that died, but no files of other programs.
pub(super) fn sweep(folder: &Path, older_than: Duration) -> Result<u64, Error> {
    let now = SystemTime::now();
    let mut swept = 0_u64;
    for entry in fs::read_dir(folder).map_err(Error::io("reading the temporary folder"))? {
        let entry = entry.map_err(Error::io("reading the temporary folder"))?;
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| OURS.iter().any(|our| name.starts_with(our)));
        // A file that disappears meanwhile needs no sweeping.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let age = metadata
            .modified()
            .ok()
            .and_then(|modified| now.duration_since(modified).ok());
        if !ours || !metadata.is_file() || age.is_none_or(|age| age < older_than) {
            continue;
        }
        if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            swept += u64::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    if swept > 0 {
        info!(swept, "removed temporary files of earlier processes");
    }
    Ok(swept)
}
