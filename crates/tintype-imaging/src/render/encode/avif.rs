//! AVIF; its work is bounded by size.

use tintype_avif::{Chroma, Samples};

use super::super::pixels::Layout;
use super::{Pixels, quality};
use crate::Error;
use crate::probe::EncodedRights;

pub(super) fn encode(
    pixels: &Pixels,
    q: u8,
    is_drawn: bool,
    rights: Option<&EncodedRights>,
) -> Result<Vec<u8>, Error> {
    let chroma = if is_drawn {
        Chroma::Full
    } else {
        Chroma::Quarter
    };
    let Pixels { size, samples, .. } = pixels;
    let rgba;
    let samples = match pixels.layout {
        Layout::Gray => Samples::Gray(samples),
        Layout::Rgb => Samples::Rgb(samples),
        Layout::Rgba => Samples::Rgba(samples),
        Layout::GrayAlpha => {
            rgba = pixels.to_rgba();
            Samples::Rgba(&rgba)
        }
    };
    tintype_avif::encode(
        samples,
        size.width,
        size.height,
        quality::avif(q, *size),
        chroma,
        rights.and_then(|rights| rights.exif.as_deref()),
        rights
            .map(|rights| rights.xmp.as_slice())
            .filter(|xmp| !xmp.is_empty()),
    )
    .map_err(|error| Error::internal(format!("AVIF encoding failed: {error}")))
}
