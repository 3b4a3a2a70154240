//! AVIF, by one of two encoders, each on one thread.
//!
//! rav1e is Rust alone and is what a plain build gets. libaom (the feature `aom`) takes a tenth of its
//! time and is what is meant to be run; it needs cmake and nasm to build. Their bytes differ, so
//! [`ENCODER`] is part of what names a picture that is kept.
//!
//! A crate of its own because the encoder is compiled into whatever calls it, which takes minutes:
//! here that happens once, and not whenever a line of the pixel code changes.
//!
//! Deliberately absent: a deadline. An encoder cannot be stopped, so the caller bounds its work by
//! [`MAX_PIXELS`].

#[cfg(feature = "aom")]
mod aom;
#[cfg(feature = "aom")]
mod container;
#[cfg(not(feature = "aom"))]
mod rav1e;

#[cfg(feature = "aom")]
use aom as encoder;
#[cfg(not(feature = "aom"))]
use rav1e as encoder;

pub use encoder::{ENCODER, MAX_PIXELS, NANOSECONDS_PER_PIXEL, ON_JPEGS_SCALE};

/// 8-bit samples, interleaved, rows without padding.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    Gray(&'a [u8]),
    Rgb(&'a [u8]),
    /// Straight alpha.
    Rgba(&'a [u8]),
}

/// How many samples of colour there are for one of brightness. rav1e knows `Full` alone, also for gray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// One for four (4:2:0): what photographs need.
    Quarter,
    /// As many (4:4:4): thin coloured lines stay what they are.
    Full,
}

/// `quality` is the encoder's own, 1..=100. XMP is written where the encoder is libaom alone. The error is the encoder's own text.
#[inline(never)]
pub fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    quality: u8,
    chroma: Chroma,
    exif: Option<&[u8]>,
    xmp: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let quality = quality.clamp(1, 100);
    encoder::encode(samples, width, height, quality, chroma, exif, xmp)
}

/// Width, height and RGB of an opaque picture, for those who measure what [`encode`] makes: nothing that
/// is shipped reads AVIF. `None` where the encoder is rav1e, which has no decoder.
pub fn decode(file: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    encoder::decode(file)
}
