//! An original together with the record that describes it.

use std::sync::Arc;

use tintype_store::{Key, Meta, Object};

use crate::app::App;
use crate::error::{Code, Error};
use crate::placement::describes;
use crate::records::Stored;

pub(super) struct Current {
    pub(super) meta: Meta,
    pub(super) stored: Arc<Stored>,
}

/// Whether the original exists is always asked of the store; its record may come from memory when
/// it describes what is there.
pub(super) async fn find(app: &App, key: &Key) -> Result<Option<Current>, Error> {
    let Some(meta) = app.store.head(&Object::Original(key.clone())).await? else {
        return Ok(None);
    };
    match app.records.load(key).await? {
        Some(stored) if describes(&stored.record, &meta) => Ok(Some(Current { meta, stored })),
        _ => with_fresh_record(app, key, meta).await,
    }
}

/// The same, with a record that is as new as the store's.
pub(super) async fn find_fresh(app: &App, key: &Key) -> Result<Option<Current>, Error> {
    match app.store.head(&Object::Original(key.clone())).await? {
        Some(meta) => with_fresh_record(app, key, meta).await,
        None => Ok(None),
    }
}

async fn with_fresh_record(app: &App, key: &Key, meta: Meta) -> Result<Option<Current>, Error> {
    let stored = match app.records.read(key).await? {
        Some(stored) if describes(&stored.record, &meta) => Some(stored),
        _ => app.records.rederive(key).await?,
    };
    let Some(stored) = stored else {
        return Ok(None);
    };
    // Replaced between the two looks: the record's version is the newer one.
    if !describes(&stored.record, &meta) {
        let meta = app.store.head(&Object::Original(key.clone())).await?;
        return match meta {
            Some(meta) if describes(&stored.record, &meta) => Ok(Some(Current { meta, stored })),
            Some(_) => Err(Error::new(Code::Conflict).detail("the original is changing")),
            None => Ok(None),
        };
    }
    Ok(Some(Current { meta, stored }))
}

pub(super) fn not_found(key: &Key) -> Error {
    Error::new(Code::NotFound)
        .detail("there is no such original")
        .member("key", key.as_str())
}
