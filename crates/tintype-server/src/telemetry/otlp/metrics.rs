//! All metrics as OTLP, from the OpenMetrics text: the same values under the same names, without `_total`, which
//! back ends add to counters by themselves.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::client::{OtlpClient, Unsendable};
use super::{LAST_WORDS, SCOPE};
use crate::config::{Otel, Signal};
use crate::telemetry::metrics::{Exposition, MetricFamily, MetricKind, Sample};

/// Sends the result of `scrape` once per interval, and once more at `stop`. Does nothing if metrics are not
/// configured.
pub(crate) async fn push_metrics(
    otel: &Otel,
    scrape: impl Fn() -> String,
    stop: CancellationToken,
) -> Result<(), Unsendable> {
    let Some(signal) = &otel.metrics else {
        return Ok(());
    };
    let pusher = Pusher {
        client: OtlpClient::new("metrics", signal.timeout)?,
        signal,
        resource: resource(otel),
        began: SystemTime::now(),
    };
    let interval = otel.metrics_interval;
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        // Shutdown does not wait for a collector that does not respond.
        tokio::select! {
            () = pusher.push(scrape()) => {}
            () = stop.cancelled() => break,
        }
    }
    // What is not sent in time is lost; the client has logged why.
    let _ = timeout(LAST_WORDS, pusher.push(scrape())).await;
    Ok(())
}

struct Pusher<'a> {
    client: OtlpClient,
    signal: &'a Signal,
    resource: Resource,
    began: SystemTime,
}

impl Pusher<'_> {
    async fn push(&self, text: String) {
        let body = message(&text, &self.resource, self.began).encode_to_vec();
        let request = Request::post(&self.signal.endpoint).header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-protobuf"),
        );
        let headers = self.signal.headers.iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        // The configuration was checked for this; and the next push is in a minute.
        if let Ok(request) = request.body(Bytes::from(body)) {
            let _ = self.client.send(request).await;
        }
    }
}

fn resource(otel: &Otel) -> Resource {
    Resource {
        attributes: otel
            .resource
            .iter()
            .map(|(name, value)| attribute(name, value))
            .collect(),
        ..Resource::default()
    }
}

pub(super) fn message(
    text: &str,
    resource: &Resource,
    began: SystemTime,
) -> ExportMetricsServiceRequest {
    let times = Times {
        began: nanoseconds(began),
        now: nanoseconds(SystemTime::now()),
    };
    let exposition = Exposition::of(text);
    let metrics = exposition
        .families()
        .iter()
        .map(|family| metric(family, times));
    let scope = InstrumentationScope {
        name: SCOPE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource.clone()),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics: metrics.collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

#[derive(Clone, Copy)]
struct Times {
    began: u64,
    now: u64,
}

fn metric(family: &MetricFamily<'_>, times: Times) -> Metric {
    let temporality = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        MetricKind::Counter => metric::Data::Sum(Sum {
            data_points: numbers(family, times),
            aggregation_temporality: temporality,
            is_monotonic: true,
        }),
        MetricKind::Gauge => metric::Data::Gauge(Gauge {
            data_points: numbers(family, times),
        }),
        MetricKind::Histogram => metric::Data::Histogram(Histogram {
            data_points: histograms(family, times),
            aggregation_temporality: temporality,
        }),
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: match family.unit {
            "seconds" => "s".to_owned(),
            "bytes" => "By".to_owned(),
            other => other.to_owned(),
        },
        data: Some(data),
        ..Metric::default()
    }
}

fn numbers(family: &MetricFamily<'_>, times: Times) -> Vec<NumberDataPoint> {
    let point = |sample: Sample<'_>| NumberDataPoint {
        attributes: attributes(&sample),
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    };
    family.samples().map(point).collect()
}

/// The samples of a histogram are consecutive, its buckets in order and cumulative.
fn histograms(family: &MetricFamily<'_>, times: Times) -> Vec<HistogramDataPoint> {
    let mut points: BTreeMap<Vec<(&str, &str)>, HistogramDataPoint> = BTreeMap::new();
    for sample in family.samples() {
        let labels = sample.labels.iter().filter(|(name, _)| *name != "le");
        let point = points
            .entry(labels.copied().collect())
            .or_insert_with(|| HistogramDataPoint {
                attributes: attributes(&sample),
                start_time_unix_nano: times.began,
                time_unix_nano: times.now,
                ..HistogramDataPoint::default()
            });
        match &sample.name[family.name.len()..] {
            "_sum" => point.sum = Some(sample.value),
            "_count" => point.count = sample.value as u64,
            _ => {
                let before: u64 = point.bucket_counts.iter().sum();
                let within = sample.value as u64;
                point.bucket_counts.push(within.saturating_sub(before));
                let bound = sample.label("le").parse::<f64>();
                point
                    .explicit_bounds
                    .extend(bound.ok().filter(|bound| bound.is_finite()));
            }
        }
    }
    points.into_values().collect()
}

fn attributes(sample: &Sample<'_>) -> Vec<KeyValue> {
    let labels = sample.labels.iter().filter(|(name, _)| *name != "le");
    labels.map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
