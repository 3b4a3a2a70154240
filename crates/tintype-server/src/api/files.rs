//! `/api/v1/files/{key}`: upload, download and delete the bytes of an original.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::Deserialize;
use tintype_store::Error::{Changed, Precondition};
use tintype_store::Object;

use super::request::{conflict, conflict_or_condition, existing_key, if_match, new_key, query};
use super::{PRIVATE, TINTYPE_CREATED, TINTYPE_MODIFIED, TINTYPE_RECORD, response};
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::{Code, Error};
use crate::http::respond::Representation;
use crate::invalidation::notice::Cause;
use crate::originals::changing::Retries;
use crate::originals::coding::Coding;
use crate::originals::current::{self, CurrentOriginal, not_found};
use crate::originals::delete::{Removed, remove};
use crate::originals::digest::ExpectedDigests;
use crate::originals::idempotency::IdempotencyKey;
use crate::originals::put::permit;
use crate::originals::upload::{self, UploadRequest};
use crate::records::patch::RecordPatch;

const BASE: &str = "/api/v1/files/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutQuery {
    on_conflict: Option<String>,
    max_length: Option<usize>,
}

pub(super) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let key = new_key(&uri, BASE)?;
    // Checked first: a token without this scope learns nothing about other errors in the request.
    caller.principal.require(Scope::Write, &key)?;
    let params: PutQuery = query(&uri)?;
    let otherwise = conflict(&key, params.on_conflict.as_deref(), params.max_length)?;
    let conflict = conflict_or_condition(&headers, otherwise)?;
    if headers.contains_key(CONTENT_RANGE) {
        return Err(Error::invalid(
            "Content-Range",
            "cannot be used: an upload is always the whole file",
        ));
    }
    let idempotency = IdempotencyKey::from_headers(&headers, &caller.principal.id)?;
    let patch = match headers.get(TINTYPE_RECORD) {
        Some(json) => RecordPatch::parse(json.as_bytes())?,
        None => RecordPatch::default(),
    };
    permit(&caller.principal, &key, &conflict, &patch)?;
    let expected = expected(&headers)?;

    let reservation = upload::reserve(&app, content_length(&headers)?).await?;
    let body = body.into_data_stream();
    let received = upload::receive(&app, reservation, body, &expected, Some(&key)).await?;
    let upload = UploadRequest {
        caller: &caller,
        key,
        conflict,
        idempotency,
        patch,
    };
    let placed = upload::place(&app, upload, received).await?;
    response::placed(&app, &placed)
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let key = existing_key(&uri, BASE)?;
    caller.principal.require(Scope::Read, &key)?;
    let mut retries = Retries::default();
    loop {
        let found = current::find(&app, &key)
            .await?
            .ok_or_else(|| not_found(&key))?;
        let record = &found.stored.record;
        if let Some(block) = app.blocks.of(&key, record.sha256) {
            let detail = format!("this was taken down: {}", block.reason);
            return Err(Error::new(Code::Blocked)
                .detail(detail)
                .member("key", key.as_str()));
        }
        let length = found.meta.size;
        let coding = Coding::of(record, &headers);
        let representation = representation(&found, coding)?;
        let decision = coding.decide(&method, &headers, &representation, length);
        let body = match decision.wanted(length) {
            None => None,
            Some(range) => {
                let range = Some(range).filter(|range| *range != (0..length));
                let original = Object::Original(key.clone());
                match app
                    .store
                    .get(&original, range, Some(&found.meta.etag))
                    .await
                {
                    Ok(Some(got)) => Some(got.body),
                    Ok(None) => return Err(not_found(&key)),
                    // Replaced since its metadata was read.
                    Err(Precondition { .. } | Changed) => {
                        retries.again().await?;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let limit = app.config.uploads.max_upload_bytes;
        return Ok(coding.answer(decision, &representation, PRIVATE, record, body, limit));
    }
}

fn representation(found: &CurrentOriginal, coding: Coding) -> Result<Representation, Error> {
    let record = &found.stored.record;
    let mut headers = HeaderMap::new();
    // The digest covers the bytes that are sent (RFC 9530, 3). The ETag stays, because changes are conditional on
    // it.
    let sha256 = record.sha256;
    response::describe(
        &mut headers,
        sha256.filter(|_| coding == Coding::Stored),
        record.image.as_ref(),
    )?;
    response::set(&mut headers, TINTYPE_CREATED, record.created.to_string())?;
    response::set(&mut headers, TINTYPE_MODIFIED, record.modified.to_string())?;
    let representation = Representation::new(found.meta.etag.as_str(), record.media_type.as_str())
        .last_modified(found.meta.modified);
    let representation =
        headers
            .into_iter()
            .fold(representation, |representation, (name, value)| match name {
                Some(name) => representation.header(name, value),
                None => representation,
            });
    Ok(coding.label(representation, record))
}

pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let key = existing_key(&uri, BASE)?;
    caller.principal.require(Scope::Delete, &key)?;
    let wanted = if_match(&headers)?;
    match remove(&app, &key, wanted.as_ref(), Cause::Delete, caller.actor()).await? {
        Removed::Gone => Ok(StatusCode::NO_CONTENT),
        Removed::Changed => Err(Error::not_in_version("object")),
    }
}

pub(super) fn expected(headers: &HeaderMap) -> Result<ExpectedDigests, Error> {
    ExpectedDigests::from_headers(headers).map_err(|malformed| {
        Error::new(Code::InvalidRequest)
            .detail(malformed.to_string())
            .member("field", malformed.header.as_str())
    })
}

pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length
        .map(Some)
        .ok_or_else(|| Error::invalid("Content-Length", "must be a number of bytes"))
}
