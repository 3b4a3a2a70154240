//! The record of an original.
//!
//! Facts can be derived from the bytes at any time; what clients have set (focal point, crops, rights, state, `meta`)
//! cannot. "Blocked" is not stored here: takedowns outlive the original and belong to [`crate::records::blocks`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use tintype_imaging::cost;
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{ColourSpace, Rights, SetRights, SourceFormat};
use tintype_imaging::render;
use tintype_imaging::spec::{Decimal, Size};
use tintype_store::{ContentHash, ETag, HexId, Key};

use super::blocks::Block;
use super::media_type::MediaType;
use super::reason::FailureReason;
use super::stored_word::StoredWord;
use crate::error::{Code, Error};
use crate::url::Version;

/// Adopted originals up to this size, in bytes, are read in full on first use; of larger ones only the beginning.
/// It is also the limit of decoding a content coding for probing.
pub const ADOPT_WHOLE_BYTES: u64 = 64 * 1024 * 1024;

/// The stored record of one original.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub key: Key,
    pub size: u64,
    /// The store's ETag of the bytes described here. Reads of the original are conditional on it.
    pub etag: ETag,
    /// `None` until an adopted original has been read once.
    pub sha256: Option<ContentHash>,
    /// `None` if the bytes have no content coding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    #[serde(rename = "type")]
    pub media_type: MediaType,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// `None` if it is not an image.
    pub image: Option<Image>,
    /// As found in the file; null if it has none, and in older records.
    #[serde(default)]
    pub rights: Option<Rights>,
    /// Set by clients; overrides `rights` field by field.
    #[serde(default, skip_serializing_if = "SetRights::is_empty")]
    pub set_rights: SetRights,
    pub focal_point: Option<Point>,
    #[serde(default)]
    pub crops: BTreeMap<String, Area>,
    #[serde(default)]
    pub state: State,
    #[serde(default)]
    pub meta: serde_json::Map<String, serde_json::Value>,
    /// When its variants were last purged on request. Part of their names but not of the version: it is the same
    /// image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Timestamp>,
}

/// The content coding of a stored original ([`crate::originals::coding`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// As in `Content-Encoding`, in lower case.
    pub name: String,
    /// Size without the coding; null if unknown.
    pub decoded: Option<u64>,
}

impl Encoding {
    pub fn is_gzip(&self) -> bool {
        is_gzip(&self.name)
    }
}

/// RFC 9110, 8.4.1.3; `x-gzip` is the same.
pub fn is_gzip(encoding: &str) -> bool {
    matches!(encoding, "gzip" | "x-gzip")
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub format: StoredWord<SourceFormat>,
    /// Upright, in pixels; null if the file does not say.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// As stored, 1..=8 (EXIF).
    pub orientation: u8,
    pub frames: u32,
    pub alpha: bool,
    pub colour_space: StoredWord<ColourSpace>,
    pub bits: u8,
    /// Channels when decoded, alpha included; null in older records.
    #[serde(default)]
    pub channels: Option<u8>,
    /// Whether it cannot be read from top to bottom ([`tintype_imaging::probe::Header::interlaced`]); null in older
    /// records.
    #[serde(default)]
    pub interlaced: Option<bool>,
    /// `#rrggbb`; null while pending, and for images that cannot be rendered.
    pub dominant_colour: Option<String>,
    /// Base64 of a ThumbHash; null like `dominant_colour`.
    pub thumbhash: Option<String>,
    /// Whether it is drawn (a screenshot, chart, logo or scan) rather than photographed, judging by its pixels;
    /// null like `dominant_colour`, and in older records.
    #[serde(default)]
    pub drawn: Option<bool>,
    /// False if it is stored and delivered but cannot be decoded: damaged, too large, or no decoder.
    pub renderable: bool,
    /// Whether it is cut off before its end. The rest can be shown.
    #[serde(default)]
    pub truncated: bool,
    /// Whether it has a gain map, which images made from it do not have.
    #[serde(default)]
    pub gain_map: bool,
    /// Whether it has a C2PA manifest, which images made from it do not have: it signs other bytes.
    #[serde(default)]
    pub c2pa: bool,
    /// Whether part of its pixels is missing or wrong, as far as known.
    #[serde(default)]
    pub damaged: bool,
    /// True while the decoded facts are still to come.
    #[serde(default)]
    pub pending: bool,
    /// Why it is not renderable, or why its decoded facts are missing.
    #[serde(default)]
    pub reason: Option<FailureReason>,
}

