//! The upload and management API, `/api/v1`.
//!
//! A handler parses, calls and responds; what a call does to the store is in [`crate::originals::put`] and its
//! neighbours. Responses are private and are never cached.

mod batch;
mod copy;
mod files;
mod limits;
mod list;
mod multipart;
mod openapi;
mod purge;
mod records;
mod request;
mod response;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use tintype_store::Key;

use crate::app::App;
use crate::error::{Code, Error};
use crate::telemetry::access_log::{self, LogFacts};
pub(crate) use openapi::DOCUMENT;

/// Width, height and format of an image, sent with its bytes.
const TINTYPE_IMAGE: HeaderName = HeaderName::from_static("tintype-image");
/// Editable fields of the record, sent with an upload.
const TINTYPE_RECORD: HeaderName = HeaderName::from_static("tintype-record");
/// When the original was created.
const TINTYPE_CREATED: HeaderName = HeaderName::from_static("tintype-created");
/// When its bytes were uploaded, exactly: `Last-Modified` has whole seconds.
const TINTYPE_MODIFIED: HeaderName = HeaderName::from_static("tintype-modified");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The only POST that may be read-only.
const BATCH: &str = "/api/v1/batch";

const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let routes = match app.config.stores.read_only {
        true => routes().layer(from_fn(reads_alone)),
        false => routes(),
    };
    routes.layer(from_fn_with_state(app.clone(), private))
}

fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/files", post(multipart::upload))
        .route(
            "/api/v1/files/{*key}",
            put(files::put).get(files::get).delete(files::delete),
        )
        .route(
            "/api/v1/records/{*key}",
            get(records::get).patch(records::patch),
        )
        .route("/api/v1/list", get(list::list))
        .route(BATCH, post(batch::batch))
        .route("/api/v1/copy", post(copy::copy))
        .route("/api/v1/move", post(copy::rename))
        .route("/api/v1/purge", post(purge::purge))
        .route("/api/v1/limits", get(limits::limits))
        .route("/api/v1/openapi.json", get(openapi::document))
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed))
        // The spool and `request::json` limit bodies, each with its own error.
        .layer(DefaultBodyLimit::disable())
}

/// Refuses changes before the body is read. `BATCH` passes, so its handler must refuse its own changes.
async fn reads_alone(request: Request, next: Next) -> Response {
    let is_read = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if is_read || request.uri().path() == BATCH {
        return next.run(request).await;
    }
    Error::read_only().into_response()
}

/// The id of the request's token, set by whichever handler checks it, for the access log.
#[derive(Clone, Default)]
struct TokenSeen(Arc<OnceLock<String>>);

async fn private(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let site = site(&app, &request);
    let seen = TokenSeen::default();
    request.extensions_mut().insert(seen.clone());
    let mut response = next.run(request).await;
    let token = seen.0.get().cloned();
    if token.is_some()
        && let Some(error) = response.extensions_mut().remove::<Error>()
    {
        response.extensions_mut().insert(error.for_token_holder());
    }
    let facts = response.extensions_mut().remove::<LogFacts>();
    let facts = facts.unwrap_or_default();
    response.extensions_mut().insert(LogFacts {
        token,
        site: facts.site.or(site),
        ..facts
    });
    response.headers_mut().insert(CACHE_CONTROL, PRIVATE);
    response
}

/// The site of the key in the path, if there is one.
fn site(app: &App, request: &Request) -> Option<Arc<str>> {
    let key = percent_decode_str(access_log::key(request.uri().path())?);
    let key = Key::existing(&key.decode_utf8().ok()?).ok()?;
    Some(app.config.sites.of(&key).name.as_str().into())
}

#[cfg(test)]
mod tests;
