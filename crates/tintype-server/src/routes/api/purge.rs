//! `POST /api/v1/purge`: forgetting what was made from originals, by key or by prefix.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tintype_store::{Key, MAX_PAGE};

use super::request;
use super::request::{Caller, invalid};
use crate::app::App;
use crate::config::Scope;
use crate::error::Error;

/// One request goes through as many originals and then hands out a cursor, so that it ends within
/// the patience of a client and of a load balancer.
const MAX_ORIGINALS: usize = 10 * MAX_PAGE;

/// Originals purged at a time.
const AT_ONCE: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    key: Option<String>,
    prefix: Option<String>,
    cursor: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Purged {
    /// Originals whose variants were removed.
    purged: u64,
    /// Where to go on; null when all is done.
    cursor: Option<String>,
}

pub(super) async fn purge(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Purged>, Error> {
    let asked: Asked = request::json(&headers, body).await?;
    match (asked.key, asked.prefix, asked.cursor) {
        (Some(key), None, None) => {
            let key = Key::existing(&key)?;
            caller.principal.require(Scope::Purge, &key)?;
            crate::purge::purge(&app, &key).await?;
            Ok(Json(Purged {
                purged: 1,
                cursor: None,
            }))
        }
        (None, Some(prefix), cursor) => {
            caller.principal.require_prefix(Scope::Purge, &prefix)?;
            purge_prefix(&app, &prefix, cursor).await.map(Json)
        }
        _ => Err(invalid(
            "body",
            "must have either key, or prefix with an optional cursor",
        )),
    }
}

async fn purge_prefix(
    app: &App,
    prefix: &str,
    mut cursor: Option<String>,
) -> Result<Purged, Error> {
    let mut purged = 0;
    for _ in 0..MAX_ORIGINALS / MAX_PAGE {
        let page = app
            .store
            .list(prefix, false, cursor.as_deref(), MAX_PAGE)
            .await?;
        purged += page.files.len() as u64;
        stream::iter(page.files)
            .map(|listed| async move { crate::purge::purge(app, &listed.key).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(Purged { purged, cursor })
}
