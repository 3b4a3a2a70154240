//! Decides about derived objects whose original may be gone.

use std::time::{Duration, SystemTime};

use tintype_server::records::{self, FoundRecord};
use tintype_store::{ETag, KeyHash, Object, OwnObject, Store};

use crate::chain;

/// A replica that has not noticed a change may still request variants of older content; nobody else needs them.
const OUTDATED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is known of the original of a variant or a record.
pub(super) enum Fate {
    NoRecord,
    NoOriginal,
    /// It exists; variants made before this time are of older content.
    Current(SystemTime),
    /// The record is unreadable, so nothing is known of the original. It will be replaced by a new one.
    Damaged(ETag, String),
    /// The state cannot be determined, for this reason. Everything of it is kept.
    Unknown(String),
}

pub(super) fn owner(own: &OwnObject) -> Option<KeyHash> {
    match own.object {
        Object::Variant(owner, _) => Some(owner),
        _ => None,
    }
}

/// Only a confirmed absence counts.
pub(super) async fn judge(store: &Store, owner: &KeyHash) -> (Fate, Option<records::StoredRecord>) {
    let stored = match records::inspect(store, owner).await {
        Ok(FoundRecord::Stored(stored)) => *stored,
        Ok(FoundRecord::Nothing) => return (Fate::NoRecord, None),
        Ok(FoundRecord::Damaged { etag, reason }) => return (Fate::Damaged(etag, reason), None),
        Err(error) => return (Fate::Unknown(chain(error)), None),
    };
    let original = Object::Original(stored.record.key.clone());
    let fate = match store.head(&original).await {
        Ok(None) => Fate::NoOriginal,
        Ok(Some(_)) => {
            let since = stored.record.purged.unwrap_or(stored.record.modified);
            Fate::Current(since.max(stored.record.modified).into())
        }
        Err(error) => Fate::Unknown(error.to_string()),
    };
    (fate, Some(stored))
}

pub(super) fn is_outdated(own: &OwnObject, since: SystemTime) -> bool {
    own.modified < since && age(own.modified) >= OUTDATED
}

pub(super) fn age(modified: SystemTime) -> Duration {
    let age = SystemTime::now().duration_since(modified);
    age.unwrap_or_default()
}
