//! `POST /api/v1/purge`: forgetting what was made from originals, by key or by prefix.
//!
//! A prefix goes through the originals page by page. Caches in front are told of a folder by its tag,
//! once; of a prefix that is no folder by the keys of each page, because tags know whole names only.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tintype_store::{Key, Listed, MAX_PAGE};

use super::request;
use super::request::{Caller, invalid};
use crate::app::App;
use crate::config::Scope;
use crate::error::Error;
use crate::invalidation::outbox::{self, By};
use crate::invalidation::purge::{self, renew};

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

#[derive(Default, Serialize)]
pub(super) struct Purged {
    /// Originals gone through.
    purged: u64,
    /// Variants removed from the store.
    variants: u64,
    /// Kinds of caches in front that are being told.
    purgers: BTreeSet<&'static str>,
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
            let purge::Purged { variants, purgers } = purge::purge(&app, &key, caller.by()).await?;
            Ok(Json(Purged {
                purged: 1,
                variants,
                purgers,
                cursor: None,
            }))
        }
        (None, Some(prefix), cursor) => {
            caller.principal.require_prefix(Scope::Purge, &prefix)?;
            purge_prefix(&app, &prefix, cursor, caller.by())
                .await
                .map(Json)
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
    cursor: Option<String>,
    by: By<'_>,
) -> Result<Purged, Error> {
    let mut done = Purged {
        cursor,
        ..Purged::default()
    };
    let mut folder = match outbox::folder(prefix) {
        Some(_) => Some(app.outbox.announce_prefix(prefix, [].iter(), by).await?),
        None => None,
    };
    for _ in 0..MAX_ORIGINALS / MAX_PAGE {
        let cursor = done.cursor.take();
        let page = app
            .store
            .list(prefix, false, cursor.as_deref(), MAX_PAGE)
            .await?;
        let keys = match folder {
            Some(_) => None,
            None => {
                let keys = page.files.iter().map(|listed| &listed.key);
                Some(app.outbox.announce_prefix(prefix, keys, by).await?)
            }
        };
        if let Some(announced) = folder.as_ref().or(keys.as_ref()) {
            done.purgers.extend(announced.purgers());
        }
        done.purged += page.files.len() as u64;
        done.variants += renew_all(app, page.files).await?;
        if let Some(keys) = keys {
            keys.made();
        }
        done.cursor = page.cursor;
        if done.cursor.is_none() {
            break;
        }
    }
    if let Some(folder) = folder.take() {
        folder.made();
    }
    tracing::info!(
        prefix,
        actor = by.actor,
        token = by.token,
        originals = done.purged,
        variants = done.variants,
        "{} originals under {prefix:?} were purged",
        done.purged
    );
    Ok(done)
}

async fn renew_all(app: &App, originals: Vec<Listed>) -> Result<u64, Error> {
    stream::iter(originals)
        .map(|listed| async move { renew(app, &listed.key).await })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, variants| Ok(sum + variants))
        .await
}
