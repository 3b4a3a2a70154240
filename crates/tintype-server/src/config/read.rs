//! Parsers of option values, one function per kind. Errors say what was expected.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use tintype_store::StoreUrl;
use tracing_subscriber::EnvFilter;

use super::shape::shown;
use super::units;
use crate::telemetry::access_log::Logged;

/// The words of an option that takes one of a few values.
pub(super) struct Choices<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Choices<T> {
    pub(super) fn read(&self, text: &str) -> Result<T, String> {
        let found = self.0.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = self.0.iter().map(|(word, _)| *word).collect();
            match &words[..] {
                [one, other] => format!("{text:?} is neither {one} nor {other}"),
                [most @ .., last] => format!("{text:?} is none of {} and {last}", most.join(", ")),
                [] => format!("{text:?} is not allowed"),
            }
        })
    }

    /// The word for a value; each value has one.
    pub(super) fn of(&self, value: T) -> &'static str {
        let found = self.0.iter().find(|(_, known)| *known == value);
        found.map_or("", |(word, _)| word)
    }
}

/// Parts separated by commas, or by lines as in a file of secrets.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port, such as 0.0.0.0:8080"))
}

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        _ => Err(format!("{text:?} is neither 0 nor 1")),
    }
}

pub(super) fn store_url(text: &str) -> Result<StoreUrl, String> {
    let place = text.split_once("://").map_or("", |(_, place)| place);
    if place.split('/').next().unwrap_or_default().contains('@') {
        return Err(String::from(
            "it must not have credentials: S3's come from AWS's own variables or the task's role",
        ));
    }
    text.parse()
        .map_err(|error: tintype_store::StoreUrlError| error.to_string())
}

pub(super) fn bytes(text: &str) -> Result<u64, String> {
    units::bytes(text).and_then(|bytes| above_zero(bytes, text))
}

pub(super) fn pixels(text: &str) -> Result<u64, String> {
    /// An icon of 100 by 100.
    const LEAST: u64 = 10_000;
    match units::pixels(text).and_then(|pixels| above_zero(pixels, text))? {
        pixels if pixels < LEAST => Err(format!(
            "{text:?} is less than an icon has; write millions of pixels as 100MP"
        )),
        pixels => Ok(pixels),
    }
}

/// Parses bytes of an option that a missing unit would make uselessly small.
pub(super) fn many_bytes(least: u64) -> impl Fn(&str) -> Result<u64, String> {
    move |text| {
        let number = bytes(text)?;
        match number < least {
            true => Err(format!(
                "{text:?} is less than {least} bytes; is its unit missing?"
            )),
            false => Ok(number),
        }
    }
}

/// Parses a timeout for the other end of a connection, which needs some time to respond at all.
pub(super) fn network_time(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(100);
    match time_limit(text)? {
        time if time < LEAST => Err(format!("{text:?} is less than a network takes ({LEAST:?})")),
        time => Ok(time),
    }
}

/// Parses a caching time, no longer than HTTP caches heed.
pub(super) fn cache_time(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    match units::duration(text)? {
        time if time > MOST => Err(format!("{text:?} is more than 365d, which no cache heeds")),
        time => Ok(time),
    }
}

/// Parses a timeout. None of them means "no limit" at zero.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    units::duration(text).and_then(|time| above_zero(time, text))
}

fn above_zero<T: Default + PartialEq>(value: T, text: &str) -> Result<T, String> {
    match value == T::default() {
        true => Err(format!("{text:?} is not above 0")),
        false => Ok(value),
    }
}

pub(super) fn connections(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok();
    number.ok_or_else(|| format!("{text:?} is not a whole number above 0"))
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is not a whole number above 0"))
}

pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1_024;
    let number = text
        .parse()
        .ok()
        .filter(|number: &NonZeroUsize| number.get() <= MOST);
    number.ok_or_else(|| format!("{text:?} is not a whole number from 1 to {MOST}"))
}

pub(super) fn quality(text: &str) -> Result<u8, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=100).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a quality from 1 to 100"))
}

/// Names by which people call media types, and the correct ones.
const MISTAKEN_TYPES: [(&str, &str); 7] = [
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/tif", "image/tiff"),
    ("image/svg", "image/svg+xml"),
    ("image/x-png", "image/png"),
    ("text/xml+svg", "image/svg+xml"),
    ("application/x-pdf", "application/pdf"),
];

