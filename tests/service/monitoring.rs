//! Monitoring can rely on the metrics: Prometheus' own linter accepts them, every name used by an alarm or the
//! dashboard exists before anything has happened, and each alarm fires exactly when it should, as evaluated by
//! Prometheus.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::corpus;
use crate::harness::{App, Start};

const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
const ALERTS_TEST: &str = include_str!("../../deploy/prometheus/alerts_test.yml");
const ALARMS: &str = include_str!("../../deploy/alarms.md");
const DASHBOARD: &str = include_str!("../../deploy/grafana/tintype.json");

fn promtool(arguments: &[&str], input: &str) -> Output {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/prometheus");
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is in Debian's package prometheus: tests/run installs it");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn passes(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Everything that looks like one of our metrics.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(|c: char| !is_part(c))
        .filter(|word| word.starts_with("tintype_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn prometheus_finds_no_fault_in_the_metrics() {
    let app = Start::dev()
        .env(
            "TINTYPE_CONFIG_INLINE",
            "[sites.magazine]\nprefix = \"magazine/\"\nunsigned = \"any\"",
        )
        .run();
    app.upload("magazine/a.jpg", &corpus::tower());
    for format in ["jpeg", "png", "webp"] {
        app.get(&format!("/t/magazine/a.jpg/w_10~f_{format}"))
            .expect(200);
    }
    app.get("/t/none.jpg/w_10").expect(404);
    let page = app.admin("/metrics").expect(200);
    assert!(
        page.header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let output = promtool(&["check", "metrics"], &page.text());
    passes(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn what_alarms_and_dashboards_name_is_there_before_anything_has_happened() {
    let app = App::dev();
    let page = app.admin("/metrics").expect(200).text();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<_> = samples
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect();
    let expressions = ALERTS.lines().filter(|line| line.contains("expr: "));
    let mut wanted: BTreeSet<_> = expressions.flat_map(names).collect();
    assert!(wanted.len() >= 15, "{wanted:?}");
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let expressions: Vec<_> = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(expressions.len() >= 50, "{}", expressions.len());
    wanted.extend(expressions.iter().flat_map(|text| names(text)));
    let missing: Vec<_> = wanted.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:?} in\n{page}");
    // Few enough that a hundred tasks are no burden.
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 500, "{series}");
}

#[test]
fn every_alarm_fires_when_it_should_and_says_what_to_do() {
    let output = promtool(&["check", "config", "prometheus.yml"], "");
    passes(&output);
    passes(&promtool(&["test", "rules", "alerts_test.yml"], ""));
    let alarms = ALERTS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alarms: Vec<_> = alarms.collect();
    assert!(alarms.len() >= 15, "{alarms:?}");
    for alarm in alarms {
        for case in ["fires", "does not fire"] {
            let name = format!("  - name: {alarm} {case}\n");
            assert!(ALERTS_TEST.contains(&name), "{name}");
        }
        assert!(ALARMS.contains(&format!("\n## {alarm}\n")), "{alarm}");
        let runbook = format!("runbook: deploy/alarms.md#{}\n", alarm.to_lowercase());
        assert!(ALERTS.contains(&runbook), "{runbook}");
    }
}

/// Metrics about the service itself move with the service.
#[test]
fn the_service_tells_of_itself() {
    let app = Start::dev().env("TINTYPE_SPOOL_BYTES", "64MiB").run();
    app.upload("a.jpg", &corpus::tower());
    app.get("/t/a.jpg/w_100~f_jpeg").expect(200);
    let _idle = app.connect();
    // Connections are accepted asynchronously.
    while app.metric("tintype_connections", &["public"]) < 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for (name, label, least) in [
        ("process_resident_memory_bytes", "", 1_000_000),
        ("process_open_fds", "", 3),
        ("process_start_time_seconds", "", 1_700_000_000),
        ("tintype_hot_cache_bytes", "", 100),
        ("tintype_spool_limit_bytes", "", 64 << 20),
        ("tintype_disk_free_bytes", "spool", 1),
        ("tintype_disk_free_bytes", "store", 1),
        ("tintype_connections_limit", "", 100),
        ("tintype_http_response_bytes_total", "variant", 100),
        ("tintype_site_requests_total", "default", 1),
        ("tintype_memory_budget_limit_bytes", "", 1_000_000),
    ] {
        let value = app.metric(name, &[label]);
        assert!(value >= least, "{name} {label} is {value}");
    }
    let text = app.admin("/metrics").text();
    let seconds = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("{name} in\n{text}"));
        value.trim().parse::<f64>().unwrap()
    };
    for name in [
        "process_cpu_seconds_total",
        "tintype_workers_busy_seconds_total",
        "tintype_jobs_foreseen_seconds_total{kind=\"jpeg\"}",
        "tintype_jobs_taken_seconds_total{kind=\"jpeg\"}",
    ] {
        assert!(seconds(name) > 0.0, "{name}");
    }
    for name in ["tintype_draining", "tintype_log_lines_dropped_total"] {
        assert_eq!(app.metric(name, &[]), 0, "{name}");
    }
}

#[test]
fn a_service_that_stops_says_so() {
    let app = Start::dev().env("TINTYPE_LAME_DUCK", "5s").run();
    app.terminate();
    while app.metric("tintype_draining", &[]) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