impl Image {
    pub fn upright(&self) -> Option<Size> {
        Some(Size::new(self.width?, self.height?))
    }

    /// Records that the bytes are the reason for missing facts.
    pub fn refuse(&mut self, error: &Error) {
        self.renderable = false;
        self.pending = false;
        self.reason = Some(FailureReason::lasting(error));
    }

    /// Records that facts are still missing. `before` is the result of the last attempt at the same bytes.
    pub fn postpone(&mut self, error: &Error, before: Option<&Self>) {
        let before = before.and_then(|before| before.reason.as_ref());
        let reason = FailureReason::passing(error, before);
        self.pending = reason.again.is_some();
        self.reason = Some(reason);
    }

    /// Returns when probing the same bytes again may find more; a time in the past means now. `None` if this renderer
    /// never will.
    pub fn next_look(&self, limits: &Limits) -> Option<Timestamp> {
        let Some(reason) = &self.reason else {
            return self.pending.then_some(Timestamp::MIN);
        };
        // The limit was raised.
        let fits_now = reason.is(Code::TooManyPixels) && self.check_size(limits).is_ok();
        if fits_now || reason.is_outdated() {
            return Some(Timestamp::MIN);
        }
        reason.again
    }

    /// Returns why no variant at all can be made of it.
    pub fn refusal(&self, limits: &Limits) -> Option<Error> {
        if let Err(error) = self.check_size(limits) {
            return Some(error.into());
        }
        let is_current = self.next_look(limits) != Some(Timestamp::MIN);
        let reason = self.reason.as_ref()?;
        (self.upright().is_none() || !self.renderable && is_current).then(|| reason.refusal())
    }

    fn check_size(&self, limits: &Limits) -> Result<(), tintype_imaging::Error> {
        match (self.format.known(), self.upright()) {
            (Some(format), Some(size)) => render::check_original(format, size, limits),
            _ => Ok(()),
        }
    }

    /// False only for known photographs.
    pub fn may_be_drawn(&self) -> bool {
        let is_jpeg = self.format.known() == Some(SourceFormat::Jpeg);
        self.drawn.unwrap_or(!is_jpeg)
    }

    /// Returns what the cost of rendering depends on, for a file of this size. `None` for a format of another release.
    pub fn source(&self, bytes: u64) -> Option<cost::SourceImage> {
        let format = self.format.known()?;
        Some(cost::SourceImage {
            format,
            upright: self.upright()?,
            bytes,
            has_alpha: self.alpha,
            // Unknown values are assumed to be the more expensive ones.
            channels: self.channels.unwrap_or(4),
            bits: self.bits,
            interlaced: self.interlaced.unwrap_or(true),
            may_be_drawn: self.may_be_drawn(),
            frames: self.frames,
        })
    }
}

/// A point in fractions of the upright original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    #[serde(serialize_with = "fraction_out", deserialize_with = "fraction_in")]
    pub x: Decimal,
    #[serde(serialize_with = "fraction_out", deserialize_with = "fraction_in")]
    pub y: Decimal,
}

/// A named crop in fractions of the upright original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    #[serde(serialize_with = "fraction_out", deserialize_with = "fraction_in")]
    pub x: Decimal,
    #[serde(serialize_with = "fraction_out", deserialize_with = "fraction_in")]
    pub y: Decimal,
    #[serde(serialize_with = "fraction_out", deserialize_with = "fraction_in")]
    pub width: Decimal,
    #[serde(serialize_with = "fraction_out", deserialize_with = "fraction_in")]
    pub height: Decimal,
}

/// Who may see an original now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum State {
    #[default]
    Public,
    Embargo {
        until: Timestamp,
    },
}

impl State {
    /// The end of the embargo, if that is in the future.
    pub fn embargoed_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Embargo { until } if *until > now => Some(*until),
            _ => None,
        }
    }
}

/// A record as the API shows it to token holders: with the takedown, which is stored elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordView {
    pub record: Record,
    pub block: Option<Block>,
}

impl RecordView {
    pub fn json(&self) -> serde_json::Value {
        self.record.api_json(self.block.as_ref())
    }
}

