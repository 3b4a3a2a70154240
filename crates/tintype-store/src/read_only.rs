//! A read-only store.
//!
//! Guarantees: nothing can be written through it, because it has no method that writes; and opening it creates no
//! folder, tests nothing and sweeps nothing. So it also opens stores that its process may not write to.

use std::ops::Range;

use crate::{
    Breakers, Counts, Disk, ETag, Error, Get, Meta, Object, ObjectKind, ObjectPage, OriginalPage,
    Store, StoreUrl, Survey,
};

#[derive(Debug)]
pub struct ReadOnlyStore {
    store: Box<Store>,
    /// Calls on a [`Store::ReadOnly`]; the store below counts those that came through.
    counts: Counts,
}

impl ReadOnlyStore {
    pub async fn open(url: &StoreUrl) -> Result<Self, Error> {
        let store = match url {
            StoreUrl::Disk(settings) => Store::Disk(Disk::open_to_read(settings.clone()).await?),
            StoreUrl::S3(_) | StoreUrl::Memory => Store::open_untried(url).await?,
        };
        Ok(store.into())
    }

    pub async fn head(&self, object: &Object) -> Result<Option<Meta>, Error> {
        self.store.head(object).await
    }

    pub async fn get(
        &self,
        object: &Object,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Option<Get>, Error> {
        self.store.get(object, range, if_match).await
    }

    pub async fn list(
        &self,
        prefix: &str,
        delimiter: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OriginalPage, Error> {
        self.store.list(prefix, delimiter, cursor, limit).await
    }

    pub async fn list_kind(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, Error> {
        self.store.list_kind(kind, cursor, limit).await
    }

    pub async fn survey(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Survey, Error> {
        self.store.survey(kind, cursor, limit).await
    }

    pub async fn check(&self) -> Result<(), Error> {
        self.store.check().await
    }

    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    pub fn warnings(&self) -> Vec<String> {
        self.store.warnings()
    }

    pub(crate) fn breakers(&self) -> Breakers {
        self.store.breakers()
    }

    /// Counts of the store below.
    pub fn requests(&self) -> &Counts {
        self.store.counts()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl From<Store> for ReadOnlyStore {
    fn from(store: Store) -> Self {
        Self {
            store: Box::new(store),
            counts: Counts::default(),
        }
    }
}
