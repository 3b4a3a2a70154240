//! `POST /api/v1/copy` and `/move`: another name for the same bytes, without sending them.
//!
//! A move is a copy and then a delete of what was copied, not one step: whatever fails in between
//! leaves the original under both names, never under none.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use tintype_store::{Key, Object};

use super::answer;
use super::request;
use super::request::{Caller, conflict, invalid};
use crate::app::App;
use crate::config::Scope;
use crate::error::Error;
use crate::invalidation::outbox::Cause;
use crate::invalidation::purge;
use crate::originals::current::{self, Current, not_found};
use crate::originals::delete::{Removed, remove};
use crate::originals::idempotency::{self, Found, IdempotencyKey};
use crate::originals::put::{Conflict, Origin, Placed, Placement, describes};
use crate::originals::rename::{Candidates, MAX_ATTEMPTS};
use crate::records::patch::{RecordPatch, Said};
use crate::records::probing::Facts;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
    to: String,
    on_conflict: Option<String>,
    max_length: Option<usize>,
}

pub(super) async fn copy(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let asked: Asked = request::json(&headers, body).await?;
    let job = Job::new(&caller, &headers, &asked)?;
    let placed = match current::find_fresh(&app, &job.from).await? {
        Some(source) => job.copy(&app, &source, false).await?,
        None => job
            .done_before(&app)
            .await?
            .ok_or_else(|| not_found(&job.from))?,
    };
    answer::placed(&app, &placed)
}

pub(super) async fn rename(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let asked: Asked = request::json(&headers, body).await?;
    let job = Job::new(&caller, &headers, &asked)?;
    caller.principal.require(Scope::Delete, &job.from)?;
    let placed = match current::find_fresh(&app, &job.from).await? {
        Some(source) => {
            let placed = job.copy(&app, &source, true).await?;
            let copied = Conflict::Match(vec![source.meta.etag]);
            match remove(&app, &job.from, Some(&copied), Cause::Move, caller.by()).await? {
                Removed::Gone => placed,
                Removed::Changed => {
                    return Err(Error::not_in_version("original").detail(
                        "the original was changed while it was moved; it is under both keys now",
                    ));
                }
            }
        }
        None => job
            .done_before(&app)
            .await?
            .ok_or_else(|| not_found(&job.from))?,
    };
    answer::placed(&app, &placed)
}

struct Job<'a> {
    caller: &'a Caller,
    from: Key,
    to: Key,
    conflict: Conflict,
    idempotency: Option<IdempotencyKey>,
}

impl<'a> Job<'a> {
    fn new(caller: &'a Caller, headers: &HeaderMap, asked: &Asked) -> Result<Self, Error> {
        let from = Key::existing(&asked.from)?;
        let to = Key::parse(&asked.to)?;
        caller.principal.require(Scope::Write, &from)?;
        caller.principal.require(Scope::Write, &to)?;
        if from == to {
            return Err(invalid("to", "is the same as from"));
        }
        let conflict = conflict(&to, asked.on_conflict.as_deref(), asked.max_length)?;
        let idempotency = IdempotencyKey::from_headers(headers, &caller.principal.id)?;
        Ok(Self {
            caller,
            from,
            to,
            conflict,
            idempotency,
        })
    }

    async fn copy(&self, app: &App, source: &Current, moved: bool) -> Result<Placed, Error> {
        let record = &source.stored.record;
        let sha256 = record.sha256.as_deref();
        // A block on the source's key alone is put on its content as well, so that there is no moment
        // at which the copy can be seen.
        let block = app.blocks.of(&self.from, sha256);
        if let Some(block) = &block {
            purge::block_content(app, &self.from, sha256, block, self.caller.by()).await?;
        }
        let placement = Placement {
            principal: &self.caller.principal,
            actor: self.caller.actor(),
            wished: self.to.clone(),
            conflict: self.conflict.clone(),
            idempotency: self.idempotency,
            origin: Origin::Original(&self.from),
            facts: Facts {
                encoding: record.encoding.clone(),
                media_type: record.media_type.clone(),
                image: record.image.clone(),
            },
            size: record.size,
            sha256: record.sha256.clone(),
            created: moved.then_some(record.created),
            base: Said::of(record, None),
            patch: RecordPatch::default(),
        };
        let mut placed = placement.place(app).await?;
        if let Some(block) = &block {
            app.blocks.add(&placed.key, sha256, block).await?;
        }
        let now = app.store.head(&Object::Original(self.from.clone())).await?;
        if !placed.replayed && now.is_none_or(|now| !describes(record, &now)) {
            // Another version may have been copied than the one whose record came along.
            if let Some(stored) = app.records.rederive(&placed.key).await? {
                placed.tell(stored);
            }
        }
        Ok(placed)
    }

    /// What this request made the first time, when there is nothing left to make it from.
    async fn done_before(&self, app: &App) -> Result<Option<Placed>, Error> {
        let Some(idempotency) = &self.idempotency else {
            return Ok(None);
        };
        if self.conflict.replaces() {
            let Found::Intent(stored) = idempotency::find(&app.store, idempotency).await? else {
                return Ok(None);
            };
            return Ok(Placed::from_intent(&self.to, stored.intent));
        }
        let max_length = match self.conflict {
            Conflict::Rename { max_length } => max_length,
            _ => None,
        };
        let names = Candidates::new(self.to.as_str(), max_length, idempotency.suffixes());
        for attempt in 0..MAX_ATTEMPTS {
            let key = Key::parse(&names.name(attempt)?)?;
            self.caller.principal.require(Scope::Write, &key)?;
            let Some(Current { meta, stored }) = current::find(app, &key).await? else {
                break;
            };
            if meta.attributes.idempotency == Some(idempotency.attribute()) {
                return Ok(Some(Placed::again(&key, &meta, stored)));
            }
        }
        Ok(None)
    }
}
