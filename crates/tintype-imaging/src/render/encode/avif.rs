//! AVIF by rav1e: one thread, no assembler, so that bytes and build are the same everywhere.

use ravif::{Encoder, Img, RGB8, RGBA8};

use super::Pixels;
use crate::Error;

/// An encoder in another library cannot be stopped at a deadline, so its work is bounded instead.
pub(super) const MAX_PIXELS: u64 = 4_000_000;

/// rav1e's speed, 1..=10.
const SPEED: u8 = 10;

pub(super) fn encode(pixels: &Pixels, quality: u8, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    let mut encoder = Encoder::new()
        .with_quality(f32::from(quality.max(1)))
        .with_alpha_quality(f32::from(quality.max(1)))
        .with_speed(SPEED)
        .with_num_threads(Some(1));
    if let Some(exif) = exif {
        encoder = encoder.with_exif(exif.to_vec());
    }
    let encoded = if pixels.layout.has_alpha() {
        let samples: Vec<RGBA8> = pixels
            .to_rgba()
            .as_chunks()
            .0
            .iter()
            .map(|&[r, g, b, a]| RGBA8::new(r, g, b, a))
            .collect();
        encoder.encode_rgba(Img::new(&samples, width, height))
    } else {
        let samples: Vec<RGB8> = pixels
            .to_rgb()
            .as_chunks()
            .0
            .iter()
            .map(|&[r, g, b]| RGB8::new(r, g, b))
            .collect();
        encoder.encode_rgb(Img::new(&samples, width, height))
    };
    let encoded =
        encoded.map_err(|error| Error::internal(format!("AVIF encoding failed: {error}")))?;
    Ok(encoded.avif_file)
}
