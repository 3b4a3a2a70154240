//! What only the handler knows of a request.

use std::fmt::Write as _;
use std::time::Duration;

use http::HeaderValue;

/// A handler puts it into the extensions of its response; whatever is not said is not logged.
#[derive(Clone, Debug, Default)]
pub struct LogFacts {
    /// A better name than the path gives, such as `original` for `/t/…/f_original`.
    pub route: Option<&'static str>,
    /// `hit`, `miss`, `coalesced` or `stored`.
    pub cache: Option<&'static str>,
    /// The canonical spec, without its signature.
    pub spec: Option<String>,
    /// The id of the token that was used; never its secret.
    pub token: Option<String>,
    pub queue: Option<Duration>,
    pub fetch: Option<Duration>,
    pub decode: Option<Duration>,
    pub resize: Option<Duration>,
    pub encode: Option<Duration>,
}

impl LogFacts {
    pub(super) fn stages(&self) -> [(&'static str, Option<Duration>); 5] {
        [
            ("queue", self.queue),
            ("fetch", self.fetch),
            ("decode", self.decode),
            ("resize", self.resize),
            ("encode", self.encode),
        ]
    }

    /// The same for the developer tools of a browser; `None` where nothing was measured.
    pub(super) fn server_timing(&self) -> Option<HeaderValue> {
        let mut text = String::new();
        for (stage, took) in self.stages() {
            if let Some(took) = took {
                let separator = if text.is_empty() { "" } else { ", " };
                let ms = took.as_secs_f64() * 1000.0;
                let _ = write!(text, "{separator}{stage};dur={ms:.1}");
            }
        }
        (!text.is_empty())
            .then(|| HeaderValue::try_from(text).ok())
            .flatten()
    }
}
