//! `/api/v1/records/{key}`: reads and edits the record of an original.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::ETAG;
use http::{HeaderMap, HeaderValue, Uri};

use super::request::{existing_key, if_match, record_patch};
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::Error;
use crate::originals::current;
use crate::originals::edit::{TaggedView, edit};

const BASE: &str = "/api/v1/records/";

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Error> {
    let key = existing_key(&uri, BASE)?;
    caller.principal.require(Scope::Read, &key)?;
    let current = current::find_fresh(&app, &key).await?;
    let current = current.ok_or_else(|| Error::no_original(&key))?;
    Ok(answer(&TaggedView::of(&app, &key, &current.stored)))
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
    let edited = edit(&app, &key, wanted.as_ref(), &patch, caller.actor()).await?;
    Ok(answer(&edited))
}

fn answer(edited: &TaggedView) -> Response {
    let mut response = Json(edited.view.json()).into_response();
    if let Ok(value) = HeaderValue::try_from(format!("\"{}\"", edited.etag)) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}
