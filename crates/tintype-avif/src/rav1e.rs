//! rav1e without assembler, so that output and build are the same on every machine.

use std::borrow::Cow;

use ravif::{Encoder, Img, RGB8, RGBA8};

use crate::{Chroma, Description, Samples};

/// Logged at start, and part of a variant's name.
pub const ENCODER: &str = "rav1e 0.8";

/// CPU time per pixel of a one-megapixel photograph, in a release build on one core of a virtual EPYC.
pub const NANOSECONDS_PER_PIXEL: u64 = 1_300;

/// Larger images are refused: a million pixels take more than a second.
pub const MAX_PIXELS: u64 = 4_000_000;

/// Whether the container can name the primaries of Display P3.
pub const HOLDS_P3: bool = false;

/// `q` on JPEG's scale, and the encoder's own quality that looks alike at [`SPEED`], for an image of 320x240 and for
/// one of 1200x900.
pub const ON_JPEGS_SCALE: &[(u8, u8, u8)] = &[
    (0, 0, 0),
    (20, 33, 33),
    (40, 49, 49),
    (60, 63, 64),
    (80, 83, 84),
    (90, 89, 90),
    (100, 100, 100),
];

/// On rav1e's scale, 1..=10.
const SPEED: u8 = 10;

pub(crate) fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    quality: u8,
    _: Chroma,
    // rav1e's container writer supports neither XMP nor other primaries than those of sRGB.
    Description { exif, .. }: Description<'_>,
) -> Result<Vec<u8>, String> {
    let (width, height) = (width as usize, height as usize);
    let mut encoder = Encoder::new()
        .with_quality(f32::from(quality))
        .with_alpha_quality(f32::from(quality))
        .with_speed(SPEED)
        .with_num_threads(Some(1));
    if let Some(exif) = exif {
        encoder = encoder.with_exif(Cow::Borrowed(exif));
    }
    let encoded = match samples {
        Samples::Gray(samples) => {
            let pixels: Vec<RGB8> = samples.iter().map(|&gray| [gray; 3].into()).collect();
            encoder.encode_rgb(Img::new(&pixels, width, height))
        }
        Samples::Rgb(samples) => {
            let (pixels, _) = samples.as_chunks();
            let pixels: Vec<RGB8> = pixels.iter().map(|&[r, g, b]| RGB8::new(r, g, b)).collect();
            encoder.encode_rgb(Img::new(&pixels, width, height))
        }
        Samples::Rgba(samples) => {
            let (pixels, _) = samples.as_chunks();
            let pixels: Vec<RGBA8> = pixels
                .iter()
                .map(|&[r, g, b, a]| RGBA8::new(r, g, b, a))
                .collect();
            encoder.encode_rgba(Img::new(&pixels, width, height))
        }
    };
    Ok(encoded.map_err(|error| error.to_string())?.avif_file)
}

pub(crate) fn decode(_: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    None
}
