//! A read-only service shows everything and changes nothing, neither on request nor by itself.

use std::path::Path;
use std::time::SystemTime;

use serde_json::json;

use crate::corpus;
use crate::harness::{App, Start, tintype};

/// Everything below a folder: path, size and time of the last change.
pub fn tree(folder: &Path) -> Vec<(String, u64, SystemTime)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            let path = entry.path().display().to_string();
            found.push((path, metadata.len(), metadata.modified().unwrap()));
        }
    }
    found.sort();
    found
}

fn writes(app: &App) -> u64 {
    ["op=\"put\"", "op=\"delete\""]
        .map(|op| app.metric("tintype_storage_request_duration_seconds_count", &[op]))
        .iter()
        .sum()
}

fn read_only() -> Start {
    Start::dev().env("TINTYPE_READ_ONLY", "1")
}

#[test]
fn everything_is_shown_and_nothing_is_written() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.patch("a.jpg", &json!({"focal_point": {"x": 0.1, "y": 0.9}}))
        .expect(200);
    // Adopted: it has no record.
    std::fs::write(app.media().join("b.jpg"), corpus::tower()).unwrap();
    let (folder, media) = (app.folder(), app.media());
    app.stop();
    let before = tree(&media);

    let app = read_only().run_in(folder.clone());
    for key in ["a.jpg", "b.jpg"] {
        app.get(&format!("/t/{key}/w_100")).expect(200);
        app.get(&format!("/t/{key}/w_100~f_png")).expect(200);
        app.get(&format!("/o/{key}")).expect(200);
        app.api("HEAD", &format!("/files/{key}"), &[], b"")
            .expect(200);
        let public = app.get(&format!("/t/{key}/f_json")).expect(200).json();
        assert!(public["version"].is_string(), "{public}");
    }
    assert_eq!(app.record("a.jpg")["focal_point"]["x"], 0.1);
    let first = app.api("GET", "/records/b.jpg", &[], b"").expect(200);
    let again = app.api("GET", "/records/b.jpg", &[], b"").expect(200);
    assert_eq!(first.header("etag"), again.header("etag"));
    let list = app.api("GET", "/list?records=1", &[], b"").expect(200);
    assert_eq!(list.json()["files"].as_array().unwrap().len(), 2);
    let stat = app.post("/batch", &json!({"op": "stat", "keys": ["a.jpg", "b.jpg"]}));
    assert_eq!(stat.expect(200).json()["results"][1]["status"], 200);

    refuses_every_change(&app);
    assert_eq!(writes(&app), 0);
    app.stop();
    assert_eq!(tree(&media), before);
}

fn refuses_every_change(app: &App) {
    let refusals = [
        app.put("new.jpg", &corpus::tower(), &[]),
        app.put(
            "a.jpg?on_conflict=overwrite",
            b"x",
            &[("idempotency-key", "k")],
        ),
        app.patch(
            "a.jpg",
            &json!({"state": {"name": "blocked", "reason": "x"}}),
        ),
        app.api("DELETE", "/files/a.jpg", &[], b""),
        app.api(
            "POST",
            "/files",
            &[("content-type", "multipart/form-data")],
            b"x",
        ),
        app.post("/copy", &json!({"from": "a.jpg", "to": "c.jpg"})),
        app.post("/move", &json!({"from": "a.jpg", "to": "c.jpg"})),
        app.post("/purge", &json!({"prefix": ""})),
    ];
    for refusal in refusals {
        refusal.refused(403, "read-only");
        assert_eq!(refusal.json()["retryable"], false);
        assert!(refusal.text().contains("TINTYPE_READ_ONLY"));
    }
    for op in ["delete", "purge"] {
        let batch = app.post("/batch", &json!({"op": op, "keys": ["a.jpg"]}));
        let answer = batch.expect(200).json();
        assert_eq!(answer["results"][0]["problem"]["code"], "read-only");
    }
}

#[test]
fn a_folder_of_somebody_else_is_shown_as_it_is() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let media = folder.path().join("media");
    std::fs::create_dir(&media).unwrap();
    std::fs::write(media.join("a.jpg"), corpus::tower()).unwrap();
    let app = read_only().run_in(folder.into());
    app.get("/t/a.jpg/w_64").expect(200);
    assert!(!media.join(".tintype").exists());
    assert_eq!(writes(&app), 0);
}

#[test]
fn a_folder_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = tintype(folder.path())
        .args(["serve", "--dev"])
        .envs([
            ("TINTYPE_READ_ONLY", "1"),
            ("TINTYPE_BIND", "127.0.0.1:0"),
            ("TINTYPE_ADMIN_BIND", "127.0.0.1:0"),
        ])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("the store cannot be opened"), "{stderr}");
    assert!(!folder.path().join("media").exists());
}
