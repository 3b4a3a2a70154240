//! Stored originals can be described, listed, copied, moved and taken down, each with a token whose scopes and prefixes
//! allow it. A change of visibility takes effect at once, and a takedown outlives the file.

use serde_json::json;

use crate::corpus;
use crate::harness::{ALL_SCOPES, App, Start, token};

#[test]
fn records_are_changed_by_merge_patch() {
    let app = App::dev();
    let before = app.upload("a.jpg", &corpus::tower());
    let change = json!({ "focal_point": { "x": 0.1, "y": 0.2 }, "meta": { "a": 1, "b": 2 } });
    let after = app.patch("a.jpg", &change).expect(200).json();
    assert_eq!(after["focal_point"], json!({ "x": 0.1, "y": 0.2 }));
    assert_ne!(
        before["version"], after["version"],
        "pictures may change with the focal point"
    );

    let merged = app
        .patch("a.jpg", &json!({ "meta": { "a": null, "c": 3 } }))
        .expect(200)
        .json();
    assert_eq!(merged["meta"], json!({ "b": 2, "c": 3 }));
    assert_eq!(
        merged["version"], after["version"],
        "no picture depends on meta"
    );

    app.patch("a.jpg", &json!({ "size": 1 })).expect(400);
    app.patch("a.jpg", &json!({ "focal_point": { "x": 1.5, "y": 0 } }))
        .expect(400);
    app.patch("absent.jpg", &json!({}))
        .refused(404, "not-found");
}

#[test]
fn a_patch_may_name_the_record_it_changes() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let etag = app
        .api("GET", "/records/a.jpg", &[], b"")
        .expect(200)
        .header("etag")
        .to_owned();
    let patch = |etag: &str, body: &str| {
        let headers = [
            ("content-type", "application/merge-patch+json"),
            ("if-match", etag),
        ];
        app.api("PATCH", "/records/a.jpg", &headers, body.as_bytes())
    };
    patch(&etag, r#"{"meta":{"a":1}}"#).expect(200);
    patch(&etag, r#"{"meta":{"a":2}}"#).refused(412, "precondition-failed");
    assert_eq!(app.record("a.jpg")["meta"]["a"], 1);
}

#[test]
fn an_overwrite_keeps_the_state_and_resets_what_belongs_to_the_picture() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let until = "2999-01-01T00:00:00Z";
    let change = json!({
        "focal_point": { "x": 0.1, "y": 0.2 },
        "state": { "name": "embargo", "until": until },
    });
    app.patch("a.jpg", &change).expect(200);
    app.put(
        "a.jpg?on_conflict=overwrite",
        &corpus::read("photos/tower_progressive.jpg"),
        &[],
    )
    .expect(200);
    let record = app.record("a.jpg");
    assert!(record["focal_point"].is_null(), "{record}");
    assert_eq!(record["state"]["name"], "embargo");
}

#[test]
fn lists_are_paged_and_show_folders() {
    let app = App::dev();
    for key in ["a/1.txt", "a/2.txt", "a/deep/3.txt", "b/4.txt", "top.txt"] {
        app.upload(key, b"x");
    }
    let names = |list: &serde_json::Value, member: &str| -> Vec<String> {
        let name = |entry: &serde_json::Value| {
            entry
                .as_str()
                .or_else(|| entry["key"].as_str())
                .unwrap()
                .to_owned()
        };
        list[member].as_array().unwrap().iter().map(name).collect()
    };
    let all = app.api("GET", "/list", &[], b"").expect(200).json();
    assert_eq!(
        names(&all, "files"),
        ["a/1.txt", "a/2.txt", "a/deep/3.txt", "b/4.txt", "top.txt"]
    );
    let top = app
        .api("GET", "/list?delimiter=/", &[], b"")
        .expect(200)
        .json();
    assert_eq!(names(&top, "dirs"), ["a/", "b/"]);
    assert_eq!(names(&top, "files"), ["top.txt"]);
    let under = app
        .api("GET", "/list?prefix=a/&delimiter=/", &[], b"")
        .expect(200)
        .json();
    assert_eq!(
        (names(&under, "dirs"), names(&under, "files")),
        (
            vec!["a/deep/".to_owned()],
            vec!["a/1.txt".to_owned(), "a/2.txt".to_owned()],
        )
    );

    let mut seen = Vec::new();
    let mut path = "/list?limit=2".to_owned();
    loop {
        let page = app.api("GET", &path, &[], b"").expect(200).json();
        seen.extend(names(&page, "files"));
        let Some(cursor) = page["cursor"].as_str() else {
            break;
        };
        path = format!("/list?limit=2&cursor={cursor}");
        assert!(seen.len() <= 5, "pages repeat: {seen:?}");
    }
    assert_eq!(seen, names(&all, "files"));
}

