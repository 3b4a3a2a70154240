//! From an image's URL on a former server to the key of an original.

use percent_encoding::percent_decode_str;
use regex::{Regex, RegexBuilder};
use tintype_store::Key;

use super::Unmapped;
use crate::url::shortened;

/// Limit of a pattern's text.
pub const MAX_PATTERN_BYTES: usize = 1_000;
/// Limit of a compiled pattern.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// Compiles a pattern of the configuration, or returns what is wrong with it.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("longer than {MAX_PATTERN_BYTES} bytes"));
    }
    let compiled = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => String::from("takes too much memory"),
        // The message has several lines, and the last one says it.
        error => error
            .to_string()
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned(),
    })
}

/// Where images were on the former server, and where they are now.
#[derive(Debug, Default)]
pub struct KeyMapping {
    sources: Vec<Source>,
    key_prefix: String,
    replace: Vec<(Regex, String)>,
}

impl KeyMapping {
    /// Without sources, images are those relative to the old server's root.
    pub fn new<'a>(
        sources: impl IntoIterator<Item = &'a str>,
        key_prefix: String,
        replace: Vec<(Regex, String)>,
    ) -> Self {
        let sources = sources.into_iter().map(Source::of).collect();
        Self {
            sources,
            key_prefix,
            replace,
        }
    }

    pub(super) fn key(&self, address: &str) -> Result<Key, Unmapped> {
        let mut key = self.cut(address)?;
        for (pattern, text) in &self.replace {
            key = pattern.replace_all(&key, text).into_owned();
        }
        Key::existing(&format!("{}{key}", self.key_prefix))
            .map_err(|error| Unmapped::Key(error.to_string()))
    }

    /// Removes the source from an image's URL.
    fn cut(&self, address: &str) -> Result<String, Unmapped> {
        let asked = Source::of(address);
        let relative = [Source::default()];
        let sources = match self.sources.is_empty() {
            true => &relative[..],
            false => &self.sources,
        };
        for source in sources {
            let Some(rest) = source.cut(&asked) else {
                continue;
            };
            return match source.scheme.is_empty() {
                true => Ok(rest.to_owned()),
                false => path_of_url(rest),
            };
        }
        Err(Unmapped::Source(shortened(address)))
    }
}

/// A URL has a query and a fragment, and its path is encoded.
fn path_of_url(text: &str) -> Result<String, Unmapped> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8();
    let not_utf8 = |_| Unmapped::Key(String::from("name of the image is not UTF-8 once decoded"));
    Ok(decoded.map_err(not_utf8)?.into_owned())
}

/// The beginning of a URL, or all of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Source {
    /// In lower case; `http` also stands for `https`. Empty means relative.
    scheme: String,
    /// Without leading slashes. The host of `http` is in lower case.
    rest: String,
}

impl Source {
    /// The number of slashes is ignored, because proxies merge them.
    fn of(text: &str) -> Self {
        let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let (scheme, rest) = match text.split_once(":/") {
            Some((scheme, rest)) if !scheme.is_empty() && scheme.chars().all(in_scheme) => {
                (scheme.to_ascii_lowercase(), rest)
            }
            // Protocol-relative.
            _ if text.starts_with("//") => ("http".to_owned(), text),
            _ => (String::new(), text),
        };
        let rest = rest.trim_start_matches('/');
        match scheme.as_str() {
            "http" | "https" => Self {
                scheme: "http".to_owned(),
                rest: with_small_host(rest),
            },
            _ => Self {
                scheme,
                rest: rest.to_owned(),
            },
        }
    }

    /// The rest, if `address` begins with this source. thumbor's URLs have no scheme.
    fn cut<'a>(&self, address: &'a Self) -> Option<&'a str> {
        if self.scheme == address.scheme {
            return address.rest.strip_prefix(&self.rest);
        }
        let is_bare = self.scheme == "http" && address.scheme.is_empty();
        let (host, path) = self.rest.split_once('/')?;
        let (asked_host, asked_path) = address.rest.split_once('/')?;
        (is_bare && asked_host.eq_ignore_ascii_case(host))
            .then(|| asked_path.strip_prefix(path))
            .flatten()
    }
}

fn with_small_host(rest: &str) -> String {
    match rest.split_once('/') {
        None => rest.to_ascii_lowercase(),
        Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
    }
}

/// Decodes a part of a URL once. A percent sign without two hex digits stands for itself, as in browsers.
pub(super) fn decode(raw: &str) -> Result<String, Unmapped> {
    let decoded = percent_decode_str(raw).decode_utf8();
    let not_utf8 = |_| Unmapped::Key(String::from("URL is not UTF-8 once decoded"));
    Ok(decoded.map_err(not_utf8)?.into_owned())
}

/// Decodes what proxies encode although nobody has to (RFC 3986, sub-delims, `:` and `@`).
pub(super) fn without_needless_escapes(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let byte = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if b"!$&'()*+,;=:@".contains(&byte) => {
                text.push(char::from(byte));
                rest = &after[2..];
            }
            _ => {
                text.push('%');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}
