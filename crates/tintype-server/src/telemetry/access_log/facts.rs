//! What only the handler knows of a request.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tintype_imaging::probe::SourceFormat;

use crate::records::record::Record;

/// A handler puts this into the extensions of its response; what is not set is not logged.
#[derive(Clone, Debug, Default)]
pub struct LogFacts {
    /// The site of the key.
    pub site: Option<Arc<str>>,
    /// `hit`, `miss`, `coalesced` or `stored`.
    pub cache: Option<&'static str>,
    /// The canonical spec, without its signature.
    pub spec: Option<Arc<str>>,
    pub source: Option<SourceFacts>,
    /// The id of the token; never its secret.
    pub token: Option<String>,
    /// `None` if there were none, so that a hit allocates nothing.
    pub steps: Option<Box<Steps>>,
}

/// The original of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// Of the upright original.
    pub pixels: u64,
    pub format: SourceFormat,
}

impl SourceFacts {
    /// `None` if it is not an image, or of a format that only another release knows.
    pub fn of(record: &Record) -> Option<Self> {
        let image = record.image.as_ref()?;
        Some(Self {
            pixels: image.upright()?.pixels(),
            format: image.format.known()?,
        })
    }
}

/// Timings of the steps of a request. Absent steps did not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    pub record: Option<Step>,
    pub queue: Option<Step>,
    pub fetch: Option<Step>,
    /// If an image is decoded in rows these two alternate; they are reported as if one came after the other.
    pub decode: Option<Step>,
    pub resize: Option<Step>,
    pub encode: Option<Step>,
    pub put: Option<Step>,
}

#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub began: Instant,
    pub took: Duration,
}

impl Step {
    /// A step that began then and ends now.
    pub fn since(began: Instant) -> Self {
        let took = began.elapsed();
        Self { began, took }
    }

    pub fn end(&self) -> Instant {
        self.began + self.took
    }
}

impl Steps {
    /// In chronological order.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, Step)> {
        [
            ("record", self.record),
            ("queue", self.queue),
            ("fetch", self.fetch),
            ("decode", self.decode),
            ("resize", self.resize),
            ("encode", self.encode),
            ("put", self.put),
        ]
        .into_iter()
        .filter_map(|(name, step)| Some((name, step?)))
    }
}

impl LogFacts {
    pub fn steps_mut(&mut self) -> &mut Steps {
        self.steps.get_or_insert_default()
    }

    pub(crate) fn each_step(&self) -> impl Iterator<Item = (&'static str, Step)> {
        self.steps.iter().flat_map(|steps| steps.each())
    }

    /// For the developer tools of browsers; `None` if nothing was measured.
    pub(super) fn server_timing(&self) -> Option<HeaderValue> {
        let mut text = String::new();
        for (name, step) in self.each_step() {
            let separator = if text.is_empty() { "" } else { ", " };
            let ms = step.took.as_secs_f64() * 1000.0;
            let _ = write!(text, "{separator}{name};dur={ms:.1}");
        }
        (!text.is_empty())
            .then(|| HeaderValue::try_from(text).ok())
            .flatten()
    }
}
