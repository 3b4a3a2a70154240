//! The operations of the disk store, as plain blocking code.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FallocateFlags};
use rustix::io::Errno;

use super::attributes;
use super::file_system::{self, Abilities};
use super::folders::{Folders, split};
use super::locks::FileLocks;
use super::stage::{self, StagedContent, TempFile};
use crate::body::Unchanged;
use crate::key::RESERVED;
use crate::url::DiskSettings;
use crate::{Attributes, Body, Condition, ETag, Error, Get, Meta, Object};

/// How often a create starts over because its folder was emptied and removed.
const MOST_ATTEMPTS: usize = 100;
/// A small file, such as a record.
const TRIED_BYTES: u64 = 4_096;

#[derive(Debug)]
pub(super) struct DiskObjects {
    folders: Folders,
    locks: FileLocks,
    tmp: PathBuf,
    attributes: bool,
    is_local: bool,
}

impl DiskObjects {
    pub(super) fn open(settings: &DiskSettings) -> Result<Self, Error> {
        Self::open_to_change(settings).map_err(|error| with_rights(error, &settings.root))
    }

    fn open_to_change(settings: &DiskSettings) -> Result<Self, Error> {
        let new = match settings.make {
            true => make(&settings.root)?,
            false => false,
        };
        let (path, root) = open_folder(&settings.root)?;
        if let Some(parent) = path.parent().filter(|_| new) {
            let flushed = File::open(parent).and_then(|parent| parent.sync_all());
            flushed.map_err(Error::io("flushing the folder above the store"))?;
        }
        file_system::refuse_network(&root, &path, settings.allow_network)?;

        let own = path.join(RESERVED);
        let (tmp, locks) = (own.join("tmp"), own.join("locks"));
        make(&own)?;
        make(&tmp)?;
        make(&locks)?;
        stage::sweep(&tmp, stage::YOUNG)?;
        let Abilities { attributes } = file_system::try_out(&tmp)?;
        Ok(Self {
            is_local: file_system::is_local(&root),
            folders: Folders::new(root, path),
            locks: FileLocks::new(locks),
            tmp,
            attributes,
        })
    }

    /// Opens a store without changing anything.
    pub(super) fn open_to_read(settings: &DiskSettings) -> Result<Self, Error> {
        let opened = open_folder(&settings.root);
        let (path, root) = opened.map_err(|error| with_rights(error, &settings.root))?;
        let own = path.join(RESERVED);
        Ok(Self {
            is_local: file_system::is_local(&root),
            folders: Folders::new(root, path),
            locks: FileLocks::new(own.join("locks")),
            tmp: own.join("tmp"),
            attributes: true,
        })
    }

