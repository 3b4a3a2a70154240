//! Stored bytes: disk, S3 and memory. No pixels, no routes.
//!
//! Guarantees of every store:
//! - [`Store::put`] returns when the object is durable and complete; until then no reader sees any of it.
//! - [`Condition::Absent`] and [`Condition::Match`] are decided atomically, also between processes.
//! - An [`ETag`] names one version of one object: an overwrite with other bytes always changes it, and so does one
//!   under [`Condition::Match`] with equal bytes.
//! - [`Attributes`] appear together with the bytes, or not at all.
//! - [`Key`]s are opaque and ordered by their bytes; objects under `.tintype/` are never listed.
//!
//! Deliberately absent: caches, retries, the meaning of records, HTTP statuses, and any removal of variants by age;
//! those belong to the server.

mod background;
mod body;
mod counts;
mod disk;
mod error;
mod expiring;
mod key;
mod memory;
mod meta;
mod object;
mod overlay;
mod read_only;
mod s3;
mod url;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use background::in_background;
pub use body::{Body, CHUNK_BYTES, Get, LEAST_CHUNK_BYTES, Share};
pub use counts::{Counts, Observer};
pub use disk::Disk;
pub use error::Error;
pub use expiring::Expiring;
pub use key::{Key, KeyError};
pub use memory::Memory;
pub use meta::{
    Attributes, Condition, ETag, ListedOriginal, Meta, ObjectPage, OriginalPage, OwnObject, Survey,
    WriteSource,
};
pub use object::{BlockId, ContentHash, HexId, KeyHash, Object, ObjectKind, OutboxId, VariantId};
pub use overlay::Overlay;
pub use read_only::ReadOnlyStore;
pub use s3::S3;
pub use url::{
    DiskSettings, S3Access, S3Encryption, S3Settings, S3Writing, StoreUrl, StoreUrlError,
};

/// What is limited to one request a second: the whole bucket, because it does not respond at all, or one kind of
/// operation, because most of them fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breakers {
    pub all: bool,
    pub reads: bool,
    pub writes: bool,
    pub lists: bool,
}

/// Most entries in one page of a listing.
pub const MAX_PAGE: usize = 1_000;

/// Boxed, so that the store's futures are compiled here: otherwise they would be compiled again, with everything
/// that they await, in every crate that awaits them.
pub type StoreFuture<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// A closed set: every `match` shows what a new back end has to implement.
#[derive(Debug)]
pub enum Store {
    Disk(Disk),
    S3(S3),
    Memory(Memory),
    /// Refuses every change with [`Error::ReadOnly`].
    ReadOnly(ReadOnlyStore),
    /// Reads what one store does not have from another.
    Overlay(Overlay),
}

