//! CloudWatch's Embedded Metric Format: a log line each minute from which CloudWatch makes metrics, for services
//! whose metrics nothing else collects. The container logs anyway, so nothing else has to run.
//!
//! Alarms and scaling policies depend on the names.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::telemetry::log::{Log, begin};
use crate::telemetry::metrics::{Exposition, Sample};

const NAMESPACE: &str = "tintype";
const EVERY: Duration = Duration::from_secs(60);

/// Writes a line a minute from the result of `scrape`, and one for the rest of a minute at `stop`.
pub(crate) async fn write(
    service: &str,
    log: &Log,
    scrape: impl Fn() -> String,
    stop: CancellationToken,
) {
    let mut before = Totals::of(&scrape());
    let mut ticks = interval_at(tokio::time::Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        let now = Totals::of(&scrape());
        log.push(&line(service, &now.since(&before)));
        if is_over {
            return;
        }
        before = now;
    }
}

/// Totals since the start.
struct Totals {
    at: Instant,
    requests: f64,
    errors: f64,
    shed: f64,
    waits: f64,
    waited: f64,
    busy: f64,
    workers: f64,
}

/// The values of one line.
#[derive(Debug, PartialEq)]
struct Figures {
    /// Percentage of the time that pixel threads could have worked.
    utilisation: f64,
    /// Mean wait of the jobs that started, in seconds.
    queue_wait: f64,
    shed: f64,
    errors: f64,
    requests: f64,
}

impl Totals {
    fn of(text: &str) -> Self {
        let exposition = Exposition::of(text);
        let all = |name| exposition.sum(name, |_| true);
        let is_error = |sample: &Sample<'_>| sample.label("status").starts_with('5');
        let requests = "tintype_http_requests_total";
        Self {
            at: Instant::now(),
            requests: all(requests),
            errors: exposition.sum(requests, is_error),
            shed: all("tintype_shed_total"),
            waits: all("tintype_queue_wait_seconds_count"),
            waited: all("tintype_queue_wait_seconds_sum"),
            busy: all("tintype_workers_busy_seconds_total"),
            workers: all("tintype_workers"),
        }
    }

    fn since(&self, before: &Self) -> Figures {
        let possible = (self.at - before.at).as_secs_f64() * self.workers;
        let part = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let utilisation = 100.0 * part(self.busy - before.busy, possible);
        Figures {
            utilisation: utilisation.clamp(0.0, 100.0),
            queue_wait: part(self.waited - before.waited, self.waits - before.waits),
            shed: self.shed - before.shed,
            errors: self.errors - before.errors,
            requests: self.requests - before.requests,
        }
    }
}

fn line(service: &str, figures: &Figures) -> Vec<u8> {
    let metrics = [
        ("Utilisation", "Percent", figures.utilisation),
        ("QueueWaitSeconds", "Seconds", figures.queue_wait),
        ("Shed", "Count", figures.shed),
        ("Errors", "Count", figures.errors),
        ("Requests", "Count", figures.requests),
    ];
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let names: Vec<Value> = metrics
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
        .collect();
    let aws = json!({
        "Timestamp": since.unwrap_or_default().as_millis() as u64,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [["service"]],
            "Metrics": names,
        }],
    });
    let mut bytes = Vec::with_capacity(768);
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    let written = (|| {
        let mut map = serializer.serialize_map(None)?;
        begin(&mut map, "info", "metrics")?;
        map.serialize_entry("service", service)?;
        for (name, _, value) in metrics {
            map.serialize_entry(name, &value)?;
        }
        map.serialize_entry("_aws", &aws)?;
        map.end()
    })();
    // Maps of texts and numbers cannot fail.
    debug_assert!(written.is_ok());
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::log::{LogWriter, tests::Memory};

    const BEFORE: &str = "\
# TYPE tintype_http_requests counter
tintype_http_requests_total{route=\"variant\",status=\"200\"} 100
tintype_http_requests_total{route=\"variant\",status=\"503\"} 1
# TYPE tintype_shed counter
tintype_shed_total{reason=\"queue-full\"} 1
# TYPE tintype_queue_wait_seconds histogram
tintype_queue_wait_seconds_sum 1.0
tintype_queue_wait_seconds_count 10
tintype_queue_wait_seconds_bucket{le=\"+Inf\"} 10
# TYPE tintype_workers_busy_seconds counter
tintype_workers_busy_seconds_total 10.0
# TYPE tintype_workers gauge
tintype_workers 4
# TYPE tintype_workers_busy gauge
tintype_workers_busy 3
# EOF
";

    #[test]
    fn a_line_has_what_happened_since_the_last_one() {
        let before = Totals::of(BEFORE);
        let mut now = Totals::of(
            &BEFORE
                .replace("\"200\"} 100", "\"200\"} 107")
                .replace("\"503\"} 1", "\"503\"} 4")
                .replace("full\"} 1", "full\"} 3")
                .replace("_sum 1.0", "_sum 2.0")
                .replace("_count 10", "_count 14")
                .replace("total 10.0", "total 70.0"),
        );
        now.at = before.at + Duration::from_secs(60);
        let expected = Figures {
            utilisation: 25.0,
            queue_wait: 0.25,
            shed: 2.0,
            errors: 3.0,
            requests: 10.0,
        };
        assert_eq!(now.since(&before), expected);
        let nothing = now.since(&now);
        assert_eq!((nothing.utilisation, nothing.queue_wait), (0.0, 0.0));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_one_a_minute_and_one_at_the_end() {
        let output = Memory::default();
        let writer = LogWriter::to(output.clone()).unwrap();
        let stop = CancellationToken::new();
        let writing = tokio::spawn({
            let (log, stop) = (writer.log(), stop.clone());
            async move { write("media", &log, || BEFORE.to_owned(), stop).await }
        });
        tokio::time::sleep(Duration::from_secs(130)).await;
        stop.cancel();
        writing.await.unwrap();
        drop(writer);
        let lines = output.lines();
        assert_eq!(lines.len(), 3);
        let line = &lines[0];
        assert_eq!(
            (&line["event"], &line["service"]),
            (&json!("metrics"), &json!("media"))
        );
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "tintype");
        assert_eq!(metrics["Dimensions"], json!([["service"]]));
        let names: Vec<_> = metrics["Metrics"].as_array().unwrap().iter().collect();
        let wanted = [
            "Utilisation",
            "QueueWaitSeconds",
            "Shed",
            "Errors",
            "Requests",
        ];
        assert_eq!(names.len(), wanted.len());
        for (metric, name) in names.iter().zip(wanted) {
            assert_eq!(metric["Name"], name);
            assert!(line[name].is_number(), "{name} in {line}");
        }
        assert!(line["_aws"]["Timestamp"].is_u64());
    }
}