    /// Whether [`Self::get_cached`] never waits.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    pub(super) fn folders(&self) -> &Folders {
        &self.folders
    }

    pub(super) fn spool_dir(&self) -> PathBuf {
        self.tmp.clone()
    }

    /// Removes temporary files; returns how many.
    pub(super) fn sweep(&self, older_than: Duration) -> Result<u64, Error> {
        stage::sweep(&self.tmp, older_than.max(stage::YOUNG))
    }

    /// Checks that there is space, and permission to write.
    pub(super) fn try_write(&self) -> Result<(), Error> {
        let created = TempFile::create(&self.tmp);
        let (_temp, file) = created.map_err(|error| with_rights(error, &self.tmp))?;
        // Allocates the space now; a write might find out only later that there is none.
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, TRIED_BYTES) {
            Err(Errno::OPNOTSUPP) => Ok(()),
            outcome => outcome.map_err(|errno| Error::io("trying to write")(errno.into())),
        }
    }

    /// Opens an object with its metadata; folders, pipes and devices are not objects.
    pub(super) fn open_object(&self, path: &str) -> Result<Option<(File, Meta)>, Error> {
        let opened = self.open_with_metadata(path)?;
        Ok(opened.map(|(file, _, meta)| (file, meta)))
    }

    fn open_with_metadata(&self, path: &str) -> Result<Option<(File, Metadata, Meta)>, Error> {
        if !is_plain(path) {
            return Ok(None);
        }
        match self.folders.open(path)? {
            Some(file) => self.with_metadata(file),
            None => Ok(None),
        }
    }

    fn with_metadata(&self, file: File) -> Result<Option<(File, Metadata, Meta)>, Error> {
        let metadata = file
            .metadata()
            .map_err(Error::io("reading an object's metadata"))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let modified = metadata
            .modified()
            .map_err(Error::io("reading an object's metadata"))?;
        let etag = etag(
            metadata.ino(),
            metadata.size(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        );
        let attributes = if self.attributes {
            attributes::read(&file)
        } else {
            Attributes::default()
        };
        let meta = Meta {
            size: metadata.len(),
            etag,
            modified,
            attributes,
        };
        Ok(Some((file, metadata, meta)))
    }

    fn current(&self, path: &str) -> Result<Option<Meta>, Error> {
        Ok(self.open_object(path)?.map(|(_, meta)| meta))
    }

    pub(super) fn get(
        &self,
        path: &str,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
        at_once: usize,
    ) -> Result<Option<Get>, Error> {
        let Some((file, metadata, meta)) = self.open_with_metadata(path)? else {
            return Ok(None);
        };
        let range = meta.select(range, if_match)?;
        let body = Body::file(Unchanged::new(file, &metadata), &range, at_once)?;
        Ok(Some(Get { meta, range, body }))
    }

    /// The same, of an object whose name is in the kernel's cache: without waiting for the disk, so that no other
    /// thread is needed. `None` if it is not, and also if there is no such object.
    pub(super) fn get_cached(
        &self,
        path: &str,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Option<Result<Get, Error>> {
        let file = Some(path).filter(|path| is_plain(path))?;
        let file = self.folders.open_cached(file)?;
        let (file, metadata, meta) = self.with_metadata(file).ok()??;
        let got = meta.select(range, if_match).map(|range| {
            let body = Body::unread(Unchanged::new(file, &metadata), &range);
            Get { meta, range, body }
        });
        Some(got)
    }

    pub(super) fn put(
        &self,
        object: &Object,
        content: &StagedContent,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let path = object.path();
        if !is_plain(&path) {
            return Err(Error::KeyNotStorable);
        }
        // Checked again at the moment of the change; checking here saves writing what would be refused.
        condition.check(|| self.current(&path))?;
        let (temp, file) = stage::stage(&self.tmp, content)?;
        if self.attributes {
            attributes::write(&file, attributes)?;
        }
        // The kernel's clock for write times ticks every few milliseconds, in which an inode can be freed and
        // reused; nanoseconds keep the two apart.
        file.set_modified(SystemTime::now())
            .map_err(Error::io("setting a file's time"))?;
        file.sync_all().map_err(Error::io("flushing an object"))?;
        self.name(&temp, &path, condition, object.is_derived())?;

        let metadata = file
            .metadata()
            .map_err(Error::io("reading an object's metadata"))?;
        let modified = metadata
            .modified()
            .map_err(Error::io("reading an object's metadata"))?;
        let etag = etag(
            metadata.ino(),
            metadata.size(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        );
        let attributes = if self.attributes {
            attributes.clone()
        } else {
            Attributes::default()
        };
        Ok(Meta {
            size: metadata.len(),
            etag,
            modified,
            attributes,
        })
    }

    /// Gives a staged file its name, and makes that durable unless the object is derived.
    fn name(
        &self,
        temp: &TempFile,
        path: &str,
        condition: &Condition,
        derived: bool,
    ) -> Result<(), Error> {
        let (_, name) = split(path);
        for _ in 0..MOST_ATTEMPTS {
            let chain = self.folders.make(path)?;
            let named = match condition {
                Condition::Absent => {
                    rustix::fs::linkat(CWD, temp.path(), chain.leaf(), name, AtFlags::empty())
                }
                Condition::Any | Condition::Match(_) => {
                    let _held = self.locks.hold(path)?;
                    condition.check(|| self.current(path))?;
                    rustix::fs::renameat(CWD, temp.path(), chain.leaf(), name)
                }
            };
            match named {
                Ok(()) if derived => return Ok(()),
                Ok(()) => return chain.flush(),
                Err(Errno::EXIST) => {
                    let current = self.current(path)?.map(Box::new);
                    return Err(Error::Precondition { current });
                }
                Err(Errno::ISDIR) => return Err(Error::IsDirectory),
                // The folder was removed in between, or else our own file was.
                Err(Errno::NOENT) if temp.path().exists() => {}
                Err(errno) => return Err(Error::io("naming an object")(errno.into())),
            }
        }
        let source = io::Error::other("its folder was removed again and again");
        Err(Error::Unavailable {
            action: "naming an object",
            source,
        })
    }

    pub(super) fn delete(&self, object: &Object, condition: &Condition) -> Result<bool, Error> {
        let path = object.path();
        if !is_plain(&path) {
            return condition.check(|| Ok(None)).map(|()| false);
        }
        let (parent, name) = split(&path);
        let folder = {
            let _held = self.locks.hold(&path)?;
            let current = self.current(&path)?;
            let there = current.is_some();
            condition.check(|| Ok(current))?;
            let Some(folder) = self.folders.find(parent)?.filter(|_| there) else {
                return Ok(false);
            };
            match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
                Ok(()) => folder,
                Err(Errno::NOENT) => return Ok(false),
                Err(errno) => return Err(Error::io("deleting an object")(errno.into())),
            }
        };
        if !object.is_derived() {
            folder.sync_all().map_err(Error::io("flushing a folder"))?;
        }
        match object {
            Object::Original(_) => self.folders.prune(&path, ""),
            Object::Variant(..) => self.folders.prune(&path, &format!("{RESERVED}/variants")),
            // Flat folders that will be needed again soon.
            Object::Record(_)
            | Object::Block(_)
            | Object::BlocksMark
            | Object::Idem(_)
            | Object::Outbox(_)
            | Object::Tombstone(_) => {}
        }
        Ok(true)
    }

    /// Removes the files of one flat folder and then the folder; returns how many. Files added meanwhile may stay.
    pub(super) fn delete_folder(&self, path: &str) -> Result<u64, Error> {
        let Some(folder) = self.folders.find(path)? else {
            return Ok(0);
        };
        let action = "deleting a folder";
        let entries = rustix::fs::Dir::read_from(&folder);
        let mut deleted = 0;
        for entry in entries.map_err(|errno| Error::io(action)(errno.into()))? {
            let entry = entry.map_err(|errno| Error::io(action)(errno.into()))?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            match rustix::fs::unlinkat(&folder, entry.file_name(), AtFlags::empty()) {
                Ok(()) => deleted += 1,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::io(action)(errno.into())),
            }
        }
        self.folders
            .prune(path, split(path.trim_end_matches('/')).0);
        Ok(deleted)
    }
}

