//! Plain files under their own names, with `.tintype/` beside them.
//!
//! Guarantees, on a local file system that keeps what it was told to flush:
//! - An acknowledged write survives a power cut: the file is flushed before it gets its name, then its folder, and
//!   every folder above that this process has not yet flushed.
//! - A name appears with all of its bytes and attributes, by link(2) or rename(2), or not at all; a killed process
//!   leaves at most a file in `.tintype/tmp`, which is removed minutes later.
//! - Creating is decided by link(2); replacing and deleting check and act under a kernel lock on one of 256 shards,
//!   released when its holder dies. So any number of processes on one host agree.
//! - No symbolic link leads out of the store or into `.tintype/`; writes follow none at all.
//!
//! Lesser guarantees: without extended attributes, [`crate::Attributes`] are lost (logged at start). Other programs
//! that write here hold none of the locks. A folder that another program created is listed even when empty, unlike
//! in a bucket; emptied folders are removed. Names that are not UTF-8 are ignored.
//!
//! Deliberately absent: content addressing, reference counts, and several hosts on one disk, for which network file
//! systems are refused unless the operator vouches for them.

pub(crate) mod blocking;

mod attributes;
mod file_system;
mod folders;
mod list;
mod locks;
mod objects;
mod own;
pub(crate) mod stage;
mod store_folder;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::body::{LEAST_CHUNK_BYTES, WHOLE_BYTES};
use crate::url::DiskSettings;
use crate::{
    Attributes, Condition, Counts, ETag, Error, Get, Key, KeyHash, Meta, Object, ObjectKind,
    ObjectPage, OriginalPage, Survey, WriteSource,
};
use objects::DiskObjects;
use stage::StagedContent;
use store_folder::StoreFolder;

/// The disk store: an asynchronous interface to the blocking code in `objects`. Every call is one trip to the
/// blocking threads, except that originals in the kernel's cache are opened on the spot.
#[derive(Debug)]
pub struct Disk {
    place: Arc<StoreFolder>,
    counts: Counts,
}

impl Disk {
    pub(crate) async fn open(settings: DiskSettings) -> Result<Self, Error> {
        blocking::run(move || StoreFolder::open(settings))
            .await
            .map(Self::new)
    }

    /// Changes nothing, so it also opens a read-only folder. On a network file system, reading needs neither
    /// flushes nor locks.
    pub(crate) async fn open_to_read(settings: DiskSettings) -> Result<Self, Error> {
        blocking::run(move || StoreFolder::open_to_read(settings))
            .await
            .map(Self::new)
    }

    fn new(place: StoreFolder) -> Self {
        Self {
            place: Arc::new(place),
            counts: Counts::default(),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&DiskObjects) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.place.clone();
        blocking::run(move || job(&*place.objects()?)).await
    }

    pub(crate) async fn put(
        &self,
        object: &Object,
        source: WriteSource<'_>,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let (object, condition) = (object.clone(), condition.clone());
        let (attributes, content) = (attributes.clone(), StagedContent::from(source));
        self.run(move |files| files.put(&object, &content, &condition, &attributes))
            .await
    }

    pub(crate) async fn head(&self, object: &Object) -> Result<Option<Meta>, Error> {
        let path = object.path();
        self.run(move |files| Ok(files.open_object(&path)?.map(|(_, meta)| meta)))
            .await
    }

    pub(crate) async fn get(
        &self,
        object: &Object,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Option<Get>, Error> {
        let (path, if_match) = (object.path(), if_match.cloned());
        let at_once = match object {
            // Passed on a chunk at a time, to readers of any speed.
            Object::Original(_) => {
                let files = self.place.objects_at_hand();
                let cached = files
                    .and_then(|files| files.get_cached(&path, range.clone(), if_match.as_ref()));
                if let Some(got) = cached {
                    return got.map(Some);
                }
                LEAST_CHUNK_BYTES
            }
            _ => WHOLE_BYTES,
        };
        self.run(move |files| files.get(&path, range, if_match.as_ref(), at_once))
            .await
    }

    pub(crate) async fn delete(
        &self,
        object: &Object,
        condition: &Condition,
    ) -> Result<bool, Error> {
        let (object, condition) = (object.clone(), condition.clone());
        self.run(move |files| files.delete(&object, &condition))
            .await
    }

    pub(crate) async fn delete_variants(&self, original: &KeyHash) -> Result<u64, Error> {
        let folder = Object::variants(original);
        self.run(move |files| files.delete_folder(&folder)).await
    }

    pub(crate) async fn copy(
        &self,
        from: &Key,
        to: &Key,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let (from, to) = (Object::Original(from.clone()), Object::Original(to.clone()));
        let (condition, attributes) = (condition.clone(), attributes.clone());
        self.run(move |files| {
            let (file, meta) = files.open_object(&from.path())?.ok_or(Error::NotFound)?;
            files.put(
                &to,
                &StagedContent::Copy {
                    file,
                    len: meta.size,
                },
                &condition,
                &attributes.of_copy(&meta.attributes),
            )
        })
        .await
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        delimiter: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OriginalPage, Error> {
        let (prefix, cursor) = (prefix.to_owned(), cursor.unwrap_or_default().to_owned());
        self.run(move |files| list::page(files, &prefix, delimiter, &cursor, limit))
            .await
    }

    pub(crate) async fn sweep_uploads(&self, older_than: Duration) -> Result<u64, Error> {
        self.run(move |files| files.sweep(older_than)).await
    }

    pub(crate) async fn list_kind(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Error> {
        let cursor = cursor.unwrap_or_default().to_owned();
        self.run(move |files| own::list(files, kind, &cursor, limit))
            .await
    }

    pub(crate) async fn survey(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Survey, Error> {
        let cursor = cursor.unwrap_or_default().to_owned();
        self.run(move |files| own::survey(files, kind, &cursor, limit))
            .await
    }

    pub(crate) fn spool_dir(&self) -> PathBuf {
        self.place.last().spool_dir()
    }

    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.run(|_| Ok(())).await
    }

    pub(crate) async fn check_writes(&self) -> Result<(), Error> {
        self.run(DiskObjects::try_write).await
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}
