//! The start, until everything is open.
//!
//! If the store does not respond yet, the service waits for it with its listeners bound, and every response says
//! so: a task that exited instead would be restarted again and again, and a deployment rolled back. What waiting
//! cannot improve (a missing bucket, keys, permissions) ends the start at once.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use http::{Request, Response};
use tower::Service;

use super::StartError;
use crate::app::App;
use crate::config::Config;
use crate::config::granted::Granted;
use crate::error::{Code, Error};
use crate::service::admin::Readiness;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::Tracer;

/// Between two attempts: an attempt takes up to two seconds if the store is silent.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens everything, however long the store is unavailable.
pub(super) async fn open(
    config: Arc<Config>,
    granted: &Granted,
    metrics: Arc<Metrics>,
    tracer: Option<Arc<Tracer>>,
    readiness: &Readiness,
) -> Result<Arc<App>, StartError> {
    loop {
        let error = match App::open(config.clone(), granted, metrics.clone(), tracer.clone()).await
        {
            Err(error) if error.may_pass() => error,
            opened => return opened,
        };
        let reason = chain(&error);
        if readiness.set_waiting(reason.clone()) {
            tracing::warn!(reason, "the service is waiting for its store: {reason}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A router that is set later. Until then, every request gets a 503 with `Retry-After`.
#[derive(Clone, Default)]
pub(super) struct DeferredRouter(Arc<OnceLock<Router>>);

impl DeferredRouter {
    pub(super) fn set(&self, router: Router) {
        // Set only once.
        let _ = self.0.set(router);
    }
}

impl Service<Request<Body>> for DeferredRouter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.0.get() {
            Some(router) => Either::Left(router.clone().call(request)),
            None => {
                let detail = "the service is starting, and its store does not respond yet";
                let error = Error::new(Code::StoreUnavailable).detail(detail);
                Either::Right(ready(Ok(error.into_response())))
            }
        }
    }
}
