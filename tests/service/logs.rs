//! Every line on standard output is a JSON object of one schema, from the first line to the last, so that a rule made
//! for one matches the others. A request is logged with its subject under a fixed name; the operator chooses how many
//! requests are logged.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::corpus;
use crate::harness::{App, SIGNING_KEY, Start, signed, tintype};

const SITES: &str = r#"
    [sites.magazine]
    prefix = "magazine/"
    unsigned = "any"
    [sites.magazine.presets]
    card = "w_100~f_jpeg"
"#;

fn lines(stdout: &str) -> Vec<Value> {
    let parse =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    stdout.lines().map(parse).collect()
}

fn stopped(app: App) -> Vec<Value> {
    let (status, stdout, stderr) = app.stop();
    assert!(status.success(), "{status}: {stderr}");
    assert_eq!(stderr, "");
    lines(&stdout)
}

fn requests(lines: &[Value]) -> Vec<&Value> {
    let is_request = |line: &&Value| line["event"] == "request";
    lines.iter().filter(is_request).collect()
}

#[test]
fn every_line_is_of_one_schema_and_its_fields_are_documented() {
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", SITES)
        .env("TINTYPE_EMF", "true")
        .run();
    app.upload("magazine/a.jpg", &corpus::tower());
    for _ in 0..2 {
        app.get("/t/magazine/a.jpg/card").expect(200);
    }
    app.get("/t/magazine/none.jpg/w_10").expect(404);
    let lines = stopped(app);
    let documented = include_str!("../../deploy/log.md");
    let mut fields = BTreeSet::new();
    for line in &lines {
        for field in ["timestamp", "level", "event"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
        fields.extend(line.as_object().unwrap().keys().cloned());
    }
    for field in fields {
        let row = format!("| `{field}` |");
        assert!(documented.contains(&row), "{field} is not in deploy/log.md");
    }
    let events: BTreeSet<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    for event in ["started", "request", "metrics", "stopping", "stopped"] {
        assert!(events.contains(event), "{event} in {events:?}");
    }
    let started = lines
        .iter()
        .find(|line| line["event"] == "started")
        .unwrap();
    assert_eq!(started["version"], env!("CARGO_PKG_VERSION"));
    for (size, from) in [
        ("cpus", "cpus_from"),
        ("workers", "workers_from"),
        ("memory_budget_bytes", "memory_budget_from"),
        ("hot_cache_bytes", "hot_cache_from"),
    ] {
        assert!(
            started[size].is_u64() && started[from].is_string(),
            "{started}"
        );
    }
    let metrics = lines
        .iter()
        .find(|line| line["event"] == "metrics")
        .unwrap();
    assert_eq!(
        (&metrics["Requests"], &metrics["Errors"]),
        (&4.0.into(), &0.0.into())
    );
    assert!(metrics["Utilisation"].as_f64().unwrap() > 0.0, "{metrics}");
}

#[test]
fn a_request_is_told_by_what_it_was_about() {
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", SITES)
        .run();
    app.upload("magazine/a.jpg", &corpus::tower());
    app.get("/t/magazine/a.jpg/card").expect(200);
    app.get("/t/magazine/a.jpg/card").expect(200);
    app.get("/t/magazine/a.jpg/h_20~w_10").expect(308);
    app.get("/t/magazine/a.jpg/f_original").expect(200);
    app.get("/t/magazine/a.jpg/f_json").expect(200);
    app.get("/t/magazine/none.jpg/w_10").expect(404);
    app.get(&signed("a.jpg", "w_10", SIGNING_KEY)).expect(404);
    app.get("/t/a.jpg/f_original").expect(403);
    let lines = stopped(app);
    let told: Vec<_> = requests(&lines)
        .iter()
        .map(|line| {
            let text = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
            ["route", "site", "spec", "cache"].map(text).join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "files magazine - -",
            "variant magazine card miss",
            "variant magazine card hit",
            "variant magazine w_10~h_20 -",
            "original magazine f_original -",
            "json magazine f_json -",
            "variant magazine w_10 -",
            "variant default w_10 -",
            "original default f_original -",
        ]
    );
    for line in &requests(&lines)[..3] {
        assert_eq!(line["source_format"], "jpeg", "{line}");
        assert!(line["source_pixels"].as_u64().unwrap() > 10_000, "{line}");
    }
    let put = requests(&lines)[0];
    assert!(put["put_ms"].is_number(), "{put}");
    let cold = requests(&lines)[1];
    for step in [
        "record_ms",
        "queue_ms",
        "fetch_ms",
        "decode_ms",
        "resize_ms",
        "encode_ms",
    ] {
        assert!(cold[step].is_number(), "{step} in {cold}");
    }
}

#[test]
fn how_many_requests_are_logged_is_the_operators_choice() {
    for (choice, expected) in [("all", 22), ("errors", 2), ("1/10", 4)] {
        let app = Start::dev().env("TINTYPE_ACCESS_LOG", choice).run();
        for _ in 0..20 {
            app.get("/api/v1/openapi.json").expect(200);
        }
        for _ in 0..2 {
            app.get("/t/none.jpg/w_10").expect(404);
        }
        let (_, stdout, _) = app.stop();
        let lines = lines(&stdout);
        assert_eq!(requests(&lines).len(), expected, "{choice}");
        let sampled = requests(&lines)
            .iter()
            .filter(|line| line["one_in"] == 10)
            .count();
        assert_eq!(sampled, if choice == "1/10" { 2 } else { 0 });
    }
}

/// An original that cannot be read is not one that cannot be decoded.
#[test]
fn a_store_that_fails_is_not_counted_as_a_picture_that_does() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let rejected = || app.metric("tintype_decode_rejected_total", &[]);
    assert_eq!(rejected(), 0);
    // The file that the record describes was deleted behind the service's back.
    std::fs::remove_file(app.media().join("a.jpg")).unwrap();
    let answer = app.get("/t/a.jpg/w_10");
    assert!(answer.status >= 400, "{}", answer.status);
    assert_eq!(rejected(), 0);
    app.upload("broken.jpg", &corpus::tower()[..300]);
    app.get("/t/broken.jpg/w_10").expect(422);
    assert_eq!(rejected(), 1);
}

