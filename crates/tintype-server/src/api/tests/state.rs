//! Visibility of an original: the state applies from the first moment, survives an overwrite and is copied along; a
//! takedown lasts until it is lifted.

use serde_json::{Value, json};

use super::Api;

const EMBARGO: &str = r#"{"state":{"name":"embargo","until":"2099-01-01T00:00:00Z"}}"#;

fn block() -> Value {
    json!({"state": {"name": "blocked", "reason": "court order"}})
}

fn public() -> Value {
    json!({"state": {"name": "public"}})
}

#[tokio::test]
async fn an_upload_brings_focal_point_crops_state_and_meta() {
    let api = Api::new().await;
    let said = json!({
        "focal_point": {"x": 0.25, "y": 0.5},
        "crops": {"wide": {"x": 0.0, "y": 0.25, "width": 1.0, "height": 0.5}},
        "state": {"name": "embargo", "until": "2099-01-01T00:00:00Z"},
        "meta": {"credit": "Ünsal"},
    });
    let record = api
        .put("a.txt", &[("tintype-record", &said.to_string())], b"1")
        .await
        .expect(201);
    for member in ["focal_point", "crops", "state", "meta"] {
        assert_eq!(record[member], said[member]);
    }
    assert_eq!(api.record("a.txt").await, record);
    api.put("b.txt", &[("tintype-record", r#"{"size":1}"#)], b"1")
        .await
        .refused(400, "invalid-request");
    api.get("records/b.txt").await.refused(404, "not-found");
}

#[tokio::test]
async fn an_embargo_is_written_before_the_original() {
    let api = Api::new().await;
    api.put("a.txt", &[("tintype-record", EMBARGO)], b"1")
        .await
        .expect(201);
    let counts = api.app.store.counts();
    assert_eq!(counts.puts(), 3);
    // A failed request must not hide anything.
    api.put("b.txt", &[], b"1").await.expect(201);
    api.put("b.txt", &[("tintype-record", EMBARGO)], b"2")
        .await
        .refused(409, "key-exists");
    assert_eq!(api.record("b.txt").await["state"]["name"], "public");
}

#[tokio::test]
async fn an_embargo_is_no_obstacle_to_the_api() {
    let api = Api::new().await;
    api.put("a.txt", &[("tintype-record", EMBARGO)], b"1")
        .await
        .expect(201);
    assert_eq!(api.get("files/a.txt").await.body, b"1");
}

#[tokio::test]
async fn overwriting_keeps_state_and_meta_and_resets_focal_point_and_crops() {
    let api = Api::new().await;
    api.put("a.txt", &[("tintype-record", EMBARGO)], b"1")
        .await
        .expect(201);
    let said = json!({"focal_point": {"x": 0.5, "y": 0.5}, "meta": {"credit": "A"},
        "crops": {"all": {"x": 0, "y": 0, "width": 1, "height": 1}}});
    let before = api.patch("a.txt", &[], said).await.expect(200);
    let after = api
        .put("a.txt?on_conflict=overwrite", &[], b"2")
        .await
        .expect(200);
    assert_eq!(after["state"], before["state"]);
    assert_eq!(after["meta"], before["meta"]);
    assert_eq!(after["focal_point"], Value::Null);
    assert_eq!(after["crops"], json!({}));
}

#[tokio::test]
async fn a_deleted_original_leaves_no_state_to_its_successor() {
    let api = Api::new().await;
    api.put("a.txt", &[("tintype-record", EMBARGO)], b"1")
        .await
        .expect(201);
    api.delete("a.txt", &[]).await.expect(204);
    assert_eq!(
        api.put("a.txt", &[], b"1").await.expect(201)["state"]["name"],
        "public"
    );
}

#[tokio::test]
async fn a_patch_changes_the_version_only_if_it_changes_variants() {
    let api = Api::new().await;
    let first = api.put("a.txt", &[], b"1").await.expect(201);
    let meta = api
        .patch("a.txt", &[], json!({"meta": {"a": 1}}))
        .await
        .expect(200);
    assert_eq!(meta["version"], first["version"]);
    let focal = api
        .patch("a.txt", &[], json!({"focal_point": {"x": 0, "y": 0}}))
        .await
        .expect(200);
    assert_ne!(focal["version"], first["version"]);
    let reset = api
        .patch("a.txt", &[], json!({"focal_point": null}))
        .await
        .expect(200);
    assert_eq!(reset["version"], first["version"]);
    api.patch("a.txt", &[], json!({"sha256": "x"}))
        .await
        .refused(400, "invalid-request");
    api.patch("none.txt", &[], json!({"meta": {}}))
        .await
        .refused(404, "not-found");
}

#[tokio::test]
async fn a_patch_may_be_bound_to_the_record_that_was_read() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    let etag = api.get("records/a.txt").await.header("etag").to_owned();
    let first = api
        .patch("a.txt", &[("if-match", &etag)], json!({"meta": {"a": 1}}))
        .await;
    first.expect(200);
    api.patch("a.txt", &[("if-match", &etag)], json!({"meta": {"a": 2}}))
        .await
        .refused(412, "precondition-failed");
    let etag = first.header("etag").to_owned();
    let blocked = api.patch("a.txt", &[("if-match", &etag)], block()).await;
    blocked.expect(200);
    assert_ne!(
        blocked.header("etag"),
        etag,
        "a takedown changes what is told"
    );
}

#[tokio::test]
async fn concurrent_patches_of_different_members_all_hold() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    let patches = (0..8).map(|n| {
        let api = &api;
        async move {
            api.patch("a.txt", &[], json!({"meta": {(n.to_string()): n}}))
                .await
                .expect(200)
        }
    });
    futures_util::future::join_all(patches).await;
    assert_eq!(
        api.record("a.txt").await["meta"].as_object().unwrap().len(),
        8
    );
}

#[tokio::test]
async fn a_takedown_has_reason_and_actor_and_is_lifted_by_a_new_state() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    let record = api
        .patch("a.txt", &[("tintype-actor", "jo@desk")], block())
        .await
        .expect(200);
    assert_eq!(record["state"]["name"], "blocked");
    assert_eq!(record["state"]["reason"], "court order");
    assert_eq!(record["state"]["actor"], "jo@desk");
    api.get("files/a.txt").await.refused(451, "blocked");
    assert_eq!(api.record("a.txt").await, record, "the record tells why");
    api.patch("a.txt", &[], public()).await.expect(200);
    assert_eq!(api.get("files/a.txt").await.body, b"1");
}

