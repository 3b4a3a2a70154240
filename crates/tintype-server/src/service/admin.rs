//! The admin listener: health and metrics, not for the public.
//!
//! `/livez` only says that the process runs, so that an outage of the store never restarts it. `/readyz` says
//! whether to send requests here; it does not depend on a store that all replicas share, because variants in memory
//! can be served all the same and no other replica could do more. `/startupz` says that start-up is complete.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::{Code, Error};
use crate::telemetry::metrics::Exposition;

/// How long the result of a check is reused: probes of several load balancers cost one.
const BELIEVED: Duration = Duration::from_secs(5);

/// Probes give up after some seconds, so the check must be done before.
const CHECK_TIME: Duration = Duration::from_secs(2);

/// Why no requests should be sent, described for an operator.
pub(super) type Reasons = Vec<String>;

/// What an operator should know of a service that is ready.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// Why some requests fail at the moment.
    pub degraded: Reasons,
    /// Permanent shortcomings of the setup.
    pub warnings: Vec<String>,
}

pub(super) type CheckResult = Result<Ready, Reasons>;

type Checking = Pin<Box<dyn Future<Output = CheckResult> + Send>>;
type Check = Box<dyn Fn() -> Checking + Send + Sync>;

/// Whether requests should be sent; shared by the admin listener and by start and stop.
pub(super) struct Readiness {
    started: AtomicBool,
    /// What the start is waiting for.
    waiting: std::sync::Mutex<Option<String>>,
    draining: AtomicBool,
    check: Check,
    /// One check at a time, and its recent result.
    last: Mutex<Option<(Instant, CheckResult)>>,
}

impl Readiness {
    pub(super) fn new<F, C>(check: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = CheckResult> + Send + 'static,
    {
        Self {
            started: AtomicBool::new(false),
            waiting: std::sync::Mutex::default(),
            draining: AtomicBool::new(false),
            check: Box::new(move || Box::pin(check())),
            last: Mutex::new(None),
        }
    }

    /// Sets why the service has not started yet. Returns whether the reason is new.
    pub(super) fn set_waiting(&self, reason: String) -> bool {
        let mut waiting = self.waiting();
        waiting.replace(reason.clone()) != Some(reason)
    }

    fn waiting(&self) -> MutexGuard<'_, Option<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn starting(&self) -> Reasons {
        let starting = std::iter::once("the service is starting".to_owned());
        starting.chain(self.waiting().clone()).collect()
    }

    /// Saves the first check if everything has just been checked.
    pub(super) fn believe(&self, outcome: CheckResult) {
        // Held only by a check, which comes after the start.
        if let Ok(mut last) = self.last.try_lock() {
            *last = Some((Instant::now(), outcome));
        }
    }

    /// Reports that requests can be served.
    pub(super) fn set_started(&self) {
        self.started.store(true, Ordering::Release);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Reports SIGTERM.
    pub(super) fn set_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    pub(super) async fn check(&self) -> CheckResult {
        if self.is_draining() {
            return Err(vec!["the service is stopping".to_owned()]);
        }
        if !self.is_started() {
            return Err(self.starting());
        }
        let mut last = self.last.lock().await;
        if let Some((when, outcome)) = &*last
            && when.elapsed() < BELIEVED
        {
            return outcome.clone();
        }
        let outcome = timeout(CHECK_TIME, (self.check)())
            .await
            .unwrap_or_else(|_| {
                Err(vec![format!(
                    "the check took longer than {} s",
                    CHECK_TIME.as_secs()
                )])
            });
        *last = Some((Instant::now(), outcome.clone()));
        outcome
    }
}

/// `scrape` updates the gauges and encodes them.
pub(super) fn router(
    readiness: Arc<Readiness>,
    scrape: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        .route(
            "/metrics",
            get(async move |headers: HeaderMap| metrics_page(&headers, scrape())),
        )
        .fallback(async || {
            let there = "this listener has /livez, /readyz, /startupz and /metrics";
            Error::new(Code::NotFound).detail(there)
        })
        .method_not_allowed_fallback(async || Error::new(Code::MethodNotAllowed).allow("GET, HEAD"))
        .with_state(readiness)
}

async fn livez() -> Response {
    state(Ok(Ready::default()))
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    state(readiness.check().await)
}

async fn startupz(State(readiness): State<Arc<Readiness>>) -> Response {
    state(match readiness.is_started() {
        true => Ok(Ready::default()),
        false => Err(readiness.starting()),
    })
}

fn state(outcome: CheckResult) -> Response {
    let (status, body) = match outcome {
        Ok(Ready { degraded, warnings }) => {
            let status = if degraded.is_empty() {
                "ok"
            } else {
                "degraded"
            };
            let mut body = json!({ "status": status });
            for (name, texts) in [("reasons", degraded), ("warnings", warnings)] {
                if !texts.is_empty() {
                    body[name] = json!(texts);
                }
            }
            (StatusCode::OK, body)
        }
        Err(reasons) => (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"status": "unavailable", "reasons": reasons}),
        ),
    };
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// OpenMetrics if requested, otherwise the format that every Prometheus tool reads.
fn metrics_page(headers: &HeaderMap, text: String) -> Response {
    let (content_type, text) = match prefers_openmetrics(headers) {
        true => (OPENMETRICS, text),
        false => (PROMETHEUS, Exposition::of(&text).to_prometheus()),
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept"),
    ];
    (headers, text).into_response()
}

