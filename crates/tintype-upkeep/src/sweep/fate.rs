//! What becomes of something whose original may be gone.

use std::time::{Duration, SystemTime};

use tintype_server::records::{self, FoundRecord};
use tintype_store::{ETag, KeyHash, Object, Own, Store};

use crate::chain;

/// Variants of an earlier content may still be asked for by a replica that has not noticed, and are
/// worth nothing to anybody else.
const OUTDATED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is known of the original that a variant or a record belongs to.
pub(super) enum Fate {
    NoRecord,
    NoOriginal,
    /// What was made earlier is of another content.
    Current(SystemTime),
    /// The record is none, so that nothing is known of it. It gives way to one made anew.
    Damaged(ETag, String),
    /// The reason why it cannot be told. What belongs to it stays.
    Unknown(String),
}

pub(super) fn owner(own: &Own) -> Option<KeyHash> {
    match own.object {
        Object::Variant(owner, _) => Some(owner),
        _ => None,
    }
}

/// Only a confirmed absence is one.
pub(super) async fn judge(store: &Store, owner: &KeyHash) -> (Fate, Option<records::StoredRecord>) {
    let stored = match records::look(store, owner).await {
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

pub(super) fn is_outdated(own: &Own, since: SystemTime) -> bool {
    own.modified < since && age(own.modified) >= OUTDATED
}

pub(super) fn age(modified: SystemTime) -> Duration {
    let age = SystemTime::now().duration_since(modified);
    age.unwrap_or_default()
}
