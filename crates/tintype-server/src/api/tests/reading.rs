//! Reads: the bytes as uploaded, with HTTP conditions and ranges.

use axum::body::Body;
use http::Method;

use super::{Api, ApiResponse};

async fn read(api: &Api, method: Method, headers: &[(&str, &str)]) -> ApiResponse {
    api.send(method, "/api/v1/files/a.txt", headers, Body::empty())
        .await
}

#[tokio::test]
async fn the_bytes_come_back_with_their_description() {
    let api = Api::new().await;
    let put = api.put("a.txt", &[], b"hello").await;
    let get = read(&api, Method::GET, &[]).await;
    assert_eq!((get.status.as_u16(), &*get.body), (200, &b"hello"[..]));
    for name in ["etag", "repr-digest"] {
        assert_eq!(get.header(name), put.header(name), "{name}");
    }
    assert_eq!(get.header("content-length"), "5");
    assert_eq!(get.header("accept-ranges"), "bytes");
    let record = put.expect(201);
    assert_eq!(get.header("tintype-created"), record["created"]);
    assert_eq!(get.header("tintype-modified"), record["modified"]);
    assert_eq!(get.header("x-content-type-options"), "nosniff");

    let head = read(&api, Method::HEAD, &[]).await;
    assert_eq!((head.status, head.body.len()), (get.status, 0));
    assert_eq!(head.headers, get.headers);
}

#[tokio::test]
async fn a_range_is_bound_to_its_version() {
    let api = Api::new().await;
    let etag = api
        .put("a.txt", &[], b"hello")
        .await
        .header("etag")
        .to_owned();
    let part = read(
        &api,
        Method::GET,
        &[("range", "bytes=1-3"), ("if-match", &etag)],
    )
    .await;
    assert_eq!((part.status.as_u16(), &*part.body), (206, &b"ell"[..]));
    assert_eq!(part.header("content-range"), "bytes 1-3/5");

    api.put("a.txt?on_conflict=overwrite", &[], b"other")
        .await
        .expect(200);
    read(
        &api,
        Method::GET,
        &[("range", "bytes=1-3"), ("if-match", &etag)],
    )
    .await
    .refused(412, "precondition-failed");
    let whole = read(
        &api,
        Method::GET,
        &[("range", "bytes=1-3"), ("if-range", &etag)],
    )
    .await;
    assert_eq!((whole.status.as_u16(), &*whole.body), (200, &b"other"[..]));
    let past = read(&api, Method::GET, &[("range", "bytes=9-")]).await;
    past.refused(416, "range-not-satisfiable");
    assert_eq!(past.header("content-range"), "bytes */5");
}

#[tokio::test]
async fn content_that_a_client_has_is_not_sent_again() {
    let api = Api::new().await;
    let etag = api
        .put("a.txt", &[], b"hello")
        .await
        .header("etag")
        .to_owned();
    for method in [Method::GET, Method::HEAD] {
        let answer = read(&api, method, &[("if-none-match", &etag)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
        assert_eq!(answer.header("etag"), etag);
    }
}

#[tokio::test]
async fn an_existing_original_is_adopted_on_first_use() {
    use tintype_store::{Attributes, Condition, Key, Object, WriteSource};
    let api = Api::new().await;
    let original = Object::Original(Key::existing("old//odd.txt").unwrap());
    let source = WriteSource::Bytes("adopted".into());
    api.app
        .store
        .put(&original, source, &Condition::Any, &Attributes::default())
        .await
        .unwrap();
    assert_eq!(api.get("files/old//odd.txt").await.body, b"adopted");
    assert_eq!(api.record("old//odd.txt").await["size"], 7);
    api.delete("old//odd.txt", &[]).await.expect(204);
}
