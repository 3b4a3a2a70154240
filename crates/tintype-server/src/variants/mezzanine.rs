//! One high-quality downscale of a large photograph, from which its smaller variants are made.
//!
//! It is a variant like any other, so it is made once however many ask, kept and purged as they are. Whether another
//! variant comes from it follows from the record and the spec alone, so that every replica makes the same bytes.

use tintype_imaging::cost;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::spec::{Format, Metadata, Rect, Resolved, Rotate, Size};

use crate::records::record::{Image, Record};

/// Its longer side, in pixels.
const SIDE: u32 = 2048;

/// At this quality JPEG keeps all of the colour, and what it loses does not show in a smaller picture.
const QUALITY: u8 = 95;

/// An original that is smaller than this many pixels is decoded as fast.
const LARGE: u64 = 8_000_000;

/// A variant has at most one pixel for so many of the mezzanine, on each side: below, what the mezzanine has lost would
/// show (`cargo bench --bench mezzanine`).
const SHRINK: f64 = 1.5;

/// How a mezzanine is made from its original.
pub(super) struct Mezzanine {
    pub(super) resolved: Resolved,
    /// Of the upright original.
    pub(super) of: Size,
}

impl Mezzanine {
    /// `None`: the variant is made from the original.
    pub(super) fn of(record: &Record, resolved: &Resolved) -> Option<Self> {
        let image = record.image.as_ref()?;
        let upright = image.upright()?;
        if upright.pixels() < LARGE || !is_photograph(image) {
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
                ..Resolved::whole(upright, size, Format::Jpeg)
            },
            of: upright,
        })
    }

    /// What decides about the cost of a variant, once there is a mezzanine of so many bytes.
    pub(super) fn source(&self, bytes: usize) -> cost::Source {
        cost::Source {
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

/// Lines and letters would suffer, and transparency would be lost.
fn is_photograph(image: &Image) -> bool {
    let is_drawn = image
        .drawn
        .unwrap_or(image.format.known() != Some(SourceFormat::Jpeg));
    !is_drawn && !image.alpha && image.frames <= 1
}

fn scaled(pixels: u32, scale: f64) -> u32 {
    ((f64::from(pixels) * scale).round() as u32).max(1)
}
