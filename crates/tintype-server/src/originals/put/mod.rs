//! Bringing an original and its record into the store together, for uploads, copies and moves.
//!
//! The original comes first and its record second, so that a record never speaks of bytes that are
//! not there. An original that not everybody may see is the exception: a record that hides it is
//! written ahead. Whatever fails in between leaves something hidden, or something whose record is
//! derived from its bytes; never something shown that should not be.

mod commit;
mod create;
mod replace;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tintype_store::{Attributes, Condition, ETag, HexId, Key, Meta, Object};

use crate::api::auth::Principal;
use crate::app::App;
use crate::config::Scope;
use crate::error::Error;
use crate::invalidation::outbox::By;
use crate::originals::idempotency::{self, Answer, IdempotencyKey, Intent};
use crate::originals::spool::Spooled;
use crate::records::Stored;
use crate::records::patch::{RecordPatch, Said};
use crate::records::probing::Facts;
use crate::records::record::Record;
use crate::telemetry::access_log::Step;

pub use commit::AHEAD;

/// Compare-and-swap on one record or intent: more rounds than any real contention needs.
const MAX_ROUNDS: u32 = 16;

/// What to do when the name is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    Fail,
    /// `If-None-Match: *`: like `Fail`, and answered as a precondition.
    Absent,
    Rename {
        max_length: Option<usize>,
    },
    Overwrite,
    /// `If-Match: *`.
    Existing,
    /// `If-Match` with ETags.
    Match(Vec<ETag>),
}

impl Conflict {
    pub fn replaces(&self) -> bool {
        matches!(self, Self::Overwrite | Self::Existing | Self::Match(_))
    }
}

/// Where the bytes come from.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    Spooled(&'a Spooled),
    Original(&'a Key),
}

pub struct Placement<'a> {
    pub principal: &'a Principal,
    /// Who a takedown is put down to.
    pub actor: &'a str,
    pub wished: Key,
    pub conflict: Conflict,
    pub idempotency: Option<IdempotencyKey>,
    pub origin: Origin<'a>,
    pub facts: Facts,
    pub size: u64,
    /// Hex. `None`: a large adopted original that has never been read whole.
    pub sha256: Option<String>,
    /// A moved original keeps the time at which it was made.
    pub created: Option<Timestamp>,
    /// What comes along with the bytes: nothing for an upload, everything for a copy.
    pub base: Said,
    pub patch: RecordPatch,
}

/// How it ended.
#[derive(Debug)]
pub struct Placed {
    pub key: Key,
    /// False: something was replaced.
    pub created: bool,
    /// True: this request had already done its work, and is answered again.
    pub replayed: bool,
    /// The store ETag of the original.
    pub etag: ETag,
    pub record: Told,
    /// The time that it took to place it, where that was measured.
    pub put: Option<Step>,
}

/// The record as it is to be told.
#[derive(Debug)]
pub enum Told {
    Stored(Arc<Stored>),
    /// As the first answer told it.
    Remembered(Value),
}

impl Placement<'_> {
    pub async fn place(&self, app: &App) -> Result<Placed, Error> {
        if !self.conflict.replaces() {
            return self.create(app).await;
        }
        self.principal.require(Scope::Write, &self.wished)?;
        self.principal.require(Scope::Replace, &self.wished)?;
        if self.patch.has_state() {
            self.principal.require(Scope::Takedown, &self.wished)?;
        }
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
            sha256: self
                .sha256
                .as_deref()
                .and_then(HexId::parse)
                .map(|HexId(bytes)| bytes),
            encoding: None,
        };
        match self.origin {
            Origin::Spooled(spooled) => {
                let object = Object::Original(key.clone());
                app.store
                    .put(&object, spooled.source(), condition, &attributes)
                    .await
            }
            Origin::Original(from) => app.store.copy(from, key, condition, &attributes).await,
        }
    }

    fn by(&self) -> By<'_> {
        By {
            actor: self.actor,
            token: &self.principal.id,
        }
    }

    /// Whether an object was made by this request, at an earlier attempt.
    fn is_own(&self, meta: &Meta) -> Result<bool, Error> {
        let Some(key) = &self.idempotency else {
            return Ok(false);
        };
        if meta.attributes.idempotency.as_deref() != Some(&*key.attribute()) {
            return Ok(false);
        }
        let theirs = meta
            .attributes
            .sha256
            .map(|sha256| HexId(sha256).to_string());
        if theirs == self.sha256 {
            Ok(true)
        } else {
            Err(idempotency::mismatch())
        }
    }
}

impl Placed {
    fn new(key: &Key, created: bool, replayed: bool, meta: &Meta, stored: Arc<Stored>) -> Self {
        let (etag, record) = (meta.etag.clone(), Told::Stored(stored));
        Self {
            key: key.clone(),
            created,
            replayed,
            etag,
            record,
            put: None,
        }
    }

    fn remembered(key: &Key, answer: Answer) -> Self {
        Self {
            key: key.clone(),
            created: answer.created,
            replayed: true,
            etag: ETag::new(answer.etag),
            record: Told::Remembered(answer.record),
            put: None,
        }
    }

    /// For a copy whose source is gone by now.
    pub fn again(key: &Key, meta: &Meta, stored: Arc<Stored>) -> Self {
        Self::new(key, true, true, meta, stored)
    }

    /// `None`: the request was never finished.
    pub fn from_intent(key: &Key, intent: Intent) -> Option<Self> {
        let answer = intent.answer.filter(|_| intent.key == *key)?;
        Some(Self::remembered(key, answer))
    }

    /// Tells another record than the one that was written.
    pub fn tell(&mut self, stored: Arc<Stored>) {
        self.record = Told::Stored(stored);
    }

    fn answer(&self, app: &App) -> Answer {
        Answer {
            created: self.created,
            etag: self.etag.as_str().to_owned(),
            record: self.api_json(app),
        }
    }

    pub fn api_json(&self, app: &App) -> Value {
        match &self.record {
            Told::Remembered(json) => json.clone(),
            Told::Stored(stored) => {
                let block = app.blocks.of(&self.key, stored.record.sha256.as_deref());
                stored.record.api_json(block.as_deref())
            }
        }
    }
}

/// Whether the record describes the bytes that are in the store.
pub fn describes(record: &Record, meta: &Meta) -> bool {
    record.etag == meta.etag.as_str()
}
