//! Copies and moves keep all editable fields and send no bytes.

use serde_json::json;

use super::Api;

const SAID: &str = r#"{"focal_point":{"x":0.25,"y":0.5},"meta":{"credit":"A"},"state":{"name":"embargo","until":"2099-01-01T00:00:00Z"}}"#;

#[tokio::test]
async fn a_copy_has_its_own_name_and_everything_else_of_its_source() {
    let api = Api::new().await;
    let source = api
        .put("a.txt", &[("tintype-record", SAID)], b"1")
        .await
        .expect(201);
    let copy = api
        .post("copy", &[], json!({"from": "a.txt", "to": "d/b.txt"}))
        .await
        .expect(201);
    assert_eq!(copy["key"], "d/b.txt");
    for member in [
        "size",
        "sha256",
        "type",
        "version",
        "focal_point",
        "crops",
        "state",
        "meta",
    ] {
        assert_eq!(copy[member], source[member], "{member}");
    }
    assert_eq!(api.record("d/b.txt").await, copy);
    assert_eq!(api.get("files/a.txt").await.body, b"1");
    assert_eq!(api.get("files/d/b.txt").await.body, b"1");
}

#[tokio::test]
async fn a_move_leaves_nothing_behind_and_keeps_the_day_of_birth() {
    let api = Api::new().await;
    let source = api
        .put("a.txt", &[("tintype-record", SAID)], b"1")
        .await
        .expect(201);
    let moved = api
        .post("move", &[], json!({"from": "a.txt", "to": "b.txt"}))
        .await
        .expect(201);
    assert_eq!(moved["created"], source["created"]);
    assert_eq!(moved["state"], source["state"]);
    api.get("files/a.txt").await.refused(404, "not-found");
    assert_eq!(api.get("files/b.txt").await.body, b"1");
}

#[tokio::test]
async fn a_taken_target_is_treated_as_in_an_upload() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    api.put("b.txt", &[], b"22").await.expect(201);
    let copy = |on_conflict: &'static str| {
        api.post(
            "copy",
            &[],
            json!({"from": "a.txt", "to": "b.txt", "on_conflict": on_conflict}),
        )
    };
    copy("fail").await.refused(409, "key-exists");
    let key = copy("rename").await.expect(201)["key"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(key.starts_with("b_") && key.ends_with(".txt"), "{key}");
    copy("overwrite").await.expect(200);
    assert_eq!(api.get("files/b.txt").await.body, b"1");
    copy("maybe").await.refused(400, "invalid-request");
}

#[tokio::test]
async fn a_public_copy_does_not_publish_the_original_that_it_replaces() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    api.put("b.txt", &[("tintype-record", SAID)], b"2")
        .await
        .expect(201);
    let asked = json!({"from": "a.txt", "to": "b.txt", "on_conflict": "overwrite"});
    assert_eq!(
        api.post("copy", &[], asked).await.expect(200)["state"]["name"],
        "embargo"
    );
}

#[tokio::test]
async fn new_names_obey_the_rules_and_sources_must_exist() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    for call in ["copy", "move"] {
        let ask = |from: &str, to: &str| api.post(call, &[], json!({"from": from, "to": to}));
        ask("a.txt", "x/../b.txt").await.refused(400, "invalid-key");
        ask("a.txt", ".tintype/b").await.refused(400, "invalid-key");
        ask("a.txt", "a.txt").await.refused(400, "invalid-request");
        ask("none.txt", "b.txt").await.refused(404, "not-found");
    }
    assert_eq!(api.get("files/a.txt").await.body, b"1");
}
