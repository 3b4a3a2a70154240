//! `POST /api/v1/files`: an upload as `multipart/form-data`.
//!
//! The file is streamed into the spool, wherever in the form it stands; all other fields are small.

use std::sync::Arc;

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use futures_util::StreamExt;
use tintype_store::Key;

use super::files::{content_length, expected};
use super::request::conflict;
use super::response;
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::{Code, Error};
use crate::originals::digest::ExpectedDigests;
use crate::originals::idempotency::IdempotencyKey;
use crate::originals::upload::{self, ReceivedBody, UploadRequest};
use crate::records::patch::RecordPatch;

const MAX_PARTS: usize = 16;
const MAX_FIELD_BYTES: usize = 64 * 1024;

#[derive(Default)]
struct Form {
    file: Option<(ReceivedBody, Option<String>)>,
    key: Option<String>,
    prefix: Option<String>,
    on_conflict: Option<String>,
    max_length: Option<String>,
    record: Option<String>,
}

pub(super) async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Error> {
    caller.principal.require_somewhere(Scope::Write)?;
    let headers = request.headers();
    let idempotency = IdempotencyKey::from_headers(headers, &caller.principal.id)?;
    if !expected(headers)?.is_empty() {
        return Err(Error::invalid(
            "Content-Digest",
            "cannot be used with a form, whose digest is not the file's",
        ));
    }
    // Only checks that there is room: the form is somewhat larger than its file, and no header gives the file's
    // size.
    let declared = content_length(headers)?;
    let overhead = (MAX_PARTS * MAX_FIELD_BYTES) as u64;
    upload::reserve(
        &app,
        declared.map(|declared| declared.saturating_sub(overhead)),
    )
    .await?;

    let mut multipart = Multipart::from_request(request, &app)
        .await
        .map_err(|error| {
            Error::new(Code::UnsupportedMediaType).detail(format!(
                "the body must be multipart/form-data: {}",
                error.body_text()
            ))
        })?;
    let form = Form::read(&app, &mut multipart).await?;
    let (received, file_name) = form
        .file
        .ok_or_else(|| Error::invalid("file", "is missing"))?;
    let key = match (form.key, form.prefix, file_name) {
        (Some(key), None, _) => key,
        (None, Some(prefix), Some(name)) => prefix + &name,
        (None, Some(_), None) => {
            return Err(Error::invalid(
                "file",
                "has no file name to append to the prefix",
            ));
        }
        _ => {
            return Err(Error::invalid(
                "key",
                "or prefix must be given, one of them",
            ));
        }
    };
    let key = Key::parse(&key)?;
    caller.principal.require(Scope::Write, &key)?;
    let max_length = match form.max_length {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| Error::invalid("max_length", "must be a whole number"))?,
        ),
    };
    let conflict = conflict(&key, form.on_conflict.as_deref(), max_length)?;
    let patch = match form.record {
        Some(json) => RecordPatch::parse(json.as_bytes())?,
        None => RecordPatch::default(),
    };
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

impl Form {
    async fn read(app: &App, multipart: &mut Multipart) -> Result<Self, Error> {
        let mut form = Self::default();
        let mut parts = 0;
        while let Some(field) = multipart
            .next_field()
            .await
            .map_err(|error| unreadable(&error))?
        {
            parts += 1;
            if parts > MAX_PARTS {
                return Err(Error::invalid(
                    "body",
                    format!("has more parts than the limit of {MAX_PARTS}"),
                )
                .member("limit", MAX_PARTS));
            }
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                // Some clients send the path on their own disk; only its last segment is a name (RFC 7578, 4.2).
                let path = field.file_name();
                let file_name = path
                    .and_then(|path| path.rsplit(['/', '\\']).next())
                    .map(str::to_owned);
                let reservation = upload::reserve(app, None).await?;
                let expected = ExpectedDigests::default();
                let received = upload::receive(app, reservation, field, &expected, None).await?;
                if form.file.replace((received, file_name)).is_some() {
                    return Err(Error::invalid("file", "is given twice"));
                }
                continue;
            }
            let place = match &*name {
                "key" => &mut form.key,
                "prefix" => &mut form.prefix,
                "on_conflict" => &mut form.on_conflict,
                "max_length" => &mut form.max_length,
                "record" => &mut form.record,
                _ => return Err(Error::invalid(&name, "no such field")),
            };
            if place.replace(text(field, &name).await?).is_some() {
                return Err(Error::invalid(&name, "is given twice"));
            }
        }
        Ok(form)
    }
}

async fn text(mut field: Field<'_>, name: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| unreadable(&error))?);
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(Error::invalid(
                name,
                format!("is over the limit of {MAX_FIELD_BYTES} bytes"),
            )
            .member("limit", MAX_FIELD_BYTES));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid(name, "is not UTF-8"))
}

fn unreadable(error: &axum::extract::multipart::MultipartError) -> Error {
    Error::invalid("body", error.body_text())
}
