//! AVIF, where the work is bounded by size.

use tintype_avif::Samples;

use super::Pixels;
use crate::Error;

/// The encoder cannot be stopped at a deadline, so it is not given more than this.
pub(super) const MAX_PIXELS: u64 = 4_000_000;

pub(super) fn encode(pixels: &Pixels, quality: u8, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    let encoded = if pixels.layout.has_alpha() {
        tintype_avif::encode(
            Samples::Rgba(&pixels.to_rgba()),
            width,
            height,
            quality,
            exif,
        )
    } else {
        tintype_avif::encode(Samples::Rgb(&pixels.to_rgb()), width, height, quality, exif)
    };
    encoded.map_err(|error| Error::internal(format!("AVIF encoding failed: {error}")))
}