impl Record {
    /// `None` until the bytes have been hashed.
    pub fn version(&self) -> Option<Version> {
        let mut hash = Sha256::new();
        hash.update(self.sha256?.to_string());
        if let Some(point) = self.focal_point {
            hash.update(format!("\nfocal {}x{}", point.x, point.y));
        }
        for (name, area) in &self.crops {
            // Length first: a name is free text and must not be able to imitate the next entry.
            hash.update(format!("\ncrop {} {name} ", name.len()));
            hash.update(format!(
                "{}x{}x{}x{}",
                area.x, area.y, area.width, area.height
            ));
        }
        if !self.set_rights.is_empty() {
            hash.update(format!("\nrights {}", self.set_rights));
        }
        let HexId(version) = HexId::<32>(hash.finalize().into()).first();
        Some(Version::from_bytes(version))
    }

    /// Returns when probing the image again may find more, as [`Image::next_look`] does.
    pub fn next_look(&self, limits: &Limits) -> Option<Timestamp> {
        match &self.image {
            Some(image) => image.next_look(limits),
            // Older records have no image for files that could not be read.
            None => SourceFormat::of(self.media_type.as_str()).map(|_| Timestamp::MIN),
        }
    }

    /// Returns when the bytes may show more than is known; a time in the past means now.
    pub fn unfinished(&self, limits: &Limits) -> Option<Timestamp> {
        match self.sha256 {
            None => Some(Timestamp::MIN),
            Some(_) => self.next_look(limits),
        }
    }

    /// Returns whether editable fields are set, which cannot be derived from the bytes.
    pub fn is_said(&self) -> bool {
        self.focal_point.is_some()
            || !self.crops.is_empty()
            || !self.set_rights.is_empty()
            || !self.meta.is_empty()
            || self.state != State::Public
    }

    /// Returns the bytes that a decoder reads; for a content coding of unknown size, the most that is decoded.
    pub fn decoded_size(&self) -> u64 {
        match &self.encoding {
            Some(encoding) if encoding.is_gzip() => encoding.decoded.unwrap_or(ADOPT_WHOLE_BYTES),
            _ => self.size,
        }
    }

    /// Returns the number of frames of an animation; 1 for anything else.
    pub fn frames(&self) -> u32 {
        let moving = |image: &&Image| image.format.known().is_some_and(SourceFormat::moves);
        let image = self.image.as_ref().filter(moving);
        image.map_or(1, |image| image.frames)
    }

    pub fn is_animated(&self) -> bool {
        self.frames() > 1
    }

    pub fn focal(&self) -> Option<(Decimal, Decimal)> {
        self.focal_point.map(|point| (point.x, point.y))
    }

    /// Returns the effective rights; `None` if nothing is known.
    pub fn rights(&self) -> Option<Rights> {
        let of_bytes = self.rights.clone().unwrap_or_default();
        Some(self.set_rights.over(of_bytes)).filter(|rights| !rights.is_empty())
    }

    /// Returns the JSON of `f_json`, which is public.
    pub fn public_json(&self) -> serde_json::Value {
        serde_json::json!({
            "key": self.key,
            "size": self.size,
            "type": self.media_type,
            "version": self.version().map(|v| v.to_string()),
            "modified": self.modified,
            "image": self.image,
            "rights": self.rights(),
            "focal_point": self.focal_point,
            "crops": self.crops,
        })
    }

    /// Returns the JSON of the API, for token holders.
    pub fn api_json(&self, block: Option<&Block>) -> serde_json::Value {
        let state = match block {
            Some(block) => {
                serde_json::json!({"name": "blocked", "reason": block.reason, "actor": block.actor, "at": block.at})
            }
            None => serde_json::json!(self.state),
        };
        serde_json::json!({
            "key": self.key,
            "size": self.size,
            "etag": self.etag,
            "sha256": self.sha256,
            "encoding": self.encoding,
            "type": self.media_type,
            "version": self.version().map(|v| v.to_string()),
            "created": self.created,
            "modified": self.modified,
            "image": self.image,
            "rights": self.rights(),
            "set_rights": self.set_rights,
            "focal_point": self.focal_point,
            "crops": self.crops,
            "state": state,
            "meta": self.meta,
        })
    }
}

