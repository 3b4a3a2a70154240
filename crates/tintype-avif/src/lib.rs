//! AVIF by rav1e: one thread, no assembler, so that bytes and build are the same everywhere.
//!
//! A crate of its own because the encoder is compiled into whatever calls it, which takes minutes:
//! here that happens once, and not whenever a line of the pixel code changes.
//!
//! Deliberately absent: limits. An encoder cannot be stopped, so the caller bounds its work by size.

use ravif::{Encoder, Img, RGB8, RGBA8};

/// rav1e's speed, 1..=10.
const SPEED: u8 = 10;

/// CPU time at [`SPEED`] for a photograph, of a release build on one core of a 2 GHz EPYC.
pub const NANOSECONDS_PER_PIXEL: u64 = 1_300;

/// 8-bit samples, interleaved, rows without padding.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    Rgb(&'a [u8]),
    /// Straight alpha.
    Rgba(&'a [u8]),
}

/// `quality` is 1..=100. The error is the encoder's own text.
#[inline(never)]
pub fn encode(
    samples: Samples<'_>,
    width: usize,
    height: usize,
    quality: u8,
    exif: Option<&[u8]>,
) -> Result<Vec<u8>, String> {
    let quality = f32::from(quality.clamp(1, 100));
    let mut encoder = Encoder::new()
        .with_quality(quality)
        .with_alpha_quality(quality)
        .with_speed(SPEED)
        .with_num_threads(Some(1));
    if let Some(exif) = exif {
        encoder = encoder.with_exif(exif);
    }
    let encoded = match samples {
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
