//! Editable fields of an original, which are copied with its bytes unless the target has its own.

use anyhow::Context;
use serde_json::{Map, Value};
use tintype_server::originals::AHEAD;
use tintype_server::records::blocks::Block;
use tintype_server::records::patch::{EditableFields, RequestedState};
use tintype_server::records::record::{Record, State};
use tintype_server::records::{self, FoundRecord, StoredRecord, WriteOutcome};
use tintype_store::{Condition, ContentHash, ETag, Key, Store};

/// Another process has written the record meanwhile; try again.
#[derive(Debug)]
pub(super) struct Raced;

impl std::fmt::Display for Raced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("another process wrote the record at the same time")
    }
}

impl std::error::Error for Raced {}

pub(super) async fn read(store: &Store, key: &Key) -> anyhow::Result<Option<StoredRecord>> {
    match records::inspect(store, &key.hash()).await? {
        FoundRecord::Nothing => Ok(None),
        FoundRecord::Stored(stored) => Ok(Some(*stored)),
        FoundRecord::Damaged { reason, .. } => {
            Err(anyhow::Error::msg(reason).context("the record cannot be read"))
        }
    }
}

/// The record for the same bytes in another store. If it does not describe the current bytes, only its editable
/// fields are used, and the facts are derived anew on first use.
pub(super) fn moved(record: &Record, describes: bool, etag: &ETag, sha256: ContentHash) -> Record {
    Record {
        etag: match describes {
            true => etag.clone(),
            false => ETag::new(AHEAD),
        },
        sha256: match describes {
            true => Some(sha256),
            false => record.sha256,
        },
        ..record.clone()
    }
}

/// The record that hides an original before it exists.
pub(super) fn ahead(record: &Record) -> Option<Record> {
    let hidden = record.state != State::Public;
    hidden.then(|| Record {
        etag: ETag::new(AHEAD),
        ..record.clone()
    })
}

/// Writes a record unless another one has editable fields there already. `force`: the bytes were written just now,
/// or overwriting was requested.
pub(super) async fn write(
    store: &Store,
    key: &Key,
    record: &Record,
    force: bool,
) -> anyhow::Result<()> {
    let condition = match read(store, key).await? {
        None => Condition::Absent,
        Some(there) if there.record == *record => return Ok(()),
        Some(there) if force || !there.record.is_said() => Condition::Match(there.etag),
        Some(_) => return Ok(()),
    };
    let written = records::put(store, record.clone(), &condition).await;
    match written.context("the record cannot be written")? {
        WriteOutcome::Stored(_) => Ok(()),
        WriteOutcome::Raced => Err(Raced.into()),
    }
}

/// In the form of the API: fields that are not set are omitted.
pub(super) fn editable(record: Option<&Record>, block: Option<&Block>) -> Map<String, Value> {
    let fields = match (record, block) {
        (Some(record), block) => EditableFields::of(record, block),
        (None, Some(block)) => EditableFields {
            state: RequestedState::Blocked {
                reason: block.reason.clone(),
            },
            ..EditableFields::default()
        },
        (None, None) => EditableFields::default(),
    };
    let (mut fields, nothing) = (members(&fields), members(&EditableFields::default()));
    fields.retain(|name, value| nothing.get(name) != Some(value));
    fields
}

fn members(fields: &EditableFields) -> Map<String, Value> {
    match serde_json::to_value(fields) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}
