//! What is told to a collector of OpenTelemetry, where one is configured: spans of requests and, now and
//! then, all metrics. OTLP over HTTP, by the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT` and its
//! neighbours, see [`crate::config::Otel`]).
//!
//! A span is written when its request is over, from what its log line says, so that a service without a
//! collector pays nothing and one with a collector no more than a line. A collector that is slow or away costs
//! spans, never a request: they wait in a bounded queue for a thread of their own.

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
pub(crate) use spans::{Answer, Span, Tracer};

/// How long the end waits for a collector to take what is left: a stop has to end in time.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// Who speaks.
fn resource(otel: &Otel) -> Resource {
    let said = otel.resource.iter();
    let said = said.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty().with_attributes(said).build()
}

/// What both kinds are called by.
const SCOPE: &str = "tintype";

/// `None` where no traces are asked for.
pub(crate) fn tracer(otel: &Otel) -> Result<Option<Arc<Tracer>>, Unsendable> {
    let Some(traces) = &otel.traces else {
        return Ok(None);
    };
    let tracer = Tracer::new(traces, otel.sampler, &resource(otel))?;
    Ok(Some(Arc::new(tracer)))
}
