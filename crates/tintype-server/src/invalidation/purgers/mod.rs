//! Clients that purge downstream caches.
//!
//! A purger may be called with the same purge more than once, and does no harm by repeating it. It returns when the
//! cache has confirmed; [`crate::invalidation::outbox`] decides how often and in what order it is called.

mod cloudfront;
mod paths;
mod varnish;
mod webhook;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;

pub(crate) use cloudfront::CloudFront;
pub(crate) use paths::{PathsBySite, SitePaths};
pub(crate) use varnish::Varnish;
pub(crate) use webhook::Webhook;

use crate::config::Sites;
use crate::invalidation::notice::Purge;
use crate::url::{Originals, SigningKey};

/// A cache in the same network connects in milliseconds; one that does not is retried.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);

/// A closed set: every `match` shows which kinds there are.
#[derive(Debug)]
pub(crate) enum Purger {
    Varnish(Varnish),
    CloudFront(CloudFront),
    Webhook(Webhook),
}

/// The purgers configured for a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SitePurgers {
    /// URLs of nodes.
    pub varnish: Vec<String>,
    /// Ids of distributions.
    pub cloudfront: Vec<String>,
    pub webhook: Option<(String, SigningKey)>,
}

/// Why a purge was not confirmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PurgeError {
    /// It may have been done, or may still be: repeat the same.
    #[error("{0}")]
    Again(String),
    /// It was not done, and perhaps never will be.
    #[error("{0}")]
    Refused(String),
}

/// The HTTP client cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for purges cannot be set up")]
pub struct ClientError(#[from] reqwest::Error);

/// The purgers of all sites, each once, and for each site that has some, its prefix and their numbers.
pub(crate) async fn of(
    sites: &Sites,
) -> Result<(Vec<Purger>, HashMap<String, (String, Vec<usize>)>), ClientError> {
    let paths = Arc::new(PathsBySite::new(sites.iter().map(|site| {
        let base = site.base_path().to_owned();
        let originals = site.originals == Originals::Public;
        (site.name.clone(), SitePaths { base, originals })
    })));
    let mut purgers: Vec<Purger> = Vec::new();
    let mut of_sites = HashMap::new();
    if sites
        .iter()
        .all(|site| site.purgers == SitePurgers::default())
    {
        return Ok((purgers, of_sites));
    }
    let http = http()?;
    let mut aws = None;
    for site in sites.iter() {
        let mut queues = Vec::new();
        let named = &site.purgers;
        let mut place = |purger: Purger| {
            let same = |known: &Purger| {
                known.kind() == purger.kind() && known.identity() == purger.identity()
            };
            let at = purgers.iter().position(same).unwrap_or(purgers.len());
            if at == purgers.len() {
                purgers.push(purger);
            }
            queues.push(at);
        };
        for node in &named.varnish {
            place(Purger::Varnish(Varnish::new(http.clone(), node)));
        }
        for distribution in &named.cloudfront {
            let client = match &aws {
                Some(client) => client,
                None => aws.insert(cloudfront::client().await),
            };
            place(Purger::CloudFront(CloudFront::new(
                client.clone(),
                distribution,
                paths.clone(),
            )));
        }
        if let Some((url, key)) = &named.webhook {
            let webhook = Webhook::new(http.clone(), url, key.clone(), paths.clone());
            place(Purger::Webhook(webhook));
        }
        if !queues.is_empty() {
            of_sites.insert(site.name.clone(), (site.prefix.clone(), queues));
        }
    }
    Ok((purgers, of_sites))
}

/// Follows no redirects and uses no proxy: it calls the configured URL and nothing else.
fn http() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .build()
}

impl Purger {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Varnish(_) => "varnish",
            Self::CloudFront(_) => "cloudfront",
            Self::Webhook(_) => "webhook",
        }
    }

    /// For the log: without the parts of a URL that may be secret.
    pub(crate) fn target(&self) -> &str {
        match self {
            Self::Varnish(varnish) => varnish.target(),
            Self::CloudFront(cloudfront) => cloudfront.distribution(),
            Self::Webhook(webhook) => webhook.target(),
        }
    }

    fn identity(&self) -> &str {
        match self {
            Self::Webhook(webhook) => webhook.url(),
            other => other.target(),
        }
    }

    /// An invalidation of CloudFront takes longer than replicas take to serve a change, and costs money: once is
    /// enough.
    pub(crate) fn purges_at_once(&self) -> bool {
        !matches!(self, Self::CloudFront(_))
    }

    /// How long to wait for more purges.
    pub(crate) fn window(&self) -> Duration {
        match self {
            Self::Varnish(_) | Self::Webhook(_) => Duration::ZERO,
            Self::CloudFront(_) => cloudfront::WINDOW,
        }
    }

    pub(crate) fn max_batch(&self) -> usize {
        match self {
            Self::Varnish(_) | Self::Webhook(_) => 100,
            Self::CloudFront(_) => cloudfront::MAX_BATCH,
        }
    }

    pub(crate) async fn deliver(&self, purges: &[&Purge]) -> Result<(), PurgeError> {
        match self {
            Self::Varnish(varnish) => varnish.deliver(purges).await,
            Self::CloudFront(cloudfront) => cloudfront.deliver(purges).await,
            Self::Webhook(webhook) => webhook.deliver(purges).await,
        }
    }
}

impl PurgeError {
    fn of_transport(error: &reqwest::Error) -> Self {
        let words = match () {
            () if error.is_timeout() => "no response in time",
            () if error.is_connect() => "no connection",
            () => "the connection was cut off",
        };
        let mut source: &dyn std::error::Error = error;
        while let Some(deeper) = source.source() {
            source = deeper;
        }
        // Only the innermost cause: the outer ones repeat the URL, which may hold a secret.
        Self::Again(format!("{words}: {source}"))
    }

    /// The failure for a response that is not a success.
    fn of_status(status: reqwest::StatusCode) -> Self {
        let reason = format!("answered {status}");
        let later = status.is_server_error() || status == 408 || status == 425 || status == 429;
        if later {
            Self::Again(reason)
        } else {
            Self::Refused(reason)
        }
    }
}
