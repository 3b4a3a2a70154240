//! Bytes to samples. This is the one place where decoders are opened: each gets its limits, and a
//! reader that stops giving bytes when the deadline has passed.
//!
//! Samples come out as the file has them: orientation, colour and depth are for later steps. They come in
//! bands of rows, so that a format which is stored in rows is never in memory as a whole. Pictures that
//! break off are shown as far as they go, as a browser would.

mod bmp;
mod gif;
pub(crate) mod heif;
mod ico;
mod jp2;
mod jpeg;
mod jxl;
mod png;
mod psd;
pub(crate) mod svg;
mod tiff;
mod webp;
mod whole;

pub(crate) use jpeg::rgb;
pub(crate) use png::{MAX_SIXTEEN_BYTES, transparency};

use std::borrow::Cow;
use std::ops::Range;
use std::time::Instant;

use tintype_jpeg::Coding;

use crate::Error;
use crate::limits::Limits;
use crate::probe::{Container, SourceFormat};
use crate::spec::Size;

/// Whole rows of a picture.
pub(crate) struct Band<'a> {
    /// Of the whole picture; smaller than the original by `divisor`, rounded up.
    pub(crate) size: Size,
    pub(crate) divisor: u32,
    /// Set where these are rows of one component.
    pub(crate) plane: Option<Plane>,
    pub(crate) layout: Layout,
    pub(crate) samples: Samples<'a>,
}

/// A component of a JPEG, which comes at a resolution of its own: the size of its bands is its own.
#[derive(Clone, Copy)]
pub(crate) struct Plane {
    pub(crate) index: usize,
    /// What it makes together with the others.
    pub(crate) coding: Coding,
    /// Pixels of the original that a sample is wide and high.
    pub(crate) reach: (f64, f64),
    /// Samples from one row to the next.
    pub(crate) stride: usize,
}

/// Interleaved, rows without padding.
pub(crate) enum Samples<'a> {
    Eight(Cow<'a, [u8]>),
    Sixteen(Cow<'a, [u16]>),
}

impl Samples<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Eight(samples) => samples.len(),
            Self::Sixteen(samples) => samples.len(),
        }
    }

    pub(crate) fn part(&self, range: Range<usize>) -> Samples<'_> {
        match self {
            Self::Eight(samples) => Samples::Eight(samples[range].into()),
            Self::Sixteen(samples) => Samples::Sixteen(samples[range].into()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// 255 is full ink.
    Cmyk,
    CmykAlpha,
}

impl Layout {
    pub(crate) const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
            Self::CmykAlpha => 5,
        }
    }
}

/// Takes the bands of a picture, from the top on and without gaps. Where the file breaks off there is none
/// for the rows that are missing.
pub(crate) type Take<'a> = dyn FnMut(Band<'_>) -> Result<(), Error> + 'a;

/// What a band of a format that is read in rows is about. Small enough for a processor's cache.
pub(crate) const BAND_BYTES: usize = 256 * 1024;

/// How many rows of `stride` bytes make a band.
fn rows_of_a_band(stride: usize) -> usize {
    (BAND_BYTES / stride.max(1)).max(1)
}

/// Whether a picture of this format and size can be shown at any size. One that cannot be decoded smaller than it is
/// has as many pixels decoded as it declares.
pub(crate) fn check_original(
    format: SourceFormat,
    size: Size,
    limits: &Limits,
) -> Result<(), Error> {
    Error::check_pixels(size.pixels(), limits.max_declared_pixels)?;
    let least = match format {
        SourceFormat::Jpeg => jpeg::scaled(size, 1),
        _ => size,
    };
    Error::check_pixels(least.pixels(), limits.max_pixels)
}

/// Decodes no more than is needed to show `part` of the picture (as stored) at the size `target`. Tells whether part of
/// it was missing or wrong, as far as the format shows that.
pub(crate) fn decode(
    bytes: &[u8],
    container: &Container,
    (part, target): (Size, Size),
    limits: &Limits,
    deadline: Instant,
    take: &mut Take<'_>,
) -> Result<bool, Error> {
    let header = &container.header;
    check_original(header.format, header.size, limits)?;
    let side = header.size.width.max(header.size.height);
    Error::check(
        "longer side in pixels",
        u64::from(side),
        u64::from(limits.max_side),
    )?;
    let decoded = match header.format {
        SourceFormat::Jpeg => {
            return jpeg::decode(bytes, (part, target), limits, deadline, take);
        }
        SourceFormat::Png => png::decode(bytes, limits, deadline, take),
        SourceFormat::Gif => gif::decode(bytes, header.size, limits, deadline, take),
        SourceFormat::Bmp => bmp::decode(bytes, header, limits, deadline, take),
        SourceFormat::Tiff => tiff::decode(bytes, container, limits, deadline, take),
        SourceFormat::Webp => {
            webp::decode(bytes, header, divisor(part, target), limits, deadline, take)
        }
        SourceFormat::Avif | SourceFormat::Heic => {
            heif::decode(bytes, header, limits, deadline, take)
        }
        SourceFormat::Jxl => jxl::decode(bytes, header, limits, deadline, take),
        SourceFormat::Jp2 => jp2::decode(bytes, header, deadline, take),
        SourceFormat::Psd => psd::decode(bytes, header, limits, deadline, take),
        SourceFormat::Ico => ico::decode(bytes, header, limits, deadline, take),
        SourceFormat::Svg => svg::decode(bytes, header, (part, target), deadline, take),
    };
    decoded.map(|()| false)
}

/// The smallest scale of a JPEG, in eighths, that leaves twice the target: below that, the low-pass of a reduced
/// inverse DCT begins to show. Three and seven take as long as the next, and are sharper than what they become.
pub(crate) fn eighths(part: Size, target: Size) -> u32 {
    let needed = |part: u32, target: u32| (16 * u64::from(target)).div_ceil(u64::from(part.max(1)));
    match needed(part.width, target.width).max(needed(part.height, target.height)) {
        0 | 1 => 1,
        2 => 2,
        3 | 4 => 4,
        5 => 5,
        6 => 6,
        _ => 8,
    }
}

/// Whether the target is half of the part or less, on both sides: chroma, which may be stored at half the size, is
/// then never enlarged.
pub(crate) fn leaves_twice(part: Size, target: Size) -> bool {
    let leaves = |part: u32, target: u32| u64::from(part) >= 2 * u64::from(target);
    leaves(part.width, target.width) && leaves(part.height, target.height)
}

/// By how much a WebP is made smaller while it is decoded.
fn divisor(part: Size, target: Size) -> u32 {
    let fits = |divisor: u32| {
        let enough =
            |part: u32, target: u32| u64::from(part) >= 2 * u64::from(divisor) * u64::from(target);
        enough(part.width, target.width) && enough(part.height, target.height)
    };
    [8, 4, 2]
        .into_iter()
        .find(|&divisor| fits(divisor))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_leaves_twice_the_target_on_both_sides() {
        let source = Size::new(6000, 4000);
        let cases = [
            ((300, 200), 1),
            ((375, 250), 1),
            ((376, 250), 2),
            ((1000, 667), 4),
            ((1200, 800), 4),
            ((1501, 1000), 5),
            ((2200, 1467), 6),
            ((2500, 1667), 8),
            ((300, 300), 2),
            ((6000, 4000), 8),
            ((9000, 6000), 8),
        ];
        for ((width, height), expected) in cases {
            assert_eq!(
                eighths(source, Size::new(width, height)),
                expected,
                "{width}x{height}"
            );
        }
    }
}
