//! Addresses of the servers and scripts that were here before, as they stand in ten years of articles: raw text
//! in, the one canonical request out.
//!
//! Everything here is a pure function of its arguments, as in [`crate::url`]. What is guaranteed:
//! - a signature is verified as its own grammar says, in constant time, over the text as received;
//! - a spec is put together as text and read by [`crate::url::parse_spec`], so that ranges and contradictions
//!   have one owner;
//! - nothing that would change the picture is ignored: what has no counterpart here is [`Unmapped`], by the name
//!   that it has there. What cannot show (metadata, caching, limits of that server) is passed over.
//!
//! Deliberately absent: which site a key belongs to, answers and redirects, the store and the clock.

mod address;
mod imgproxy;
mod items;
mod listed;
mod pattern;
mod thumbor;
mod turn;

pub use address::{MAX_PATTERN_BYTES, Place, compile};
pub use imgproxy::{Imgproxy, Pair};
pub use listed::Listed;
pub use pattern::{Pattern, PatternText};
pub use thumbor::Thumbor;

use tintype_store::Key;

use crate::url::{
    Access, Denied, FormatItem, Originals, Presets, SpecError, SpecUrl, Unsigned, authorise_spec,
};
use items::Items;

/// Longer ones than any that was ever written into a page; what browsers send at most is less.
const MAX_BYTES: usize = 8 * 1024;

/// One entry of a site's list.
#[derive(Debug)]
pub struct Rule {
    pub grammar: Grammar,
    /// Below which its addresses are; begins and ends with a slash.
    pub prefix: String,
    pub place: Place,
    pub answer: Answer,
    pub until: Option<Until>,
    /// Boxes that are answered although the site wants a signature.
    pub sizes: Vec<Listed>,
}

#[derive(Debug)]
pub enum Grammar {
    Thumbor(Thumbor),
    Imgproxy(Imgproxy),
    Pattern(Box<Pattern>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// In place.
    #[default]
    Here,
    /// 301 to the canonical address.
    Redirect,
}

/// The first day without an answer, at midnight UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Until {
    /// As it was written.
    pub day: String,
    /// Unix seconds.
    pub second: u64,
}

/// What an old address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    pub key: Key,
    /// Never signed.
    pub spec: SpecUrl,
    /// Whether its own signature was there and right.
    pub access: Access,
}

/// Why an address of a grammar gets no answer. Text in it comes from the address, and is cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    #[error("signature is not of this address")]
    Signature,
    #[error("address is not signed")]
    Unsigned,
    /// An option, a filter or a parameter, with its name, and perhaps why.
    #[error("{0} has no counterpart here")]
    Option(String),
    /// What it would be in a spec, and why it cannot.
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error("the image is at {0}, which is none of the sources")]
    Source(String),
    #[error("{0}")]
    Key(String),
    #[error("addresses of this kind were answered until {0}")]
    Gone(String),
}

impl Unmapped {
    /// A label of few values.
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

    /// Text of an address is cut, for it may be long and goes into messages.
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

/// What a grammar has read: where the image is, and what to make of it.
struct Read {
    /// Decoded once.
    address: String,
    items: Items,
    access: Access,
}

impl Rule {
    /// `None`: no address of this grammar. `presets` are those of the site, `now` is in Unix seconds.
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

    fn translated(&self, read: Read, presets: &Presets) -> Result<Translated, Unmapped> {
        let key = self.place.key(&read.address)?;
        let spec = read.items.spec()?;
        // Also that the preset is there, and goes with the rest.
        spec.with_preset(presets)?;
        let access = read.access;
        Ok(Translated { key, spec, access })
    }

    /// What is unsigned obeys the site, but for the boxes that are listed, and for originals that are public under
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
