//! What only the handler knows of a request.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tintype_imaging::probe::SourceFormat;

use crate::records::record::Record;

/// A handler puts it into the extensions of its response; whatever is not said is not logged.
#[derive(Clone, Debug, Default)]
pub struct LogFacts {
    /// The site that the key belongs to.
    pub site: Option<Arc<str>>,
    /// `hit`, `miss`, `coalesced` or `stored`.
    pub cache: Option<&'static str>,
    /// The canonical spec, without its signature.
    pub spec: Option<Arc<str>>,
    pub source: Option<Source>,
    /// The id of the token that was used; never its secret.
    pub token: Option<String>,
    /// `None` for what took none, so that a hit costs no memory.
    pub steps: Option<Box<Steps>>,
}

/// What a picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Of the upright original.
    pub pixels: u64,
    pub format: SourceFormat,
}

impl Source {
    /// `None` for what is no picture, or of a format that only another release knows.
    pub fn of(record: &Record) -> Option<Self> {
        let image = record.image.as_ref()?;
        Some(Self {
            pixels: image.upright()?.pixels(),
            format: image.format.known()?,
        })
    }
}

/// Where the time of a request went. What is not there did not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    pub record: Option<Step>,
    pub queue: Option<Step>,
    pub fetch: Option<Step>,
    /// Of a picture that is read in rows these two happen in turns; they are told as if one came after
    /// the other.
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
    /// Of something that began then and is over now.
    pub fn since(began: Instant) -> Self {
        let took = began.elapsed();
        Self { began, took }
    }

    pub fn end(&self) -> Instant {
        self.began + self.took
    }
}

impl Steps {
    /// In the order in which they happen.
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

    /// The same for the developer tools of a browser; `None` where nothing was measured.
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
