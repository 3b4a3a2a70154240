//! A staging service shows production's originals as if they were its own, and changes made to them in staging stay
//! there.

use serde_json::json;

use crate::corpus;
use crate::harness::{App, Start};
use crate::read_only::tree;

fn keys(app: &App, query: &str) -> Vec<String> {
    let list = app.api("GET", &format!("/list?{query}"), &[], b"");
    let list = list.expect(200).json();
    let files = list["files"].as_array().unwrap();
    let keys = files.iter().map(|file| file["key"].as_str().unwrap());
    keys.map(str::to_owned).collect()
}

fn production() -> App {
    let app = App::dev();
    for key in ["a.jpg", "b.jpg", "c.jpg"] {
        app.upload(key, &corpus::tower());
    }
    app.upload("gone.txt", b"taken down");
    app.patch("a.jpg", &json!({"focal_point": {"x": 0.1, "y": 0.9}}))
        .expect(200);
    let blocked = json!({"state": {"name": "blocked", "reason": "court order"}});
    app.patch("gone.txt", &blocked).expect(200);
    app
}

fn staging(production: &App) -> Start {
    let media = production.media();
    Start::dev().env(
        "TINTYPE_FALLBACK_STORE",
        &format!("file://{}", media.display()),
    )
}

#[test]
fn production_is_read_and_never_written() {
    let production = production();
    let before = (tree(&production.media()), production.record("a.jpg"));
    let staging = staging(&production).run();

    staging.get("/t/a.jpg/w_64").expect(200);
    staging.get("/o/b.jpg").expect(200);
    staging.get("/o/gone.txt").expect(451);
    let seen = staging.record("a.jpg");
    for name in ["sha256", "version", "focal_point", "created"] {
        assert_eq!(seen[name], before.1[name], "{name}");
    }
    assert_eq!(keys(&staging, ""), ["a.jpg", "b.jpg", "c.jpg", "gone.txt"]);

    // A name in production is taken, and can be replaced by a client that has its ETag.
    staging.put("a.jpg", b"x", &[]).refused(409, "key-exists");
    staging
        .put("a.jpg", b"x", &[("if-none-match", "*")])
        .refused(412, "precondition-failed");
    let etag = staging.api("HEAD", "/files/a.jpg", &[], b"").expect(200);
    let etag = etag.header("etag").to_owned();
    let theirs = production.api("HEAD", "/files/a.jpg", &[], b"").expect(200);
    assert_ne!(etag, theirs.header("etag"));
    staging
        .put("a.jpg", b"mine", &[("if-match", &etag)])
        .expect(200);
    staging
        .put("a.jpg", b"again", &[("if-match", &etag)])
        .refused(412, "precondition-failed");
    assert_eq!(staging.get("/o/a.jpg").expect(200).body, b"mine");

    let focal = json!({"focal_point": {"x": 0.5, "y": 0.25}});
    staging.patch("c.jpg", &focal).expect(200);
    assert_eq!(staging.record("c.jpg")["focal_point"]["y"], 0.25);
    staging
        .post("/copy", &json!({"from": "c.jpg", "to": "d.jpg"}))
        .expect(201);
    assert_eq!(staging.record("d.jpg")["focal_point"]["y"], 0.25);
    staging
        .patch("gone.txt", &json!({"state": {"name": "public"}}))
        .refused(403, "read-only");
    staging.post("/purge", &json!({"prefix": ""})).expect(200);

    let after = (tree(&production.media()), production.record("a.jpg"));
    assert_eq!(after, before);
    production.get("/t/a.jpg/w_64").expect(200);
}

#[test]
fn what_is_deleted_in_staging_stays_away_there() {
    let production = production();
    let staging = staging(&production).run();
    staging.get("/t/b.jpg/w_64").expect(200);
    staging.api("DELETE", "/files/b.jpg", &[], b"").expect(204);
    let staging = staging.restart();
    staging.get("/o/b.jpg").expect(404);
    assert_eq!(keys(&staging, ""), ["a.jpg", "c.jpg", "gone.txt"]);
    assert_eq!(keys(&staging, "limit=1"), ["a.jpg"]);
    staging.upload("b.jpg", b"mine");
    assert_eq!(keys(&staging, ""), ["a.jpg", "b.jpg", "c.jpg", "gone.txt"]);
    staging.api("DELETE", "/files/b.jpg", &[], b"").expect(204);
    staging.get("/o/b.jpg").expect(404);
    production.get("/o/b.jpg").expect(200);
}

#[test]
fn what_production_changes_is_seen() {
    let production = production();
    let staging = staging(&production).env("TINTYPE_RECORD_CACHE", "0s").run();
    let old = staging.record("b.jpg")["version"].clone();
    production
        .put("b.jpg?on_conflict=overwrite", &corpus::tower()[..9000], &[])
        .expect(200);
    production.upload("new.txt", b"new");
    assert_ne!(staging.record("b.jpg")["version"], old);
    assert_eq!(staging.get("/o/new.txt").expect(200).body, b"new");
}
