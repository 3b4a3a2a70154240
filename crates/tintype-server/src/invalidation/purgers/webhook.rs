//! A webhook, for caches that tintype has no client for.
//!
//! It is a POST of JSON, which any 2xx response confirms:
//!
//! ```json
//! {"purges": [{
//!     "id": "019f0c6e5a3b-5d1c0de9b6e0a7f2-0", "at": "2026-11-23T08:00:00Z", "cause": "overwrite",
//!     "sites": ["default"], "key": "photos/lion.jpg", "tags": ["tt-0123456789abcdef"],
//!     "paths": ["/t/photos/lion.jpg/*", "/o/photos/lion.jpg"], "actor": "desk", "token": "web"}]}
//! ```
//!
//! `prefix` replaces `key` when everything below a prefix is purged; both are missing when a content is purged
//! under all its keys, for which there is only a tag. The same `id` may come again; normally it comes twice, at
//! once and when every replica serves the change.
//!
//! `Tintype-Signature: t=1795420800,v1=HEX` authenticates it: the HMAC-SHA256, with the shared key, of the time in
//! Unix seconds, a full stop, and the body as sent. A receiver should refuse requests older than a few minutes, so
//! that they cannot be replayed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Client;
use serde::Serialize;
use tintype_store::HexId;

use super::{PathsBySite, PurgeError};

use crate::invalidation::notice::{Purge, PurgeEntry};
use crate::url::SigningKey;

pub(crate) struct Webhook {
    http: Client,
    url: String,
    /// Scheme and host: the rest may be a secret.
    target: String,
    key: SigningKey,
    paths: Arc<PathsBySite>,
}

#[derive(Serialize)]
struct Body<'a> {
    purges: Vec<Notification<'a>>,
}

#[derive(Serialize)]
struct Notification<'a> {
    id: &'a str,
    #[serde(flatten)]
    entry: &'a PurgeEntry,
    paths: Vec<String>,
}

impl Webhook {
    pub(crate) fn new(http: Client, url: &str, key: SigningKey, paths: Arc<PathsBySite>) -> Self {
        let host = url.split('/').take(3).collect::<Vec<_>>().join("/");
        Self {
            http,
            url: url.to_owned(),
            target: host,
            key,
            paths,
        }
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn deliver(&self, purges: &[&Purge]) -> Result<(), PurgeError> {
        // Both rounds of a purge may be due at once.
        let once: BTreeMap<_, _> = purges.iter().map(|purge| (&purge.id, *purge)).collect();
        let notifications = once.into_values().map(|purge| Notification {
            id: purge.id.as_str(),
            entry: &purge.entry,
            paths: self
                .paths
                .places(std::iter::once(&purge.entry))
                .into_paths(),
        });
        let body = Body {
            purges: notifications.collect(),
        };
        let body =
            serde_json::to_vec(&body).map_err(|error| PurgeError::Refused(error.to_string()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("tintype-signature", self.signature(now, &body))
            .body(body);
        // The response's body is not read.
        let response = request.send().await;
        let status = response
            .map_err(|error| PurgeError::of_transport(&error))?
            .status();
        match status.is_success() {
            true => Ok(()),
            false => Err(PurgeError::of_status(status)),
        }
    }

    fn signature(&self, now: u64, body: &[u8]) -> String {
        let mut text = format!("{now}.").into_bytes();
        text.extend_from_slice(body);
        let mac = self.key.hmac(&text);
        format!("t={now},v1={}", HexId(mac))
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
