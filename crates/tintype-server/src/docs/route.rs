//! `/` of a development service: the reference with a playground.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method};

use crate::app::App;
use crate::docs::{self, PlaygroundData};
use crate::error::{Code, Error};

const METHODS: &str = "GET, HEAD";

/// Generated on each request, since there is one reader in development; the server drops the body for `HEAD`.
pub async fn page(State(app): State<Arc<App>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Error::new(Code::MethodNotAllowed)
            .allow(METHODS)
            .into_response();
    }
    // With a separate address the API is another origin, and does not accept requests from pages.
    let live = app
        .config
        .addresses
        .api_bind
        .is_none()
        .then(|| PlaygroundData::of(&app));
    let document = docs::document(live.as_ref());
    let policy = HeaderValue::try_from(document.policy).expect("a policy is visible ASCII");
    let mut response = Response::new(Body::from(document.html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
