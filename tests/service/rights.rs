//! A record states who made an image and on what terms it may be used: the values in the file, each of which an editor
//! can override. Variants carry the same values. Overrides last like a focal point: a copy and a move keep them, and
//! another file under the same key does not get them.

use serde_json::{Value, json};

use crate::corpus;
use crate::harness::{App, Start};

/// Returns the rights in a variant of `a.jpg`.
fn in_picture(app: &App, spec: &str, name: &str) -> Value {
    let picture = app.get(&format!("/t/a.jpg/{spec}")).expect(200);
    app.upload(name, &picture.body)["rights"].clone()
}

fn licensed() -> Vec<u8> {
    corpus::read("reported/xmp-attr-licence.jpg")
}

#[test]
fn a_record_tells_what_rights_the_bytes_tell() {
    let app = App::dev();
    let record = app.upload("a.jpg", &licensed());
    let rights = &record["rights"];
    assert!(
        !rights["creators"].as_array().unwrap().is_empty(),
        "{rights}"
    );
    for name in ["notice", "web_statement", "licensor_url"] {
        assert!(rights[name].is_string(), "{name}: {rights}");
    }
    assert_eq!(record["set_rights"], json!({}));
    let public = app.get("/t/a.jpg/f_json").expect(200).json();
    assert_eq!(&public["rights"], rights);
    let silent = app.upload("b.jpg", &corpus::tower());
    assert!(silent["rights"].is_null(), "{silent}");
}

#[test]
fn what_is_set_overrules_the_file_and_null_gives_it_back() {
    let app = App::dev();
    let before = app.upload("a.jpg", &licensed());
    let set = json!({ "creators": ["Ann", "Ben"], "credit": "Ann/Desk", "notice": "" });
    let after = app.patch("a.jpg", &json!({ "rights": set })).expect(200);
    let after = after.json();
    assert_eq!(after["set_rights"], set);
    let (was, is) = (&before["rights"], &after["rights"]);
    assert_eq!(is["creators"], json!(["Ann", "Ben"]));
    assert_eq!(is["credit"], "Ann/Desk");
    assert!(is["notice"].is_null(), "what is empty takes away");
    assert_eq!(is["web_statement"], was["web_statement"]);
    let public = app.get("/t/a.jpg/f_json").expect(200).json();
    assert_eq!(&public["rights"], is);
    assert!(public["set_rights"].is_null(), "{public}");

    let some = json!({ "rights": { "notice": null, "creators": null } });
    let some = app.patch("a.jpg", &some).expect(200).json();
    assert_eq!(some["set_rights"], json!({ "credit": "Ann/Desk" }));
    assert_eq!(some["rights"]["notice"], was["notice"]);
    let none = app.patch("a.jpg", &json!({ "rights": null }));
    let none = none.expect(200).json();
    assert_eq!(&none["rights"], was);
    assert_eq!(none["version"], before["version"], "as it was");
}

#[test]
fn pictures_carry_what_is_set_under_a_version_of_its_own() {
    let app = App::dev();
    let before = app.upload("a.jpg", &licensed());
    let bare = app.get("/t/a.jpg/w_100~f_jpeg~meta_none").expect(200);
    let told = in_picture(&app, "w_100~f_jpeg", "before.jpg");
    assert_eq!(told["creators"], before["rights"]["creators"]);

    let change = json!({ "rights": { "creators": ["Ann"], "terms": "once" } });
    let after = app.patch("a.jpg", &change).expect(200).json();
    assert_ne!(after["version"], before["version"]);
    for (spec, name) in [
        ("w_100~f_jpeg", "a2.jpg"),
        ("w_100~f_png", "a.png"),
        ("w_100~f_webp", "a.webp"),
        ("w_100~f_jpeg~meta_keep", "kept.jpg"),
    ] {
        let told = in_picture(&app, spec, name);
        assert_eq!(told["creators"], json!(["Ann"]), "{spec}: {told}");
        assert_eq!(told["terms"], "once", "{spec}");
        assert_eq!(told["notice"], before["rights"]["notice"], "{spec}");
    }
    let labels = ["tier=\"variants\"", "event=\"miss\""];
    let made = || app.metric("tintype_cache_events_total", &labels);
    let before = made();
    let still = app.get("/t/a.jpg/w_100~f_jpeg~meta_none").expect(200);
    assert_eq!(still.header("etag"), bare.header("etag"));
    assert_eq!(made(), before, "a picture without rights is the same");
}

#[test]
fn small_pictures_of_a_large_photograph_carry_it_as_well() {
    let app = Start::dev().env("TINTYPE_MEZZANINE", "1").run();
    app.upload("a.jpg", &corpus::read("photos/phone12mp_baseline.jpg"));
    let change = json!({ "rights": { "creators": ["Ann"] } });
    app.get("/t/a.jpg/w_320~f_jpeg").expect(200);
    app.patch("a.jpg", &change).expect(200);
    let told = in_picture(&app, "w_320~f_jpeg", "small.jpg");
    assert_eq!(told["creators"], json!(["Ann"]));
}

#[test]
fn what_is_set_goes_with_the_file_and_not_with_its_name() {
    let app = App::dev();
    let said = r#"{"rights":{"credit":"Desk"}}"#;
    let first = app.put("a.jpg", &licensed(), &[("tintype-record", said)]);
    let first = first.expect(201).json();
    assert_eq!(first["rights"]["credit"], "Desk");
    let copied = app.post("/copy", &json!({ "from": "a.jpg", "to": "b.jpg" }));
    assert_eq!(copied.expect(201).json()["version"], first["version"]);
    let moved = app.post("/move", &json!({ "from": "a.jpg", "to": "c.jpg" }));
    assert_eq!(
        moved.expect(201).json()["set_rights"],
        json!({ "credit": "Desk" })
    );
    let other = app.api(
        "PUT",
        "/files/c.jpg?on_conflict=overwrite",
        &[],
        &corpus::tower(),
    );
    let other = other.expect(200).json();
    assert_eq!(other["set_rights"], json!({}));
    assert!(other["rights"].is_null(), "{other}");
}

#[test]
fn what_cannot_be_set_is_refused_with_the_field() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    for (rights, field) in [
        (json!({ "photographer": "A" }), "photographer"),
        (json!({ "credit": "x".repeat(2_001) }), "credit"),
        (json!({ "credit": "two\nlines" }), "credit"),
        (json!({ "creators": vec!["A"; 17] }), "creators"),
        (
            json!({ "licensor_url": "javascript:alert(1)" }),
            "licensor_url",
        ),
    ] {
        let answer = app.patch("a.jpg", &json!({ "rights": rights }));
        answer.refused(400, "invalid-request");
        assert!(answer.text().contains(field), "{}", answer.text());
    }
    assert_eq!(app.record("a.jpg")["set_rights"], json!({}));
}
