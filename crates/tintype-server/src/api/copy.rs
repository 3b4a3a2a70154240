//! `POST /api/v1/copy` and `/move`: the same bytes under another key, without sending them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use tintype_store::Key;

use super::request;
use super::request::conflict;
use super::response;
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::Error;
use crate::originals::copy::Copying;
use crate::originals::idempotency::IdempotencyKey;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyRequest {
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
    let copying = parse(&caller, &headers, body).await?;
    let placed = copying.copy(&app).await?;
    response::placed(&app, &placed)
}

pub(super) async fn rename(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let copying = parse(&caller, &headers, body).await?;
    caller.principal.require(Scope::Delete, &copying.from)?;
    let placed = copying.rename(&app).await?;
    response::placed(&app, &placed)
}

async fn parse<'a>(
    caller: &'a Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Copying<'a>, Error> {
    let request: CopyRequest = request::json(headers, body).await?;
    let from = Key::existing(&request.from)?;
    let to = Key::parse(&request.to)?;
    caller.principal.require(Scope::Write, &from)?;
    caller.principal.require(Scope::Write, &to)?;
    if from == to {
        return Err(Error::invalid("to", "is the same as from"));
    }
    let conflict = conflict(&to, request.on_conflict.as_deref(), request.max_length)?;
    let idempotency = IdempotencyKey::from_headers(headers, &caller.principal.id)?;
    Ok(Copying {
        caller,
        from,
        to,
        conflict,
        idempotency,
    })
}
