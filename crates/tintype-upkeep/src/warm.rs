//! Has variants made in advance.

use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;
use tintype_server::config::{Config, Site};
use tintype_server::service::stores::Stores;
use tintype_server::url::{
    Access, FormatItem, SpecUrl, authorise, parse_path, parse_spec, signed_path, variant_path,
};
use tintype_store::Key;

use crate::client::{self, Client};
use crate::{Report, Summary, chain, key, stores};

/// One `Accept` header per class that the service tells apart.
const CLASSES: [&str; 3] = ["image/avif,image/webp", "image/webp", "image/jpeg"];

/// Names of the counts in the summary.
const COUNTS: [&str; 3] = ["warmed", "bytes", "failed"];

/// Which originals to warm.
pub enum KeySource {
    Named(Vec<String>),
    /// One key per line.
    Lines(Box<dyn BufRead + Send>),
    /// Every original of the store whose key starts with `prefix`, starting behind `after`.
    Prefix {
        prefix: String,
        after: Option<String>,
    },
}

pub struct WarmOptions {
    pub keys: KeySource,
    pub specs: Vec<SpecUrl>,
    /// The URL of the service.
    pub url: String,
    /// Requests at the same time.
    pub jobs: usize,
}

/// One request, or why it is impossible.
struct Wanted {
    name: String,
    request: Result<(String, Option<&'static str>), String>,
    /// The key, if this is its last request.
    last_of: Option<String>,
}

/// Requests every variant, in every format that browsers accept, or in the one that its spec names.
pub fn warm(
    config: Arc<Config>,
    options: WarmOptions,
    report: Report,
) -> BoxFuture<'static, anyhow::Result<Summary>> {
    Box::pin(async move { run(config, options, &report).await })
}

async fn run(
    config: Arc<Config>,
    options: WarmOptions,
    report: &Report,
) -> anyhow::Result<Summary> {
    let WarmOptions {
        keys,
        specs,
        url,
        jobs,
    } = options;
    let nothing_found = match &keys {
        KeySource::Prefix { prefix, after } => {
            Some(stores::nothing_found(prefix, after.as_deref()))
        }
        KeySource::Named(_) | KeySource::Lines(_) => None,
    };
    let client = Client::near(&url, None)?;
    let work = keys
        .stream(&config)
        .await?
        .take_until(report.stop().cancelled())
        .map_ok(|key| stream::iter(wanted(&config, key, &specs)).map(anyhow::Ok))
        .try_flatten()
        .inspect_ok(|_: &Wanted| report.found(1))
        .map_ok(|wanted| {
            let ticket = report.begin(wanted.last_of.clone());
            let fetching = fetch(&client, wanted);
            async move { Ok((ticket, fetching.await)) }
        })
        .try_buffer_unordered(jobs);
    let mut work = std::pin::pin!(work);
    while let Some((ticket, (wanted, fetched))) = work.try_next().await? {
        report_result(&wanted, fetched, report)?;
        report.end(ticket);
    }
    let is_empty = report.counted("warmed") + report.counted("failed") == 0;
    if let Some(words) = nothing_found
        && is_empty
        && !report.is_interrupted()
    {
        report.aside(&words)?;
    }
    Ok(summary(report))
}

/// Parses specs as in URLs; a preset that no site of these keys has would fail for every key.
pub fn specs(texts: &[String], keys: &KeySource, config: &Config) -> Result<Vec<SpecUrl>, String> {
    let specs: Result<Vec<_>, _> = texts.iter().map(|spec| parse_spec(spec)).collect();
    let specs = specs.map_err(|error| error.to_string())?;
    let sites: Vec<_> = config
        .sites
        .iter()
        .filter(|site| keys.may_reach(site))
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
        return Err(format!("{name} is not a preset of these keys; {known}"));
    }
    Ok(specs)
}

/// Keys, and texts that are not keys with the reason.
type KeyStream = BoxStream<'static, anyhow::Result<Result<Key, (String, String)>>>;

impl KeySource {
    /// Whether a key may belong to the site.
    fn may_reach(&self, site: &Site) -> bool {
        match self {
            Self::Prefix { prefix, .. } => {
                site.prefix.starts_with(prefix) || prefix.starts_with(&site.prefix)
            }
            Self::Lines(_) => true,
            Self::Named(keys) => keys.iter().any(|key| key.starts_with(&site.prefix)),
        }
    }

    async fn stream(self, config: &Config) -> anyhow::Result<KeyStream> {
        let parse = |text: String| key(&text).map_err(|reason| (text, reason));
        Ok(match self {
            Self::Named(keys) => stream::iter(keys).map(parse).map(Ok).boxed(),
            Self::Lines(from) => lines(from).map_ok(parse).boxed(),
            Self::Prefix { prefix, after } => {
                let store = Stores::open(config).await?.store;
                stores::originals(store, prefix, after)
                    .map_ok(|listed| Ok(listed.key))
                    .map_err(anyhow::Error::from)
                    .boxed()
            }
        })
    }
}

/// Lines, read only as fast as they are processed.
fn lines(from: Box<dyn BufRead + Send>) -> impl Stream<Item = anyhow::Result<String>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    std::thread::spawn(move || {
        for line in from.lines() {
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

/// The path, signed if required, and whether the format depends on the client.
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
            "needs a signature, but the site {} has no signing keys; set TINTYPE_SIGNING_KEYS",
            site.name
        )),
    }
}

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Fetches one variant; returns its size.
async fn fetch(client: &Client, wanted: Wanted) -> (Wanted, Result<u64, String>) {
    let fetched = download(client, &wanted).await;
    (wanted, fetched)
}

async fn download(client: &Client, wanted: &Wanted) -> Result<u64, String> {
    let (path, class) = wanted.request.as_ref().map_err(Clone::clone)?;
    let mut request = client.request(Method::GET, path);
    if let Some(class) = class {
        request = request.header(ACCEPT, *class);
    }
    let mut response = client::send_with_retries(request).await?;
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(chain)? {
        bytes += chunk.len() as u64;
    }
    Ok(bytes)
}

fn report_result(wanted: &Wanted, fetched: Result<u64, String>, report: &Report) -> io::Result<()> {
    let name = &wanted.name;
    report.did(name);
    let accept = wanted.request.as_ref().ok().and_then(|(_, class)| *class);
    match fetched {
        Ok(bytes) => {
            report.count("warmed", 1);
            report.count("bytes", bytes);
            let line = json!({"path": name, "accept": accept, "bytes": bytes, "result": "warmed"});
            report.line(&line, None)
        }
        Err(problem) => {
            let line = json!({"path": name, "accept": accept});
            report.failed(line, &problem, &format!("{name}: {problem}"))
        }
    }
}

fn summary(report: &Report) -> Summary {
    let [warmed, bytes, failed] = COUNTS.map(|name| report.counted(name));
    let words = format!("{warmed} variants of {bytes} bytes are warm, {failed} failed");
    let failure = (failed > 0).then(|| format!("{failed} variants could not be fetched"));
    let interrupted = format!("{}; variants made so far are kept", report.how_to_go_on());
    report.summary(report.counts_of_walk(&COUNTS), words, failure, interrupted)
}
