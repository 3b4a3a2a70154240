//! Telemetry for an OpenTelemetry collector, if one is configured: spans of requests and, at intervals, all
//! metrics. OTLP over HTTP, by the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and its neighbours, see
//! [`crate::config::Otel`]).
//!
//! A span is written when its request is over, from the fields of its log line, so that a service without a
//! collector pays nothing and one with a collector no more than a line. A slow or unavailable collector costs
//! spans, never requests: spans wait in a bounded queue for a separate thread.

mod client;
mod metrics;
mod parent;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use crate::config::Otel;
pub(crate) use client::Unsendable;
pub(crate) use metrics::push_metrics;
pub(crate) use parent::{Parent, SpanId, TraceId};
pub(crate) use spans::{RequestAttributes, Span, Tracer};

/// How long shutdown waits for a collector to take the rest.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// The resource attributes of this service.
fn resource(otel: &Otel) -> Resource {
    let said = otel.resource.iter();
    let said = said.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty().with_attributes(said).build()
}

/// The instrumentation scope of both signals.
const SCOPE: &str = "tintype";

/// `None` if traces are not configured.
pub(crate) fn tracer(otel: &Otel) -> Result<Option<Arc<Tracer>>, Unsendable> {
    let Some(traces) = &otel.traces else {
        return Ok(None);
    };
    let tracer = Tracer::new(traces, otel.sampler, &resource(otel))?;
    Ok(Some(Arc::new(tracer)))
}