impl Store {
    pub fn open(url: &StoreUrl) -> StoreFuture<'_, Self> {
        Box::pin(async move {
            match url {
                StoreUrl::Disk(settings) => Disk::open(settings.clone()).await.map(Self::Disk),
                StoreUrl::S3(settings) => S3::open(settings, true).await.map(Self::S3),
                StoreUrl::Memory => Ok(Self::Memory(Memory::default())),
            }
        })
    }

    /// Skips testing the server's abilities: another process has done so, or this one only reads.
    pub fn open_untried(url: &StoreUrl) -> StoreFuture<'_, Self> {
        Box::pin(async move {
            match url {
                StoreUrl::S3(settings) => S3::open(settings, false).await.map(Self::S3),
                StoreUrl::Disk(_) | StoreUrl::Memory => Self::open(url).await,
            }
        })
    }

    /// For reading only: see [`ReadOnlyStore`].
    pub fn open_read_only(url: &StoreUrl) -> StoreFuture<'_, Self> {
        Box::pin(async move { ReadOnlyStore::open(url).await.map(Self::ReadOnly) })
    }

    /// Writes an object. It is durable on return, except that a derived object ([`Object::is_derived`]) may be lost
    /// in a power cut, though never torn.
    ///
    /// After [`Error::Unavailable`] the outcome is unknown: read the object, and compare the nonce.
    pub fn put<'a>(
        &'a self,
        object: &'a Object,
        source: WriteSource<'a>,
        condition: &'a Condition,
        attributes: &'a Attributes,
    ) -> StoreFuture<'a, Meta> {
        Box::pin(async move {
            attributes.check()?;
            self.count(Counts::put);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.put(object, source, condition, attributes).await,
                    Self::S3(s3) => s3.put(object, source, condition, attributes).await,
                    Self::Memory(memory) => memory.put(object, source, condition, attributes).await,
                    Self::Overlay(overlay) => {
                        overlay.put(object, source, condition, attributes).await
                    }
                    Self::ReadOnly(_) => Err(Error::ReadOnly),
                }
            };
            self.counts().timed("put", operation).await
        })
    }

    pub fn head<'a>(&'a self, object: &'a Object) -> StoreFuture<'a, Option<Meta>> {
        Box::pin(async move {
            self.count(Counts::head);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.head(object).await,
                    Self::S3(s3) => s3.head(object).await,
                    Self::Memory(memory) => Ok(memory.head(object)),
                    Self::ReadOnly(reader) => reader.head(object).await,
                    Self::Overlay(overlay) => overlay.head(object).await,
                }
            };
            self.counts().timed("head", operation).await
        })
    }

    /// Opens an object. A range is cut to the object's end; one that starts past it is
    /// [`Error::RangeNotSatisfiable`]. With `if_match`, another version is [`Error::Precondition`]. The body keeps
    /// reading the version it started with, whatever is written meanwhile; if another program changes that in
    /// place, it ends in [`Error::Changed`].
    pub fn get<'a>(
        &'a self,
        object: &'a Object,
        range: Option<Range<u64>>,
        if_match: Option<&'a ETag>,
    ) -> StoreFuture<'a, Option<Get>> {
        Box::pin(async move {
            self.count(Counts::get);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.get(object, range, if_match).await,
                    Self::S3(s3) => s3.get(object, range, if_match).await,
                    Self::Memory(memory) => memory.get(object, range, if_match),
                    Self::ReadOnly(reader) => reader.get(object, range, if_match).await,
                    Self::Overlay(overlay) => overlay.get(object, range, if_match).await,
                }
            };
            self.counts().timed("get", operation).await
        })
    }

    /// Deletes an object; returns whether it existed. [`Condition::Absent`] deletes nothing.
    pub fn delete<'a>(
        &'a self,
        object: &'a Object,
        condition: &'a Condition,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            self.count(Counts::delete);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.delete(object, condition).await,
                    Self::S3(s3) => s3.delete(object, condition).await,
                    Self::Memory(memory) => memory.delete(object, condition),
                    Self::Overlay(overlay) => overlay.delete(object, condition).await,
                    Self::ReadOnly(_) => Err(Error::ReadOnly),
                }
            };
            self.counts().timed("delete", operation).await
        })
    }

    /// Deletes every variant of one original; returns how many.
    pub fn delete_prefix<'a>(&'a self, original: &'a KeyHash) -> StoreFuture<'a, u64> {
        Box::pin(async move {
            self.count(Counts::delete);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.delete_variants(original).await,
                    Self::S3(s3) => s3.delete_variants(original).await,
                    Self::Memory(memory) => Ok(memory.delete_variants(original)),
                    Self::Overlay(overlay) => overlay.delete_variants(original).await,
                    Self::ReadOnly(_) => Err(Error::ReadOnly),
                }
            };
            self.counts().timed("delete", operation).await
        })
    }

    /// Copies an original within the store. The copy has its own attributes. [`Error::NotFound`] if there is no
    /// such original.
    pub fn copy<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        condition: &'a Condition,
        attributes: &'a Attributes,
    ) -> StoreFuture<'a, Meta> {
        Box::pin(async move {
            attributes.check()?;
            self.count(Counts::put);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.copy(from, to, condition, attributes).await,
                    Self::S3(s3) => s3.copy(from, to, condition, attributes).await,
                    Self::Memory(memory) => memory.copy(from, to, condition, attributes),
                    Self::Overlay(overlay) => overlay.copy(from, to, condition, attributes).await,
                    Self::ReadOnly(_) => Err(Error::ReadOnly),
                }
            };
            self.counts().timed("put", operation).await
        })
    }

    /// Lists originals whose key starts with `prefix`, in byte order, at most `limit` (1 to [`MAX_PAGE`]) files and
    /// folders per page. With `delimiter`, keys that continue after a `/` behind the prefix are grouped into
    /// folders. A page may be short, even empty, and still have a cursor; the last page has none.
    pub fn list<'a>(
        &'a self,
        prefix: &'a str,
        delimiter: bool,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, OriginalPage> {
        Box::pin(async move {
            // No key contains one, and the back ends may take it for the end of a name.
            if [prefix, cursor.unwrap_or_default()]
                .iter()
                .any(|text| text.contains('\0'))
            {
                return Ok(OriginalPage::default());
            }
            self.count(Counts::list);
            let limit = limit.clamp(1, MAX_PAGE);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.list(prefix, delimiter, cursor, limit).await,
                    Self::S3(s3) => s3.list(prefix, delimiter, cursor, limit).await,
                    Self::Memory(memory) => Ok(memory.list(prefix, delimiter, cursor, limit)),
                    Self::ReadOnly(reader) => reader.list(prefix, delimiter, cursor, limit).await,
                    Self::Overlay(overlay) => overlay.list(prefix, delimiter, cursor, limit).await,
                }
            };
            self.counts().timed("list", operation).await
        })
    }

    /// Lists tintype's own objects of one kind, in order of their names.
    pub fn list_kind<'a>(
        &'a self,
        kind: ObjectKind,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, ObjectPage> {
        Box::pin(async move {
            self.count(Counts::list);
            let limit = limit.clamp(1, MAX_PAGE);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.list_kind(kind, cursor, limit).await,
                    Self::S3(s3) => s3.survey(kind, cursor, limit).await.map(ObjectPage::from),
                    Self::Memory(memory) => Ok(memory.survey(kind, cursor, limit).into()),
                    Self::ReadOnly(reader) => reader.list_kind(kind, cursor, limit).await,
                    Self::Overlay(overlay) => overlay.list_kind(kind, cursor, limit).await,
                }
            };
            self.counts().timed("list", operation).await
        })
    }

    /// Does the same with sizes and times, which on a disk cost a stat of every file.
    pub fn survey<'a>(
        &'a self,
        kind: ObjectKind,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Survey> {
        Box::pin(async move {
            self.count(Counts::list);
            let limit = limit.clamp(1, MAX_PAGE);
            let operation = async {
                match self {
                    Self::Disk(disk) => disk.survey(kind, cursor, limit).await,
                    Self::S3(s3) => s3.survey(kind, cursor, limit).await,
                    Self::Memory(memory) => Ok(memory.survey(kind, cursor, limit)),
                    Self::ReadOnly(reader) => reader.survey(kind, cursor, limit).await,
                    // The lower store is maintained by its own service.
                    Self::Overlay(overlay) => overlay.upper().survey(kind, cursor, limit).await,
                }
            };
            self.counts().timed("list", operation).await
        })
    }

    /// Lists all blocks, not a page of them: a block that is missed is an original that is not blocked.
    pub async fn list_blocks(&self) -> Result<Vec<BlockId>, Error> {
        let mut blocks = Vec::new();
        let mut cursor = None;
        loop {
            let page = self
                .list_kind(ObjectKind::Block, cursor.as_deref(), MAX_PAGE)
                .await?;
            blocks.extend(page.objects.into_iter().filter_map(|object| match object {
                Object::Block(block) => Some(block),
                _ => None,
            }));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(blocks);
            }
        }
    }

    /// A text that changes whenever blocks have changed. It costs one HEAD, while listing all blocks costs a
    /// bucket's owner twelve times as much for each thousand.
    pub async fn blocks_mark(&self) -> Result<String, Error> {
        let text = |meta: Option<Meta>| meta.map_or_else(String::new, |meta| meta.etag.to_string());
        match self {
            // The upper mark must not hide a change below.
            Self::Overlay(overlay) => {
                let upper = Box::pin(overlay.upper().blocks_mark()).await?;
                let lower = overlay.lower().head(&Object::BlocksMark).await?;
                Ok(format!("{upper} {}", text(lower)))
            }
            _ => self.head(&Object::BlocksMark).await.map(text),
        }
    }

    /// Must be called after blocks were written or deleted; see [`Self::blocks_mark`].
    pub async fn mark_blocks(&self) -> Result<(), Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            Error::io("drawing a mark")(std::io::Error::other(error.to_string()))
        })?;
        let mark = WriteSource::Bytes(format!("\"{}\"", HexId(random)).into());
        let object = Object::BlocksMark;
        self.put(&object, mark, &Condition::Any, &Attributes::default())
            .await
            .map(drop)
    }

    /// The folder for spooling from which a [`WriteSource::File`] is linked into place rather than copied.
    pub fn spool_dir(&self) -> Option<PathBuf> {
        match self {
            Self::Disk(disk) => Some(disk.spool_dir()),
            Self::S3(_) | Self::Memory(_) | Self::ReadOnly(_) => None,
            Self::Overlay(overlay) => overlay.upper().spool_dir(),
        }
    }

    /// Checks whether reads work. Passes on a full disk, which can still be read.
    pub fn check(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            match self {
                Self::Disk(disk) => disk.check().await,
                Self::S3(s3) => s3.check().await,
                Self::Memory(_) => Ok(()),
                Self::ReadOnly(reader) => reader.check().await,
                Self::Overlay(overlay) => overlay.check().await,
            }
        })
    }

    /// Checks whether writes work, as far as possible without creating objects: a disk is tested; for a bucket, the
    /// error of the last write is returned if it was refused.
    pub fn check_writes(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            match self {
                Self::Disk(disk) => disk.check_writes().await,
                Self::S3(s3) => s3.check_writes(),
                Self::Memory(_) | Self::ReadOnly(_) => Ok(()),
                Self::Overlay(overlay) => overlay.upper().check_writes().await,
            }
        })
    }

    /// Removes unfinished files of processes that died; returns how many. For a bucket see [`Self::sweep_uploads`],
    /// which costs requests.
    pub async fn sweep_leftovers(&self) -> Result<u64, Error> {
        match self {
            Self::Disk(disk) => disk.sweep_uploads(Duration::ZERO).await,
            Self::S3(_) | Self::Memory(_) | Self::ReadOnly(_) => Ok(0),
            Self::Overlay(overlay) => Box::pin(overlay.upper().sweep_leftovers()).await,
        }
    }

    /// Whether replicas on other hosts use it as well, so that an outage says nothing about this one.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Disk(_) | Self::Memory(_) => false,
            Self::S3(_) => true,
            Self::ReadOnly(reader) => reader.is_shared(),
            Self::Overlay(overlay) => overlay.upper().is_shared() || overlay.lower().is_shared(),
        }
    }

    /// Guarantees that this store cannot keep and their consequences, for an operator.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            Self::Disk(_) | Self::Memory(_) => Vec::new(),
            Self::S3(s3) => s3.warnings(),
            Self::ReadOnly(reader) => reader.warnings(),
            Self::Overlay(overlay) => overlay.upper().warnings(),
        }
    }

    /// Removes what unfinished writes have left, begun longer ago than `older_than`: temporary files on a disk,
    /// multipart uploads in a bucket. Returns how many.
    pub fn sweep_uploads(&self, older_than: Duration) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            match self {
                Self::Disk(disk) => disk.sweep_uploads(older_than).await,
                Self::S3(s3) => s3.sweep_uploads(older_than).await,
                Self::Memory(_) => Ok(0),
                Self::Overlay(overlay) => overlay.upper().sweep_uploads(older_than).await,
                Self::ReadOnly(_) => Err(Error::ReadOnly),
            }
        })
    }

    /// Whether every change is refused.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::ReadOnly(_) => true,
            Self::Overlay(overlay) => overlay.upper().is_read_only(),
            Self::Disk(_) | Self::S3(_) | Self::Memory(_) => false,
        }
    }

    /// Must be called once, before the store is used.
    pub fn observe(&self, observer: Observer) {
        self.counts().observe(observer);
    }

    /// Counts a call. A bucket counts the requests that it sends instead.
    fn count(&self, count: fn(&Counts)) {
        match self {
            Self::Disk(_) | Self::Memory(_) | Self::ReadOnly(_) | Self::Overlay(_) => {
                count(self.counts());
            }
            Self::S3(_) => {}
        }
    }

    /// What is limited to one request a second, because it does not respond.
    pub fn breakers(&self) -> Breakers {
        match self {
            Self::Disk(_) | Self::Memory(_) => Breakers::default(),
            Self::S3(s3) => s3.breakers(),
            Self::ReadOnly(reader) => reader.breakers(),
            Self::Overlay(overlay) => overlay.upper().breakers(),
        }
    }

    pub fn counts(&self) -> &Counts {
        match self {
            Self::Disk(disk) => disk.counts(),
            Self::S3(s3) => s3.counts(),
            Self::Memory(memory) => memory.counts(),
            Self::ReadOnly(reader) => reader.counts(),
            Self::Overlay(overlay) => overlay.counts(),
        }
    }
}
