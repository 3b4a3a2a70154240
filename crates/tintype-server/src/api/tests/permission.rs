//! Every call requires its scope, for all keys that it touches, before it does anything.

use http::Method;
use serde_json::json;

use super::{Api, ApiResponse};

const EMBARGO: &str = r#"{"state":{"name":"embargo","until":"2099-01-01T00:00:00Z"}}"#;

async fn as_desk(
    api: &Api,
    method: Method,
    path: &str,
    more: &[(&str, &str)],
    body: &str,
) -> ApiResponse {
    let mut headers = vec![("authorization", "Bearer tt_desk_secret")];
    headers.extend_from_slice(more);
    api.send(
        method,
        &format!("/api/v1/{path}"),
        &headers,
        body.to_owned(),
    )
    .await
}

#[tokio::test]
async fn without_a_token_nothing_is_revealed() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"1").await.expect(201);
    for (authorization, code) in [
        ("Bearer tt_desk_wrong", "token-invalid"),
        ("Bearer tt_old_secret", "token-expired"),
    ] {
        for (method, path) in [
            (Method::GET, "files/a.txt"),
            (Method::GET, "files/none.txt"),
            (Method::PUT, "files/a.txt"),
            (Method::DELETE, "files/a.txt"),
            (Method::GET, "records/a.txt"),
            (Method::PATCH, "records/a.txt"),
            (Method::GET, "list"),
            (Method::GET, "limits"),
            (Method::POST, "files"),
            (Method::POST, "batch"),
            (Method::POST, "copy"),
            (Method::POST, "move"),
            (Method::POST, "purge"),
        ] {
            let path = format!("/api/v1/{path}");
            let headers = [("authorization", authorization)];
            let answer = api.send(method, &path, &headers, "").await;
            answer.refused(401, code);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
}

/// The token `desk` may read, list and write below `desk/`, and nothing more.
#[tokio::test]
async fn a_token_reaches_its_own_prefix_with_its_own_scopes() {
    let api = Api::new().await;
    api.put("other.txt", &[], b"1").await.expect(201);
    let go = |method: Method, path: &'static str, body: &'static str| {
        as_desk(&api, method, path, &[], body)
    };
    go(Method::PUT, "files/desk/a.txt", "1").await.expect(201);
    go(Method::GET, "records/desk/a.txt", "").await.expect(200);
    go(Method::GET, "list?prefix=desk/", "").await.expect(200);
    go(
        Method::POST,
        "copy",
        r#"{"from":"desk/a.txt","to":"desk/b.txt"}"#,
    )
    .await
    .expect(201);
    for (method, path, body) in [
        (Method::PUT, "files/other.txt", "1"),
        (Method::PUT, "files/desk/a.txt?on_conflict=overwrite", "1"),
        (Method::GET, "files/other.txt", ""),
        (Method::GET, "records/other.txt", ""),
        (Method::PATCH, "records/other.txt", "{}"),
        (
            Method::PATCH,
            "records/desk/a.txt",
            r#"{"state":{"name":"public"}}"#,
        ),
        (Method::DELETE, "files/desk/a.txt", ""),
        (Method::GET, "list", ""),
        (Method::GET, "list?prefix=desk", ""),
        (
            Method::POST,
            "batch",
            r#"{"op":"delete","keys":["desk/a.txt"]}"#,
        ),
        (
            Method::POST,
            "copy",
            r#"{"from":"other.txt","to":"desk/c.txt"}"#,
        ),
        (
            Method::POST,
            "copy",
            r#"{"from":"desk/a.txt","to":"c.txt"}"#,
        ),
        (
            Method::POST,
            "move",
            r#"{"from":"desk/a.txt","to":"desk/c.txt"}"#,
        ),
        (Method::POST, "purge", r#"{"key":"desk/a.txt"}"#),
    ] {
        go(method, path, body).await.refused(403, "scope-missing");
    }
    let stat = r#"{"op":"stat","keys":["desk/a.txt","other.txt"]}"#;
    let results = go(Method::POST, "batch", stat).await.expect(200)["results"].clone();
    assert_eq!(
        (&results[0]["status"], &results[1]["status"]),
        (&json!(200), &json!(403))
    );
}

#[tokio::test]
async fn hiding_a_new_original_needs_no_takedown_and_changing_its_state_does() {
    let api = Api::new().await;
    let embargo = [("tintype-record", EMBARGO)];
    as_desk(&api, Method::PUT, "files/desk/a.txt", &embargo, "1")
        .await
        .expect(201);
    let block = [(
        "tintype-record",
        r#"{"state":{"name":"blocked","reason":"r"}}"#,
    )];
    as_desk(&api, Method::PUT, "files/desk/b.txt", &block, "1")
        .await
        .refused(403, "scope-missing");
    api.get("records/desk/b.txt")
        .await
        .refused(404, "not-found");
}

#[tokio::test]
async fn other_methods_are_refused_with_the_allowed_ones() {
    let api = Api::new().await;
    let answer = api.send(Method::POST, "/api/v1/list", &[], "").await;
    answer.refused(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn the_description_is_open_and_names_every_route() {
    let api = Api::new().await;
    let document = api.get("openapi.json").await.expect(200);
    let mut described: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = ["get", "put", "post", "delete", "patch"];
            methods
                .into_iter()
                .filter(|method| item.get(method).is_some())
                .map(move |method| (method.to_uppercase(), path.replace("{key}", "none.txt")))
        })
        .collect();
    described.sort();
    assert_eq!(described.len(), 13);
    for (method, path) in described {
        let method: Method = method.parse().unwrap();
        let nobody = [("authorization", "Bearer none")];
        let answer = api.send(method, &path, &nobody, "").await;
        let expected = if path.ends_with("openapi.json") {
            200
        } else {
            401
        };
        assert_eq!(answer.status, expected, "{path}");
    }
}
