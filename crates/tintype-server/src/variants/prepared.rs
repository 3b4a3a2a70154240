//! Answers that were given before, ready to be given again.
//!
//! What an answer owes to its address and to the record (parsing, signature, geometry, names, tags)
//! is done once and kept under the address as it was sent. What may have changed since is looked at
//! by every request: the record, which has to be the very one that the answer was made from, the
//! takedowns, and the bytes in the hot cache. An address that expires is never kept, and neither is
//! an answer about a record that is not public.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};
use moka::sync::Cache;
use tintype_store::Key;

use crate::http::respond::{Representation, decide};
use crate::records::Stored;
use crate::records::record::State;
use crate::telemetry::access_log::LogFacts;
use crate::url::{Accepted, VARIANTS};

use super::sending::{self, Place};
use super::{Name, Variant, Variants};

/// What an entry costs beside its address: some twenty headers and the maps' own share.
const ENTRY_BYTES: usize = 2048;

/// Everything about an answer but its bytes.
pub struct Prepared {
    pub key: Key,
    pub stored: Arc<Stored>,
    pub name: Name,
    pub representation: Representation,
    pub cache_control: HeaderValue,
    /// Of an answer from memory.
    pub facts: LogFacts,
}

impl Prepared {
    pub fn answer(
        &self,
        variants: &Arc<Variants>,
        request: &Parts,
        variant: &Arc<Variant>,
    ) -> Response {
        let length = variant.bytes.len() as u64;
        let representation = &self.representation;
        let decision = decide(&request.method, &request.headers, representation, length);
        let place = Place {
            name: &self.name,
            key: &self.key,
            stored: &self.stored,
        };
        let body = decision.wanted(length).map_or_else(Body::empty, |range| {
            sending::body(variants, &place, variant, range)
        });
        let cache_control = self.cache_control.clone();
        decision.answer(representation, cache_control, length, body)
    }
}

/// By address, for each answer to which formats are accepted.
pub struct PreparedAnswers([Cache<String, Arc<Prepared>>; 4]);

impl PreparedAnswers {
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

    pub fn get(&self, request: &Parts) -> Option<Arc<Prepared>> {
        match request.uri.query() {
            None => self.of(request).get(request.uri.path()),
            Some(_) => None,
        }
    }

    fn of(&self, request: &Parts) -> &Cache<String, Arc<Prepared>> {
        let Accepted { avif, webp } = accepted(request);
        &self.0[usize::from(avif) << 1 | usize::from(webp)]
    }

    pub fn keep(&self, request: &Parts, prepared: Prepared) {
        let path = request.uri.path();
        // An address of another grammar is not looked for here, and its query may say something.
        if prepared.stored.record.state == State::Public && path.starts_with(VARIANTS) {
            let path = path.to_owned();
            self.of(request).insert(path, Arc::new(prepared));
        }
    }
}

pub(crate) fn accepted(request: &Parts) -> Accepted {
    let accept = request.headers.get_all(header::ACCEPT);
    Accepted::of(accept.iter().map(HeaderValue::as_bytes))
}
