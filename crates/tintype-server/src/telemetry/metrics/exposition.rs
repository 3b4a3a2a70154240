//! Parses the text of [`Metrics::encode`](super::Metrics::encode), which is OpenMetrics. Every other form (the
//! older text of Prometheus, OTLP, a line of the log) is made from it.

use std::fmt::Write;

/// All families at one moment.
pub(crate) struct Exposition<'a>(Vec<MetricFamily<'a>>);

pub(crate) struct MetricFamily<'a> {
    pub name: &'a str,
    pub help: &'a str,
    pub kind: MetricKind,
    /// Such as `seconds`; may be empty.
    pub unit: &'a str,
    lines: Vec<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

pub(crate) struct Sample<'a> {
    /// With the suffix of its kind: `_total`, `_bucket`, `_sum`, `_count`.
    pub name: &'a str,
    pub labels: Vec<(&'a str, &'a str)>,
    pub value: f64,
}

impl<'a> Exposition<'a> {
    /// Parses our own text; whatever it never contains is ignored.
    pub(crate) fn of(text: &'a str) -> Self {
        let mut families: Vec<MetricFamily<'a>> = Vec::new();
        for line in text.lines() {
            let Some(comment) = line.strip_prefix("# ") else {
                if let Some(family) = families.last_mut() {
                    family.lines.push(line);
                }
                continue;
            };
            let mut words = comment.splitn(3, ' ');
            let (Some(what), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let rest = words.next().unwrap_or_default();
            if families.last().is_none_or(|family| family.name != name) {
                families.push(MetricFamily {
                    name,
                    help: "",
                    kind: MetricKind::Gauge,
                    unit: "",
                    lines: Vec::new(),
                });
            }
            let Some(family) = families.last_mut() else {
                continue;
            };
            match (what, rest) {
                ("HELP", help) => family.help = help,
                ("UNIT", unit) => family.unit = unit,
                ("TYPE", "counter") => family.kind = MetricKind::Counter,
                ("TYPE", "histogram") => family.kind = MetricKind::Histogram,
                _ => {}
            }
        }
        Self(families)
    }

    pub(crate) fn families(&self) -> &[MetricFamily<'a>] {
        &self.0
    }

    /// The sum of the matching samples of this name.
    pub(crate) fn sum(&self, name: &str, fits: impl Fn(&Sample<'_>) -> bool) -> f64 {
        let of_name = |family: &&MetricFamily<'_>| name.starts_with(family.name);
        let samples = self
            .0
            .iter()
            .filter(of_name)
            .flat_map(MetricFamily::samples);
        samples
            .filter(|sample| sample.name == name && fits(sample))
            .map(|sample| sample.value)
            .sum()
    }

    /// The text format of Prometheus, version 0.0.4: a counter's family has the suffix of its samples, and there
    /// are no units and no end marker.
    pub(crate) fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for family in &self.0 {
            let (ending, kind) = match family.kind {
                MetricKind::Counter => ("_total", "counter"),
                MetricKind::Gauge => ("", "gauge"),
                MetricKind::Histogram => ("", "histogram"),
            };
            let (name, help) = (family.name, family.help);
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "# HELP {name}{ending} {help}");
            let _ = writeln!(text, "# TYPE {name}{ending} {kind}");
            for line in &family.lines {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

impl<'a> MetricFamily<'a> {
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample<'a>> {
        self.lines.iter().filter_map(|line| sample(line))
    }
}

impl Sample<'_> {
    pub(crate) fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| *label == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Parses `name{label="value",other="value"} 1`. Our values contain no quotes or commas.
fn sample(line: &str) -> Option<Sample<'_>> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',');
    Some(Sample {
        name,
        labels: labels
            .filter_map(|label| label.split_once('='))
            .map(|(name, value)| (name, value.trim_matches('"')))
            .collect(),
        value: value.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP tintype_requests Requests answered.
# TYPE tintype_requests counter
tintype_requests_total{route=\"variant\",status=\"200\"} 3
tintype_requests_total{route=\"variant\",status=\"503\"} 2
# HELP tintype_wait_seconds Waiting.
# TYPE tintype_wait_seconds histogram
# UNIT tintype_wait_seconds seconds
tintype_wait_seconds_sum 0.5
tintype_wait_seconds_count 2
tintype_wait_seconds_bucket{le=\"0.1\"} 1
tintype_wait_seconds_bucket{le=\"+Inf\"} 2
# HELP tintype_workers Threads.
# TYPE tintype_workers gauge
tintype_workers 4
# EOF
";

    #[test]
    fn the_older_text_has_the_same_samples_under_the_names_it_wants() {
        let text = Exposition::of(TEXT).to_prometheus();
        let expected = TEXT
            .replace("# HELP tintype_requests ", "# HELP tintype_requests_total ")
            .replace("# TYPE tintype_requests ", "# TYPE tintype_requests_total ")
            .replace("# UNIT tintype_wait_seconds seconds\n", "")
            .replace("# EOF\n", "");
        assert_eq!(text, expected);
    }

    #[test]
    fn samples_are_found_by_name_and_label() {
        let exposition = Exposition::of(TEXT);
        let all = exposition.sum("tintype_requests_total", |_| true);
        let refused = |sample: &Sample<'_>| sample.label("status").starts_with('5');
        let errors = exposition.sum("tintype_requests_total", refused);
        assert_eq!((all, errors), (5.0, 2.0));
        assert_eq!(exposition.sum("tintype_wait_seconds_sum", |_| true), 0.5);
        assert_eq!(exposition.sum("tintype_none", |_| true), 0.0);
        let kinds: Vec<_> = exposition
            .families()
            .iter()
            .map(|f| (f.kind, f.unit))
            .collect();
        let expected = [
            (MetricKind::Counter, ""),
            (MetricKind::Histogram, "seconds"),
            (MetricKind::Gauge, ""),
        ];
        assert_eq!(kinds, expected);
    }
}
