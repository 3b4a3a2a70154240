//! Delivery paths: raw text to key and spec, and their canonical spelling.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tintype_store::{Key, KeyError};

use super::items::{SIG, is_item};
use super::{Signature, SigningKey, SpecError, SpecUrl, parse_spec, sign, signed_text};

/// Only the slash and the unreserved characters of RFC 3986 stay unencoded, so that no client or proxy has a reason
/// to re-encode a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

pub const VARIANTS: &str = "/t/";
pub const ORIGINALS: &str = "/o/";

/// Why a path is not a delivery path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("path does not start with {0}")]
    Prefix(&'static str),
    #[error("path has a percent sign without two hex digits")]
    Percent,
    #[error("path is not UTF-8 once decoded")]
    NotUtf8,
    #[error("path ends in a key and has no spec, which is its last segment, as in {example}")]
    NoSpec { example: String },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// A parsed `/t/{key}/{spec}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryPath {
    pub key: Key,
    pub spec: SpecUrl,
    /// Decoded but not canonical: the text that the signature covers.
    pub signed_text: String,
    pub spelling: Spelling,
}

/// How the request spells its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Canonical,
    /// Differs from the canonical spelling only in what proxies change: percent-encoding of characters that are not
    /// unreserved, and the case of hex digits (RFC 3986, sections 2.2 and 6.2.2.1). Redirecting such a request
    /// would loop for ever.
    Alike,
    /// Differs by its author's hand: another order, defaults, a query, encoded letters.
    Other,
}

impl Spelling {
    fn of(raw_path: &str, query: Option<&str>, canonical: &str) -> Self {
        match query {
            None if raw_path == canonical => Self::Canonical,
            None if is_alike(raw_path.as_bytes(), canonical.as_bytes()) => Self::Alike,
            _ => Self::Other,
        }
    }
}

fn is_alike(mut raw: &[u8], mut canonical: &[u8]) -> bool {
    while let [first, rest @ ..] = raw {
        let same = match (first, canonical) {
            (b'%', [b'%', digits @ ..]) => {
                let (Some(raw), Some(canonical)) = (rest.get(..2), digits.get(..2)) else {
                    return false;
                };
                raw.eq_ignore_ascii_case(canonical)
            }
            // A literal character that the canonical path has encoded.
            (_, [b'%', digits @ ..]) => {
                let digit = |at: usize| Some(char::from(*digits.get(at)?).to_digit(16)? as u8);
                digit(0).zip(digit(1)).map(|(high, low)| high << 4 | low) == Some(*first)
            }
            (_, [canonical, ..]) => canonical == first,
            (_, []) => false,
        };
        if !same {
            return false;
        }
        let encoded = |text: &[u8]| if text[0] == b'%' { 3 } else { 1 };
        (raw, canonical) = (&raw[encoded(raw)..], &canonical[encoded(canonical)..]);
    }
    canonical.is_empty()
}

impl DeliveryPath {
    /// The canonical path of the same request. The signature covers another spelling and is left out; if it was
    /// right, the caller passes a key to sign anew.
    pub fn canonical_path(&self, resign: Option<&SigningKey>) -> String {
        let mut spec = self.spec.clone();
        spec.signature = None;
        match resign {
            None => variant_path(&self.key, &spec),
            Some(key) => signed_path(&self.key, spec, key),
        }
    }
}

/// The path of a spec, with its signature, if it has one.
pub fn variant_path(key: &Key, spec: &SpecUrl) -> String {
    format!("{VARIANTS}{}/{}", encode_key(key), spec.canonical())
}

/// The path of a spec, signed.
pub fn signed_path(key: &Key, mut spec: SpecUrl, signing_key: &SigningKey) -> String {
    let signature: Signature = sign(signing_key, &signed_text(key, &spec.unsigned()));
    spec.signature = Some(signature);
    variant_path(key, &spec)
}

/// A parsed `/o/{key}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalPath {
    pub key: Key,
    pub spelling: Spelling,
}

pub fn original_path(key: &Key) -> String {
    format!("{ORIGINALS}{}", encode_key(key))
}

/// Parses the raw path of a request, and its query if there was a question mark at all.
///
/// The path is decoded first and split then, so that `%2F` has one meaning. The last segment is the spec.
pub fn parse_path(raw_path: &str, query: Option<&str>) -> Result<DeliveryPath, PathError> {
    let text = decode_after(raw_path, VARIANTS)?;
    let (key, spec_text) = text.rsplit_once('/').ok_or_else(|| no_spec(&text))?;
    let key = Key::existing(key)?;
    let spec = parse_spec(spec_text).map_err(|error| match is_file_name(spec_text) {
        true => no_spec(&text),
        false => error.into(),
    })?;
    let unsigned = match &spec.signature {
        None => spec_text,
        // It is the last item, and a signature contains no tilde.
        Some(_) => spec_text
            .rsplit_once('~')
            .map_or(spec_text, |(items, signature)| {
                debug_assert!(signature.starts_with(SIG));
                items
            }),
    };
    let signed_text = signed_text(&key, unsigned);
    let spelling = Spelling::of(raw_path, query, &variant_path(&key, &spec));
    Ok(DeliveryPath {
        key,
        spec,
        signed_text,
        spelling,
    })
}

pub fn parse_original_path(raw_path: &str, query: Option<&str>) -> Result<OriginalPath, PathError> {
    let key = Key::existing(&decode_after(raw_path, ORIGINALS)?)?;
    let spelling = Spelling::of(raw_path, query, &original_path(&key));
    Ok(OriginalPath { key, spelling })
}

/// Whether a last segment is `lion.jpg` or empty rather than a malformed spec.
fn is_file_name(text: &str) -> bool {
    let extension = text.rsplit_once('.').map(|(_, extension)| extension);
    let is_extension = |extension: &str| {
        (2..=5).contains(&extension.len())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
            && extension.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let begins_with_item = text.split_once('_').is_some_and(|(name, _)| is_item(name));
    let is_spec = begins_with_item || text.contains('~');
    text.is_empty() || (extension.is_some_and(is_extension) && !is_spec)
}

/// The error for a missing spec, with a path that would work.
fn no_spec(text: &str) -> PathError {
    const MOST_CHARACTERS: usize = 100;
    let key = text.trim_end_matches('/');
    let example = match key.is_empty() || key.len() > MOST_CHARACTERS {
        true => format!("{VARIANTS}{{key}}/w_640"),
        false => format!("{VARIANTS}{}/w_640", encode_text(key)),
    };
    PathError::NoSpec { example }
}

/// Encodes a key as in URLs.
pub fn encode_key(key: &Key) -> String {
    encode_text(key.as_str())
}

/// Encodes the beginning of a key in the same way.
pub fn encode_text(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Strips the prefix and decodes the rest exactly once.
fn decode_after<'a>(raw_path: &'a str, prefix: &'static str) -> Result<Cow<'a, str>, PathError> {
    let rest = raw_path.strip_prefix(prefix);
    decode(rest.ok_or(PathError::Prefix(prefix))?)
}

/// Decodes a part of a path exactly once.
pub fn decode(raw: &str) -> Result<Cow<'_, str>, PathError> {
    // The decoder leaves a stray percent sign as it is, which would make `%` and `%25` the same key.
    let is_escape = |text: &str| {
        let digits = text.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !raw.split('%').skip(1).all(is_escape) {
        return Err(PathError::Percent);
    }
    percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| PathError::NotUtf8)
}
