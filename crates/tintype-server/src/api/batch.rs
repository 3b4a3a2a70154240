//! `POST /api/v1/batch`: one operation on many keys, with one result per key.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tintype_store::Key;

use super::request;
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::Error;
use crate::invalidation::notice::Cause;
use crate::invalidation::purge;
use crate::originals::current::{self, not_found};
use crate::originals::delete::{Removed, remove};

const MAX_KEYS: usize = 1_000;

/// Keys that one request works on at the same time.
const AT_ONCE: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    op: Op,
    keys: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Stat,
    Delete,
    Purge,
}

#[derive(Serialize)]
pub(super) struct BatchResponse {
    results: Vec<Value>,
}

pub(super) async fn batch(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<BatchResponse>, Error> {
    let request: BatchRequest = request::json(&headers, body).await?;
    if request.keys.len() > MAX_KEYS {
        let error = Error::invalid(
            "keys",
            format!("{} keys, limit is {MAX_KEYS}", request.keys.len()),
        );
        return Err(error.member("limit", MAX_KEYS));
    }
    let scope = request.op.scope();
    caller.principal.require_somewhere(scope)?;
    let results = stream::iter(request.keys)
        .map(|key| answer(&app, &caller, request.op, key))
        .buffered(AT_ONCE)
        .collect()
        .await;
    Ok(Json(BatchResponse { results }))
}

async fn answer(app: &App, caller: &Caller, op: Op, key: String) -> Value {
    match carry_out(app, caller, op, &key).await {
        Ok(Some(record)) => {
            json!({"key": key, "status": StatusCode::OK.as_u16(), "record": record})
        }
        Ok(None) => json!({"key": key, "status": StatusCode::NO_CONTENT.as_u16()}),
        Err(error) => {
            let problem = error.for_token_holder().problem(None);
            json!({"key": key, "status": problem["status"], "problem": problem})
        }
    }
}

async fn carry_out(app: &App, caller: &Caller, op: Op, key: &str) -> Result<Option<Value>, Error> {
    let key = Key::existing(key)?;
    caller.principal.require(op.scope(), &key)?;
    match op {
        Op::Stat => {
            let found = current::find(app, &key)
                .await?
                .ok_or_else(|| not_found(&key))?;
            let block = app.blocks.of(&key, found.stored.record.sha256);
            Ok(Some(found.stored.record.api_json(block.as_deref())))
        }
        Op::Delete | Op::Purge if app.config.stores.read_only => Err(Error::read_only()),
        Op::Delete => {
            // Without a condition there is only one outcome.
            let _: Removed = remove(app, &key, None, Cause::Delete, caller.actor()).await?;
            Ok(None)
        }
        Op::Purge => purge::purge(app, &key, caller.actor()).await.map(|_| None),
    }
}

impl Op {
    fn scope(self) -> Scope {
        match self {
            Self::Stat => Scope::Read,
            Self::Delete => Scope::Delete,
            Self::Purge => Scope::Purge,
        }
    }
}
