//! One span per request, and one for each step of it that took time.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId as OtelSpanId, SpanKind, Status, TraceFlags, TraceId as OtelTraceId,
    TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, IdGenerator, RandomIdGenerator, Sampler as OtelSampler, SamplingDecision,
    ShouldSample, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use super::client::{OtlpClient, Unsendable};
use super::{Parent, SCOPE, SpanId, TraceId};
use crate::config::{Sampler, Signal};
use crate::telemetry::access_log::{LogFacts, Step};

pub struct Tracer {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    scope: InstrumentationScope,
}

/// The span of a request in progress. Also an extension of the request, for handlers.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub trace_id: TraceId,
    pub id: SpanId,
    parent: Option<SpanId>,
    is_sampled: bool,
}

/// The attributes of a finished request.
pub struct RequestAttributes<'a> {
    pub began: Instant,
    pub request_id: &'a str,
    pub method: &'a str,
    pub route: &'static str,
    pub key: Option<&'a str>,
    pub status: u16,
    pub bytes: u64,
    pub code: Option<&'static str>,
    pub facts: &'a LogFacts,
}

impl Tracer {
    /// Must be called within a runtime.
    pub(super) fn new(
        traces: &Signal,
        sampler: Sampler,
        resource: &Resource,
    ) -> Result<Self, Unsendable> {
        let client = OtlpClient::new("traces", traces.timeout)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(&traces.endpoint)
            .with_timeout(traces.timeout)
            .with_headers(traces.headers.iter().cloned().collect())
            .build()
            .map_err(|error| Unsendable(error.to_string()))?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(resource);
        let scope = InstrumentationScope::builder(SCOPE)
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Ok(Self {
            processor,
            sampler,
            scope,
        })
    }

    pub fn begin(&self, parent: Option<&Parent>) -> Span {
        let trace_id = parent.map_or_else(new_trace_id, |parent| parent.trace_id);
        let of_parent = parent.and_then(|parent| parent.sampled);
        let is_sampled = match of_parent.filter(|_| self.sampler.follows_parent) {
            Some(sampled) => sampled,
            None => is_sampled(self.sampler.ratio, trace_id),
        };
        Span {
            trace_id,
            id: new_span_id(),
            parent: parent.and_then(|parent| parent.span_id),
            is_sampled,
        }
    }

    /// Ends the span of a request. Never waits.
    pub fn end(&self, span: Span, answer: &RequestAttributes<'_>) {
        if !span.is_sampled {
            return;
        }
        let clock = Clock::now();
        for (name, step) in answer.facts.each_step() {
            self.write_step(span, name, step, &clock);
        }
        let status = match answer.status {
            500.. => Status::error(answer.code.unwrap_or_default()),
            _ => Status::Unset,
        };
        self.processor.on_end(SpanData {
            span_context: context(span.trace_id, span.id),
            parent_span_id: span.parent.map_or(OtelSpanId::INVALID, otel_id),
            parent_span_is_remote: span.parent.is_some(),
            span_kind: SpanKind::Server,
            name: format!("{} {}", answer.method, answer.route).into(),
            start_time: clock.at(answer.began),
            end_time: clock.time,
            attributes: attributes(answer),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }

    /// Adds a step of a request, which may end after its response.
    pub fn step(&self, span: Span, name: &'static str, step: Step) {
        if span.is_sampled {
            self.write_step(span, name, step, &Clock::now());
        }
    }

    fn write_step(&self, span: Span, name: &'static str, step: Step, clock: &Clock) {
        self.processor.on_end(SpanData {
            span_context: context(span.trace_id, new_span_id()),
            parent_span_id: otel_id(span.id),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: clock.at(step.began),
            end_time: clock.at(step.end()),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        });
    }

    /// Sends the rest, within this time. Blocks.
    pub fn shut_down(self: &Arc<Self>, within: Duration) {
        if let Err(error) = self.processor.shutdown_with_timeout(within) {
            tracing::warn!(%error, "the last spans could not be sent to the collector");
        }
    }
}

/// Named by OpenTelemetry's conventions where they apply. Does not include the URL, which may be signed.
fn attributes(answer: &RequestAttributes<'_>) -> Vec<KeyValue> {
    let facts = answer.facts;
    let text = |name: &'static str, value: Option<&str>| {
        value.map(|value| KeyValue::new(name, value.to_owned()))
    };
    let number = |name: &'static str, value: Option<u64>| {
        let value = value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        value.map(|value| KeyValue::new(name, value))
    };
    let source = facts.source;
    [
        text("http.request.method", Some(answer.method)),
        text("http.route", Some(answer.route)),
        number("http.response.status_code", Some(answer.status.into())),
        number("http.response.body.size", Some(answer.bytes)),
        text("error.type", answer.code),
        text("tintype.request_id", Some(answer.request_id)),
        text("tintype.site", facts.site.as_deref()),
        text("tintype.key", answer.key),
        text("tintype.spec", facts.spec.as_deref()),
        text("tintype.cache", facts.cache),
        number("tintype.source.pixels", source.map(|source| source.pixels)),
        text(
            "tintype.source.format",
            source.map(|source| source.format.as_str()),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One moment by both clocks, to convert monotonic times to time of day.
struct Clock {
    instant: Instant,
    time: SystemTime,
}

impl Clock {
    fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: SystemTime::now(),
        }
    }

    fn at(&self, instant: Instant) -> SystemTime {
        match self.instant.checked_duration_since(instant) {
            Some(ago) => self.time - ago,
            None => self.time + instant.duration_since(self.instant),
        }
    }
}

fn is_sampled(ratio: f64, id: TraceId) -> bool {
    let (sampler, id) = (
        OtelSampler::TraceIdRatioBased(ratio),
        OtelTraceId::from_bytes(id.bytes()),
    );
    let result = sampler.should_sample(None, id, "", &SpanKind::Server, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

fn context(trace_id: TraceId, id: SpanId) -> SpanContext {
    let trace_id = OtelTraceId::from_bytes(trace_id.bytes());
    let state = TraceState::default();
    SpanContext::new(trace_id, otel_id(id), TraceFlags::SAMPLED, false, state)
}

fn otel_id(id: SpanId) -> OtelSpanId {
    OtelSpanId::from_bytes(id.bytes())
}

fn new_trace_id() -> TraceId {
    let mut ids = iter::repeat_with(|| RandomIdGenerator::default().new_trace_id());
    let id = ids.find_map(|id| TraceId::new(id.to_bytes()));
    id.expect("there is no end of ids")
}

fn new_span_id() -> SpanId {
    let mut ids = iter::repeat_with(|| RandomIdGenerator::default().new_span_id());
    let id = ids.find_map(|id| SpanId::new(id.to_bytes()));
    id.expect("there is no end of ids")
}
