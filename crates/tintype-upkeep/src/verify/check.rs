//! Checks one original, or one record.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tintype_server::records::{self, FoundRecord};
use tintype_store::{Error, Key, KeyHash, ListedOriginal, Object, OwnObject, Store};
use tokio_util::sync::CancellationToken;

use crate::chain;
use crate::hash::sha256;

/// A record is written before an original that is not public yet, and deleted after it: a record this young may
/// belong to a change in progress.
const UNDER_WAY: Duration = Duration::from_secs(60 * 60);

pub(super) enum Finding {
    Missing,
    Changed,
    Unreadable(String),
    /// The record is at fault, not the original.
    BadRecord(KeyHash, String),
    Stale,
    NoRecord,
    NotHashed,
    Packed(String),
}

/// The result for one key.
pub(super) struct Checked {
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) finding: Option<Finding>,
}

/// Each on its own task, so that hashing uses all processors. `None` if it was deleted, or changed while it was
/// read.
pub(super) async fn original(
    store: Arc<Store>,
    listed: ListedOriginal,
    stop: CancellationToken,
) -> Result<Option<Checked>, Error> {
    let name = listed.key.clone();
    let checked = tokio::spawn(async move {
        let checking = compare(&store, &listed);
        tokio::select! {
            checked = checking => checked,
            () = stop.cancelled() => Ok(None),
        }
    });
    let finding = match checked.await {
        Ok(Ok(checked)) => return Ok(checked),
        Ok(Err(reason)) => reason,
        Err(error) => format!("the check ended unexpectedly: {error}"),
    };
    Ok(Some(Checked {
        key: name.as_str().to_owned(),
        bytes: 0,
        finding: Some(Finding::Unreadable(finding)),
    }))
}

async fn compare(store: &Store, listed: &ListedOriginal) -> Result<Option<Checked>, String> {
    let key = &listed.key;
    let done = |bytes, finding| {
        Ok(Some(Checked {
            key: key.as_str().to_owned(),
            bytes,
            finding,
        }))
    };
    let looked = records::inspect(store, &key.hash()).await;
    let stored = match looked.map_err(chain)? {
        FoundRecord::Stored(stored) => stored,
        FoundRecord::Nothing => return done(0, Some(Finding::NoRecord)),
        FoundRecord::Damaged { reason, .. } => {
            return done(0, Some(Finding::BadRecord(key.hash(), reason)));
        }
    };
    let Some(expected) = stored.record.sha256 else {
        return done(0, Some(Finding::NotHashed));
    };
    let etag = stored.record.etag.clone();
    let object = Object::Original(key.clone());
    match store.get(&object, None, Some(&etag)).await {
        Ok(Some(got)) => {
            let (bytes, found) = sha256(got.body).await.map_err(chain)?;
            let packed = stored.record.encoding.clone();
            done(
                bytes,
                match found == expected {
                    true => packed.map(|encoding| Finding::Packed(encoding.name)),
                    false => Some(Finding::Changed),
                },
            )
        }
        Ok(None) => Ok(None),
        // A change since the listing has changed the record as well, and is not a finding.
        Err(Error::Precondition { .. }) if listed.etag == etag => Ok(None),
        Err(Error::Precondition { .. }) => match records::read(store, &key.hash()).await {
            Ok(Some(again)) if again.etag != stored.etag => Ok(None),
            _ => done(0, Some(Finding::Stale)),
        },
        Err(error) => Err(chain(error)),
    }
}

/// Only finds what the walk through the originals cannot: a record whose original is gone.
pub(super) async fn record(
    store: Arc<Store>,
    own: OwnObject,
    prefix: &str,
) -> Result<Option<Checked>, Error> {
    let Object::Record(owner) = own.object else {
        return Ok(None);
    };
    let age = SystemTime::now().duration_since(own.modified);
    if age.is_ok_and(|age| age < UNDER_WAY) {
        return Ok(None);
    }
    let checked = |key: &str, finding| {
        Ok(Some(Checked {
            key: key.to_owned(),
            bytes: 0,
            finding: Some(finding),
        }))
    };
    let record = match records::inspect(&store, &owner).await {
        Ok(FoundRecord::Stored(stored)) => stored.record,
        Ok(FoundRecord::Damaged { reason, .. }) if prefix.is_empty() => {
            let path = Object::Record(owner).path();
            return checked(&path, Finding::BadRecord(owner, reason));
        }
        Ok(FoundRecord::Nothing | FoundRecord::Damaged { .. }) => return Ok(None),
        // The key of a damaged record is unknown, so it may be outside of the prefix.
        Err(error) if prefix.is_empty() => {
            let path = Object::Record(owner).path();
            return checked(&path, Finding::Unreadable(chain(error)));
        }
        Err(_) => return Ok(None),
    };
    let key = &record.key;
    if !key.starts_with(prefix)
        || is_there(&store, key).await?
        || !is_there_record(&store, key).await?
    {
        return Ok(None);
    }
    checked(key.as_str(), Finding::Missing)
}

async fn is_there(store: &Store, key: &Key) -> Result<bool, Error> {
    let object = Object::Original(key.clone());
    Ok(store.head(&object).await?.is_some())
}

/// Checked after the original, because a delete removes the original first.
async fn is_there_record(store: &Store, key: &Key) -> Result<bool, Error> {
    Ok(store.head(&Object::Record(key.hash())).await?.is_some())
}
