//! The fields of a request's log line, and how they are written.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::LogFacts;
use super::caller_headers::CallerHeaders;
use crate::telemetry::log::{begin, cut};
use crate::telemetry::otlp::TraceId;

/// Only known fields are written.
pub(super) struct LogLine<'a> {
    pub(super) request_id: &'a str,
    pub(super) trace_id: Option<TraceId>,
    pub(super) caller: &'a CallerHeaders,
    pub(super) method: &'a str,
    pub(super) route: &'static str,
    pub(super) key: Option<&'a str>,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) duration: Duration,
    /// The client left before the end of the response.
    pub(super) aborted: bool,
    /// The code of an error.
    pub(super) code: Option<&'static str>,
    pub(super) facts: &'a LogFacts,
    /// How many requests this line stands for, if not all are logged.
    pub(super) one_in: Option<u64>,
}

impl LogLine<'_> {
    /// Ends with a line feed; the JSON contains none.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        // Maps of texts and numbers cannot fail.
        let _ = serde_json::to_writer(&mut bytes, self);
        bytes.push(b'\n');
        bytes
    }

    fn level(&self) -> &'static str {
        match self.status {
            // A bug of ours. 501 and 503 are intended responses.
            500 => "error",
            501.. => "warn",
            _ => "info",
        }
    }
}

impl Serialize for LogLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (facts, caller) = (self.facts, self.caller);
        let mut map = serializer.serialize_map(None)?;
        begin(&mut map, self.level(), "request")?;
        map.serialize_entry("request_id", self.request_id)?;
        if let Some(id) = self.trace_id {
            map.serialize_entry("trace_id", &id.to_string())?;
        }
        if let Some(root) = &caller.amzn_root {
            map.serialize_entry("amzn_trace_id", root)?;
        }
        map.serialize_entry("method", cut(self.method))?;
        map.serialize_entry("route", self.route)?;
        if let Some(site) = &facts.site {
            map.serialize_entry("site", &**site)?;
        }
        if let Some(key) = self.key {
            map.serialize_entry("key", cut(key))?;
        }
        if let Some(spec) = &facts.spec {
            map.serialize_entry("spec", cut(spec))?;
        }
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("bytes", &self.bytes)?;
        map.serialize_entry("duration_ms", &ms(self.duration))?;
        if self.aborted {
            map.serialize_entry("aborted", &true)?;
        }
        if let Some(code) = self.code {
            map.serialize_entry("code", code)?;
        }
        if let Some(cache) = facts.cache {
            map.serialize_entry("cache", cache)?;
        }
        if let Some(source) = &facts.source {
            map.serialize_entry("source_pixels", &source.pixels)?;
            map.serialize_entry("source_format", source.format.as_str())?;
        }
        for (name, step) in facts.each_step() {
            map.serialize_entry(&format!("{name}_ms"), &ms(step.took))?;
        }
        if let Some(actor) = &caller.actor {
            map.serialize_entry("actor", actor)?;
        }
        if let Some(token) = &facts.token {
            map.serialize_entry("token", cut(token))?;
        }
        if let Some(number) = self.one_in {
            map.serialize_entry("one_in", &number)?;
        }
        map.end()
    }
}

fn ms(duration: Duration) -> f64 {
    // Rounded to microseconds.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