#[test]
fn a_batch_answers_for_each_key() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.upload("b.txt", b"x");
    let stat = json!({ "op": "stat", "keys": ["a.jpg", "absent", "../evil"] });
    let answer = app.post("/batch", &stat).expect(200).json();
    let text = answer.to_string();
    assert!(
        text.contains("\"not-found\"") && text.contains("\"invalid-key\""),
        "{text}"
    );
    assert!(text.contains("\"width\":512"), "{text}");

    let delete = json!({ "op": "delete", "keys": ["a.jpg", "b.txt", "absent"] });
    app.post("/batch", &delete).expect(200);
    app.get("/o/a.jpg").refused(404, "not-found");

    let many: Vec<_> = (0..1001).map(|n| n.to_string()).collect();
    app.post("/batch", &json!({ "op": "stat", "keys": many }))
        .expect(400);
    app.post("/batch", &json!({ "op": "explode", "keys": [] }))
        .expect(400);
}

#[test]
fn copies_and_moves_carry_what_people_said() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let said = json!({ "focal_point": { "x": 0.1, "y": 0.2 }, "meta": { "a": 1 } });
    let version = app.patch("a.jpg", &said).expect(200).json()["version"].take();

    let copy = app
        .post("/copy", &json!({ "from": "a.jpg", "to": "c/b.jpg" }))
        .expect(201)
        .json();
    assert_eq!(
        (&copy["key"], &copy["version"]),
        (&json!("c/b.jpg"), &version)
    );
    assert_eq!(copy["meta"], said["meta"]);
    let again = app.post("/copy", &json!({ "from": "a.jpg", "to": "c/b.jpg" }));
    again.refused(409, "key-exists");
    app.post("/copy", &json!({ "from": "absent", "to": "x" }))
        .refused(404, "not-found");

    let moved = app
        .post("/move", &json!({ "from": "a.jpg", "to": "m.jpg" }))
        .expect(201)
        .json();
    assert_eq!(moved["focal_point"], said["focal_point"]);
    app.api("GET", "/files/a.jpg", &[], b"")
        .refused(404, "not-found");
    assert_eq!(
        app.api("GET", "/files/m.jpg", &[], b"").body,
        corpus::tower()
    );
}

#[test]
fn deleting_twice_is_as_good_as_once() {
    let app = App::dev();
    let etag = app
        .put("a.txt", b"x", &[])
        .expect(201)
        .header("etag")
        .to_owned();
    let wrong = app.api("DELETE", "/files/a.txt", &[("if-match", "\"other\"")], b"");
    wrong.refused(412, "precondition-failed");
    app.api("DELETE", "/files/a.txt", &[("if-match", &etag)], b"")
        .expect(204);
    app.api("DELETE", "/files/a.txt", &[], b"").expect(204);
    app.get("/o/a.txt").refused(404, "not-found");
    app.upload("a.txt", b"again");
}

#[test]
fn an_embargo_hides_everything_until_its_time() {
    let app = App::dev();
    let headers = [(
        "tintype-record",
        r#"{"state":{"name":"embargo","until":"2999-01-01T00:00:00Z"}}"#,
    )];
    app.put("a.jpg", &corpus::tower(), &headers).expect(201);
    for path in [
        "/t/a.jpg/w_100",
        "/t/a.jpg/f_json",
        "/t/a.jpg/f_original",
        "/o/a.jpg",
    ] {
        app.get(path).refused(404, "not-found");
    }
    app.patch("a.jpg", &json!({ "state": { "name": "public" } }))
        .expect(200);
    app.get("/t/a.jpg/w_100").expect(200);

    app.patch(
        "a.jpg",
        &json!({ "state": { "name": "embargo", "until": "2001-01-01T00:00:00Z" } }),
    )
    .expect(200);
    app.get("/t/a.jpg/w_100").expect(200);
}

