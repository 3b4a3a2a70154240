//! `tintype warm`: has variants made before anybody waits for them.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::sync::Arc;

use clap::Args;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::Client;
use reqwest::header::ACCEPT;
use serde_json::json;
use tintype_server::config::{Config, Site};
use tintype_server::service::stores::Stores;
use tintype_server::url::{
    Access, FormatItem, SpecUrl, authorise, parse_path, parse_spec, signed_path, variant_path,
};
use tintype_store::Key;

use super::support::{self, PROGRESS, Report, Telling};
use super::upkeep;
use super::{service, unix_now};
use crate::failure::Failure;

/// One of each class that the service tells apart.
const CLASSES: [&str; 3] = ["image/avif,image/webp", "image/webp", "image/jpeg"];

/// Have variants made before anybody asks for them.
///
/// Asks the running service for each of them, in every format that browsers ask for, or in the one
/// that the spec names. Addresses are signed with the signing keys of the configuration. Keys come
/// from the command line, from standard input (-), one a line, or from the store (--prefix).
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype warm --preset card --preset hero photos/lion.jpg
  tintype warm --spec w_640 --prefix photos/2016/ --url https://media.example.org
  git diff --name-only | tintype warm --preset card -

{PROGRESS}"))]
pub(crate) struct Arguments {
    /// Originals, not percent-encoded; - reads them from standard input
    #[arg(required_unless_present = "prefix", conflicts_with = "prefix")]
    keys: Vec<String>,
    /// Every original whose key starts with this
    #[arg(long)]
    prefix: Option<String>,
    /// The name of a preset; may be repeated
    #[arg(long = "preset", required_unless_present = "specs")]
    presets: Vec<String>,
    /// What to make, as in an address; may be repeated
    #[arg(long = "spec")]
    specs: Vec<String>,
    /// Where the service is [default: the address that the configuration names]
    #[arg(long, value_parser = service::base)]
    url: Option<String>,
    /// Requests at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// With --prefix: go on after this key
    #[arg(long, requires = "prefix", conflicts_with = "keys", value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// One request, or why there can be none.
struct Wanted {
    name: String,
    request: Result<(String, Option<&'static str>), String>,
    /// The key, where it is done with this.
    last_of: Option<String>,
}

#[derive(Default)]
struct Totals {
    warmed: u64,
    bytes: u64,
    failed: u64,
}

type Keys = BoxStream<'static, anyhow::Result<Result<Key, (String, String)>>>;

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = match self.prefix {
            Some(_) => upkeep::load()?,
            None => super::load_for_tools()?,
        };
        let specs = self.presets.iter().chain(&self.specs);
        let specs: Result<Vec<_>, _> = specs.map(|spec| parse_spec(spec)).collect();
        let specs = specs.map_err(|error| Failure::Usage(error.to_string()))?;
        self.check_presets(&config, &specs)?;
        support::run(self.warm(Arc::new(config), specs))
    }

    async fn warm(self, config: Arc<Config>, specs: Vec<SpecUrl>) -> Result<(), Failure> {
        let stop = support::stop_on_signal()?;
        let (report, mut totals) = (Report::telling(&self.telling), Totals::default());
        let client = service::client()?;
        let url = self.url.clone();
        let url = url.unwrap_or_else(|| service::local(config.bind));
        let work = self
            .keys(&config)
            .await?
            .take_until(stop.cancelled())
            .map_ok(|key| stream::iter(wanted(&config, key, &specs)).map(anyhow::Ok))
            .try_flatten()
            .inspect_ok(|_: &Wanted| report.progress().found(1))
            .map_ok(|wanted| {
                let ticket = report.begin(wanted.last_of.clone());
                let fetching = fetch(&client, &url, wanted);
                async move { Ok((ticket, fetching.await)) }
            })
            .try_buffer_unordered(usize::from(self.jobs));
        let mut work = std::pin::pin!(work);
        while let Some((ticket, (wanted, fetched))) = work.try_next().await? {
            totals.take(&wanted, fetched, &report)?;
            report.end(ticket);
        }
        if let Some(prefix) = &self.prefix
            && totals.warmed + totals.failed == 0
            && !stop.is_cancelled()
        {
            report.aside(&upkeep::nothing_found(prefix, self.after.as_deref()))?;
        }
        totals.tell(&report, stop.is_cancelled())
    }

    /// A name that no site has to do with would fail for every key.
    fn check_presets(&self, config: &Config, specs: &[SpecUrl]) -> Result<(), Failure> {
        let sites: Vec<_> = config
            .sites
            .iter()
            .filter(|site| self.may_reach(site))
            .collect();
        for name in specs.iter().filter_map(|spec| spec.preset.as_ref()) {
            if sites.iter().any(|site| site.presets.get(name).is_some()) {
                continue;
            }
            let known = sites.iter().flat_map(|site| site.presets.iter());
            let known: BTreeSet<_> = known.map(|(name, _)| name.as_str()).collect();
            let known = match known.is_empty() {
                true => "there are none".to_owned(),
                false => format!(
                    "there are {}",
                    known.into_iter().collect::<Vec<_>>().join(", ")
                ),
            };
            let reason = format!("{name} is no preset of these keys; {known}");
            return Err(Failure::Usage(reason));
        }
        Ok(())
    }

    /// Whether a key that is asked for may be one of the site's.
    fn may_reach(&self, site: &Site) -> bool {
        match &self.prefix {
            Some(prefix) => site.prefix.starts_with(prefix) || prefix.starts_with(&site.prefix),
            None if self.keys == ["-"] => true,
            None => self.keys.iter().any(|key| key.starts_with(&site.prefix)),
        }
    }

