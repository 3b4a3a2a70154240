//! AVIF; its work is bounded by size.

use tintype_avif::{Chroma, Description, Primaries, Samples};

use super::super::pixels::Layout;
use super::{Extras, Pixels, quality};
use crate::Error;

pub(super) fn encode(
    pixels: &Pixels,
    q: u8,
    is_drawn: bool,
    extras: &Extras<'_>,
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
    let xmp = extras.rights.map(|rights| rights.xmp.as_slice());
    tintype_avif::encode(
        samples,
        size.width,
        size.height,
        quality::avif(q, *size),
        chroma,
        Description {
            // Code points say the same as the profile.
            primaries: match extras.icc {
                Some(_) => Primaries::DisplayP3,
                None => Primaries::Srgb,
            },
            exif: extras.rights.and_then(|rights| rights.exif.as_deref()),
            xmp: xmp.filter(|xmp| !xmp.is_empty()),
        },
    )
    .map_err(|error| Error::internal(format!("AVIF encoding failed: {error}")))
}
