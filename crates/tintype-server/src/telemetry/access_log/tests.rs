//! The log has every request once, and no secret.
#![expect(clippy::disallowed_methods, reason = "our own responses are small")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, Request, StatusCode};
use serde_json::Value;
use tintype_imaging::probe::SourceFormat;
use tower::{Service, ServiceExt};

use super::{LogFacts, Logged, Observe, Observer, RequestId, SourceFacts, Step};
use crate::error::{Code, Error};
use crate::telemetry::log::{LogWriter, tests::Memory};
use crate::telemetry::metrics::Metrics;

struct Watched {
    service: Observe<Router>,
    metrics: Arc<Metrics>,
    writer: LogWriter,
    output: Memory,
}

fn watched() -> Watched {
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/id",
            get(|Extension(id): Extension<RequestId>| async move { id.as_str().to_owned() }),
        )
        .route("/o/{*key}", get(fails))
        .route("/t/{*path}", get(has_facts))
        .route("/never", get(std::future::pending::<Response>));
    let output = Memory::default();
    let writer = LogWriter::to(output.clone()).unwrap();
    let metrics = Arc::new(Metrics::new("1", []));
    let observer = Observer::new(metrics.clone(), writer.log(), Logged::All, None);
    Watched {
        service: Observe::new(router, Arc::new(observer)),
        metrics,
        writer,
        output,
    }
}

async fn fails() -> Response {
    let mut response = Error::new(Code::StoreUnavailable)
        .cause(std::io::Error::other("/srv/secret: no such device"))
        .into_response();
    response
        .headers_mut()
        .insert("x-inner", HeaderValue::from_static("kept"));
    response
}

async fn has_facts() -> impl IntoResponse {
    let facts = LogFacts {
        cache: Some("miss"),
        spec: Some("w_100".into()),
        site: Some("magazine".into()),
        source: Some(SourceFacts {
            pixels: 24_000_000,
            format: SourceFormat::Jpeg,
        }),
        token: Some("ops".to_owned()),
        ..LogFacts::default()
    };
    let step = |us| {
        Some(Step {
            began: Instant::now(),
            took: Duration::from_micros(us),
        })
    };
    let mut facts = facts;
    facts.steps_mut().queue = step(1500);
    facts.steps_mut().decode = step(20_000);
    (Extension(facts), "body")
}

impl Watched {
    async fn ask(&mut self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        self.service
            .ready()
            .await
            .unwrap()
            .call(request)
            .await
            .unwrap()
    }

    /// Ends the log and returns its lines.
    fn lines(self) -> Vec<Value> {
        let Self { writer, output, .. } = self;
        drop(writer);
        output.lines()
    }
}

