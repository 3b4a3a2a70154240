//! Text to values, one function a kind. Errors say what was expected.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use tintype_store::StoreUrl;
use tracing_subscriber::EnvFilter;

use super::units;
use crate::url::{Originals, Unsigned};

/// Parts between commas, or on lines of their own as in a file of secrets.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port, such as 0.0.0.0:8080"))
}

pub(super) fn store_url(text: &str) -> Result<StoreUrl, String> {
    text.parse()
        .map_err(|error: tintype_store::StoreUrlError| error.to_string())
}

pub(super) fn bytes(text: &str) -> Result<u64, String> {
    units::bytes(text).and_then(|bytes| above_zero(bytes, text))
}

pub(super) fn pixels(text: &str) -> Result<u64, String> {
    units::pixels(text).and_then(|pixels| above_zero(pixels, text))
}

/// A limit of time. None of them means "no limit" at zero.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    units::duration(text).and_then(|time| above_zero(time, text))
}

fn above_zero<T: Default + PartialEq>(value: T, text: &str) -> Result<T, String> {
    match value == T::default() {
        true => Err(format!("{text:?} is not above 0")),
        false => Ok(value),
    }
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

pub(super) fn media_types(text: &str) -> Result<Vec<String>, String> {
    let types: Vec<_> = list(text).map(str::to_ascii_lowercase).collect();
    let is_type = |text: &str| {
        let parts = text.split_once('/');
        parts.is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty() && kind != "*")
    };
    match types.iter().find(|text| *text != "*" && !is_type(text)) {
        Some(wrong) => Err(format!(
            "{wrong:?} is not a media type such as image/jpeg or image/*"
        )),
        None => Ok(types),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "{text:?} is neither a level such as info nor a filter"
        )),
    }
}

pub(super) fn unsigned(text: &str) -> Result<Unsigned, String> {
    match text {
        "none" => Ok(Unsigned::None),
        "presets" => Ok(Unsigned::Presets),
        "any" => Ok(Unsigned::Any),
        _ => Err(format!("{text:?} is none of none, presets and any")),
    }
}

pub(super) fn originals(text: &str) -> Result<Originals, String> {
    match text {
        "public" => Ok(Originals::Public),
        "signed" => Ok(Originals::Signed),
        _ => Err(format!("{text:?} is neither public nor signed")),
    }
}

pub(super) fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !url.contains(['?', '#', '@', '"', '\\'])
        && url.chars().all(|c| c.is_ascii_graphic());
    match is_url {
        true => Ok(url.to_owned()),
        false => Err(format!(
            "{text:?} is not written like https://media.example.org"
        )),
    }
}
