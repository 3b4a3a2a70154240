//! Decodes bytes to samples. This is the one place where decoders are opened: each gets its limits, and a reader that
//! stops returning bytes after the deadline.
//!
//! Samples are returned as stored: orientation, colour and depth are handled by later steps. They come in bands of
//! rows, so that a format stored in rows is never in memory as a whole. Truncated images are shown as far as they go,
//! as browsers do.

mod bmp;
pub(crate) mod frames;
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

pub(crate) use jpeg::{has_chroma, rgb};
pub(crate) use png::{MAX_SIXTEEN_BYTES, transparency};

use std::borrow::Cow;
use std::ops::Range;
use std::time::Instant;

use tintype_jpeg::Coding;

use crate::Error;
use crate::limits::Limits;
use crate::probe::{Container, Header, SourceFormat};
use crate::spec::Size;

/// [`Band::reach`] of an image decoded at its own size.
const ITS_OWN: (f64, f64) = (1.0, 1.0);

/// Whole rows of an image.
pub(crate) struct Band<'a> {
    /// Size of the whole image, rounded up.
    pub(crate) size: Size,
    /// Width and height of a sample in pixels of the original.
    pub(crate) reach: (f64, f64),
    /// Set if these are rows of a single component.
    pub(crate) plane: Option<JpegComponent>,
    pub(crate) layout: Layout,
    pub(crate) samples: Samples<'a>,
}

/// A component of a JPEG. It has its own resolution: the size of its bands is the component's.
#[derive(Clone, Copy)]
pub(crate) struct JpegComponent {
    pub(crate) index: usize,
    /// How it combines with the other components.
    pub(crate) coding: Coding,
    /// Samples from one row to the next.
    pub(crate) stride: usize,
}

impl Band<'_> {
    /// Borrows the same rows again.
    fn again(&self) -> Band<'_> {
        Band {
            samples: self.samples.part(0..self.samples.len()),
            ..*self
        }
    }
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

/// Takes the bands of an image, top to bottom and without gaps. If the file is truncated, there are no bands for the
/// missing rows.
pub(crate) type BandSink<'a> = dyn FnMut(Band<'_>) -> Result<(), Error> + 'a;

/// The same for several sizes, identified by their index.
pub(crate) type ScaledBandSink<'a> = dyn FnMut(usize, Band<'_>) -> Result<(), Error> + 'a;

/// Approximate size of a band for formats read in rows: small enough for a CPU cache.
pub(crate) const BAND_BYTES: usize = 256 * 1024;

/// The number of rows of `stride` bytes in a band.
fn rows_of_a_band(stride: usize) -> usize {
    (BAND_BYTES / stride.max(1)).max(1)
}

/// Checks that an image of this format and size can be rendered at any size. Formats without reduced decoding decode as
/// many pixels as they declare.
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

/// What is needed of an image.
#[derive(Clone, Copy)]
pub(crate) struct Needed {
    /// In the file's own pixels, as stored.
    pub(crate) part: Size,
    /// The size that the part is reduced to.
    pub(crate) target: Size,
    /// Whether chroma is needed at half of that only, where it is stored apart.
    pub(crate) quarter_chroma: bool,
}

impl Needed {
    /// All of an image at its own size.
    const fn all(size: Size) -> Self {
        Self {
            part: size,
            target: size,
            quarter_chroma: false,
        }
    }
}

/// Decodes no more than needed. Returns whether data was missing or corrupt, as far as the format can detect it.
pub(crate) fn decode(
    bytes: &[u8],
    container: &Container,
    needed: Needed,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<bool, Error> {
    let Needed { part, target, .. } = needed;
    let header = &container.header;
    check(header, limits)?;
    let decoded = match header.format {
        SourceFormat::Jpeg => {
            return jpeg::decode(bytes, needed, limits, deadline, take);
        }
        SourceFormat::Png => png::decode(bytes, limits, deadline, take),
        SourceFormat::Gif => gif::decode(bytes, header, limits, deadline, take),
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

/// Whether the pixels decoded for this part and target can serve others as well: if decoding does not depend on the
/// target, or only by the scale of JPEG's components.
pub(crate) fn is_shared(format: SourceFormat, channels: u8, (part, target): (Size, Size)) -> bool {
    match format {
        SourceFormat::Jpeg => in_planes(channels, part, target),
        SourceFormat::Svg => false,
        SourceFormat::Webp => divisor(part, target) == 1,
        _ => true,
    }
}

/// Does what [`decode`] does for several parts and targets, each of which [`is_shared`], in one pass over the file.
pub(crate) fn decode_all(
    bytes: &[u8],
    container: &Container,
    needed: &[Needed],
    limits: &Limits,
    deadline: Instant,
    take: &mut ScaledBandSink<'_>,
) -> Result<bool, Error> {
    let header = &container.header;
    if header.format == SourceFormat::Jpeg {
        check(header, limits)?;
        return jpeg::decode_all(bytes, needed, limits, deadline, take);
    }
    let mut take_all = |band: Band<'_>| {
        let mut each = 0..needed.len();
        each.try_for_each(|index| take(index, band.again()))
    };
    let first = needed.first().copied();
    let first = first.unwrap_or(Needed::all(header.size));
    decode(bytes, container, first, limits, deadline, &mut take_all)
}

/// Whether each component of a JPEG is decoded at its own resolution, and resized from it. CMYK, and what is not reduced,
/// are decoded as whole pixels.
pub(crate) fn in_planes(channels: u8, part: Size, target: Size) -> bool {
    channels == 1 || channels == 3 && is_reduced(part, target)
}

fn check(header: &Header, limits: &Limits) -> Result<(), Error> {
    check_original(header.format, header.size, limits)?;
    let side = header.size.width.max(header.size.height);
    Error::check(
        "longer side in pixels",
        u64::from(side),
        u64::from(limits.max_side),
    )
}

/// The smallest JPEG scale, in eighths, that leaves twice the target; below that, the low-pass filter of a reduced
/// inverse DCT becomes visible. Scales 3 and 7 take as long as the next one, which is sharper.
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

/// Returns whether the target is smaller than the part in both dimensions; chroma at half resolution then has to be
/// enlarged by less than two, which the resizer does better than any upsampling before it.
fn is_reduced(part: Size, target: Size) -> bool {
    part.width > target.width && part.height > target.height
}

/// The factor by which a WebP is reduced while decoding.
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
