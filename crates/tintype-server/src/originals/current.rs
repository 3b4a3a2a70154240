//! An original together with the record that describes it.

use std::sync::Arc;

use tintype_store::{Key, Meta, Object};

use crate::app::App;
use crate::error::Error;
use crate::originals::changing::Retries;
use crate::originals::put::describes;
use crate::records::StoredRecord;

pub(crate) struct CurrentOriginal {
    pub meta: Meta,
    pub stored: Arc<StoredRecord>,
}

/// The store is always asked whether the original exists; its record may come from memory if it describes what is
/// there.
pub(crate) async fn find(app: &App, key: &Key) -> Result<Option<CurrentOriginal>, Error> {
    let Some(meta) = app.store.head(&Object::Original(key.clone())).await? else {
        return Ok(None);
    };
    match app.records.load(key).await? {
        Some(stored) if describes(&stored.record, &meta) => {
            Ok(Some(CurrentOriginal { meta, stored }))
        }
        _ => with_fresh_record(app, key, meta).await,
    }
}

/// Does the same with a record that is as new as the store's.
pub(crate) async fn find_fresh(app: &App, key: &Key) -> Result<Option<CurrentOriginal>, Error> {
    match app.store.head(&Object::Original(key.clone())).await? {
        Some(meta) => with_fresh_record(app, key, meta).await,
        None => Ok(None),
    }
}

/// Reads an original that is being changed until it matches its record.
async fn with_fresh_record(
    app: &App,
    key: &Key,
    mut meta: Meta,
) -> Result<Option<CurrentOriginal>, Error> {
    let mut retries = Retries::default();
    loop {
        let stored = match app.records.read(key).await? {
            Some(stored) if describes(&stored.record, &meta) => Some(stored),
            Some(stored) => app.records.renew(key, &stored.record.etag).await?,
            None => app.records.rederive(key).await?,
        };
        match stored {
            Some(stored) if describes(&stored.record, &meta) => {
                return Ok(Some(CurrentOriginal { meta, stored }));
            }
            // Deleted meanwhile, or replaced between the two reads.
            _ => retries.again().await?,
        }
        meta = match app.store.head(&Object::Original(key.clone())).await? {
            Some(meta) => meta,
            None => return Ok(None),
        };
    }
}

pub(crate) fn not_found(key: &Key) -> Error {
    Error::no_original(key)
}
