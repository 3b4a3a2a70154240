//! The mezzanine: one high-quality downscale of a large photograph, from which its smaller variants are made.
//!
//! It is a variant itself: made once however many request it, and kept and purged like the others. Whether another
//! variant is made from it follows from the record and the spec alone, so that every replica makes the same bytes.

use tintype_imaging::cost;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::spec::{Format, Gamut, Metadata, Rect, Resolved, Rotate, Size};

use crate::records::record::{Image, Record};

/// Longer side of the mezzanine, in pixels.
const SIDE: u32 = 2048;

/// At this quality JPEG keeps full colour resolution, and its losses do not show in a smaller image.
const QUALITY: u8 = 95;

/// Originals of fewer pixels than this decode just as fast.
const LARGE: u64 = 8_000_000;

/// Minimum ratio of mezzanine to variant pixels on each side: below it, the losses of the mezzanine would show
/// (`cargo bench --bench mezzanine`).
const SHRINK: f64 = 1.5;

/// How a mezzanine is made from its original.
pub(super) struct Mezzanine {
    pub(super) resolved: Resolved,
    /// Size of the upright original.
    pub(super) of: Size,
}

impl Mezzanine {
    /// `None` if the variant is made from the original.
    pub(super) fn of(record: &Record, resolved: &Resolved) -> Option<Self> {
        let image = record.image.as_ref()?;
        let upright = image.upright()?;
        // Trimming finds the border in the original, to the pixel.
        let is_trimmed = resolved
            .look
            .as_ref()
            .is_some_and(|look| look.trim.is_some());
        // It is in sRGB, and has no metadata but rights.
        let keeps_more = resolved.gamut != Gamut::Srgb || resolved.metadata == Metadata::Keep;
        if upright.pixels() < LARGE || !is_photograph(image) || is_trimmed || keeps_more {
            return None;
        }
        let scale = f64::from(SIDE) / f64::from(upright.width.max(upright.height));
        let size = Size::new(scaled(upright.width, scale), scaled(upright.height, scale));
        let Rect { width, height, .. } = resolved.crop;
        let (width, height) = match resolved.rotate {
            Rotate::None | Rotate::Half => (width, height),
            Rotate::Quarter | Rotate::ThreeQuarters => (height, width),
        };
        let is_enough = |cut: u32, made: u32| f64::from(cut) * scale >= SHRINK * f64::from(made);
        let is_enough =
            is_enough(width, resolved.size.width) && is_enough(height, resolved.size.height);
        is_enough.then(|| Self {
            resolved: Resolved {
                quality: QUALITY,
                metadata: Metadata::Copyright,
                linear: resolved.linear,
                ..Resolved::whole(upright, size, Format::Jpeg)
            },
            of: upright,
        })
    }

    /// Returns what the cost of a variant depends on if it is made from a mezzanine of this many bytes.
    pub(super) fn source(&self, bytes: usize) -> cost::SourceImage {
        cost::SourceImage {
            format: SourceFormat::Jpeg,
            upright: self.resolved.size,
            bytes: bytes as u64,
            has_alpha: false,
            channels: 3,
            bits: 8,
            interlaced: false,
            may_be_drawn: false,
            frames: 1,
        }
    }
}

/// Lines and letters would suffer in a lossy mezzanine, and transparency would be lost.
fn is_photograph(image: &Image) -> bool {
    !image.may_be_drawn() && !image.alpha && image.frames <= 1
}

fn scaled(pixels: u32, scale: f64) -> u32 {
    ((f64::from(pixels) * scale).round() as u32).max(1)
}
