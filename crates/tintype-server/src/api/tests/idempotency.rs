//! A request repeated with the same idempotency key takes effect once and gets the first response again. A key
//! reused for another request is refused.

use futures_util::future::join_all;
use serde_json::json;

use super::{Api, ApiResponse};

async fn put(api: &Api, path: &str, key: &str, body: &[u8]) -> ApiResponse {
    api.put(path, &[("idempotency-key", key)], body).await
}

async fn files(api: &Api) -> usize {
    api.get("list").await.expect(200)["files"]
        .as_array()
        .unwrap()
        .len()
}

#[track_caller]
fn replayed(first: &ApiResponse, again: &ApiResponse) {
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(again.header("idempotency-replayed"), "?1");
    assert_eq!(again.status, first.status);
    assert_eq!(
        again.expect(first.status.as_u16()),
        first.expect(first.status.as_u16())
    );
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(again.header("location"), first.header("location"));
}

#[tokio::test]
async fn creating_again_finds_the_created_object() {
    let api = Api::new().await;
    let first = put(&api, "a.txt", "k1", b"1").await;
    replayed(&first, &put(&api, "a.txt", "k1", b"1").await);
    put(&api, "a.txt", "k1", b"2")
        .await
        .refused(422, "idempotency-mismatch");
    put(&api, "a.txt", "k2", b"1")
        .await
        .refused(409, "key-exists");
}

#[tokio::test]
async fn renaming_again_finds_the_renamed_object() {
    let api = Api::new().await;
    put(&api, "a.txt", "k0", b"0").await.expect(201);
    let first = put(&api, "a.txt?on_conflict=rename", "k1", b"1").await;
    first.expect(201);
    replayed(
        &first,
        &put(&api, "a.txt?on_conflict=rename", "k1", b"1").await,
    );
    put(&api, "a.txt?on_conflict=rename", "k1", b"2")
        .await
        .refused(422, "idempotency-mismatch");
    assert_eq!(files(&api).await, 2);
}

#[tokio::test]
async fn many_attempts_at_once_make_one_object() {
    for path in [
        "a.txt",
        "a.txt?on_conflict=rename",
        "a.txt?on_conflict=overwrite",
    ] {
        let api = Api::new().await;
        let answers = join_all((0..16).map(|_| put(&api, path, "k", b"same"))).await;
        let first = answers[0].expect(201);
        for answer in &answers {
            assert_eq!(answer.expect(201)["etag"], first["etag"], "{path}");
        }
        assert_eq!(files(&api).await, 1);
    }
}

#[tokio::test]
async fn overwriting_again_repeats_the_response_and_never_replaces_a_newer_object() {
    let api = Api::new().await;
    put(&api, "a.txt", "k0", b"0").await.expect(201);
    let first = put(&api, "a.txt?on_conflict=overwrite", "k1", b"1").await;
    first.expect(200);
    replayed(
        &first,
        &put(&api, "a.txt?on_conflict=overwrite", "k1", b"1").await,
    );

    api.put("a.txt?on_conflict=overwrite", &[], b"newer")
        .await
        .expect(200);
    replayed(
        &first,
        &put(&api, "a.txt?on_conflict=overwrite", "k1", b"1").await,
    );
    assert_eq!(api.get("files/a.txt").await.body, b"newer");

    put(&api, "a.txt?on_conflict=overwrite", "k1", b"2")
        .await
        .refused(422, "idempotency-mismatch");
    put(&api, "b.txt?on_conflict=overwrite", "k1", b"1")
        .await
        .refused(422, "idempotency-mismatch");
}

#[tokio::test]
async fn replacing_a_version_again_finds_that_it_is_done() {
    let api = Api::new().await;
    let etag = put(&api, "a.txt", "k0", b"0")
        .await
        .header("etag")
        .to_owned();
    let headers = [("if-match", &*etag), ("idempotency-key", "k1")];
    let first = api.put("a.txt", &headers, b"1").await;
    first.expect(200);
    replayed(&first, &api.put("a.txt", &headers, b"1").await);
}

#[tokio::test]
async fn one_token_does_not_see_the_keys_of_another() {
    let api = Api::new().await;
    put(&api, "desk/a.txt", "k1", b"1").await.expect(201);
    let headers = [
        ("idempotency-key", "k1"),
        ("authorization", "Bearer tt_desk_secret"),
    ];
    api.put("desk/a.txt", &headers, b"1")
        .await
        .refused(409, "key-exists");
}