/// Opens the folder of a store; also returns its path without links.
fn open_folder(root: &Path) -> Result<(PathBuf, File), Error> {
    let path = root.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Unfit {
            path: root.display().to_string(),
            reason: "there is no such folder; create it, or mount it",
        },
        _ => Error::io("finding the store")(error),
    })?;
    let root = File::open(&path).map_err(Error::io("opening the store"))?;
    let metadata = root.metadata().map_err(Error::io("opening the store"))?;
    if metadata.is_dir() {
        return Ok((path, root));
    }
    Err(Error::Unfit {
        path: path.display().to_string(),
        reason: "it is not a folder",
    })
}

/// Adds whose permissions are missing: a folder mounted into a container seldom belongs to the user in it.
fn with_rights(error: Error, path: &Path) -> Error {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match error {
        Error::Unavailable { action, source }
            if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem) =>
        {
            let uid = rustix::process::geteuid().as_raw();
            let path = path.display();
            let cure = match source.kind() {
                ReadOnlyFilesystem => "mount it writable".to_owned(),
                _ => {
                    format!("change its owner (chown {uid} {path}), or run as its owner")
                }
            };
            let text = format!("permission denied for uid {uid} in {path}: {source}; {cure}");
            Error::Unavailable {
                action,
                source: io::Error::new(source.kind(), text),
            }
        }
        error => error,
    }
}

/// Creates a folder, whose parent must exist; returns whether it is new.
fn make(path: &Path) -> Result<bool, Error> {
    match DirBuilder::new().create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("creating the folder of the store")(error)),
    }
}

/// An ETag that is known before the file has its name, stays the same after a restart, and is new with every write.
pub(super) fn etag(inode: u64, size: u64, seconds: i64, nanoseconds: i64) -> ETag {
    ETag::new(format!("{inode:x}-{size:x}-{seconds:x}.{nanoseconds:x}"))
}

/// Whether every segment is a name. Keys with an empty one exist only in buckets; the file system would ignore the
/// empty segment.
fn is_plain(path: &str) -> bool {
    path.split('/')
        .all(|segment| !matches!(segment, "" | "." | ".."))
}