/// Whether `Accept` names OpenMetrics in a supported version, with no lower weight than plain text.
fn prefers_openmetrics(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter();
    let ranges = lines.filter_map(|line| line.to_str().ok());
    let ranges = ranges.flat_map(|line| line.split(','));
    let (mut openmetrics, mut plain) = (0.0, 0.0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut is_known) = (1.0_f64, true);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name {
                "q" => quality = value.parse().unwrap_or(0.0),
                "version" => is_known = matches!(value, "1.0.0" | "0.0.1" | "0.0.4"),
                _ => {}
            }
        }
        match &*media_type {
            "application/openmetrics-text" if is_known => openmetrics = quality.max(openmetrics),
            "text/plain" if is_known => plain = quality.max(plain),
            _ => {}
        }
    }
    openmetrics > 0.0 && openmetrics >= plain
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "our own responses are small")]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use axum::body::{Body, to_bytes};
    use http::{Method, Request};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    /// Ready by default; counts the checks.
    fn readiness(outcome: CheckResult) -> (Arc<Readiness>, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let readiness = Readiness::new({
            let asked = asked.clone();
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                std::future::ready(outcome.clone())
            }
        });
        (Arc::new(readiness), asked)
    }

    async fn ask(readiness: &Arc<Readiness>, method: Method, path: &str) -> (u16, String) {
        let router = router(readiness.clone(), || "# EOF\n".to_owned());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn status(readiness: &Arc<Readiness>, path: &str) -> u16 {
        ask(readiness, Method::GET, path).await.0
    }

    #[tokio::test]
    async fn ready_from_the_start_until_the_stop() {
        let (readiness, _) = readiness(Ok(Ready::default()));
        assert_eq!(status(&readiness, "/startupz").await, 503);
        assert_eq!(status(&readiness, "/readyz").await, 503);
        readiness.set_started();
        assert_eq!(status(&readiness, "/startupz").await, 200);
        assert_eq!(status(&readiness, "/readyz").await, 200);
        readiness.set_draining();
        let (code, body) = ask(&readiness, Method::GET, "/readyz").await;
        assert_eq!(code, 503);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["reasons"][0], "the service is stopping");
        // A process that is stopping is alive and has started.
        assert_eq!(status(&readiness, "/livez").await, 200);
        assert_eq!(status(&readiness, "/startupz").await, 200);
    }

    #[tokio::test]
    async fn missing_parts_are_named_and_liveness_does_not_depend_on_them() {
        let (readiness, asked) = readiness(Err(vec!["the store does not respond".to_owned()]));
        readiness.set_started();
        let (code, body) = ask(&readiness, Method::GET, "/readyz").await;
        assert_eq!(code, 503);
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({"status": "unavailable", "reasons": ["the store does not respond"]})
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(status(&readiness, "/livez").await, 200);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_degraded_service_still_takes_requests_and_says_so() {
        let (readiness, _) = readiness(Ok(Ready {
            degraded: vec!["the store does not respond".to_owned()],
            warnings: vec!["the bucket is not versioned".to_owned()],
        }));
        readiness.set_started();
        let (code, body) = ask(&readiness, Method::GET, "/readyz").await;
        assert_eq!(code, 200);
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({
                "status": "degraded",
                "reasons": ["the store does not respond"],
                "warnings": ["the bucket is not versioned"],
            })
        );
    }

    #[tokio::test]
    async fn many_probes_are_one_check() {
        let (readiness, asked) = readiness(Ok(Ready::default()));
        readiness.set_started();
        for _ in 0..20 {
            assert_eq!(status(&readiness, "/readyz").await, 200);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_a_reason() {
        let readiness = Arc::new(Readiness::new(std::future::pending));
        readiness.set_started();
        assert_eq!(status(&readiness, "/readyz").await, 503);
    }

    #[test]
    fn each_collector_gets_the_text_that_it_reads() {
        // The first is what Prometheus 2.42 sends.
        for (accept, expected) in [
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                true,
            ),
            ("application/openmetrics-text", true),
            (
                "Application/OpenMetrics-Text; version=1.0.0; charset=utf-8",
                true,
            ),
            ("application/openmetrics-text;version=2.0.0", false),
            ("application/openmetrics-text;q=0", false),
            (
                "application/openmetrics-text;q=0.3,text/plain;version=0.0.4",
                false,
            ),
            ("text/plain", false),
            ("text/html,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(prefers_openmetrics(&headers), expected, "{accept}");
        }
        assert!(!prefers_openmetrics(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn metrics_and_nothing_else_to_read() {
        let (readiness, _) = readiness(Ok(Ready::default()));
        assert_eq!(
            ask(&readiness, Method::GET, "/metrics").await,
            (200, String::new())
        );
        assert_eq!(
            ask(&readiness, Method::HEAD, "/metrics").await,
            (200, String::new())
        );
        assert_eq!(status(&readiness, "/t/a.jpg/w_100").await, 404);
        assert_eq!(ask(&readiness, Method::POST, "/livez").await.0, 405);
    }
}
