//! Who made an image, who owns it, and on what terms it may be used. Locations, serial numbers and names of camera
//! owners are never read, so they cannot be passed on.
//!
//! Each field is taken from the first block that has it: XMP, which has all of them and is what editors write last;
//! then IPTC; then EXIF.

pub(super) mod exif;
pub(super) mod iptc;
mod set;
mod write;
pub(super) mod xmp;

use super::metadata::MetadataBlocks;
use crate::limits::Limits;
pub(crate) use exif::{ARTIST, COPYRIGHT};
use serde::{Deserialize, Serialize};
pub use set::SetRights;
pub(crate) use write::EncodedRights;
pub(super) use write::properties;

/// Longer than any honest line; the rest is cut off.
const MAX_TEXT_BYTES: usize = 2_000;

/// Further names are ignored.
const MAX_CREATORS: usize = 16;

/// Names and texts as stored, with surrounding blanks removed; URLs as written. Records store this too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// `dc:creator`, IPTC by-lines, EXIF Artist.
    pub creators: Vec<String>,
    /// `dc:rights`, IPTC copyright notice, EXIF Copyright.
    pub notice: Option<String>,
    /// `photoshop:Credit`, IPTC credit.
    pub credit: Option<String>,
    /// `photoshop:Source`, IPTC source.
    pub source: Option<String>,
    /// `xmpRights:Marked`; `false` means public domain.
    pub marked: Option<bool>,
    /// `xmpRights:Owner`.
    pub owners: Vec<String>,
    /// `xmpRights:UsageTerms`.
    pub terms: Option<String>,
    /// `xmpRights:WebStatement`, the URL of the licence.
    pub web_statement: Option<String>,
    /// `plus:LicensorName` and `plus:LicensorURL` of the first licensor.
    pub licensor: Option<String>,
    pub licensor_url: Option<String>,
    /// `Iptc4xmpExt:DigitalSourceType`, a URI that says how the image was created.
    pub digital_source_type: Option<String>,
}

impl Rights {
    /// No fields set.
    pub const NONE: Self = Self {
        creators: Vec::new(),
        notice: None,
        credit: None,
        source: None,
        marked: None,
        owners: Vec::new(),
        terms: None,
        web_statement: None,
        licensor: None,
        licensor_url: None,
        digital_source_type: None,
    };

    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    pub(super) fn of(blocks: &MetadataBlocks, limits: &Limits) -> Self {
        let xmp = blocks.xmp.as_deref().map(xmp::read).unwrap_or_default();
        let iptc = iptc::read(blocks.iptc.as_deref(), blocks.photoshop.as_deref());
        let exif = exif::read(blocks.exif.as_deref(), limits);
        xmp.or(iptc).or(exif)
    }

    /// Takes missing fields from `other`.
    fn or(self, other: Self) -> Self {
        let or_others = |mine: Vec<String>, others| if mine.is_empty() { others } else { mine };
        Self {
            creators: or_others(self.creators, other.creators),
            notice: self.notice.or(other.notice),
            credit: self.credit.or(other.credit),
            source: self.source.or(other.source),
            marked: self.marked.or(other.marked),
            owners: or_others(self.owners, other.owners),
            terms: self.terms.or(other.terms),
            web_statement: self.web_statement.or(other.web_statement),
            licensor: self.licensor.or(other.licensor),
            licensor_url: self.licensor_url.or(other.licensor_url),
            digital_source_type: self.digital_source_type.or(other.digital_source_type),
        }
    }
}

/// Decodes UTF-8 or, as older software writes, Latin-1.
fn text(bytes: &[u8]) -> Option<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => clean(text),
        Err(_) => clean(
            &bytes
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>(),
        ),
    }
}

fn clean(text: &str) -> Option<String> {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
