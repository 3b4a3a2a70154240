//! Headers in which the caller identifies itself and the parent of the request.

use http::{HeaderMap, HeaderName};

use crate::telemetry::otlp::{Parent, TraceId};

const AMZN: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const ACTOR: HeaderName = HeaderName::from_static("tintype-actor");

#[derive(Debug, Default)]
pub(super) struct CallerHeaders {
    /// From `traceparent` or `X-Amzn-Trace-Id`, the first valid one in this order.
    pub(super) parent: Option<Parent>,
    /// The root from `X-Amzn-Trace-Id`, in the form that AWS's own tools look for.
    pub(super) amzn_root: Option<String>,
    /// From `Tintype-Actor`: on whose behalf.
    pub(super) actor: Option<String>,
}

impl CallerHeaders {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let amzn = headers.get(AMZN).and_then(|value| value.to_str().ok());
        let of_amzn = amzn.and_then(Parent::of_amzn);
        Self {
            parent: Parent::of_traceparent(headers).or(of_amzn),
            amzn_root: of_amzn.map(|parent| amzn_root(parent.trace_id)),
            // Names may be in any script.
            actor: headers.get(ACTOR).map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.chars().filter(|c| !c.is_control()).take(200).collect()
            }),
        }
    }
}

fn amzn_root(id: TraceId) -> String {
    let hex = id.to_string();
    format!("1-{}-{}", &hex[..8], &hex[8..])
}
