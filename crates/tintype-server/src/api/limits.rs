//! `GET /api/v1/limits`: what may be uploaded and what can be rendered, so that forms can say it beforehand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tintype_imaging::probe::SourceFormat;

use crate::app::App;
use crate::auth::Caller;

#[derive(Serialize)]
pub(super) struct ServiceLimits {
    /// Media types of which variants can be made.
    renderable: Vec<&'static str>,
    /// Media types that may be uploaded, with `*` as a wildcard.
    allowed: Vec<String>,
    /// Pixels of the whole image. A larger image is stored but not rendered.
    max_pixels: u64,
    /// The same for JPEG, which can be decoded at a reduced scale.
    max_declared_pixels: u64,
    max_upload_bytes: u64,
}

/// Any token may read this, whatever its scopes: it concerns no original.
pub(super) async fn limits(State(app): State<Arc<App>>, _: Caller) -> Json<ServiceLimits> {
    let renderable = SourceFormat::ALL
        .into_iter()
        .flat_map(SourceFormat::media_types);
    Json(ServiceLimits {
        renderable: renderable.copied().collect(),
        allowed: app.config.uploads.allow_types.clone(),
        max_pixels: app.config.pictures.max_pixels,
        max_declared_pixels: app.config.pictures.max_declared_pixels,
        max_upload_bytes: app.config.uploads.max_upload_bytes,
    })
}
