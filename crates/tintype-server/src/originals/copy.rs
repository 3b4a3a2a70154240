//! The same bytes under another name.
//!
//! A move is a copy and then a delete of the source, not one step: whatever fails in between leaves the original
//! under both names, never under none.

use tintype_store::{Key, Object};

use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::Error;
use crate::http::respond::conditional::Tags;
use crate::invalidation::notice::Cause;
use crate::invalidation::purge;
use crate::originals::current::{self, CurrentOriginal};
use crate::originals::delete::{Removed, remove};
use crate::originals::idempotency::{self, FoundIntent, IdempotencyKey};
use crate::originals::put::{BytesFrom, Conflict, Placed, Placement, describes};
use crate::originals::rename::{Candidates, MAX_ATTEMPTS};
use crate::records::patch::{EditableFields, RecordPatch};
use crate::records::probing::Facts;

pub(crate) struct Copying<'a> {
    pub caller: &'a Caller,
    pub from: Key,
    pub to: Key,
    pub conflict: Conflict,
    pub idempotency: Option<IdempotencyKey>,
}

impl Copying<'_> {
    pub(crate) async fn copy(&self, app: &App) -> Result<Placed, Error> {
        match current::find_fresh(app, &self.from).await? {
            Some(source) => self.copy_from(app, &source, false).await,
            None => self.done_before(app).await,
        }
    }

    pub(crate) async fn rename(&self, app: &App) -> Result<Placed, Error> {
        let Some(source) = current::find_fresh(app, &self.from).await? else {
            return self.done_before(app).await;
        };
        let placed = self.copy_from(app, &source, true).await?;
        let copied = Tags::of_etag(&source.meta.etag);
        let actor = self.caller.actor();
        match remove(app, &self.from, Some(&copied), Cause::Move, actor).await? {
            Removed::Gone => Ok(placed),
            Removed::Changed => Err(Error::not_in_version("original")
                .detail("the original was changed while it was moved; it is under both keys now")),
        }
    }

    async fn copy_from(
        &self,
        app: &App,
        source: &CurrentOriginal,
        moved: bool,
    ) -> Result<Placed, Error> {
        let record = &source.stored.record;
        // A block on the source's key alone is extended to its content, so that there is no moment at which the
        // copy is visible.
        let block = app.blocks.of(&self.from, record.sha256);
        if let Some(block) = &block {
            let actor = self.caller.actor();
            purge::block_content(app, &self.from, record.sha256, block, actor).await?;
        }
        let placement = Placement {
            caller: self.caller,
            wished: self.to.clone(),
            conflict: self.conflict.clone(),
            idempotency: self.idempotency,
            origin: BytesFrom::Original(&self.from),
            facts: Facts {
                encoding: record.encoding.clone(),
                media_type: record.media_type.clone(),
                image: record.image.clone(),
                rights: record.rights.clone(),
            },
            size: record.size,
            sha256: record.sha256,
            created: moved.then_some(record.created),
            base: EditableFields::of(record, None),
            patch: RecordPatch::default(),
        };
        let mut placed = placement.place(app).await?;
        if let Some(block) = &block {
            app.blocks.add(&placed.key, record.sha256, block).await?;
        }
        let now = app.store.head(&Object::Original(self.from.clone())).await?;
        if !placed.replayed && now.is_none_or(|now| !describes(record, &now)) {
            // The copied version may be another one than that of the record.
            if let Some(stored) = app.records.rederive(&placed.key).await? {
                placed.set_record(stored);
            }
        }
        Ok(placed)
    }

    /// What this request made the first time, if the source is gone.
    async fn done_before(&self, app: &App) -> Result<Placed, Error> {
        let placed = match (&self.idempotency, self.conflict.replaces()) {
            (None, _) => None,
            (Some(key), true) => match idempotency::find(&app.store, key).await? {
                FoundIntent::Intent(stored) => Placed::from_intent(&self.to, stored.intent),
                FoundIntent::Nothing | FoundIntent::Expired(_) => None,
            },
            (Some(key), false) => self.created_before(app, key).await?,
        };
        placed.ok_or_else(|| Error::no_original(&self.from))
    }

    async fn created_before(
        &self,
        app: &App,
        idempotency: &IdempotencyKey,
    ) -> Result<Option<Placed>, Error> {
        let max_length = match self.conflict {
            Conflict::Rename { max_length } => max_length,
            _ => None,
        };
        let names = Candidates::new(self.to.as_str(), max_length, idempotency.suffixes());
        for attempt in 0..MAX_ATTEMPTS {
            let key = Key::parse(&names.name(attempt)?)?;
            self.caller.principal.require(Scope::Write, &key)?;
            let Some(CurrentOriginal { meta, stored }) = current::find(app, &key).await? else {
                break;
            };
            if meta.attributes.idempotency == Some(idempotency.attribute()) {
                return Ok(Some(Placed::again(&key, &meta, stored)));
            }
        }
        Ok(None)
    }
}
