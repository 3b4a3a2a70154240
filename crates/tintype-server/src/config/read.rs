//! Text to values, one function a kind. Errors say what was expected.

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use tintype_store::StoreUrl;
use tracing_subscriber::EnvFilter;

use super::units;
use crate::access_log::Logged;
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

pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        _ => Err(format!("{text:?} is neither 0 nor 1")),
    }
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

/// Directives between commas: a level, or a level for one part. A word that is no level would be taken for
/// a part, and everything else would be silent.
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
            "{text:?} silences everything of tintype's own; add a level, as in info,{text}"
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
                format!("{text:?} is none of all, errors and one in so many, such as 1/100")
            })
        }
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

/// Addresses of Varnish's nodes.
pub(super) fn nodes(text: &str) -> Result<Vec<String>, String> {
    list(text)
        .map(|node| {
            let url = public_url(node)
                .ok()
                .filter(|url| url.matches('/').count() == 2);
            url.ok_or_else(|| format!("{node:?} is not written like http://varnish-1:6081"))
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