pub(super) fn media_types(text: &str) -> Result<Vec<String>, String> {
    let types: Vec<_> = list(text).map(str::to_ascii_lowercase).collect();
    let is_type = |text: &str| {
        let parts = text.split_once('/');
        parts.is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty() && kind != "*")
    };
    if let Some((wrong, right)) = MISTAKEN_TYPES
        .iter()
        .find(|(wrong, _)| types.iter().any(|text| text == wrong))
    {
        return Err(format!("no file is {wrong}; write {right}"));
    }
    if types.is_empty() {
        return Err(String::from(
            "it has no type, so that nothing could be uploaded",
        ));
    }
    match types.iter().find(|text| *text != "*" && !is_type(text)) {
        Some(wrong) => Err(format!(
            "{wrong:?} is not a media type such as image/jpeg or image/*"
        )),
        None => Ok(types),
    }
}

/// Directives separated by commas: a level, or a level for one part. A word that is no level would be taken for a
/// part, and silence everything else.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |word: &str| {
        let word = word.to_ascii_lowercase();
        matches!(
            &*word,
            "error" | "warn" | "info" | "debug" | "trace" | "off"
        )
    };
    let directives = || text.split(',').map(str::trim);
    let is_directive = |directive: &str| match directive.rsplit_once('=') {
        Some((part, level)) => !part.is_empty() && is_level(level),
        None => is_level(directive),
    };
    if !directives().all(is_directive) || EnvFilter::try_new(text).is_err() {
        return Err(format!(
            "{text:?} is neither a level (error, warn, info, debug, trace, off) nor a filter \
             such as info,tintype_store=debug"
        ));
    }
    let is_ours = |directive: &str| is_level(directive) || directive.starts_with("tintype");
    match directives().any(is_ours) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{text:?} silences all of tintype's own messages; add a level, as in info,{text}"
        )),
    }
}

pub(super) fn logged(text: &str) -> Result<Logged, String> {
    match text {
        "all" => Ok(Logged::All),
        "errors" => Ok(Logged::Errors),
        _ => {
            let number = text
                .strip_prefix("1/")
                .and_then(|number| number.parse().ok());
            let number: Option<NonZeroU64> = number;
            number.map(Logged::OneIn).ok_or_else(|| {
                format!("{text:?} is neither all, nor errors, nor a fraction such as 1/100")
            })
        }
    }
}

/// URLs of Varnish's nodes.
pub(super) fn nodes(text: &str) -> Result<Vec<String>, String> {
    list(text)
        .map(|node| {
            let url = public_url(node)
                .ok()
                .filter(|url| url.matches('/').count() == 2);
            url.ok_or_else(|| {
                format!(
                    "{:?} is not written like http://varnish-1:6081",
                    shown(node)
                )
            })
        })
        .collect()
}

pub(super) fn distributions(text: &str) -> Result<Vec<String>, String> {
    let is_id = |id: &str| {
        let capitals = id
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        capitals && (8..=32).contains(&id.len())
    };
    list(text)
        .map(|id| match is_id(id) {
            true => Ok(id.to_owned()),
            false => Err(format!(
                "{id:?} is not the id of a distribution, such as E1EXAMPLE"
            )),
        })
        .collect()
}

pub(super) fn webhook(text: &str) -> Result<String, String> {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let is_query = query
        .chars()
        .all(|c| c.is_ascii_graphic() && !"#\"\\".contains(c));
    match public_url(address) {
        Ok(_) if is_query => Ok(text.to_owned()),
        _ => Err(String::from(
            "not an address like https://cdn.example.org/purge",
        )),
    }
}

/// What clients put before `/t/` and `/o/`.
pub(super) fn site_url(text: &str) -> Result<String, String> {
    let url = public_url(text)?;
    let path: Vec<_> = url.split('/').skip(3).collect();
    match path[..] {
        [.., last @ ("t" | "o")] => Err(format!(
            "{url:?} ends in /{last}, which every URL would contain twice"
        )),
        [.., "api", "v1"] => Err(format!("{url:?} is the URL of the API, not of images")),
        _ if path.iter().any(|part| matches!(*part, "" | "." | "..")) => Err(format!(
            "{url:?} has an empty or dot segment, which clients remove"
        )),
        _ => Ok(url),
    }
}

/// The URL of a service: no query, no user, one host.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| is_host(rest.split('/').next().unwrap_or_default()))
        && !url.contains(['?', '#', '@', '"', '\\', ','])
        && url.matches("://").count() == 1
        && url.chars().all(|c| c.is_ascii_graphic());
    match is_url {
        true => Ok(url.to_owned()),
        false => Err(format!(
            "{:?} is not written like https://media.example.org",
            shown(text)
        )),
    }
}

/// With or without a port.
fn is_host(text: &str) -> bool {
    let port_at = text.rfind(':').filter(|at| !text[*at..].contains(']'));
    let (host, port) = text.split_at(port_at.unwrap_or(text.len()));
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_of_host = |b: u8| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b);
    !host.is_empty()
        && host.bytes().all(is_of_host)
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}
