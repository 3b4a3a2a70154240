//! Lists, batches and purges: many originals in one request, each with its own result.

use serde_json::{Value, json};

use super::Api;

async fn three() -> Api {
    let api = Api::new().await;
    for key in ["a.txt", "d/b.txt", "d/e/c.txt"] {
        api.put(key, &[], key.as_bytes()).await.expect(201);
    }
    api
}

fn keys(listing: &Value) -> Vec<&str> {
    listing["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["key"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_in_order_and_shows_nothing_of_our_own() {
    let api = three().await;
    let all = api.get("list").await.expect(200);
    assert_eq!(keys(&all), ["a.txt", "d/b.txt", "d/e/c.txt"]);
    assert_eq!(all["cursor"], Value::Null);
    assert_eq!(all["files"][0]["size"], 5);
    assert!(all["files"][0].get("record").is_none());

    let folder = api.get("list?prefix=d/&delimiter=/").await.expect(200);
    assert_eq!(keys(&folder), ["d/b.txt"]);
    assert_eq!(folder["dirs"], json!(["d/e/"]));

    let nothing = api.get("list?prefix=zz").await.expect(200);
    assert_eq!(nothing, json!({"dirs": [], "files": [], "cursor": null}));
    assert_eq!(
        api.get("list?prefix=.tintype/").await.expect(200)["files"],
        json!([])
    );
    assert_eq!(
        api.get("list?prefix=../").await.expect(200)["files"],
        json!([])
    );
}

#[tokio::test]
async fn pages_join_up_without_gaps() {
    let api = three().await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("list?limit=1{cursor}")).await.expect(200);
        seen.extend(keys(&page).into_iter().map(str::to_owned));
        let Some(next) = page["cursor"].as_str() else {
            break;
        };
        let next = crate::url::encode_key(&tintype_store::Key::parse(next).unwrap());
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["a.txt", "d/b.txt", "d/e/c.txt"]);
}

#[tokio::test]
async fn a_list_has_records_on_request() {
    let api = three().await;
    let list = api.get("list?records=1&prefix=a").await.expect(200);
    assert_eq!(list["files"][0]["record"], api.record("a.txt").await);
}

#[tokio::test]
async fn questions_about_a_list_are_checked() {
    let api = Api::new().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "records=2",
        "delimiter=x",
        "order=desc",
    ] {
        api.get(&format!("list?{query}"))
            .await
            .refused(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_batch_has_one_result_per_key_in_order() {
    let api = three().await;
    let ask = |op: &str, keys: Value| api.post("batch", &[], json!({"op": op, "keys": keys}));
    let stat = ask("stat", json!(["d/b.txt", "none", "../x"]))
        .await
        .expect(200);
    let results = stat["results"].as_array().unwrap();
    assert_eq!(results[0]["record"], api.record("d/b.txt").await);
    assert_eq!(results[0]["status"], 200);
    assert_eq!(results[1]["problem"]["code"], "not-found");
    assert_eq!(results[2]["problem"]["code"], "invalid-key");
    assert_eq!(results[2]["key"], "../x");

    let gone = ask("delete", json!(["a.txt", "none"])).await.expect(200);
    assert_eq!(gone["results"][0]["status"], 204);
    assert_eq!(gone["results"][1]["status"], 204);
    api.get("files/a.txt").await.refused(404, "not-found");

    assert_eq!(
        ask("purge", json!(["d/b.txt"])).await.expect(200)["results"][0]["status"],
        204
    );
    ask("rename", json!([]))
        .await
        .refused(400, "invalid-request");
    let many: Vec<_> = (0..1001).map(|n| n.to_string()).collect();
    assert_eq!(
        ask("stat", json!(many))
            .await
            .refused(400, "invalid-request")["limit"],
        1000
    );
}

#[tokio::test]
async fn a_purge_is_by_key_or_by_prefix() {
    let api = three().await;
    let purge = |asked: Value| api.post("purge", &[], asked);
    assert_eq!(
        purge(json!({"key": "a.txt"})).await.expect(200),
        json!({"purged": 1, "variants": 0, "purgers": [], "cursor": null})
    );
    assert_eq!(
        purge(json!({"prefix": "d/"})).await.expect(200),
        json!({"purged": 2, "variants": 0, "purgers": [], "cursor": null})
    );
    purge(json!({})).await.refused(400, "invalid-request");
    purge(json!({"key": "a.txt", "prefix": "d/"}))
        .await
        .refused(400, "invalid-request");
}
