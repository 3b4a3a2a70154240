//! Uploads are stored unchanged, described in full, and checked against the digests that the client sent.

use super::Api;

#[tokio::test]
async fn the_response_to_an_upload_has_its_record() {
    let api = Api::new().await;
    let answer = api.put("notes/hello.txt", &[], b"hello").await;
    let record = answer.expect(201);
    assert_eq!(record["key"], "notes/hello.txt");
    assert_eq!(record["size"], 5);
    assert_eq!(
        record["sha256"],
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    );
    assert_eq!(record["version"].as_str().unwrap().len(), 16);
    assert_eq!(record["state"]["name"], "public");
    assert_eq!(record["image"], serde_json::Value::Null);
    assert_eq!(answer.header("location"), "/api/v1/files/notes/hello.txt");
    assert_eq!(
        answer.header("etag"),
        format!("\"{}\"", record["etag"].as_str().unwrap())
    );
    assert_eq!(
        answer.header("repr-digest"),
        "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
    );
    assert_eq!(api.record("notes/hello.txt").await, record);
}

#[tokio::test]
async fn creating_costs_two_writes_and_nothing_else() {
    let api = Api::new().await;
    let counts = || {
        let counts = api.app.store.counts();
        [
            counts.puts(),
            counts.gets(),
            counts.heads(),
            counts.lists(),
            counts.deletes(),
        ]
    };
    let [puts, others @ ..] = counts();
    api.put("a.txt", &[], b"a").await.expect(201);
    assert_eq!(counts()[0], puts + 2);
    assert_eq!(counts()[1..], others);
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let api = Api::new().await;
    assert_eq!(api.put("empty", &[], b"").await.expect(201)["size"], 0);
}

#[tokio::test]
async fn a_checksum_that_does_not_agree_stores_nothing() {
    let api = Api::new().await;
    let right = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    for header in ["content-digest", "repr-digest"] {
        let answer = api.put("a.txt", &[(header, right)], b"hellO").await;
        assert_eq!(answer.refused(400, "digest-mismatch")["field"], header);
        assert_eq!(api.get("files/a.txt").await.status, 404);
    }
    let md5 = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
    api.put("a.txt", &md5, b"hellO")
        .await
        .refused(400, "digest-mismatch");
    api.put("a.txt", &[("content-digest", "sha-256=oops")], b"hello")
        .await
        .refused(400, "invalid-request");
    api.put("a.txt", &[("content-digest", right), md5[0]], b"hello")
        .await
        .expect(201);
}

#[tokio::test]
async fn large_bodies_are_refused_before_they_are_read() {
    let api = Api::new().await;
    let limit = api.app.config.uploads.max_upload_bytes;
    let declared = (limit + 1).to_string();
    let answer = api
        .put("a.bin", &[("content-length", &declared)], b"never read")
        .await;
    assert_eq!(answer.refused(413, "too-large")["limit"], limit);
}

#[tokio::test]
async fn a_full_spool_is_reported_before_the_body_is_read() {
    let api = Api::new().await;
    let all = api.app.spool.reserve(Some(super::SPOOL_BYTES)).unwrap();
    let answer = api
        .put("a.bin", &[("content-length", "10")], b"never read")
        .await;
    answer.refused(507, "insufficient-storage");
    assert!(!answer.header("retry-after").is_empty());
    drop(all);
    api.put("a.bin", &[], b"now").await.expect(201);
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    use futures_util::stream;
    let api = Api::new().await;
    let chunks = [
        Ok(bytes::Bytes::from_static(b"half")),
        Err(std::io::Error::other("gone")),
    ];
    let body = axum::body::Body::from_stream(stream::iter(chunks));
    let answer = api
        .send(http::Method::PUT, "/api/v1/files/a.txt", &[], body)
        .await;
    answer.refused(400, "invalid-request");
    assert_eq!(
        api.get("list").await.expect(200)["files"],
        serde_json::json!([])
    );
    assert_eq!(api.app.spool.reserved_bytes(), 0);
}

#[tokio::test]
async fn invalid_keys_are_refused_and_never_repaired() {
    let api = Api::new().await;
    for key in [
        "a%2Fb",
        "a//b",
        "../a",
        "%2e%2e/a",
        "a/",
        "a%00",
        "a%5Cb",
        "a%ff",
        ".tintype/x",
    ] {
        api.put(key, &[], b"x").await.refused(400, "invalid-key");
    }
    let long = "x".repeat(256);
    api.put(&long, &[], b"x")
        .await
        .refused(400, "name-too-long");
    let answer = api.put("l%C3%B6we%20100%25.txt", &[], b"x").await;
    assert_eq!(answer.expect(201)["key"], "löwe 100%.txt");
    assert_eq!(
        answer.header("location"),
        "/api/v1/files/l%C3%B6we%20100%25.txt"
    );
}

#[tokio::test]
async fn unknown_questions_are_refused() {
    let api = Api::new().await;
    api.put("a?onconflict=rename", &[], b"x")
        .await
        .refused(400, "invalid-request");
    api.put("a?on_conflict=maybe", &[], b"x")
        .await
        .refused(400, "invalid-request");
    api.put("a?max_length=x", &[], b"x")
        .await
        .refused(400, "invalid-request");
    api.put("a", &[("content-range", "bytes 0-0/1")], b"x")
        .await
        .refused(400, "invalid-request");
}