    async fn keys(&self, config: &Config) -> anyhow::Result<Keys> {
        if let Some(prefix) = &self.prefix {
            let store = Stores::open(config).await?.store;
            let originals = upkeep::originals(store, prefix.clone(), self.after.clone());
            return Ok(originals
                .map_ok(|listed| Ok(listed.key))
                .map_err(anyhow::Error::from)
                .boxed());
        }
        let parse = |text: String| upkeep::key(&text).map_err(|reason| (text, reason));
        if self.keys == ["-"] {
            return Ok(lines().map_ok(parse).boxed());
        }
        let keys: Vec<_> = self.keys.iter().cloned().map(parse).map(Ok).collect();
        Ok(stream::iter(keys).boxed())
    }
}

/// Lines of standard input, no further ahead than they are worked on.
fn lines() -> impl Stream<Item = anyhow::Result<String>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let is_empty = line.as_ref().is_ok_and(String::is_empty);
            if !is_empty && sender.blocking_send(line.map_err(Into::into)).is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    })
}

fn wanted(config: &Config, key: Result<Key, (String, String)>, specs: &[SpecUrl]) -> Vec<Wanted> {
    let key = match key {
        Ok(key) => key,
        Err((name, reason)) => {
            let (request, last_of) = (Err(reason), Some(name.clone()));
            return vec![Wanted {
                name,
                request,
                last_of,
            }];
        }
    };
    let of = |spec: &SpecUrl| {
        let name = variant_path(&key, spec);
        match path(config, &key, spec) {
            Err(reason) => vec![Wanted {
                name,
                request: Err(reason),
                last_of: None,
            }],
            Ok((path, is_negotiated)) => {
                let classes = match is_negotiated {
                    true => CLASSES.map(Some).to_vec(),
                    false => vec![None],
                };
                let one = |class| Wanted {
                    name: name.clone(),
                    request: Ok((path.clone(), class)),
                    last_of: None,
                };
                classes.into_iter().map(one).collect()
            }
        }
    };
    let mut all: Vec<_> = specs.iter().flat_map(of).collect();
    if let Some(last) = all.last_mut() {
        last.last_of = Some(key.as_str().to_owned());
    }
    all
}

/// The address, signed where it has to be, and whether the format is up to who asks.
fn path(config: &Config, key: &Key, spec: &SpecUrl) -> Result<(String, bool), String> {
    let site = config.sites.of(key);
    let merged = spec
        .with_preset(&site.presets)
        .map_err(|error| error.to_string())?;
    let is_negotiated = merged.format == FormatItem::Auto;
    let path = variant_path(key, spec);
    let parsed = parse_path(&path, None).map_err(|error| error.to_string())?;
    let open = authorise(&parsed, &[], site.unsigned, site.originals, unix_now());
    match (open, site.signing_keys.first()) {
        (Ok(Access::Unsigned), _) => Ok((path, is_negotiated)),
        (_, Some(signing_key)) => Ok((signed_path(key, spec.clone(), signing_key), is_negotiated)),
        (_, None) => Err(format!(
            "needs a signature, and the site {} has no signing keys; set TINTYPE_SIGNING_KEYS",
            site.name
        )),
    }
}

/// How many bytes there were.
async fn fetch(client: &Client, url: &str, wanted: Wanted) -> (Wanted, Result<u64, String>) {
    let fetched = ask(client, url, &wanted).await;
    (wanted, fetched)
}

async fn ask(client: &Client, url: &str, wanted: &Wanted) -> Result<u64, String> {
    let (path, class) = wanted.request.as_ref().map_err(Clone::clone)?;
    let mut request = client.get(format!("{url}{path}"));
    if let Some(class) = class {
        request = request.header(ACCEPT, *class);
    }
    let mut response = service::ask(request).await?;
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(support::chain)? {
        bytes += chunk.len() as u64;
    }
    Ok(bytes)
}

impl Totals {
    fn take(
        &mut self,
        wanted: &Wanted,
        fetched: Result<u64, String>,
        report: &Report,
    ) -> std::io::Result<()> {
        let name = &wanted.name;
        report.progress().did(name);
        let accept = wanted.request.as_ref().ok().and_then(|(_, class)| *class);
        match fetched {
            Ok(bytes) => {
                self.warmed += 1;
                self.bytes += bytes;
                let line =
                    json!({"path": name, "accept": accept, "bytes": bytes, "result": "warmed"});
                report.line(&line, None)
            }
            Err(problem) => {
                self.failed += 1;
                let line = json!({
                    "path": name, "accept": accept, "result": "failed", "problem": problem,
                });
                report.line(&line, Some(&format!("{name}: {problem}")))
            }
        }
    }

    fn tell(&self, report: &Report, is_interrupted: bool) -> Result<(), Failure> {
        let Self {
            warmed,
            bytes,
            failed,
        } = self;
        let summary = json!({"summary": {
            "warmed": warmed, "bytes": bytes, "failed": failed, "interrupted": is_interrupted,
            "after": report.after().filter(|_| is_interrupted),
        }});
        let words = format!("{warmed} variants of {bytes} bytes are warm, {failed} failed");
        report.summary(&summary, &words)?;
        let reason = match (failed, is_interrupted) {
            (0, false) => return Ok(()),
            (0, true) => format!("{}; what was made stays made", report.interrupted()),
            (failed, _) => format!("{failed} variants could not be had"),
        };
        Err(anyhow::Error::msg(reason).into())
    }
}
