//! Varnish: a BAN request to one node, with the tags in the header in which its objects have them. The other end is
//! `deploy/varnish/default.vcl`.

use std::collections::BTreeSet;

use reqwest::{Client, Method};

use super::PurgeError;
use crate::invalidation::notice::Purge;

/// Tags per request, which stay well below the 8 KiB that Varnish allows for a header by default.
const TAGS_AT_ONCE: usize = 100;

#[derive(Debug)]
pub(crate) struct Varnish {
    http: Client,
    url: String,
}

impl Varnish {
    pub(crate) fn new(http: Client, url: &str) -> Self {
        let url = url.to_owned();
        Self { http, url }
    }

    pub(super) fn target(&self) -> &str {
        &self.url
    }

    pub(super) async fn deliver(&self, purges: &[&Purge]) -> Result<(), PurgeError> {
        let tags: BTreeSet<&str> = purges
            .iter()
            .flat_map(|purge| &purge.entry.tags)
            .map(String::as_str)
            .collect();
        let tags: Vec<_> = tags.into_iter().collect();
        for tags in tags.chunks(TAGS_AT_ONCE) {
            let method = Method::from_bytes(b"BAN").expect("three letters are a method");
            let request = self.http.request(method, &self.url);
            let response = request
                .header("surrogate-key", tags.join(" "))
                .send()
                .await
                .map_err(|error| PurgeError::of_transport(&error))?;
            if !response.status().is_success() {
                return Err(PurgeError::of_status(response.status()));
            }
        }
        Ok(())
    }
}
