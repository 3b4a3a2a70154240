//! Asks the service to purge variants and downstream caches.

use std::io;

use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};
use tintype_store::Key;

use crate::client::{self, Client};
use crate::{Report, Summary, chain};

/// Names of the counts in the summary.
const COUNTS: [&str; 3] = ["originals", "variants", "failed"];

/// What to purge.
#[derive(Clone, Debug)]
pub enum PurgeTarget {
    Keys(Vec<Key>),
    /// Every original whose key starts with this.
    Prefix(String),
}

/// Purges through the service at `url`, with a token that has the scope.
pub fn purge<'a>(
    url: &'a str,
    token: &'a str,
    what: PurgeTarget,
    report: Report,
) -> BoxFuture<'a, anyhow::Result<Summary>> {
    Box::pin(async move {
        let client = Client::near(url, Some(token))?;
        match what {
            PurgeTarget::Keys(keys) => purge_keys(&client, &keys, &report).await?,
            PurgeTarget::Prefix(prefix) => purge_prefix(&client, &prefix, &report).await?,
        }
        Ok(summary(&report))
    })
}

async fn purge_keys(client: &Client, keys: &[Key], report: &Report) -> io::Result<()> {
    report.found(keys.len() as u64);
    for key in keys {
        if report.is_interrupted() {
            break;
        }
        let response = post(client, &json!({"key": key.as_str()})).await;
        report_result(key.as_str(), response, report)?;
    }
    Ok(())
}

/// The service does a number of originals per request, and returns a cursor.
async fn purge_prefix(client: &Client, prefix: &str, report: &Report) -> io::Result<()> {
    let mut body = json!({ "prefix": prefix });
    while !report.is_interrupted() {
        let cursor = report_result(prefix, post(client, &body).await, report)?;
        if cursor.is_null() {
            break;
        }
        body["cursor"] = cursor;
    }
    Ok(())
}

async fn post(client: &Client, body: &Value) -> Result<Value, String> {
    let request = client.request(Method::POST, "/api/v1/purge");
    let request = request.header("content-type", "application/json");
    let response = client::send_with_retries(request.body(body.to_string())).await?;
    let bytes = response.bytes().await.map_err(chain)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("not a response of a tintype service: {error}"))
}

/// Reports one response; returns its cursor.
fn report_result(name: &str, answer: Result<Value, String>, report: &Report) -> io::Result<Value> {
    report.did(name);
    match answer {
        Ok(mut answer) => {
            let count = |field: &str| answer[field].as_u64().unwrap_or_default();
            report.count("originals", count("purged"));
            report.count("variants", count("variants"));
            Ok(answer["cursor"].take())
        }
        Err(problem) => {
            let words = format!("{name}: {problem}");
            report.failed(json!({ "key": name }), &problem, &words)?;
            Ok(Value::Null)
        }
    }
}

fn summary(report: &Report) -> Summary {
    let [originals, variants, failed] = COUNTS.map(|name| report.counted(name));
    let words = format!("purged {originals} originals; {variants} stored variants removed");
    let failure = (failed > 0).then(|| format!("{failed} purges failed"));
    let interrupted = "interrupted; run it again to continue".to_owned();
    report.summary(report.counts(&COUNTS), words, failure, interrupted)
}
