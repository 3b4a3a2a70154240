//! Encodes pixels.

mod avif;
mod fitting;
pub(super) mod gif;
pub(super) mod jpeg;
mod palette;
mod png;
mod quality;
mod quantise;
pub(super) mod sequence;
pub(super) mod webp;

use std::time::Instant;

use super::{Pixels, drawn};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::EncodedRights;
use crate::spec::{Format, Resolved, Size};
use fitting::fitting;

/// Known before any work: what a format cannot hold, or not in reasonable time.
pub fn check_size(format: Format, size: Size) -> Result<(), Error> {
    let side = u64::from(size.width.max(size.height));
    match format {
        Format::Webp => Error::check("longer side of a WebP in pixels", side, webp::MAX_SIDE),
        Format::Avif => Error::check("pixels of an AVIF", size.pixels(), tintype_avif::MAX_PIXELS),
        Format::Jpeg => Error::check("longer side of a JPEG in pixels", side, 65_535),
        Format::Gif => Error::check("longer side of a GIF in pixels", side, 65_535),
        Format::Png => Ok(()),
    }
}

/// At the quality asked for or, where `max_bytes` says so, the best one found that [fits](fitting::fitting). A drawing is kept sharp, and is WebP without loss where that is worth its bytes
/// and fits.
pub(super) fn encode(
    pixels: &Pixels,
    resolved: &Resolved,
    rights: Option<&EncodedRights>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let is_drawn = drawn::is_drawn(pixels);
    let once = |quality: u8| {
        check_deadline(deadline)?;
        match resolved.format {
            Format::Jpeg => jpeg::encode(pixels, quality, is_drawn, resolved.progressive, rights),
            Format::Png => png::encode(pixels, is_drawn, rights),
            Format::Webp => webp::lossy(pixels, quality, is_drawn, rights),
            Format::Avif => avif::encode(pixels, quality, is_drawn, rights),
            Format::Gif => gif::encode(pixels, rights),
        }
    };
    let bytes = match resolved.format {
        Format::Webp if is_drawn => webp::drawn(pixels, resolved.quality, rights, deadline)?,
        _ => once(resolved.quality)?,
    };
    let Some(max_bytes) = resolved.max_bytes else {
        return Ok(bytes);
    };
    // PNG and GIF have no quality that could give way.
    if bytes.len() as u64 <= max_bytes || matches!(resolved.format, Format::Png | Format::Gif) {
        return Ok(bytes);
    }
    fitting(max_bytes, resolved.quality, bytes, once)
}
