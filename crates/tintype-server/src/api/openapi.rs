//! The OpenAPI document of this API. A test compares it with the routes, and an external tool checks it against a
//! running server.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

pub(crate) const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
