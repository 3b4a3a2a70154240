//! The answer to whatever has put an original under a key.

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tintype_store::HexId;

use super::{IDEMPOTENCY_REPLAYED, TINTYPE_IMAGE};
use crate::app::App;
use crate::error::{Code, Error};
use crate::originals::digest;
use crate::originals::put::{Placed, Told};
use crate::records::record::Image;
use crate::telemetry::access_log::{LogFacts, Source};
use crate::url::encode_key;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

pub(super) fn placed(app: &App, placed: &Placed) -> Result<Response, Error> {
    let status = if placed.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let record = placed.api_json(app);
    let mut headers = HeaderMap::new();
    set(&mut headers, ETAG, format!("\"{}\"", placed.etag))?;
    set(
        &mut headers,
        LOCATION,
        format!("/api/v1/files/{}", encode_key(&placed.key)),
    )?;
    let image = serde_json::from_value::<Option<Image>>(record["image"].clone())
        .ok()
        .flatten();
    describe(&mut headers, record["sha256"].as_str(), image.as_ref())?;
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
    if let Told::Stored(stored) = &placed.record {
        facts.source = Source::of(&stored.record);
    }
    Ok((status, headers, Extension(facts), Json(record)).into_response())
}

/// What is told of the bytes wherever they come in or go out.
pub(super) fn describe(
    headers: &mut HeaderMap,
    sha256: Option<&str>,
    image: Option<&Image>,
) -> Result<(), Error> {
    if let Some(HexId(sha256)) = sha256.and_then(HexId::parse) {
        set(headers, REPR_DIGEST, digest::repr_digest(&sha256))?;
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