async fn text(response: Response) -> String {
    String::from_utf8(
        to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_request_is_one_line_once_its_response_is_sent() {
    let mut watched = watched();
    let response = watched.ask("/", &[]).await;
    let id = response.headers()["tintype-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(text(response).await, "hello");
    let lines = watched.lines();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(line["request_id"], id);
    assert_eq!(
        (&line["level"], &line["event"]),
        (&"info".into(), &"request".into())
    );
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "other");
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes"], 5);
    assert!(line["duration_ms"].is_number());
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    for absent in [
        "key",
        "code",
        "actor",
        "token",
        "cache",
        "trace_id",
        "aborted",
        "decode_ms",
    ] {
        assert!(line.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn facts_of_the_handler_are_in_the_line_and_in_server_timing() {
    let mut watched = watched();
    let response = watched
        .ask("/t/a/b.jpg/w_100~sig_SECRET?token=SECRET", &[])
        .await;
    assert_eq!(
        response.headers()["server-timing"],
        "queue;dur=1.5, decode;dur=20.0"
    );
    text(response).await;
    let lines = watched.lines();
    let line = &lines[0];
    assert_eq!(line["route"], "variant");
    assert_eq!(line["key"], "a/b.jpg");
    assert_eq!(line["spec"], "w_100");
    assert_eq!(line["site"], "magazine");
    assert_eq!(line["source_pixels"], 24_000_000);
    assert_eq!(line["source_format"], "jpeg");
    assert_eq!(line["cache"], "miss");
    assert_eq!(line["queue_ms"], 1.5);
    assert_eq!(line["decode_ms"], 20.0);
    assert_eq!(line["token"], "ops");
    assert!(!line.to_string().contains("SECRET"), "{line}");
}

#[tokio::test]
async fn a_refusal_names_its_request_and_keeps_the_headers_of_inner_layers() {
    let mut watched = watched();
    let response = watched.ask("/o/a.jpg", &[]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["x-inner"], "kept");
    assert!(response.headers().contains_key("retry-after"));
    let id = response.headers()["tintype-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let problem: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem["instance"], id);
    assert_eq!(problem["code"], "store-unavailable");
    assert!(!problem.to_string().contains("secret"));
    let lines = watched.lines();
    assert_eq!(lines[0]["code"], "store-unavailable");
    assert_eq!(lines[0]["level"], "warn");
    assert_eq!(lines[0]["key"], "a.jpg");
}

#[tokio::test]
async fn ids_are_kept_when_fit_and_made_when_not() {
    let mut watched = watched();
    for (given, kept) in [
        (("tintype-request-id", "0123-abcd_EFGH"), true),
        (("x-request-id", "0123-abcd_EFGH"), true),
        (("tintype-request-id", "short"), false),
        (("tintype-request-id", "with space"), false),
        (("tintype-request-id", "quote\"quote\""), false),
        (("x-request-id", "x".repeat(65).leak() as &str), false),
    ] {
        let response = watched.ask("/id", &[given]).await;
        let header = response.headers()["tintype-request-id"].clone();
        assert_eq!(header == given.1, kept, "{given:?}");
        assert_eq!(text(response).await, header.to_str().unwrap());
    }
    let first = text(watched.ask("/id", &[]).await).await;
    let second = text(watched.ask("/id", &[]).await).await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn traces_and_actors_are_logged_when_well_formed() {
    let mut watched = watched();
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let good = [
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        (
            "x-amzn-trace-id",
            "Self=1-2-3;Root=1-67891233-abcdef012345678912345678",
        ),
        ("tintype-actor", "editor 7"),
    ];
    // Only the load balancer's header, as on AWS.
    let amzn = [(
        "x-amzn-trace-id",
        "Root=1-67891233-abcdef012345678912345678",
    )];
    let bad = [
        (
            "traceparent",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ),
        ("x-amzn-trace-id", "Root=1\"2"),
        ("tintype-actor", "line\tfeed"),
    ];
    text(watched.ask("/", &good).await).await;
    text(watched.ask("/", &bad).await).await;
    text(watched.ask("/", &amzn).await).await;
    let lines = watched.lines();
    assert_eq!(lines[0]["trace_id"], trace_id);
    assert_eq!(
        lines[0]["amzn_trace_id"],
        "1-67891233-abcdef012345678912345678"
    );
    assert_eq!(lines[0]["actor"], "editor 7");
    assert!(lines[1].get("trace_id").is_none() && lines[1].get("amzn_trace_id").is_none());
    assert_eq!(lines[1]["actor"], "linefeed");
    assert_eq!(lines[2]["trace_id"], "67891233abcdef012345678912345678");
    assert_eq!(
        lines[2]["amzn_trace_id"],
        "1-67891233-abcdef012345678912345678"
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_one_line_too() {
    let mut watched = watched();
    // Before the response, and before its end.
    let waiting = tokio::time::timeout(Duration::from_millis(10), watched.ask("/never", &[])).await;
    assert!(waiting.is_err());
    drop(watched.ask("/", &[]).await);
    let lines = watched.lines();
    assert_eq!(lines[0]["status"], 499);
    assert_eq!(lines[0]["aborted"], true);
    assert_eq!(lines[1]["status"], 200);
    assert_eq!(lines[1]["aborted"], true);
    assert_eq!(lines[1]["bytes"], 0);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_not_by_path() {
    let mut watched = watched();
    for n in 0..50 {
        text(watched.ask(&format!("/t/{n}.jpg/w_{n}"), &[]).await).await;
        text(watched.ask(&format!("/none-{n}"), &[]).await).await;
    }
    let metrics = watched.metrics.encode();
    let count = |route, status| {
        metrics.contains(&format!(
            "tintype_http_requests_total{{route=\"{route}\",method=\"GET\",status=\"{status}\"}} 50"
        ))
    };
    assert!(count("variant", 200) && count("other", 404), "{metrics}");
    assert!(metrics.contains("tintype_inflight 0\n"));
}
