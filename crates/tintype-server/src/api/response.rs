//! The response to every call that puts an original under a key.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tintype_store::ContentHash;

use super::{IDEMPOTENCY_REPLAYED, TINTYPE_IMAGE};
use crate::app::App;
use crate::error::{Code, Error};
use crate::originals::digest;
use crate::originals::put::Placed;
use crate::records::record::Image;
use crate::telemetry::access_log::{LogFacts, SourceFacts};
use crate::url::encode_key;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

pub(super) fn placed(app: &App, placed: &Placed) -> Result<Response, Error> {
    let status = if placed.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let view = placed.view(app);
    let record = &view.record;
    let mut headers = HeaderMap::new();
    set(&mut headers, ETAG, format!("\"{}\"", placed.etag))?;
    set(
        &mut headers,
        LOCATION,
        format!("/api/v1/files/{}", encode_key(&placed.key)),
    )?;
    describe(&mut headers, record.sha256, record.image.as_ref())?;
    if placed.replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("?1"));
    }
    let mut facts = LogFacts {
        site: Some(app.config.sites.of(&placed.key).name.as_str().into()),
        ..LogFacts::default()
    };
    if let Some(put) = placed.put {
        facts.steps_mut().put = Some(put);
    }
    facts.source = SourceFacts::of(record);
    Ok((status, headers, Extension(facts), Json(view.json())).into_response())
}

/// Sets the headers that describe the bytes, on uploads and on downloads.
pub(super) fn describe(
    headers: &mut HeaderMap,
    sha256: Option<ContentHash>,
    image: Option<&Image>,
) -> Result<(), Error> {
    if let Some(sha256) = sha256 {
        set(headers, REPR_DIGEST, digest::repr_digest(sha256))?;
    }
    if let Some(Image {
        width: Some(width),
        height: Some(height),
        format,
        ..
    }) = image
    {
        set(
            headers,
            TINTYPE_IMAGE,
            format!("w={width}, h={height}, format={format}"),
        )?;
    }
    Ok(())
}

pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: String) -> Result<(), Error> {
    let value = HeaderValue::try_from(value).map_err(|_| {
        Error::new(Code::Internal).cause(format!("{name} would have an impossible value"))
    })?;
    headers.insert(name, value);
    Ok(())
}