#[test]
fn a_takedown_survives_delete_and_another_upload() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.get("/t/a.jpg/w_100").expect(200);
    let block = json!({ "state": { "name": "blocked", "reason": "court order" } });
    app.patch("a.jpg", &block).expect(200);
    for path in ["/t/a.jpg/w_100", "/t/a.jpg/f_original", "/o/a.jpg"] {
        app.get(path).refused(451, "blocked");
    }
    app.api("GET", "/files/a.jpg", &[], b"")
        .refused(451, "blocked");

    app.api("DELETE", "/files/a.jpg", &[], b"").expect(204);
    app.put("a.jpg", &corpus::tower(), &[]);
    app.get("/t/a.jpg/w_100").refused(451, "blocked");

    app.patch("a.jpg", &json!({ "state": { "name": "public" } }))
        .expect(200);
    app.get("/t/a.jpg/w_100").expect(200);
}

#[test]
fn a_token_may_do_what_its_scopes_and_prefixes_say() {
    let (admin, admin_line) = token("admin", ALL_SCOPES);
    let (reader, reader_line) = token("reader", "read+list");
    let (team, team_line) = token("team", "read+write:team%2F");
    let (old, old_line) = token("old", "read");
    let lines = format!("{admin_line},{reader_line},{team_line},{old_line}::1000000000");
    let app = Start::production().env("TINTYPE_TOKENS", &lines).run();
    let with = |token: &str, method: &str, path: &str, body: &[u8]| {
        let bearer = format!("Bearer {token}");
        app.call(
            method,
            &format!("/api/v1{path}"),
            &[("authorization", &bearer)],
            body,
        )
    };
    with(&admin, "PUT", "/files/a.txt", b"x").expect(201);
    with(&reader, "GET", "/files/a.txt", b"").expect(200);
    with(&reader, "PUT", "/files/b.txt", b"x").refused(403, "scope-missing");
    with(&reader, "DELETE", "/files/a.txt", b"").refused(403, "scope-missing");
    with(&team, "PUT", "/files/team/a.txt", b"x").expect(201);
    with(&team, "PUT", "/files/a2.txt", b"x").refused(403, "scope-missing");
    with(&team, "GET", "/files/a.txt", b"").refused(403, "scope-missing");
    with(&old, "GET", "/files/a.txt", b"").refused(401, "token-expired");
    with("dev", "GET", "/files/a.txt", b"").refused(401, "token-invalid");
    // An editor may neither set nor lift a takedown.
    let bearer = format!("Bearer {team}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/merge-patch+json"),
    ];
    let block = br#"{"state":{"name":"blocked","reason":"x"}}"#;
    app.call("PATCH", "/api/v1/records/team/a.txt", &headers, block)
        .refused(403, "scope-missing");
}

#[test]
fn the_interface_tells_what_it_takes_and_what_it_can_show() {
    let app = App::dev();
    let limits = app.api("GET", "/limits", &[], b"").expect(200).json();
    let renderable = limits["renderable"].as_array().unwrap();
    assert!(renderable.contains(&"image/jpeg".into()), "{limits}");
    assert!(renderable.contains(&"image/heif".into()), "{limits}");
    assert!(!renderable.contains(&"image/x-exr".into()), "{limits}");
    assert_eq!(limits["max_pixels"], 100_000_000);
    assert_eq!(limits["max_declared_pixels"], 250_000_000);
    assert_eq!(limits["max_upload_bytes"], 5_u64 << 30);
    assert_eq!(limits["allowed"][0], "*");
}

#[test]
fn the_interface_describes_itself() {
    let app = App::dev();
    let document = app.get("/api/v1/openapi.json").expect(200).json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    for path in ["/api/v1/files/{key}", "/api/v1/list", "/api/v1/batch"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}