/// Returns 16 hex digits of a SHA-256: enough to tell things apart, too few to be a secret.
pub fn short_hash(bytes: &[u8]) -> HexId<8> {
    HexId::<32>(Sha256::digest(bytes).into()).first()
}

fn fraction_out<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value.to_f64())
}

fn fraction_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if !(0.0..=1.0).contains(&value) {
        return Err(serde::de::Error::custom(
            "a fraction must be between 0 and 1",
        ));
    }
    // In range, so the product fits; further digits are below any pixel.
    Ok(Decimal::from_millionths((value * 1e6).round() as u32))
}

#[cfg(test)]
mod tests {
    use tintype_imaging::sniff::sniff;

    use super::*;

    fn record() -> Record {
        let key = Key::parse("photos/lion.jpg").unwrap();
        Record {
            key: key.clone(),
            size: 3,
            etag: ETag::new("e1"),
            sha256: Some(HexId([0xab; 32])),
            encoding: None,
            media_type: MediaType::of(sniff(b"\xff\xd8\xff"), &key),
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
            image: None,
            rights: None,
            set_rights: SetRights::default(),
            focal_point: None,
            crops: BTreeMap::new(),
            state: State::Public,
            meta: serde_json::Map::new(),
            purged: None,
        }
    }

    #[test]
    fn the_version_follows_content_focal_point_crops_and_rights_that_were_set_and_nothing_else() {
        let base = record();
        let version = base.version().unwrap();

        let mut same = base.clone();
        same.etag = ETag::new("another store");
        same.modified = Timestamp::now();
        same.purged = Some(same.modified);
        same.meta.insert("credit".into(), "somebody".into());
        assert_eq!(same.version().unwrap(), version);

        let half = Decimal::from_millionths(500_000);
        let mut focal = base.clone();
        focal.focal_point = Some(Point { x: half, y: half });
        assert_ne!(focal.version().unwrap(), version);

        let mut cropped = base.clone();
        let area = Area {
            x: half,
            y: half,
            width: half,
            height: half,
        };
        cropped.crops.insert("square".into(), area);
        assert_ne!(cropped.version().unwrap(), version);

        // Versions from before rights could be set stay the same.
        assert_eq!(version.to_string(), "271a413bd339c570");
        let mut credited = base.clone();
        credited.set_rights.credit = Some("A".to_owned());
        assert_ne!(credited.version().unwrap(), version);
        let mut blank = base.clone();
        blank.set_rights.credit = Some(String::new());
        assert_ne!(blank.version().unwrap(), version);
        let mut told_by_bytes = base.clone();
        told_by_bytes.rights = Some(Rights::NONE);
        assert_eq!(told_by_bytes.version().unwrap(), version);

        let mut bytes = base;
        bytes.sha256 = Some(HexId([0xcd; 32]));
        assert_ne!(bytes.version().unwrap(), version);
    }

    #[test]
    fn a_coding_of_unknown_size_counts_as_the_maximum() {
        let mut packed = record();
        assert_eq!(packed.decoded_size(), packed.size);
        for (name, decoded, size) in [
            ("gzip", Some(7), 7),
            ("gzip", None, ADOPT_WHOLE_BYTES),
            ("br", None, packed.size),
        ] {
            let name = name.to_owned();
            packed.encoding = Some(Encoding { name, decoded });
            assert_eq!(packed.decoded_size(), size);
        }
    }

    #[test]
    fn records_survive_a_round_trip_and_fractions_are_checked() {
        let mut full = record();
        full.state = State::Embargo {
            until: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        full.focal_point = Some(Point {
            x: Decimal::from_millionths(350_000),
            y: Decimal::from_millionths(600_000),
        });
        let text = serde_json::to_string(&full).unwrap();
        assert!(
            text.contains(r#""focal_point":{"x":0.35,"y":0.6}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), full);
        assert!(serde_json::from_str::<Point>(r#"{"x":1.1,"y":0}"#).is_err());
    }

    #[test]
    fn words_of_another_release_are_kept_as_they_are() {
        for (text, known) in [("\"jpeg\"", Some(SourceFormat::Jpeg)), ("\"jpeg3\"", None)] {
            let word: StoredWord<SourceFormat> = serde_json::from_str(text).unwrap();
            assert_eq!(word.known(), known);
            assert_eq!(serde_json::to_string(&word).unwrap(), text);
        }
    }
}
