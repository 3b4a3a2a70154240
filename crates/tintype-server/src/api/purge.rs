//! `POST /api/v1/purge`: drops variants and purges downstream caches, by key or by prefix.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tintype_store::Key;

use super::request;
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::Error;
use crate::invalidation::purge;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeRequest {
    key: Option<String>,
    prefix: Option<String>,
    cursor: Option<String>,
}

#[derive(Default, Serialize)]
pub(super) struct PurgeResponse {
    /// Originals processed.
    purged: u64,
    /// Variants removed from the store.
    variants: u64,
    /// Kinds of downstream caches that are being purged.
    purgers: BTreeSet<&'static str>,
    /// Where to continue; null when all is done.
    cursor: Option<String>,
}

impl From<purge::Purged> for PurgeResponse {
    fn from(done: purge::Purged) -> Self {
        Self {
            purged: done.originals,
            variants: done.variants,
            purgers: done.purgers,
            cursor: done.cursor,
        }
    }
}

pub(super) async fn purge(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PurgeResponse>, Error> {
    let request: PurgeRequest = request::json(&headers, body).await?;
    match (request.key, request.prefix, request.cursor) {
        (Some(key), None, None) => {
            let key = Key::existing(&key)?;
            caller.principal.require(Scope::Purge, &key)?;
            let purged = purge::purge(&app, &key, caller.actor()).await?;
            Ok(Json(purged.into()))
        }
        (None, Some(prefix), cursor) => {
            caller.principal.require_prefix(Scope::Purge, &prefix)?;
            let purged = purge::purge_prefix(&app, &prefix, cursor, caller.actor()).await?;
            Ok(Json(purged.into()))
        }
        _ => Err(Error::invalid(
            "body",
            "must have either key, or prefix with an optional cursor",
        )),
    }
}
