//! What tintype knows of an original.
//!
//! Decoded facts can be derived from the bytes at any time; what people said (focal point, crops,
//! state, `meta`) cannot. "Blocked" is not kept here: takedowns outlive the original and belong to
//! [`crate::records::blocks`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use tintype_imaging::cost;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::spec::{Decimal, Size};
use tintype_store::{ETag, Key};

use super::probing::ADOPT_WHOLE_BYTES;
use crate::error::{Code, Error};
use crate::originals::coding::is_gzip;
use crate::records::reason::Reason;
use crate::url::Version;

/// The record of one original, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub key: String,
    pub size: u64,
    /// The store's ETag of the bytes described here. A read of the original is bound to it.
    pub etag: String,
    /// Hex, of the bytes as they are stored. `None` until an adopted original has been read once.
    pub sha256: Option<String>,
    /// `None`: the bytes are not packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    #[serde(rename = "type")]
    pub media_type: String,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// `None`: not a picture.
    pub image: Option<Image>,
    pub focal_point: Option<Point>,
    #[serde(default)]
    pub crops: BTreeMap<String, Area>,
    #[serde(default)]
    pub state: State,
    #[serde(default)]
    pub meta: serde_json::Map<String, serde_json::Value>,
    /// When somebody last asked for its variants to be made anew. Part of their names and not of the
    /// version: it is the same picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged: Option<Timestamp>,
}

/// The content coding that an original is stored in ([`crate::originals::coding`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// As in `Content-Encoding`, in lower case.
    pub name: String,
    /// Bytes without the coding; null where nobody has counted them.
    pub decoded: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    pub format: String,
    /// Upright, in pixels; null where the bytes do not tell.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// As stored, 1..=8 (EXIF).
    pub orientation: u8,
    pub frames: u32,
    pub alpha: bool,
    pub colour_space: String,
    pub bits: u8,
    /// As they are decoded, alpha included; null in records from before this was kept.
    #[serde(default)]
    pub channels: Option<u8>,
    /// Not to be read from top to bottom ([`tintype_imaging::probe::Header::interlaced`]); null in records from before
    /// this was kept.
    #[serde(default)]
    pub interlaced: Option<bool>,
    /// `#rrggbb`; null while pending, and for pictures that cannot be rendered.
    pub dominant_colour: Option<String>,
    /// Base64 of a ThumbHash; null like `dominant_colour`.
    pub thumbhash: Option<String>,
    /// Whether it is drawn (a screenshot, chart, logo or scan) rather than photographed, by its pixels; null
    /// like `dominant_colour`, and in records from before this was looked at.
    #[serde(default)]
    pub drawn: Option<bool>,
    /// False for what is stored and delivered, but not decoded: damaged, too large, or no decoder.
    pub renderable: bool,
    /// Whether it breaks off before its end. What is there can be shown.
    #[serde(default)]
    pub truncated: bool,
    /// True while the decoded facts are still to be filled in.
    #[serde(default)]
    pub pending: bool,
    /// Why it is not renderable, or why its decoded facts are missing.
    #[serde(default)]
    pub reason: Option<Reason>,
}

impl Image {
    pub fn upright(&self) -> Option<Size> {
        Some(Size::new(self.width?, self.height?))
    }

    /// The bytes are to blame that there are no decoded facts.
    pub fn refuse(&mut self, error: &Error) {
        self.renderable = false;
        self.pending = false;
        self.reason = Some(Reason::lasting(error));
    }

    /// There are no decoded facts yet. `before` is what the last look at the same bytes told.
    pub fn postpone(&mut self, error: &Error, before: Option<&Self>) {
        let before = before.and_then(|before| before.reason.as_ref());
        let reason = Reason::passing(error, before);
        self.pending = reason.again.is_some();
        self.reason = Some(reason);
    }

    /// When another look at the same bytes may tell more, the past meaning now. `None`: never, as far
    /// as this renderer goes.
    pub fn next_look(&self, max_pixels: u64) -> Option<Timestamp> {
        let Some(reason) = &self.reason else {
            return self.pending.then_some(Timestamp::MIN);
        };
        // The limit was raised.
        let fits = |size: Size| size.pixels() <= max_pixels;
        let fits_now = reason.is(Code::TooManyPixels) && self.upright().is_some_and(fits);
        if fits_now || reason.is_outdated() {
            return Some(Timestamp::MIN);
        }
        reason.again
    }

    /// Why no variant can be made of it, whatever is asked for.
    pub fn refusal(&self, max_pixels: u64) -> Option<Error> {
        if let Some(size) = self.upright()
            && let Err(error) = tintype_imaging::Error::check_pixels(size.pixels(), max_pixels)
        {
            return Some(error.into());
        }
        let is_current = self.next_look(max_pixels) != Some(Timestamp::MIN);
        let reason = self.reason.as_ref()?;
        (self.upright().is_none() || !self.renderable && is_current).then(|| reason.refusal())
    }

