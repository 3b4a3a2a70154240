//! A configured OpenTelemetry collector gets a span for each request, in the sender's trace, with a child for each step
//! that took time, and all metrics. A collector that is unavailable or accepts nothing delays neither requests nor the
//! stop.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::corpus;
use crate::harness::{App, Start};

const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Decoded data sent to a collector.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    /// Number of samples by name.
    metrics: BTreeMap<String, usize>,
    services: BTreeSet<String>,
    sums: BTreeMap<String, f64>,
}

impl Collected {
    /// Starts a collector; also returns the URL to configure.
    fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collected = Self::default();
        let taking = collected.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let taking = taking.clone();
                std::thread::spawn(move || taking.serve(&mut stream.unwrap()));
            }
        });
        (collected, url)
    }

    /// Handles the requests of one connection, as in HTTP/1.1.
    fn serve(&self, stream: &mut TcpStream) {
        let mut bytes = Vec::new();
        let mut chunk = [0; 64 * 1024];
        loop {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.unwrap().trim().parse().unwrap();
                if bytes.len() >= end + 4 + length {
                    self.take(&head, &bytes[end + 4..end + 4 + length]);
                    bytes.drain(..end + 4 + length);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                    continue;
                }
            }
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn take(&self, head: &str, body: &[u8]) {
        assert!(
            head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
        let mut received = self.0.lock().unwrap();
        if head.starts_with("post /v1/traces ") {
            let message = ExportTraceServiceRequest::decode(body).unwrap();
            for of_resource in message.resource_spans {
                let resource = of_resource.resource.unwrap_or_default();
                received
                    .services
                    .insert(value(&resource.attributes, "service.name"));
                let spans = of_resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans);
                received.spans.extend(spans);
            }
        } else if head.starts_with("post /v1/metrics ") {
            let message = ExportMetricsServiceRequest::decode(body).unwrap();
            for of_resource in message.resource_metrics {
                let resource = of_resource.resource.unwrap_or_default();
                received
                    .services
                    .insert(value(&resource.attributes, "service.name"));
                let metrics = of_resource
                    .scope_metrics
                    .into_iter()
                    .flat_map(|scope| scope.metrics);
                for metric in metrics {
                    let (count, sum) = match metric.data.unwrap() {
                        metric::Data::Sum(sum) => {
                            assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
                            let total = sum.data_points.iter().map(|point| match point.value {
                                Some(number_data_point::Value::AsDouble(number)) => number,
                                _ => panic!("{point:?}"),
                            });
                            (sum.data_points.len(), total.sum())
                        }
                        metric::Data::Gauge(gauge) => (gauge.data_points.len(), 0.0),
                        metric::Data::Histogram(histogram) => {
                            for point in &histogram.data_points {
                                let counted: u64 = point.bucket_counts.iter().sum();
                                assert_eq!(counted, point.count);
                                let bounds = point.explicit_bounds.len();
                                assert_eq!(point.bucket_counts.len(), bounds + 1);
                            }
                            let counts =
                                histogram.data_points.iter().map(|point| point.count as f64);
                            (histogram.data_points.len(), counts.sum())
                        }
                        other => panic!("{other:?}"),
                    };
                    received.metrics.insert(metric.name.clone(), count);
                    received.sums.insert(metric.name, sum);
                }
            }
        } else {
            panic!("{head}");
        }
    }

    /// Waits for the span of a request.
    fn span(&self, name: &str) -> Span {
        self.wait_for(name, |_| true)
    }

    fn child(&self, parent: &Span, name: &str) -> Span {
        self.wait_for(name, |span| span.parent_span_id == parent.span_id)
    }

    fn wait_for(&self, name: &str, is_it: impl Fn(&Span) -> bool) -> Span {
        let began = Instant::now();
        loop {
            let mut spans = self.spans().into_iter();
            let found = spans.find(|span| span.name == name && is_it(span));
            if let Some(span) = found {
                return span;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "no {name} in {:?}",
                self.spans()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }
}

fn value(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn start(url: &str) -> Start {
    Start::dev()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_SERVICE_NAME", "media-of-tests")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
}

#[test]
fn a_request_is_a_span_with_a_child_for_each_step() {
    let (collected, url) = Collected::start();
    let app = start(&url).run();
    app.upload("photos/a.jpg", &corpus::tower());
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    app.get_with("/t/photos/a.jpg/w_100", &[("traceparent", &traceparent)])
        .expect(200);

    let span = collected.span("GET variant");
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(span.kind, 2);
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("tintype.key", "photos/a.jpg"),
        ("tintype.spec", "w_100"),
        ("tintype.site", "default"),
        ("tintype.cache", "miss"),
        ("tintype.source.format", "jpeg"),
    ] {
        assert_eq!(value(&span.attributes, name), expected, "{name}");
    }
    let wanted = ["record", "queue", "fetch", "decode", "resize", "encode"];
    for name in wanted.into_iter().chain(["put"]) {
        // The variant is stored after the response.
        let child = collected.child(&span, name);
        assert_eq!(child.trace_id, span.trace_id);
        assert!(child.start_time_unix_nano <= child.end_time_unix_nano);
        if name != "put" {
            assert!(span.start_time_unix_nano <= child.start_time_unix_nano + 1_000_000);
            assert!(child.end_time_unix_nano <= span.end_time_unix_nano + 1_000_000);
        }
    }
    let upload = collected.span("PUT files");
    collected.child(&upload, "put");

    let (status, stdout, _) = app.stop();
    assert!(status.success());
    assert!(
        stdout.contains(&format!("\"trace_id\":\"{TRACE}\"")),
        "{stdout}"
    );
    // Also for a request without a parent trace: the log line and the span have the same trace.
    let trace = format!("\"trace_id\":\"{}\"", hex(&upload.trace_id));
    assert!(stdout.contains(&trace), "{trace} in {stdout}");
    let services = collected.0.lock().unwrap().services.clone();
    assert_eq!(Vec::from_iter(services), ["media-of-tests"]);
}

#[test]
fn whoever_names_no_valid_trace_begins_one() {
    let (collected, url) = Collected::start();
    let app = start(&url).run();
    let zeros = "0".repeat(32);
    let root = "Root=1-67891233-abcdef012345678912345678";
    for (n, (name, text)) in [
        ("traceparent", format!("00-{zeros}-{PARENT}-01")),
        ("traceparent", format!("00-{TRACE}-{}-01", &zeros[..16])),
        (
            "x-amzn-trace-id",
            format!("Root=1-{}-{}", &zeros[..8], &zeros[..24]),
        ),
        ("x-amzn-trace-id", root.to_owned()),
        (
            "x-amzn-trace-id",
            format!("{root};Parent={PARENT};Sampled=1"),
        ),
        (
            "x-amzn-trace-id",
            format!("{root};Parent={PARENT};Sampled=0"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        app.get_with(&format!("/t/{n}/w_10"), &[(name, &text)])
            .expect(404);
    }
    app.stop();
    let by_key: BTreeMap<_, _> = collected
        .spans()
        .into_iter()
        .filter(|span| span.kind == 2)
        .map(|span| (value(&span.attributes, "tintype.key"), span))
        .collect();
    let told: Vec<_> = by_key
        .values()
        .map(|span| (hex(&span.trace_id), hex(&span.parent_span_id)))
        .collect();
    // A trace that the caller does not record is not recorded here.
    assert_eq!(told.len(), 5, "{told:?}");
    for (trace, parent) in &told[..3] {
        assert!(
            trace != &zeros && trace != TRACE && parent.is_empty(),
            "{told:?}"
        );
    }
    let amzn = "67891233abcdef012345678912345678";
    assert_eq!(told[3], (amzn.to_owned(), String::new()));
    assert_eq!(told[4], (amzn.to_owned(), PARENT.to_owned()));
}

#[test]
fn the_standard_variables_decide_what_is_sent() {
    let requests = |environment: &[(&str, &str)]| {
        let (collected, url) = Collected::start();
        let mut start = start(&url);
        for (name, text) in environment {
            start = start.env(name, text);
        }
        let app = start.run();
        app.get("/t/none.jpg/w_10").expect(404);
        app.stop();
        let received = collected.0.lock().unwrap();
        (!received.spans.is_empty(), !received.metrics.is_empty())
    };
    assert_eq!(requests(&[]), (true, true));
    assert_eq!(requests(&[("OTEL_SDK_DISABLED", "true")]), (false, false));
    assert_eq!(requests(&[("OTEL_TRACES_EXPORTER", "none")]), (false, true));
    assert_eq!(
        requests(&[("OTEL_METRICS_EXPORTER", "none")]),
        (true, false)
    );
    assert_eq!(
        requests(&[("OTEL_TRACES_SAMPLER", "always_off")]),
        (false, true)
    );
}

#[test]
fn metrics_are_those_of_the_page() {
    let (collected, url) = Collected::start();
    let app = start(&url).run();
    app.upload("a.jpg", &corpus::tower());
    for _ in 0..5 {
        app.get("/t/a.jpg/w_100").expect(200);
    }
    let page = app.admin("/metrics").text();
    app.stop();
    let received = collected.0.lock().unwrap();
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: Vec<_> = families
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert!(families.len() > 40, "{families:?}");
    for family in families {
        let name = family.trim_end_matches("_total");
        let found = received.metrics.contains_key(name);
        assert!(found, "{family} in {:?}", received.metrics.keys());
    }
    // The last push is made at the stop, so it is complete.
    assert_eq!(received.sums["tintype_http_requests"], 6.0);
    assert_eq!(received.sums["tintype_http_request_duration_seconds"], 6.0);
}

/// One refuses connections, and one accepts them and never responds.
#[test]
fn a_dead_collector_costs_no_request_and_no_stop() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    for url in ["http://127.0.0.1:9", &silent_url] {
        let app = start(url).run();
        app.upload("a.jpg", &corpus::tower());
        for width in 1..=100 {
            app.get(&format!("/t/a.jpg/w_{width}~f_jpeg")).expect(200);
        }
        let began = Instant::now();
        let (status, stdout, _) = app.stop();
        assert!(status.success(), "{status}");
        // ECS allows 30 s, and draining takes most of it.
        assert!(began.elapsed() < Duration::from_secs(10));
        let told = stdout.matches("the collector does not accept").count();
        // Once for traces and once for metrics; of a silent one it is not known yet.
        let least = u8::from(url != silent_url);
        assert!(
            (least.into()..=2).contains(&told),
            "{told} times:\n{stdout}"
        );
    }
}

#[test]
fn nothing_is_sent_where_nobody_asked() {
    let app = App::dev();
    let (_, stdout, _) = {
        app.get("/t/none.jpg/w_10").expect(404);
        app.stop()
    };
    assert!(!stdout.contains("trace_id"), "{stdout}");
    assert!(!stdout.contains("collector"), "{stdout}");
}