#[tokio::test]
async fn a_repeated_move_gets_the_first_response_although_its_source_is_gone() {
    for on_conflict in ["fail", "rename", "overwrite"] {
        let api = Api::new().await;
        api.put("a.txt", &[], b"1").await.expect(201);
        let asked = json!({"from": "a.txt", "to": "b.txt", "on_conflict": on_conflict});
        let key = [("idempotency-key", "k1")];
        let first = api.post("move", &key, asked.clone()).await;
        assert_eq!(first.expect(201)["key"], "b.txt");
        replayed(&first, &api.post("move", &key, asked.clone()).await);
        api.post("move", &[("idempotency-key", "k2")], asked)
            .await
            .refused(404, "not-found");
    }
}

/// What a process leaves when it is killed during an overwrite: an intent without a response.
mod unfinished {
    use jiff::{SignedDuration, Timestamp};
    use tintype_store::{Condition, HexId, Key, Object};

    use super::{files, put, replayed};
    use crate::api::tests::Api;
    use crate::originals::idempotency::{self, FoundIntent, IdempotencyKey, Intent};

    const PATH: &str = "a.txt?on_conflict=overwrite";

    fn key() -> IdempotencyKey {
        IdempotencyKey::new("dev", "k1")
    }

    async fn intent(api: &Api) -> Intent {
        match idempotency::find(&api.app.store, &key()).await.unwrap() {
            FoundIntent::Intent(stored) => stored.intent,
            _ => panic!("no intent"),
        }
    }

    async fn leave(api: &Api, intent: &Intent) {
        idempotency::write(&api.app.store, &key(), intent, &Condition::Any)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn killed_after_the_object_was_written() {
        let api = Api::new().await;
        put(&api, "a.txt", "k0", b"0").await.expect(201);
        let first = put(&api, PATH, "k1", b"1").await;
        leave(
            &api,
            &Intent {
                answer: None,
                ..intent(&api).await
            },
        )
        .await;
        let record = Object::Record(Key::parse("a.txt").unwrap().hash());
        api.app
            .store
            .delete(&record, &Condition::Any)
            .await
            .unwrap();
        let again = put(&api, PATH, "k1", b"1").await;
        assert_eq!(again.header("idempotency-replayed"), "?1");
        assert_eq!(again.status, first.status);
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(api.record("a.txt").await, again.expect(200));
        replayed(&first_of(first), &again);
    }

    /// All headers but the creation time, which was deleted with the record.
    fn first_of(mut first: super::ApiResponse) -> super::ApiResponse {
        let mut record = first.expect(200);
        record["created"] = record["modified"].clone();
        first.body = record.to_string().into_bytes();
        first
    }

    #[tokio::test]
    async fn killed_before_the_object_was_written() {
        let api = Api::new().await;
        let etag = put(&api, "a.txt", "k0", b"0")
            .await
            .header("etag")
            .replace('"', "");
        let sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
        let before = tintype_store::ETag::new(etag);
        leave(
            &api,
            &Intent::new(
                &Key::parse("a.txt").unwrap(),
                HexId::parse(sha256),
                Some(&before),
            ),
        )
        .await;
        let again = put(&api, PATH, "k1", b"1").await;
        again.expect(200);
        assert_eq!(again.header("idempotency-replayed"), "");
        assert_eq!(api.get("files/a.txt").await.body, b"1");
    }

    #[tokio::test]
    async fn killed_and_overtaken_by_a_newer_object() {
        let api = Api::new().await;
        put(&api, "a.txt", "k0", b"0").await.expect(201);
        put(&api, PATH, "k1", b"1").await.expect(200);
        leave(
            &api,
            &Intent {
                answer: None,
                ..intent(&api).await
            },
        )
        .await;
        api.put(PATH, &[], b"newer").await.expect(200);
        put(&api, PATH, "k1", b"1")
            .await
            .refused(412, "precondition-failed");
        assert_eq!(api.get("files/a.txt").await.body, b"newer");
        assert_eq!(files(&api).await, 1);
    }

    #[tokio::test]
    async fn an_intent_expires_after_a_day() {
        let api = Api::new().await;
        put(&api, PATH, "k1", b"1").await.expect(201);
        let old = Timestamp::now() - SignedDuration::from_hours(25);
        leave(
            &api,
            &Intent {
                at: old,
                ..intent(&api).await
            },
        )
        .await;
        let other = put(&api, "b.txt?on_conflict=overwrite", "k1", b"2").await;
        assert_eq!(other.expect(201)["key"], "b.txt");
        assert_eq!(other.header("idempotency-replayed"), "");
    }
}
