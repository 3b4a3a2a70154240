//! The fields of a line, and how they are written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::LogFacts;

/// A text from outside is cut here: collectors take lines of 16 KB.
const MAX_TEXT: usize = 1024;

/// Only what is known is written.
pub(super) struct Line<'a> {
    pub(super) time: SystemTime,
    pub(super) request_id: &'a str,
    pub(super) trace: &'a Trace,
    pub(super) method: &'a str,
    pub(super) route: &'static str,
    pub(super) key: Option<&'a str>,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) duration: Duration,
    /// The client left before the end of the answer.
    pub(super) aborted: bool,
    /// The code of a refusal.
    pub(super) code: Option<&'static str>,
    pub(super) facts: &'a LogFacts,
}

impl Line<'_> {
    /// Ends with a line feed; JSON has none inside.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        // Maps of texts and numbers have no way to fail.
        let _ = serde_json::to_writer(&mut bytes, self);
        bytes.push(b'\n');
        bytes
    }

    fn level(&self) -> &'static str {
        match self.status {
            // Our own mistake. 501 and 503 are answers on purpose.
            500 => "error",
            501.. => "warn",
            _ => "info",
        }
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ts", &rfc3339(self.time))?;
        map.serialize_entry("level", self.level())?;
        map.serialize_entry("request_id", self.request_id)?;
        if let Some(id) = &self.trace.trace_id {
            map.serialize_entry("trace_id", id)?;
        }
        if let Some(id) = &self.trace.amzn_trace_id {
            map.serialize_entry("amzn_trace_id", id)?;
        }
        map.serialize_entry("method", cut(self.method))?;
        map.serialize_entry("route", self.facts.route.unwrap_or(self.route))?;
        if let Some(key) = self.key {
            map.serialize_entry("key", cut(key))?;
        }
        if let Some(spec) = &self.facts.spec {
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
        if let Some(cache) = self.facts.cache {
            map.serialize_entry("cache", cache)?;
        }
        for (stage, took) in self.facts.stages() {
            if let Some(took) = took {
                map.serialize_entry(&format_args!("{stage}_ms").to_string(), &ms(took))?;
            }
        }
        if let Some(actor) = &self.trace.actor {
            map.serialize_entry("actor", actor)?;
        }
        if let Some(token) = &self.facts.token {
            map.serialize_entry("token", cut(token))?;
        }
        map.end()
    }
}

/// What the caller says of itself and of the request it belongs to.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// From `traceparent` (W3C Trace Context): 32 hexadecimal digits.
    pub(super) trace_id: Option<String>,
    /// The root from `X-Amzn-Trace-Id`.
    pub(super) amzn_trace_id: Option<String>,
    /// From `Tintype-Actor`: on whose behalf.
    pub(super) actor: Option<String>,
}

impl Trace {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
        const AMZN: HeaderName = HeaderName::from_static("x-amzn-trace-id");
        const ACTOR: HeaderName = HeaderName::from_static("tintype-actor");
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_hex = |id: &&str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let is_root = |id: &&str| {
            id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        Self {
            trace_id: text(TRACEPARENT)
                .and_then(|text| text.split('-').nth(1))
                .filter(is_hex)
                .map(str::to_owned),
            amzn_trace_id: text(AMZN)
                .and_then(|text| {
                    text.split(';')
                        .find_map(|part| part.trim().strip_prefix("Root="))
                })
                .filter(is_root)
                .map(str::to_owned),
            // A name may be in any script.
            actor: headers.get(ACTOR).map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.chars().filter(|c| !c.is_control()).take(200).collect()
            }),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    // Microseconds are as exact as it gets.
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// The start of a text, whole characters only.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// UTC with milliseconds. The date arithmetic is Howard Hinnant's `civil_from_days`.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March, so that a leap day is the last.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let ms = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}