    /// What decides about the cost of a rendering, of a file of this size. `None`: a format that only
    /// another release knows.
    pub fn source(&self, bytes: u64) -> Option<cost::Source> {
        let format = SourceFormat::named(&self.format)?;
        Some(cost::Source {
            format,
            upright: self.upright()?,
            bytes,
            has_alpha: self.alpha,
            // What is not known is what takes more memory.
            channels: self.channels.unwrap_or(4),
            bits: self.bits,
            interlaced: self.interlaced.unwrap_or(true),
            may_be_drawn: self.drawn.unwrap_or(format != SourceFormat::Jpeg),
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

/// A named cut, in fractions of the upright original.
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
    /// The moment until which nobody may see the original, if that is still to come.
    pub fn embargoed_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Embargo { until } if *until > now => Some(*until),
            _ => None,
        }
    }
}

impl Record {
    /// `None` until the bytes have been hashed.
    pub fn version(&self) -> Option<Version> {
        let mut hash = Sha256::new();
        hash.update(self.sha256.as_deref()?.as_bytes());
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
        let digest: [u8; 32] = hash.finalize().into();
        let mut version = [0; 8];
        version.copy_from_slice(&digest[..8]);
        Some(Version::from_bytes(version))
    }

    /// When another look at the picture may tell more, as [`Image::next_look`].
    pub fn next_look(&self, max_pixels: u64) -> Option<Timestamp> {
        match &self.image {
            Some(image) => image.next_look(max_pixels),
            // Records were once without a word on pictures that cannot be read.
            None => SourceFormat::of(&self.media_type).map(|_| Timestamp::MIN),
        }
    }

    /// When the bytes may tell more than is known, the past meaning now.
    pub fn unfinished(&self, max_pixels: u64) -> Option<Timestamp> {
        match self.sha256 {
            None => Some(Timestamp::MIN),
            Some(_) => self.next_look(max_pixels),
        }
    }

    /// Whether it holds something that people said, which the bytes cannot tell again.
    pub fn is_said(&self) -> bool {
        self.focal_point.is_some()
            || !self.crops.is_empty()
            || !self.meta.is_empty()
            || self.state != State::Public
    }

    /// Of what a decoder reads, in bytes; of what is packed and not counted, the most that is unpacked for one.
    pub fn decoded_size(&self) -> u64 {
        match &self.encoding {
            Some(encoding) if is_gzip(&encoding.name) => {
                encoding.decoded.unwrap_or(ADOPT_WHOLE_BYTES)
            }
            _ => self.size,
        }
    }

    pub fn store_etag(&self) -> ETag {
        ETag::new(&self.etag)
    }

    pub fn focal(&self) -> Option<(Decimal, Decimal)> {
        self.focal_point.map(|point| (point.x, point.y))
    }

    /// What the delivery address `f_json` tells anybody.
    pub fn public_json(&self) -> serde_json::Value {
        serde_json::json!({
            "key": self.key,
            "size": self.size,
            "type": self.media_type,
            "version": self.version().map(|v| v.to_string()),
            "modified": self.modified,
            "image": self.image,
            "focal_point": self.focal_point,
            "crops": self.crops,
        })
    }

    /// What the API tells a client with a token.
    pub fn api_json(&self, block: Option<&crate::records::blocks::Block>) -> serde_json::Value {
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
            "focal_point": self.focal_point,
            "crops": self.crops,
            "state": state,
            "meta": self.meta,
        })
    }

    pub fn key(&self) -> Option<Key> {
        Key::existing(&self.key).ok()
    }
}

/// 16 hex digits of a SHA-256: enough to tell things apart, too few to be a secret.
pub fn short_hash(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
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
    // In range, so the product fits; a caller's further digits are below any pixel.
    Ok(Decimal::from_millionths((value * 1e6).round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            key: "photos/lion.jpg".into(),
            size: 3,
            etag: "e1".into(),
            sha256: Some("ab".repeat(32)),
            encoding: None,
            media_type: "image/jpeg".into(),
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
            image: None,
            focal_point: None,
            crops: BTreeMap::new(),
            state: State::Public,
            meta: serde_json::Map::new(),
            purged: None,
        }
    }

    #[test]
    fn the_version_follows_content_focal_point_and_crops_and_nothing_else() {
        let base = record();
        let version = base.version().unwrap();

        let mut same = base.clone();
        same.etag = "another store".into();
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

        let mut bytes = base;
        bytes.sha256 = Some("cd".repeat(32));
        assert_ne!(bytes.version().unwrap(), version);
    }

    #[test]
    fn what_is_packed_and_not_counted_is_taken_for_the_most() {
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
}
