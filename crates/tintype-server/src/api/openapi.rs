//! The description of this API, for tools. A test compares it with the routes, and it is checked
//! against a running server from outside.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

pub(crate) const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
