//! Downstream caches are notified of every change that may make their content stale, even if the process that made the
//! change dies first, and of no other change.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::corpus;
use crate::harness::{App, Start};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A restart delivers what it finds within half a minute; twice that for a busy machine.
const SEEN: Duration = Duration::from_secs(60);

/// A webhook that records notifications and responds as configured.
struct Hook {
    address: String,
    status: Arc<AtomicU16>,
    purges: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook = Self {
            address: format!("http://{}/purge", listener.local_addr().unwrap()),
            status: Arc::new(AtomicU16::new(200)),
            purges: Arc::default(),
        };
        let (status, purges) = (hook.status.clone(), hook.purges.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    let line = line.to_ascii_lowercase();
                    if let Some(text) = line.strip_prefix("content-length:") {
                        length = text.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                if stream.read_exact(&mut body).is_err() {
                    continue;
                }
                let status = status.load(Ordering::SeqCst);
                if status == 200 {
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let told = body["purges"].as_array().unwrap().clone();
                    purges.lock().unwrap().extend(told);
                }
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.get_mut().write_all(answer.as_bytes());
            }
        });
        hook
    }

    fn configure(&self, start: Start) -> Start {
        start
            .env("TINTYPE_PURGE_WEBHOOK", &self.address)
            .env("TINTYPE_PURGE_WEBHOOK_KEY", KEY)
    }

    /// Causes and keys in the order of the changes, each once.
    fn heard(&self) -> Vec<(String, String)> {
        let mut purges = self.purges.lock().unwrap().clone();
        purges.sort_by_key(|purge| purge["id"].as_str().unwrap().to_owned());
        purges.dedup_by_key(|purge| purge["id"].clone());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let heard = purges.iter();
        heard
            .map(|purge| (text(&purge["cause"]), text(&purge["key"])))
            .collect()
    }

    #[track_caller]
    fn hears(&self, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(cause, key)| ((*cause).to_owned(), (*key).to_owned()))
            .collect();
        let began = Instant::now();
        while self.heard().len() < expected.len() {
            assert!(began.elapsed() < SEEN, "only {:?}", self.heard());
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(self.heard(), expected);
    }
}

/// Entries in the outbox.
fn waiting(app: &App) -> Vec<Value> {
    let Ok(folder) = std::fs::read_dir(app.media().join(".tintype/outbox")) else {
        return Vec::new();
    };
    let entries = folder.filter_map(|file| std::fs::read(file.unwrap().path()).ok());
    let entries = entries.map(|json| serde_json::from_slice::<Value>(&json).unwrap());
    entries.filter(|entry| !entry["cause"].is_null()).collect()
}

#[test]
fn every_change_of_a_picture_is_told_and_no_other() {
    let hook = Hook::start();
    let app = hook.configure(Start::dev()).run();
    let wood = corpus::read("photos/Wood.jpg");
    let tower = corpus::tower();
    // Creating an original invalidates nothing.
    app.upload("a.jpg", &tower);
    app.put("b.jpg?on_conflict=overwrite", &tower, &[])
        .expect(201);
    app.put("a.jpg", &wood, &[]).expect(409);
    app.put("a.jpg", &wood, &[("if-match", "\"other\"")])
        .expect(412);
    app.put("a.jpg?on_conflict=overwrite", &wood, &[])
        .expect(200);
    app.patch("a.jpg", &json!({ "meta": { "credit": "x" } }))
        .expect(200);
    app.patch("a.jpg", &json!({ "focal_point": { "x": 0.1, "y": 0.2 } }))
        .expect(200);
    let wide = json!({ "wide": { "x": 0, "y": 0, "width": 1, "height": 0.5 } });
    app.patch("a.jpg", &json!({ "crops": wide })).expect(200);
    let embargo = json!({ "name": "embargo", "until": "2999-01-01T00:00:00Z" });
    app.patch("a.jpg", &json!({ "state": embargo })).expect(200);
    // This changes nothing visible.
    app.patch("a.jpg", &json!({ "meta": { "credit": "y" } }))
        .expect(200);
    app.patch("a.jpg", &json!({ "state": { "name": "public" } }))
        .expect(200);
    app.post("/copy", &json!({ "from": "a.jpg", "to": "c.jpg" }))
        .expect(201);
    app.post("/move", &json!({ "from": "b.jpg", "to": "d.jpg" }))
        .expect(201);
    app.api("DELETE", "/files/absent.jpg", &[], b"").expect(204);
    app.api("DELETE", "/files/c.jpg", &[], b"").expect(204);
    app.post("/batch", &json!({ "op": "purge", "keys": ["d.jpg"] }))
        .expect(200);
    hook.hears(&[
        ("overwrite", "a.jpg"),
        ("record", "a.jpg"),
        ("record", "a.jpg"),
        ("state", "a.jpg"),
        ("state", "a.jpg"),
        ("move", "b.jpg"),
        ("delete", "c.jpg"),
        ("purge", "d.jpg"),
    ]);
    let began = Instant::now();
    while !waiting(&app).is_empty() {
        assert!(began.elapsed() < SEEN, "the outbox is not drained");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(app.metric("tintype_purges_pending", &[]), 0);
}

#[test]
fn a_moved_focal_point_makes_only_those_variants_anew_that_depend_on_it() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let cover = "/t/a.jpg/w_200~h_100~fit_cover~f_jpeg";
    let contain = "/t/a.jpg/w_200~f_jpeg";
    let decodes = || {
        app.get(cover).expect(200);
        app.get(contain).expect(200);
        app.metric(
            "tintype_stage_duration_seconds_count",
            &["stage=\"resize\""],
        )
    };
    let before = decodes();
    let top = json!({ "focal_point": { "x": 0.5, "y": 0 } });
    app.patch("a.jpg", &top).expect(200);
    assert_eq!(decodes(), before + 1);
}

