//! A store on top of another one that is only read: production's originals on a laptop.
//!
//! - What the upper store has takes precedence. What it does not have is read from the lower one; all writes go to
//!   the upper store, and the lower one is a [`ReadOnlyStore`], which cannot be written to.
//! - Deleting an original that still exists in the lower store leaves a tombstone in the upper one, which hides it
//!   and its record. The tombstone stays when the name is taken again, because the lower original must not reappear
//!   when that is deleted in turn.
//! - Records are read from the lower store until one is written here. Takedowns of both stores apply, and those of
//!   the lower one cannot be lifted here.
//! - Variants, intents and purges of the lower store are ignored.
//! - ETags from the lower store are marked, so that a condition always says which of the two it means.
//!
//! Lesser guarantee: conditions on objects that only the lower store has are decided between the tasks of one
//! process, not between processes.

mod copy;
mod merge;

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    Attributes, Condition, Counts, ETag, Error, Get, Key, KeyHash, MAX_PAGE, Meta, Object,
    ObjectKind, ObjectPage, OriginalPage, ReadOnlyStore, Store, WriteSource,
};

#[derive(Debug)]
pub struct Overlay {
    upper: Box<Store>,
    lower: ReadOnlyStore,
    counts: Counts,
    /// Held while a change is decided that depends on the lower store.
    deciding: Mutex<()>,
}

/// An object, and which of the two it comes from.
enum Located {
    Upper(Meta),
    Lower(Meta),
    Nowhere,
}

impl Located {
    fn meta(self) -> Option<Meta> {
        match self {
            Self::Upper(meta) | Self::Lower(meta) => Some(meta),
            Self::Nowhere => None,
        }
    }
}

impl Overlay {
    pub fn new(upper: Store, lower: ReadOnlyStore) -> Self {
        Self {
            upper: Box::new(upper),
            lower,
            counts: Counts::default(),
            deciding: Mutex::default(),
        }
    }

    pub fn upper(&self) -> &Store {
        &self.upper
    }

    pub fn lower(&self) -> &ReadOnlyStore {
        &self.lower
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) async fn put(
        &self,
        object: &Object,
        source: WriteSource<'_>,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let _deciding = self.deciding(condition).await;
        let condition = self.condition(object, condition).await?;
        let put = self.upper.put(object, source, &condition, attributes).await;
        self.with_current(object, put).await
    }

    /// A failed precondition names the current version, whichever store has it.
    async fn with_current<T>(
        &self,
        object: &Object,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        match outcome {
            Err(Error::Precondition { current: None }) => {
                let current = self.find(object).await?.meta().map(Box::new);
                Err(Error::Precondition { current })
            }
            outcome => outcome,
        }
    }

    pub(crate) async fn head(&self, object: &Object) -> Result<Option<Meta>, Error> {
        self.find(object).await.map(Located::meta)
    }

