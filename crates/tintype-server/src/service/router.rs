//! All routes and layers, in order.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::error::{Code, Error};
use crate::{api, delivery};

/// Delivery, and the API unless it has a separate listener.
pub(super) fn public(app: Arc<App>, with_api: bool) -> Router {
    let delivery = Router::new()
        .route("/t/{*rest}", any(delivery::rendering))
        .route("/o/{*rest}", any(delivery::original));
    let routes = if with_api {
        delivery.merge(api::router(&app))
    } else {
        delivery
    };
    // In production `/` is empty, and does not reveal what runs here.
    let routes = match app.config.dev {
        true => routes.route("/", any(crate::docs::route::page)),
        false => routes,
    };
    finish(routes.fallback(delivery::old), app)
}

/// Only the API.
pub(super) fn api_alone(app: Arc<App>) -> Router {
    finish(api::router(&app).fallback(delivery::nothing_there), app)
}

fn finish(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        // A panic is a bug of ours; it ends one request, whose response is like any other error.
        .layer(CatchPanicLayer::custom(|_| {
            axum::response::IntoResponse::into_response(Error::new(Code::Internal))
        }))
        .with_state(app)
}
