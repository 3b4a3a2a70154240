//! `tintype purge`: asks the service to forget what it made, here and in the caches in front.

use clap::Args;
use reqwest::Client;
use serde_json::{Value, json};
use tintype_store::Key;

use super::support::{self, Report};
use super::{load_for_tools, service, upkeep};
use crate::failure::Failure;

/// Where the token is; on a command line everybody on the machine could read it.
pub(super) const TOKEN: &str = "TINTYPE_TOKEN";

/// Remove what was made from originals from every cache.
///
/// Asks the running service, which tells the caches in front of it too. The token comes from
/// TINTYPE_TOKEN and needs the scope `purge`. Variants are made again when they are next asked for.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype purge photos/lion.jpg
  tintype purge --prefix photos/2016/ --url https://media.example.org")]
pub(crate) struct Arguments {
    /// Originals, not percent-encoded
    #[arg(value_parser = upkeep::key, required_unless_present = "prefix", conflicts_with = "prefix")]
    keys: Vec<Key>,
    /// Every original whose key starts with this
    #[arg(long)]
    prefix: Option<String>,
    /// Where the API is [default: the address that the configuration names]
    #[arg(long, value_parser = service::base)]
    url: Option<String>,
    #[arg(long, env = TOKEN, hide = true, hide_env_values = true)]
    token: Option<String>,
    /// One line of JSON for each key that failed, and one at the end
    #[arg(long)]
    json: bool,
}

/// Who is asked, and how.
struct Api {
    client: Client,
    url: String,
    token: String,
}

#[derive(Default)]
struct Totals {
    originals: u64,
    variants: u64,
    failed: u64,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => {
                let config = load_for_tools()?;
                service::local(config.api_bind.unwrap_or(config.bind))
            }
        };
        let Some(token) = self.token.clone() else {
            return Err(Failure::Usage(format!(
                "{TOKEN} is missing: a token with the scope purge, as tintype token new makes it"
            )));
        };
        let api = Api {
            client: service::client()?,
            url: format!("{url}/api/v1/purge"),
            token,
        };
        support::run(self.purge(api))
    }

    async fn purge(self, api: Api) -> Result<(), Failure> {
        let stop = support::stop_on_signal()?;
        let (report, mut totals) = (Report::new(self.json), Totals::default());
        report.progress().found(self.keys.len());
        for key in &self.keys {
            if stop.is_cancelled() {
                break;
            }
            let asked = api.ask(&json!({"key": key.as_str()})).await;
            totals.take(key.as_str(), asked, &report)?;
        }
        let mut cursor = Value::Null;
        while let Some(prefix) = &self.prefix
            && !stop.is_cancelled()
        {
            let mut asked = json!({"prefix": prefix});
            if !cursor.is_null() {
                asked["cursor"] = cursor;
            }
            cursor = totals.take(prefix, api.ask(&asked).await, &report)?;
            if cursor.is_null() {
                break;
            }
        }
        totals.tell(&report, stop.is_cancelled())
    }
}

impl Api {
    async fn ask(&self, body: &Value) -> Result<Value, String> {
        let request = self.client.post(&self.url).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json");
        let response = service::ask(request.body(body.to_string())).await?;
        let bytes = response.bytes().await.map_err(support::chain)?;
        serde_json::from_slice(&bytes).map_err(|error| format!("no answer of a tintype: {error}"))
    }
}

impl Totals {
    /// Where to go on.
    fn take(
        &mut self,
        name: &str,
        answer: Result<Value, String>,
        report: &Report,
    ) -> std::io::Result<Value> {
        report.progress().did(name);
        match answer {
            Ok(mut answer) => {
                let count = |field: &str| answer[field].as_u64().unwrap_or_default();
                self.originals += count("purged");
                self.variants += count("variants");
                Ok(answer["cursor"].take())
            }
            Err(problem) => {
                self.failed += 1;
                let line = json!({"key": name, "result": "failed", "problem": problem});
                report.line(&line, Some(&format!("{name}: {problem}")))?;
                Ok(Value::Null)
            }
        }
    }

    fn tell(&self, report: &Report, is_interrupted: bool) -> Result<(), Failure> {
        let Self {
            originals,
            variants,
            failed,
        } = self;
        let summary = json!({"summary": {
            "originals": originals, "variants": variants, "failed": failed,
            "interrupted": is_interrupted,
        }});
        let words = format!("purged {originals} originals; {variants} stored variants removed");
        report.summary(&summary, &words)?;
        let reason = match (failed, is_interrupted) {
            (0, false) => return Ok(()),
            (0, true) => "interrupted; run it again to go on".to_owned(),
            (failed, _) => format!("{failed} purges failed"),
        };
        Err(anyhow::Error::msg(reason).into())
    }
}