#[test]
fn a_filter_that_would_silence_everything_is_refused_with_what_is_allowed() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (filter, word) in [
        ("verbose", "error, warn, info, debug, trace, off"),
        ("info,chatty", "error, warn, info, debug, trace, off"),
        ("tintype=loud", "error, warn, info, debug, trace, off"),
        ("hyper=debug", "add a level"),
    ] {
        let stderr = refused(folder.path(), "TINTYPE_LOG", filter);
        assert!(
            stderr.contains("TINTYPE_LOG: ") && stderr.contains(word),
            "{stderr}"
        );
    }
    for choice in ["none", "1/0", "1/x", "0.1"] {
        let stderr = refused(folder.path(), "TINTYPE_ACCESS_LOG", choice);
        assert!(stderr.contains("neither all, nor errors"), "{stderr}");
    }
    for filter in ["warn", "info,hyper=debug", "tintype=debug", "OFF"] {
        let mut command = tintype(folder.path());
        let output = command.args(["config", "--dev"]).env("TINTYPE_LOG", filter);
        assert!(output.output().unwrap().status.success(), "{filter}");
    }
}

fn refused(folder: &Path, name: &str, text: &str) -> String {
    let mut command = tintype(folder);
    let output = command
        .args(["config", "--dev"])
        .env(name, text)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{name}={text}");
    String::from_utf8(output.stderr).unwrap()
}

/// A failed start is logged for machines as well.
#[test]
fn a_start_that_fails_is_a_line_too() {
    let start = Start::production().env("TINTYPE_STORE", "file:///nonexistent/media");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (status, stdout, _) = start.spawn_in(std::sync::Arc::new(folder)).ended();
    assert!(!status.success());
    let lines = lines(&stdout);
    let failed = lines.last().unwrap();
    assert_eq!(
        (&failed["event"], &failed["level"]),
        (&"failed".into(), &"error".into())
    );
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .contains("TINTYPE_STORE"),
        "{failed}"
    );
}
