//! Forms: the file may stand anywhere in the form, and everything else is limited.

use http::Method;

use super::{Api, ApiResponse};

const BOUNDARY: &str = "xxBOUNDARYxx";

async fn send(api: &Api, parts: &[(&str, Option<&str>, &str)]) -> ApiResponse {
    let mut body = String::new();
    for (name, file_name, content) in parts {
        let file_name = file_name
            .map(|name| format!("; filename=\"{name}\""))
            .unwrap_or_default();
        body += &format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n{content}\r\n"
        );
    }
    body += &format!("--{BOUNDARY}--\r\n");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    api.send(
        Method::POST,
        "/api/v1/files",
        &[("content-type", &content_type)],
        body,
    )
    .await
}

#[tokio::test]
async fn a_form_uploads_under_a_key_or_a_prefix() {
    let api = Api::new().await;
    let answer = send(
        &api,
        &[("key", None, "d/a.txt"), ("file", Some("x.txt"), "1")],
    )
    .await;
    assert_eq!(answer.expect(201)["key"], "d/a.txt");
    let answer = send(
        &api,
        &[("file", Some("löwe.txt"), "22"), ("prefix", None, "d/")],
    )
    .await;
    assert_eq!(answer.expect(201)["key"], "d/löwe.txt");
    assert_eq!(api.get("files/d/l%C3%B6we.txt").await.body, b"22");
}

#[tokio::test]
async fn of_a_path_on_the_disk_of_a_client_only_the_name_counts() {
    let api = Api::new().await;
    for (path, key) in [
        ("../evil/a.txt", "d/a.txt"),
        ("C:\\\\fakepath\\\\b.txt", "d/b.txt"),
    ] {
        let answer = send(&api, &[("prefix", None, "d/"), ("file", Some(path), "1")]).await;
        assert_eq!(answer.expect(201)["key"], key);
    }
}

#[tokio::test]
async fn fields_mean_what_they_mean_elsewhere() {
    let api = Api::new().await;
    let parts = [
        ("file", Some("a.txt"), "1"),
        ("key", None, "a.txt"),
        ("on_conflict", None, "rename"),
        ("max_length", None, "20"),
        ("record", None, r#"{"meta":{"credit":"A"}}"#),
    ];
    assert_eq!(send(&api, &parts).await.expect(201)["key"], "a.txt");
    let second = send(&api, &parts).await.expect(201);
    assert_ne!(second["key"], "a.txt");
    assert_eq!(second["meta"]["credit"], "A");
}

#[tokio::test]
async fn a_malformed_form_stores_nothing() {
    let api = Api::new().await;
    let file = ("file", Some("a.txt"), "1");
    let long = "x".repeat(64 * 1024 + 1);
    for parts in [
        vec![("key", None, "a.txt")],
        vec![file],
        vec![file, ("key", None, "a.txt"), ("prefix", None, "d/")],
        vec![file, ("prefix", None, "d/"), ("prefix", None, "d/")],
        vec![file, file, ("key", None, "a.txt")],
        vec![file, ("key", None, "a.txt"), ("csrf", None, "x")],
        vec![file, ("key", None, "a.txt"), ("record", None, "{")],
        vec![file, ("key", None, &long)],
        vec![("file", None, "1"), ("prefix", None, "d/")],
    ] {
        send(&api, &parts).await.refused(400, "invalid-request");
    }
    send(&api, &[file, ("key", None, "../a")])
        .await
        .refused(400, "invalid-key");
    send(&api, &[("file", Some(".."), "1"), ("prefix", None, "d/")])
        .await
        .refused(400, "invalid-key");
    let answer = api.send(Method::POST, "/api/v1/files", &[], "x").await;
    answer.refused(415, "unsupported-media-type");
    assert_eq!(
        api.get("list").await.expect(200)["files"],
        serde_json::json!([])
    );
    assert_eq!(api.app.spool.reserved_bytes(), 0);
}
