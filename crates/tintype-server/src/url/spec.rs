//! The parsed spec of a URL.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tintype_imaging::spec::{Format, Request};

use super::{PresetName, Signature};

/// What a URL says, and only that: no preset filled in, no record, no configuration. Items at their default are
/// `None` unless a preset is named, which they then override.
///
/// Its `Display` is the canonical spelling, signature included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SpecUrl {
    pub preset: Option<PresetName>,
    pub request: Request,
    pub format: Option<FormatItem>,
    pub version: Option<Version>,
    /// Unix seconds.
    pub expires: Option<u64>,
    pub download: Option<Download>,
    pub signature: Option<Signature>,
}

/// What is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FormatItem {
    /// An image in the best format that the client accepts.
    #[default]
    Auto,
    Image(Format),
    /// The public part of the record.
    Json,
    /// The original, bit for bit.
    Original,
}

impl FormatItem {
    pub fn is_image(self) -> bool {
        matches!(self, Self::Auto | Self::Image(_))
    }
}

/// 16 hex digits that change whenever variants of the original may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version([u8; 8]);

impl Version {
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let is_version = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok()?;
        is_version.then_some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a version is 16 hex digits"))
    }
}

/// Requests `Content-Disposition: attachment`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Download {
    /// Named after the last segment of the key.
    KeyName,
    /// With this name, of `A-Za-z0-9.-`.
    Named(String),
}

/// Why a text is not a spec: the item, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{item}: {reason}")]
pub struct SpecError {
    pub item: String,
    pub reason: String,
}

impl SpecError {
    pub(crate) fn new(item: &str, reason: impl Into<String>) -> Self {
        Self {
            item: shortened(item),
            reason: reason.into(),
        }
    }
}

/// Shortens hostile text for use in messages.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
