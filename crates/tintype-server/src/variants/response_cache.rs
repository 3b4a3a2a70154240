//! Cache of complete response headers.
//!
//! What depends on the URL and the record alone (parsing, signature, geometry, names, tags) is computed once and
//! kept under the URL as it was sent. Every request checks what may have changed since: the record, which must be
//! the very one that the response was made from, takedowns, and the bytes in the hot cache. URLs that expire and
//! records that are not public are never kept.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};
use moka::sync::Cache;
use tintype_store::Key;

use crate::http::respond::{Representation, decide};
use crate::records::StoredRecord;
use crate::records::record::State;
use crate::telemetry::access_log::LogFacts;
use crate::url::{Accepted, VARIANTS};

use super::sending::{self, VariantLocation};
use super::{Variant, VariantName, Variants};

/// Memory per entry beside its URL: some twenty headers and the maps' overhead.
const ENTRY_BYTES: usize = 2048;

/// A response without its bytes.
pub struct CachedResponse {
    pub key: Key,
    pub stored: Arc<StoredRecord>,
    pub name: VariantName,
    pub representation: Representation,
    pub cache_control: HeaderValue,
    /// Log facts of a response from memory.
    pub facts: LogFacts,
}

impl CachedResponse {
    pub fn answer(
        &self,
        variants: &Arc<Variants>,
        request: &Parts,
        variant: &Arc<Variant>,
    ) -> Response {
        let length = variant.bytes.len() as u64;
        let representation = &self.representation;
        let decision = decide(&request.method, &request.headers, representation, length);
        let location = VariantLocation {
            name: &self.name,
            key: &self.key,
            stored: &self.stored,
        };
        let body = decision.wanted(length).map_or_else(Body::empty, |range| {
            sending::body(variants, &location, variant, range)
        });
        let cache_control = self.cache_control.clone();
        decision.answer(representation, cache_control, length, body)
    }
}

/// By URL, one cache for each combination of accepted formats.
pub struct ResponseCache([Cache<String, Arc<CachedResponse>>; 4]);

impl ResponseCache {
    pub fn new(max_bytes: u64) -> Self {
        Self([(); 4].map(|()| {
            Cache::builder()
                .max_capacity(max_bytes / 4)
                .weigher(|path: &String, _| {
                    u32::try_from(path.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
                })
                .build()
        }))
    }

    pub fn get(&self, request: &Parts) -> Option<Arc<CachedResponse>> {
        match request.uri.query() {
            None => self.of(request).get(request.uri.path()),
            Some(_) => None,
        }
    }

    fn of(&self, request: &Parts) -> &Cache<String, Arc<CachedResponse>> {
        let Accepted { avif, webp } = accepted(request);
        &self.0[usize::from(avif) << 1 | usize::from(webp)]
    }

    pub fn keep(&self, request: &Parts, response: CachedResponse) {
        let path = request.uri.path();
        // URLs of other grammars are not looked up here, and their query may matter.
        if response.stored.record.state == State::Public && path.starts_with(VARIANTS) {
            let path = path.to_owned();
            self.of(request).insert(path, Arc::new(response));
        }
    }
}

pub(crate) fn accepted(request: &Parts) -> Accepted {
    let accept = request.headers.get_all(header::ACCEPT);
    Accepted::of(accept.iter().map(HeaderValue::as_bytes))
}
