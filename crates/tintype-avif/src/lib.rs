//! AVIF by one of two encoders, each single-threaded.
//!
//! rav1e is pure Rust and the default of a plain build. libaom (the feature `aom`) takes a tenth of its time and is
//! recommended for production; building it needs cmake and nasm. Their output differs, so [`ENCODER`] is part of a
//! stored variant's name.
//!
//! This is a separate crate because the encoder is compiled into its caller, which takes minutes: this way that happens
//! once, and not on every change of the pixel code.
//!
//! Deliberately absent: a deadline. An encoder cannot be stopped, so the caller bounds its work by [`MAX_PIXELS`].

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

pub use encoder::{ENCODER, HOLDS_P3, MAX_PIXELS, NANOSECONDS_PER_PIXEL, ON_JPEGS_SCALE};

/// 8-bit samples, interleaved, rows without padding.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    Gray(&'a [u8]),
    Rgb(&'a [u8]),
    /// Straight alpha.
    Rgba(&'a [u8]),
}

/// Chroma subsampling. rav1e supports `Full` only, also for gray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// 4:2:0, one chroma sample per four pixels: enough for photographs.
    Quarter,
    /// 4:4:4, full chroma: keeps thin coloured lines intact.
    Full,
}

/// The primaries of the samples; their curve is that of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primaries {
    Srgb,
    /// Only where the encoder [`HOLDS_P3`].
    DisplayP3,
}

/// What is written besides the samples.
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    pub primaries: Primaries,
    pub exif: Option<&'a [u8]>,
    /// Only libaom writes it.
    pub xmp: Option<&'a [u8]>,
}

/// Encodes an image. `quality` is on the encoder's own scale, 1..=100. The error is the encoder's own text.
#[inline(never)]
pub fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    quality: u8,
    chroma: Chroma,
    description: Description<'_>,
) -> Result<Vec<u8>, String> {
    let quality = quality.clamp(1, 100);
    encoder::encode(samples, width, height, quality, chroma, description)
}

/// Decodes the width, height and RGB of an opaque image, to measure the output of [`encode`]; nothing that is shipped
/// uses it. `None` with rav1e, which has no decoder.
pub fn decode(file: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    encoder::decode(file)
}
