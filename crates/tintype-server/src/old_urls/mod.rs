//! URLs of former servers and scripts, as found in ten years of articles: raw text in, the canonical request out.
//!
//! Everything here is a pure function, as in [`crate::url`]. Guarantees:
//! - a signature is verified as its own grammar says, in constant time, over the text as received;
//! - a spec is built as text and parsed by [`crate::url::parse_spec`], so that ranges and contradictions are
//!   checked in one place;
//! - nothing that would change the image is ignored: what has no equivalent here is [`Unmapped`], under its
//!   original name. What is not visible (metadata, caching, limits of that server) is skipped.
//!
//! Deliberately absent: the site of a key, responses and redirects, the store and the clock.

mod imgproxy;
mod items;
mod key_mapping;
mod orientation;
mod pattern;
mod thumbor;
mod unsigned_size;

pub use imgproxy::{Imgproxy, Pair};
pub use key_mapping::{KeyMapping, MAX_PATTERN_BYTES, compile};
pub use pattern::{Pattern, PatternText};
pub use thumbor::Thumbor;
pub use unsigned_size::UnsignedSize;

use tintype_store::Key;

use crate::url::{
    Access, Denied, FormatItem, Originals, Presets, SpecError, SpecUrl, Unsigned, authorise_spec,
};
use items::SpecItems;

/// Longer than any real URL in a page, and than browsers send.
const MAX_BYTES: usize = 8 * 1024;

/// A rule of a site's list.
#[derive(Debug)]
pub struct OldUrlRule {
    pub grammar: Grammar,
    /// Prefix of its URLs; begins and ends with a slash.
    pub prefix: String,
    pub mapping: KeyMapping,
    pub answer: ResponseMode,
    pub until: Option<EndDate>,
    /// Boxes that need no signature even if the site requires one.
    pub sizes: Vec<UnsignedSize>,
}

#[derive(Debug)]
pub enum Grammar {
    Thumbor(Thumbor),
    Imgproxy(Imgproxy),
    Pattern(Box<Pattern>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// Served in place.
    #[default]
    Here,
    /// Redirected (301) to the canonical URL.
    Redirect,
}

/// The first day on which URLs are not served any more, at midnight UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndDate {
    /// As configured.
    pub day: String,
    /// Unix seconds.
    pub second: u64,
}

/// The request of an old URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    pub key: Key,
    /// Never signed.
    pub spec: SpecUrl,
    /// Whether the old signature was present and right.
    pub access: Access,
}

/// Why a URL of a grammar cannot be mapped. Text from the URL is shortened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    #[error("the signature does not match this URL")]
    Signature,
    #[error("the URL is not signed")]
    Unsigned,
    /// An option, a filter or a parameter, with its name, and perhaps the reason.
    #[error("{0} has no equivalent here")]
    Option(String),
    /// The spec that would result, and why it is invalid.
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error("the image is at {0}, which is not one of the sources")]
    Source(String),
    #[error("{0}")]
    Key(String),
    #[error("URLs of this kind were served until {0}")]
    Gone(String),
}

impl Unmapped {
    /// A metric label with few values.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Unsigned => "unsigned",
            Self::Option(_) | Self::Spec(_) => "option",
            Self::Source(_) => "source",
            Self::Key(_) => "key",
            Self::Gone(_) => "gone",
        }
    }

    /// Shortens text from the URL, which may be long, for messages.
    fn option(text: impl AsRef<str>) -> Self {
        const MOST: usize = 120;
        Self::Option(text.as_ref().chars().take(MOST).collect())
    }
}

impl Grammar {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Thumbor(_) => "thumbor",
            Self::Imgproxy(_) => "imgproxy",
            Self::Pattern(_) => "pattern",
        }
    }
}

/// A parsed URL: the image's URL and the spec.
struct ParsedUrl {
    /// Decoded once.
    address: String,
    items: SpecItems,
    access: Access,
}

impl OldUrlRule {
    /// `None` if the URL does not belong to this grammar. `presets` are those of the site, `now` is in Unix
    /// seconds.
    pub fn translate(
        &self,
        raw_path: &str,
        query: Option<&str>,
        presets: &Presets,
        now: u64,
    ) -> Option<Result<Translated, Unmapped>> {
        let rest = raw_path.strip_prefix(&self.prefix)?;
        if rest.is_empty() || raw_path.len() + query.map_or(0, str::len) > MAX_BYTES {
            return None;
        }
        let read = match &self.grammar {
            Grammar::Thumbor(thumbor) => thumbor.read(rest),
            Grammar::Imgproxy(imgproxy) => imgproxy.read(rest),
            Grammar::Pattern(pattern) => pattern.read(rest, query),
        }?;
        if let Some(until) = self.until.as_ref().filter(|until| until.second <= now) {
            return Some(Err(Unmapped::Gone(until.day.clone())));
        }
        Some(read.and_then(|read| self.translated(read, presets)))
    }

    fn translated(&self, read: ParsedUrl, presets: &Presets) -> Result<Translated, Unmapped> {
        let key = self.mapping.key(&read.address)?;
        let spec = read.items.spec()?;
        // Also checks that the preset exists and is compatible with the rest.
        spec.with_preset(presets)?;
        let access = read.access;
        Ok(Translated { key, spec, access })
    }

    /// Unsigned URLs obey the site's settings, except for listed boxes and for originals that are public under
    /// `/o/` as well.
    pub fn authorise(
        &self,
        translated: &Translated,
        unsigned: Unsigned,
        originals: Originals,
        now: u64,
    ) -> Result<(), Denied> {
        let Translated { spec, access, .. } = translated;
        let original = SpecUrl {
            format: Some(FormatItem::Original),
            ..SpecUrl::default()
        };
        let is_open = self.sizes.iter().any(|listed| listed.allows(spec))
            || (*spec == original && originals == Originals::Public);
        let unsigned = if is_open { Unsigned::Any } else { unsigned };
        authorise_spec(spec, *access, unsigned, originals, now)
    }
}

#[cfg(test)]
mod tests;
