//! `/api/v1/records/{key}`: what is known and said of an original.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, Uri};
use jiff::Timestamp;
use tintype_store::{Condition, ETag, Key};

use super::request::{Caller, existing_key, if_match, record_patch};
use crate::app::App;
use crate::config::Scope;
use crate::error::Error;
use crate::invalidation::outbox::Cause;
use crate::invalidation::purge;
use crate::originals::current::{self, not_found};
use crate::originals::put::Conflict;
use crate::records::blocks::Block;
use crate::records::patch::{Said, WantedState};
use crate::records::record::{self, Record};
use crate::records::{Stored, Written};

const BASE: &str = "/api/v1/records/";

/// Compare-and-swap on one record: more rounds than any real contention needs.
const MAX_ROUNDS: u32 = 16;

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Error> {
    let key = existing_key(&uri, BASE)?;
    caller.principal.require(Scope::Read, &key)?;
    let current = current::find_fresh(&app, &key)
        .await?
        .ok_or_else(|| not_found(&key))?;
    Ok(answer(&app, &key, &current.stored))
}

pub(super) async fn patch(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let key = existing_key(&uri, BASE)?;
    caller.principal.require(Scope::Write, &key)?;
    let wanted = if_match(&headers)?;
    let patch = record_patch(&headers, body).await?;
    if patch.has_state() {
        caller.principal.require(Scope::Takedown, &key)?;
    }
    let by = caller.by();
    let mut announced = None;
    for _ in 0..MAX_ROUNDS {
        let stored = current::find_fresh(&app, &key)
            .await?
            .ok_or_else(|| not_found(&key))?
            .stored;
        let record = &stored.record;
        let block = app.blocks.of(&key, record.sha256.as_deref());
        if let Some(Conflict::Match(etags)) = &wanted
            && !etags.contains(&etag(&stored, block.as_deref()))
        {
            return Err(Error::not_in_version("record"));
        }
        let before = Said::of(record, block.as_deref());
        let after = patch.apply(&before)?;
        if after == before {
            return Ok(answer(&app, &key, &stored));
        }
        let sha256 = record.sha256.as_deref();
        let state_changed = after.state != before.state;
        let picture_changed =
            after.focal_point != before.focal_point || after.crops != before.crops;
        if announced.is_none() && (state_changed || picture_changed) {
            let cause = match state_changed {
                true => Cause::State,
                false => Cause::Record,
            };
            announced = Some(purge::announce(&app, &key, cause, by).await?);
        }
        if let WantedState::Blocked { reason } = &after.state
            && state_changed
        {
            let (reason, actor) = (reason.clone(), by.actor.to_owned());
            let block = Block {
                reason,
                actor,
                at: Timestamp::now(),
            };
            purge::take_down(&app, &key, sha256, &block, by).await?;
        }
        let next = Record {
            focal_point: after.focal_point,
            crops: after.crops,
            meta: after.meta,
            state: match &after.state {
                WantedState::Public => record::State::Public,
                WantedState::Embargo { until } => record::State::Embargo { until: *until },
                // Kept elsewhere; what is under it stays as it was.
                WantedState::Blocked { .. } => record.state.clone(),
            },
            ..record.clone()
        };
        let written = app
            .records
            .write(next, &Condition::Match(stored.etag.clone()))
            .await?;
        let Written::Stored(stored) = written else {
            continue;
        };
        // Last, so that what was blocked is shown only in its new state.
        let blocked = |said: &WantedState| matches!(said, WantedState::Blocked { .. });
        if blocked(&before.state) && !blocked(&after.state) {
            purge::lift(&app, &key, sha256, by).await?;
        }
        if state_changed && after.state != WantedState::Public {
            purge::forget(&app, &key).await?;
        }
        if let Some(announced) = announced {
            announced.made();
        }
        if state_changed {
            tracing::info!(
                key = key.as_str(),
                actor = by.actor,
                token = by.token,
                state = ?after.state,
                "the state of {key} was changed"
            );
        }
        return Ok(answer(&app, &key, &stored));
    }
    Err(Error::busy("record"))
}

fn answer(app: &App, key: &Key, stored: &Stored) -> Response {
    let block = app.blocks.of(key, stored.record.sha256.as_deref());
    let mut response = Json(stored.record.api_json(block.as_deref())).into_response();
    let quoted = format!("\"{}\"", etag(stored, block.as_deref()));
    if let Ok(value) = HeaderValue::try_from(quoted) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// A takedown changes what is told of an original, but not its record.
fn etag(stored: &Stored, block: Option<&Block>) -> ETag {
    match block {
        None => stored.etag.clone(),
        Some(block) => ETag::new(format!("{}-b{}", stored.etag, block.at.as_microsecond())),
    }
}
