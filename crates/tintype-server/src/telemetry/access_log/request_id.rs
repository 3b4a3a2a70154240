//! The id of a request, in its response, its log line and its error.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const HEADER: HeaderName = HeaderName::from_static("tintype-request-id");
const FOREIGN: HeaderName = HeaderName::from_static("x-request-id");

/// Also an extension of the request, for handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

/// Tells processes and restarts apart; a counter does within one. Ids need not be unguessable.
static PROCESS: LazyLock<u64> = LazyLock::new(|| getrandom::u64().unwrap_or_default());
static COUNT: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// The id that the caller sent, if it is fit to be repeated; otherwise a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).or_else(|| headers.get(FOREIGN));
        match given.filter(|value| is_fit(value.as_bytes())) {
            Some(value) => Self::from(Bytes::copy_from_slice(value.as_bytes())),
            None => Self::new(),
        }
    }

    fn new() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let text = format!("{:016x}{count:08x}", *PROCESS);
        Self::from(Bytes::from(text))
    }

    /// From characters that are known to be fit.
    fn from(text: Bytes) -> Self {
        Self(HeaderValue::from_maybe_shared(text).expect("letters and digits are visible ASCII"))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Long enough to tell requests apart, short enough for a log line, and nothing to escape.
fn is_fit(bytes: &[u8]) -> bool {
    (8..=64).contains(&bytes.len())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}