#[test]
fn without_anybody_to_tell_nothing_is_kept_for_it() {
    let app = App::dev();
    let tower = corpus::tower();
    app.upload("a.jpg", &tower);
    app.put("a.jpg?on_conflict=overwrite", &tower, &[])
        .expect(200);
    let answer = app.post("/purge", &json!({ "key": "a.jpg" })).expect(200);
    assert_eq!(
        answer.json(),
        json!({ "purged": 1, "variants": 0, "purgers": [], "cursor": null })
    );
    app.api("DELETE", "/files/a.jpg", &[], b"").expect(204);
    assert!(!app.media().join(".tintype/outbox").exists());
}

#[test]
fn a_process_that_is_killed_before_it_could_tell_is_made_up_for() {
    let hook = Hook::start();
    hook.status.store(503, Ordering::SeqCst);
    let app = hook.configure(Start::dev()).run();
    app.upload("a.jpg", &corpus::tower());
    let actor = [("tintype-actor", "editor 7")];
    let path = "a.jpg?on_conflict=overwrite";
    app.put(path, &corpus::read("photos/Wood.jpg"), &actor)
        .expect(200);
    let entry = waiting(&app).remove(0);
    assert_eq!(
        (&entry["key"], &entry["actor"], &entry["token"]),
        (&json!("a.jpg"), &json!("editor 7"), &json!("dev"))
    );
    let folder = app.folder();
    // Like `kill -9`.
    drop(app);
    assert_eq!(hook.heard(), []);

    hook.status.store(200, Ordering::SeqCst);
    let app = hook.configure(Start::dev()).run_in(folder);
    hook.hears(&[("overwrite", "a.jpg")]);
    let began = Instant::now();
    while !waiting(&app).is_empty() {
        assert!(began.elapsed() < SEEN, "the outbox is not drained");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn who_deleted_purged_or_took_down_is_in_the_log() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let actor = ("tintype-actor", "editor 7");
    let json = ("content-type", "application/json");
    let patch = br#"{"state":{"name":"blocked","reason":"rights"}}"#;
    app.api("PATCH", "/records/a.jpg", &[actor, json], patch)
        .expect(200);
    app.api("POST", "/purge", &[actor, json], br#"{"key":"a.jpg"}"#)
        .expect(200);
    app.api("POST", "/purge", &[actor, json], br#"{"prefix":"a"}"#)
        .expect(200);
    app.api("DELETE", "/files/a.jpg", &[actor], b"").expect(204);
    let (_, stdout, stderr) = app.stop();
    let log = format!("{stdout}{stderr}");
    for event in [
        "a.jpg was taken down",
        "a.jpg was purged",
        "1 originals under",
        "a.jpg was deleted",
    ] {
        let line = log.lines().find(|line| line.contains(event));
        let line = line.unwrap_or_else(|| panic!("no {event} in {log}"));
        assert!(
            line.contains("editor 7") && line.contains("\"dev\""),
            "{line}"
        );
    }
}