    pub(crate) async fn get(
        &self,
        object: &Object,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Option<Get>, Error> {
        let found = self.upper.get(object, range.clone(), if_match).await?;
        if found.is_some() || !self.is_seen_below(object).await? {
            return Ok(found);
        }
        // An ETag that is not from the lower store matches nothing there.
        let if_match = if_match.map(|etag| etag.below().unwrap_or_else(|| etag.marked()));
        let got = self.lower.get(object, range, if_match.as_ref()).await;
        let got = got.map_err(marked_error)?;
        Ok(got.map(|got| Get {
            meta: marked(got.meta),
            ..got
        }))
    }

    pub(crate) async fn delete(
        &self,
        object: &Object,
        condition: &Condition,
    ) -> Result<bool, Error> {
        match object {
            Object::Original(key) => self.delete_original(key, condition).await,
            // Cannot be hidden, so that a takedown in the lower store applies here as well.
            Object::Block(_) if self.lower.head(object).await?.is_some() => Err(Error::ReadOnly),
            _ => {
                if let Condition::Match(etag) = condition
                    && etag.below().is_some()
                {
                    let current = self.find(object).await?.meta();
                    return condition.check(|| Ok(current)).map(|()| false);
                }
                self.upper.delete(object, condition).await
            }
        }
    }

    async fn delete_original(&self, key: &Key, condition: &Condition) -> Result<bool, Error> {
        let object = Object::Original(key.clone());
        let _deciding = self.deciding.lock().await;
        let found = self.find(&object).await?;
        let is_upper = matches!(found, Located::Upper(_));
        let current = found.meta();
        let there = current.is_some();
        condition.check(|| Ok(current))?;
        if !there {
            return Ok(false);
        }
        // Written first: if the rest fails, the tombstone hides nothing as long as the upper original exists.
        let is_below = match is_upper {
            true => self.is_seen_below(&object).await? && self.lower.head(&object).await?.is_some(),
            false => true,
        };
        if is_below {
            let tombstone = Object::Tombstone(key.hash());
            let mark = WriteSource::Bytes(Bytes::from_static(b"{}"));
            self.upper
                .put(&tombstone, mark, &Condition::Any, &Attributes::default())
                .await?;
        }
        if is_upper {
            self.upper.delete(&object, condition).await?;
        }
        Ok(true)
    }

    pub(crate) async fn delete_variants(&self, original: &KeyHash) -> Result<u64, Error> {
        self.upper.delete_prefix(original).await
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        delimiter: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OriginalPage, Error> {
        let upper = self.upper.list(prefix, delimiter, cursor, limit).await?;
        let mut lower = self.lower.list(prefix, delimiter, cursor, limit).await?;
        let is_empty = lower.files.is_empty() && lower.dirs.is_empty();
        let hidden = match is_empty {
            true => HashSet::new(),
            false => self.tombstones().await?,
        };
        if !hidden.is_empty() {
            self.hide(&mut lower, &upper, &hidden).await?;
        }
        for listed in &mut lower.files {
            listed.etag = listed.etag.marked();
        }
        Ok(merge::pages(upper, lower, limit))
    }

    /// Removes from a page what was deleted here, and folders that contain nothing else.
    async fn hide(
        &self,
        page: &mut OriginalPage,
        upper: &OriginalPage,
        hidden: &HashSet<KeyHash>,
    ) -> Result<(), Error> {
        page.files
            .retain(|listed| !hidden.contains(&listed.key.hash()));
        let mut left = Vec::new();
        for folder in std::mem::take(&mut page.dirs) {
            if upper.dirs.contains(&folder) || self.has_any(&folder, hidden).await? {
                left.push(folder);
            }
        }
        page.dirs = left;
        Ok(())
    }

    /// Whether the lower store has an original in a folder that is not hidden.
    async fn has_any(&self, folder: &str, hidden: &HashSet<KeyHash>) -> Result<bool, Error> {
        let mut cursor = None;
        loop {
            let page = self
                .lower
                .list(folder, false, cursor.as_deref(), MAX_PAGE)
                .await?;
            let mut files = page.files.iter();
            if files.any(|listed| !hidden.contains(&listed.key.hash())) {
                return Ok(true);
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(false);
            }
        }
    }

    pub(crate) async fn list_kind(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Error> {
        let upper = self.upper.list_kind(kind, cursor, limit).await?;
        if kind != ObjectKind::Block {
            return Ok(upper);
        }
        let lower = self.lower.list_kind(kind, cursor, limit).await?;
        Ok(merge::objects(kind, upper, lower, limit))
    }

    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.upper.check().await?;
        self.lower.check().await
    }

    async fn find(&self, object: &Object) -> Result<Located, Error> {
        if let Some(meta) = self.upper.head(object).await? {
            return Ok(Located::Upper(meta));
        }
        if !self.is_seen_below(object).await? {
            return Ok(Located::Nowhere);
        }
        let below = self.lower.head(object).await?;
        Ok(below.map_or(Located::Nowhere, |meta| Located::Lower(marked(meta))))
    }

    /// Whether an object may be read from the lower store.
    async fn is_seen_below(&self, object: &Object) -> Result<bool, Error> {
        let owner = match object {
            Object::Original(key) => key.hash(),
            Object::Record(owner) => *owner,
            Object::Block(_) => return Ok(true),
            _ => return Ok(false),
        };
        let tombstone = Object::Tombstone(owner);
        Ok(self.upper.head(&tombstone).await?.is_none())
    }

    async fn tombstones(&self) -> Result<HashSet<KeyHash>, Error> {
        let mut found = HashSet::new();
        let mut cursor = None;
        loop {
            let page = self
                .upper
                .list_kind(ObjectKind::Tombstone, cursor.as_deref(), MAX_PAGE)
                .await?;
            found.extend(page.objects.into_iter().filter_map(|object| match object {
                Object::Tombstone(owner) => Some(owner),
                _ => None,
            }));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(found);
            }
        }
    }

    async fn deciding(&self, condition: &Condition) -> Option<MutexGuard<'_, ()>> {
        match condition {
            Condition::Match(etag) if etag.below().is_some() => Some(self.deciding.lock().await),
            _ => None,
        }
    }

    /// The condition on the upper store, once the lower one is known to agree.
    async fn condition(&self, object: &Object, condition: &Condition) -> Result<Condition, Error> {
        let may_be_below = matches!(object, Object::Original(_) | Object::Record(_));
        let depends = match condition {
            Condition::Any => false,
            Condition::Absent => true,
            Condition::Match(etag) => etag.below().is_some(),
        };
        if !may_be_below || !depends {
            return Ok(condition.clone());
        }
        let current = self.find(object).await?.meta();
        condition.check(|| Ok(current))?;
        // In both cases the upper store must have nothing.
        Ok(Condition::Absent)
    }
}

fn marked(meta: Meta) -> Meta {
    Meta {
        etag: meta.etag.marked(),
        ..meta
    }
}

fn marked_error(error: Error) -> Error {
    match error {
        Error::Precondition { current } => Error::Precondition {
            current: current.map(|meta| Box::new(marked(*meta))),
        },
        error => error,
    }
}