#[tokio::test]
async fn a_takedown_survives_delete_overwrite_reupload_copy_and_move() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    api.patch("a.txt", &[], block()).await.expect(200);

    // The same name with other bytes, and the same bytes under another name.
    api.put("a.txt?on_conflict=overwrite", &[], b"2")
        .await
        .expect(200);
    api.get("files/a.txt").await.refused(451, "blocked");
    api.put("b.txt", &[], b"1").await.expect(201);
    api.get("files/b.txt").await.refused(451, "blocked");

    // Other bytes and another name, but copied from the blocked original.
    api.post("copy", &[], json!({"from": "a.txt", "to": "c.txt"}))
        .await
        .expect(201);
    api.get("files/c.txt").await.refused(451, "blocked");
    api.post("move", &[], json!({"from": "a.txt", "to": "d.txt"}))
        .await
        .expect(201);
    api.get("files/d.txt").await.refused(451, "blocked");

    api.delete("a.txt", &[]).await.expect(204);
    api.put("a.txt", &[], b"3").await.expect(201);
    api.get("files/a.txt").await.refused(451, "blocked");
}

#[tokio::test]
async fn an_upload_may_be_blocked_from_the_first_moment() {
    let api = Api::new().await;
    let said = block().to_string();
    let record = api
        .put("a.txt", &[("tintype-record", &said)], b"1")
        .await
        .expect(201);
    assert_eq!(record["state"]["name"], "blocked");
    api.get("files/a.txt").await.refused(451, "blocked");
    // The state under the block is public, not the embargo that was sent in its place.
    api.patch("a.txt", &[], public()).await.expect(200);
    assert_eq!(
        api.record("a.txt").await["state"],
        json!({"name": "public"})
    );
}

#[tokio::test]
async fn an_unreadable_record_is_never_taken_for_public() {
    use tintype_store::{Attributes, Condition, Key, Object, WriteSource};
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    let key = Key::parse("a.txt").unwrap();
    let damage = async || {
        let object = Object::Record(key.hash());
        let source = WriteSource::Bytes("torn".into());
        let (any, none) = (Condition::Any, Attributes::default());
        api.app
            .store
            .put(&object, source, &any, &none)
            .await
            .unwrap();
        api.app.records.invalidate(&key).await;
        for path in ["files/a.txt", "records/a.txt"] {
            api.get(path).await.refused(503, "record-damaged");
        }
    };
    damage().await;
    // An overwrite is one way around it, deleting is another.
    api.put("a.txt?on_conflict=overwrite", &[], b"2")
        .await
        .expect(200);
    api.get("files/a.txt").await.expect(200);
    damage().await;
    api.delete("a.txt", &[]).await.expect(204);
    api.put("a.txt", &[], b"2").await.expect(201);
}
