//! Stores an original and its record together, for uploads, copies and moves.
//!
//! The original comes first and its record second, so that a record never describes bytes that are not there. The
//! exception is an original that is not public: a record that hides it is written ahead. Whatever fails in between
//! leaves something hidden, or an original whose record is derived from its bytes; never something visible that
//! should not be.

mod commit;
mod create;
mod replace;

use std::sync::Arc;

use jiff::Timestamp;
use tintype_store::{Attributes, Condition, ContentHash, ETag, Key, Meta, Object};

use crate::app::App;
use crate::auth::{Caller, Principal};
use crate::config::Scope;
use crate::error::Error;
use crate::http::respond::conditional::Tags;
use crate::originals::idempotency::{self, IdempotencyKey, Intent, StoredResponse};
use crate::originals::spool::Spooled;
use crate::records::StoredRecord;
use crate::records::patch::{EditableFields, RecordPatch};
use crate::records::probing::Facts;
use crate::records::record::{Record, RecordView};
use crate::telemetry::access_log::Step;

pub use commit::AHEAD;

/// What to do if the name is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    Fail,
    /// `If-None-Match: *`: like `Fail`, but the error is a failed precondition.
    Absent,
    Rename {
        max_length: Option<usize>,
    },
    Overwrite,
    /// `If-Match`.
    Match(Tags),
}

impl Conflict {
    pub(crate) fn replaces(&self) -> bool {
        matches!(self, Self::Overwrite | Self::Match(_))
    }
}

/// Where the bytes come from.
#[derive(Clone, Copy)]
pub(crate) enum BytesFrom<'a> {
    Spooled(&'a Spooled),
    Original(&'a Key),
}

pub(crate) struct Placement<'a> {
    pub caller: &'a Caller,
    pub wished: Key,
    pub conflict: Conflict,
    pub idempotency: Option<IdempotencyKey>,
    pub origin: BytesFrom<'a>,
    pub facts: Facts,
    pub size: u64,
    /// `None` for a large adopted original that has never been read in full.
    pub sha256: Option<ContentHash>,
    /// A moved original keeps its creation time.
    pub created: Option<Timestamp>,
    /// Editable fields that come with the bytes: none for an upload, all for a copy.
    pub base: EditableFields,
    pub patch: RecordPatch,
}

/// The result.
#[derive(Debug)]
pub(crate) struct Placed {
    pub key: Key,
    /// False if an original was replaced.
    pub created: bool,
    /// True if this request had already done its work, and the first response is repeated.
    pub replayed: bool,
    /// The store ETag of the original.
    pub etag: ETag,
    record: PlacedRecord,
    /// How long storing it took, if measured.
    pub put: Option<Step>,
}

/// The record for the response.
#[derive(Debug)]
enum PlacedRecord {
    Stored(Arc<StoredRecord>),
    /// The record in the first response.
    Remembered(Box<RecordView>),
}

/// Whether a token may store an original under a key. Checked before the body is read, and again for the name that
/// it gets.
pub(crate) fn permit(
    principal: &Principal,
    key: &Key,
    conflict: &Conflict,
    patch: &RecordPatch,
) -> Result<(), Error> {
    principal.require(Scope::Write, key)?;
    if conflict.replaces() {
        principal.require(Scope::Replace, key)?;
    }
    // The creator of an original may put it under an embargo; hiding or showing an existing one needs `takedown`.
    if patch.is_of_block() || conflict.replaces() && patch.has_state() {
        principal.require(Scope::Takedown, key)?;
    }
    Ok(())
}

impl Placement<'_> {
    pub(crate) async fn place(&self, app: &App) -> Result<Placed, Error> {
        if !self.conflict.replaces() {
            return self.create(app).await;
        }
        self.permit(&self.wished)?;
        match &self.idempotency {
            None => self.replace(app).await,
            Some(key) => self.replace_once(app, key).await,
        }
    }

    async fn put(
        &self,
        app: &App,
        key: &Key,
        condition: &Condition,
    ) -> Result<Meta, tintype_store::Error> {
        let attributes = Attributes {
            idempotency: self.idempotency.map(|key| key.attribute()),
            nonce: None,
            sha256: self.sha256,
            encoding: None,
        };
        match self.origin {
            BytesFrom::Spooled(spooled) => {
                let object = Object::Original(key.clone());
                app.store
                    .put(&object, spooled.source(), condition, &attributes)
                    .await
            }
            BytesFrom::Original(from) => app.store.copy(from, key, condition, &attributes).await,
        }
    }

    fn permit(&self, key: &Key) -> Result<(), Error> {
        permit(&self.caller.principal, key, &self.conflict, &self.patch)
    }

    /// Whether an earlier attempt of this request made the object.
    fn is_own(&self, meta: &Meta) -> Result<bool, Error> {
        let Some(key) = &self.idempotency else {
            return Ok(false);
        };
        if meta.attributes.idempotency.as_deref() != Some(&*key.attribute()) {
            return Ok(false);
        }
        if meta.attributes.sha256 == self.sha256 {
            Ok(true)
        } else {
            Err(idempotency::mismatch())
        }
    }
}

impl Placed {
    fn new(
        key: &Key,
        created: bool,
        replayed: bool,
        meta: &Meta,
        stored: Arc<StoredRecord>,
    ) -> Self {
        let (etag, record) = (meta.etag.clone(), PlacedRecord::Stored(stored));
        Self {
            key: key.clone(),
            created,
            replayed,
            etag,
            record,
            put: None,
        }
    }

    fn remembered(key: &Key, answer: StoredResponse) -> Self {
        Self {
            key: key.clone(),
            created: answer.created,
            replayed: true,
            etag: answer.etag,
            record: PlacedRecord::Remembered(Box::new(answer.told)),
            put: None,
        }
    }

    /// For a copy whose source is gone.
    pub(crate) fn again(key: &Key, meta: &Meta, stored: Arc<StoredRecord>) -> Self {
        Self::new(key, true, true, meta, stored)
    }

    /// `None` if the request never finished.
    pub(crate) fn from_intent(key: &Key, intent: Intent) -> Option<Self> {
        let answer = intent.answer.filter(|_| intent.key == *key)?;
        Some(Self::remembered(key, answer))
    }

    /// Puts another record than the written one into the response.
    pub(crate) fn set_record(&mut self, stored: Arc<StoredRecord>) {
        self.record = PlacedRecord::Stored(stored);
    }

    fn answer(&self, app: &App) -> StoredResponse {
        StoredResponse {
            created: self.created,
            etag: self.etag.clone(),
            told: self.view(app),
        }
    }

    pub(crate) fn view(&self, app: &App) -> RecordView {
        match &self.record {
            PlacedRecord::Remembered(view) => (**view).clone(),
            PlacedRecord::Stored(stored) => {
                let record = stored.record.clone();
                let block = app.blocks.of(&self.key, record.sha256);
                let block = block.as_deref().cloned();
                RecordView { record, block }
            }
        }
    }
}

/// Whether the record describes the bytes that are in the store.
pub(crate) fn describes(record: &Record, meta: &Meta) -> bool {
    record.etag == meta.etag
}
