//! Every metric, as a new registry exposes them.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Page, ReferenceEntry};
use crate::telemetry::metrics::{Exposition, MetricFamily, MetricKind, Metrics};

pub(super) fn write(page: &mut Page) {
    page.section("metrics", "Metrics");
    page.prose(include_str!("prose/metrics.md"));
    let text = registered();
    for family in Exposition::of(&text).families() {
        let (ending, kind) = match family.kind {
            MetricKind::Counter => ("_total", "counter"),
            MetricKind::Gauge => ("", "gauge"),
            MetricKind::Histogram => ("", "histogram"),
        };
        let name = format!("{}{ending}", family.name);
        page.entry(ReferenceEntry {
            id: format!("metric-{name}"),
            name: &name,
            badges: vec![("", kind.to_owned())],
            text: family.help,
            facts: vec![("Unit", family.unit.to_owned()), ("Labels", labels(family))],
        });
    }
}

/// The exposition before the first request.
fn registered() -> String {
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), ["default"]);
    // A family without a series is not exposed at all.
    metrics.old_urls().count("thumbor", None, "here");
    metrics.encode()
}

/// Labels with the values that exist from the start, sorted: a registry has no order.
fn labels(family: &MetricFamily<'_>) -> String {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let samples: Vec<_> = family.samples().collect();
    for &(name, value) in samples.iter().flat_map(|sample| &sample.labels) {
        labels.entry(name).or_default().insert(value);
    }
    labels.remove("le");
    let labels = labels.into_iter().map(|(name, values)| {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        format!("`{name}` ({}, …)", values.join(", "))
    });
    labels.collect::<Vec<_>>().join("; ")
}
