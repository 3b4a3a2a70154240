//! An existing name is never overwritten unless the client asks for it.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::Api;

#[tokio::test]
async fn by_default_a_taken_name_is_refused() {
    let api = Api::new().await;
    api.put("a.txt", &[], b"first").await.expect(201);
    assert_eq!(
        api.put("a.txt", &[], b"second")
            .await
            .refused(409, "key-exists")["key"],
        "a.txt"
    );
    api.put("a.txt", &[("if-none-match", "*")], b"second")
        .await
        .refused(412, "precondition-failed");
    assert_eq!(api.record("a.txt").await["size"], 5);
}

#[tokio::test]
async fn sixty_four_renames_of_one_name_at_once_give_sixty_four_files() {
    let api = Api::new().await;
    let bodies: Vec<String> = (0..64).map(|n| format!("body {n}")).collect();
    let uploads = bodies
        .iter()
        .map(|body| api.put("p/lion.jpg?on_conflict=rename", &[], body.as_bytes()));
    let mut names = HashSet::new();
    for (answer, body) in join_all(uploads).await.into_iter().zip(&bodies) {
        let record = answer.expect(201);
        let key = record["key"].as_str().unwrap().to_owned();
        assert!(
            key == "p/lion.jpg" || (key.len() == 18 && key.starts_with("p/lion_")),
            "{key}"
        );
        let stored = api.get(&format!("files/{key}")).await;
        assert_eq!(stored.status, 200);
        assert_eq!(stored.body, body.as_bytes());
        names.insert(key);
    }
    assert_eq!(names.len(), 64);
}

#[tokio::test]
async fn a_renamed_key_fits_max_length_or_is_refused() {
    let api = Api::new().await;
    let path = "p/lion.jpg?on_conflict=rename&max_length=";
    assert_eq!(
        api.put(&format!("{path}16"), &[], b"1").await.expect(201)["key"],
        "p/lion.jpg"
    );
    let key = api.put(&format!("{path}16"), &[], b"2").await.expect(201)["key"].clone();
    let key = key.as_str().unwrap();
    assert!(
        key.len() == 16 && key.starts_with("p/li_") && key.ends_with(".jpg"),
        "{key}"
    );
    let problem = api
        .put(&format!("{path}14"), &[], b"3")
        .await
        .refused(400, "name-too-long");
    assert_eq!(problem["limit"], 14);
}

#[tokio::test]
async fn overwriting_says_whether_something_was_replaced() {
    let api = Api::new().await;
    let first = api
        .put("a.txt?on_conflict=overwrite", &[], b"1")
        .await
        .expect(201);
    let second = api
        .put("a.txt?on_conflict=overwrite", &[], b"22")
        .await
        .expect(200);
    assert_ne!(first["etag"], second["etag"]);
    assert_ne!(first["version"], second["version"]);
    assert_eq!(first["created"], second["created"]);
    assert_eq!(api.get("files/a.txt").await.body, b"22");
    assert_eq!(api.record("a.txt").await, second);
}

#[tokio::test]
async fn if_match_replaces_only_that_version_and_takes_precedence() {
    let api = Api::new().await;
    let first = api.put("a.txt", &[], b"1").await;
    let etag = first.header("etag").to_owned();
    let put = |condition: String, body: &'static [u8]| {
        let api = &api;
        async move {
            api.put(
                "a.txt?on_conflict=rename",
                &[("if-match", &condition)],
                body,
            )
            .await
        }
    };
    put("\"other\"".into(), b"2")
        .await
        .refused(412, "precondition-failed");
    put(format!("W/{etag}"), b"2")
        .await
        .refused(412, "precondition-failed");
    put(format!("\"other\", {etag}"), b"2").await.expect(200);
    put(etag, b"3").await.refused(412, "precondition-failed");
    put("*".into(), b"4").await.expect(200);
    assert_eq!(api.get("files/a.txt").await.body, b"4");
    api.put("none.txt", &[("if-match", "*")], b"x")
        .await
        .refused(412, "precondition-failed");
}

#[tokio::test]
async fn one_of_many_replacements_of_one_version_wins() {
    let api = Api::new().await;
    let etag = api.put("a.txt", &[], b"0").await.header("etag").to_owned();
    let uploads = (1..=16).map(|n| {
        let (api, etag) = (&api, &etag);
        async move {
            api.put("a.txt", &[("if-match", etag)], format!("{n}").as_bytes())
                .await
        }
    });
    let answers = join_all(uploads).await;
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(won.len(), 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 200 || answer.status == 412)
    );
    assert_eq!(api.record("a.txt").await, won[0].expect(200));
}

#[tokio::test]
async fn deleting_is_conditional_on_request_and_otherwise_always_succeeds() {
    let api = Api::new().await;
    api.delete("none.txt", &[]).await.expect(204);
    api.delete("none.txt", &[("if-match", "*")])
        .await
        .refused(412, "precondition-failed");
    let etag = api.put("a.txt", &[], b"1").await.header("etag").to_owned();
    api.delete("a.txt", &[("if-match", "\"x\"")])
        .await
        .refused(412, "precondition-failed");
    api.delete("a.txt", &[("if-match", &etag)])
        .await
        .expect(204);
    api.get("files/a.txt").await.refused(404, "not-found");
    api.get("records/a.txt").await.refused(404, "not-found");
}
