//! The log: one JSON object per line on standard output, with fields in one order, whether it is about a request
//! ([`crate::telemetry::access_log`]), an event ([`Events`]) or a minute ([`mod@crate::telemetry::emf`]).
//! `deploy/log.md` tells operators what the fields mean.
//!
//! Lines go through a bounded buffer to a separate thread: a slow reader of the log costs lines, which are counted,
//! but never time.

mod events;
mod time;
mod writer;

use std::time::SystemTime;

use serde::ser::SerializeMap;

pub use events::{Events, report_panics};
pub use writer::{Log, LogWriter};

/// Text from outside is cut at this length: collectors take lines of 16 KB.
const MAX_TEXT: usize = 1024;

/// Writes the fields that every line begins with.
pub(crate) fn begin<M: SerializeMap>(
    map: &mut M,
    level: &str,
    event: &str,
) -> Result<(), M::Error> {
    map.serialize_entry("timestamp", &time::rfc3339(SystemTime::now()))?;
    map.serialize_entry("level", level)?;
    map.serialize_entry("event", event)
}

/// The start of a text, whole characters only.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
pub(crate) mod tests;
