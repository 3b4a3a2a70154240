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

use super::{Extras, Pixels, drawn};
use crate::Error;
use crate::limits::check_deadline;
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
    extras: &Extras<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let is_drawn = drawn::is_drawn(pixels);
    let once = |quality: u8| {
        check_deadline(deadline)?;
        match resolved.format {
            Format::Jpeg => jpeg::encode(pixels, quality, is_drawn, resolved.progressive, extras),
            Format::Png => png::encode(pixels, is_drawn, extras),
            Format::Webp => webp::lossy(pixels, quality, is_drawn, extras),
            Format::Avif => avif::encode(pixels, quality, is_drawn, extras),
            Format::Gif => gif::encode(pixels, extras.rights),
        }
    };
    let bytes = match resolved.format {
        Format::Webp if is_drawn => webp::drawn(pixels, resolved.quality, extras, deadline)?,
        _ => once(resolved.quality)?,
    };
    // PNG and GIF have no quality that could give way.
    match resolved.format {
        Format::Png | Format::Gif => Ok(bytes),
        _ => within_bounds(bytes, resolved, once),
    }
}

/// Whether [`encode_planes`] gives a photograph the chroma that [`encode`] does.
pub(super) fn has_quarter_chroma(resolved: &Resolved) -> bool {
    resolved.format == Format::Jpeg && jpeg::has_quarter_chroma(resolved.quality)
}

/// Encodes luma, and chroma at half the size, as JPEG.
pub(super) fn encode_planes(
    planes: &[Pixels; 3],
    resolved: &Resolved,
    extras: &Extras<'_>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let once = |quality: u8| {
        check_deadline(deadline)?;
        jpeg::encode_planes(planes, quality, resolved.progressive, extras)
    };
    within_bounds(once(resolved.quality)?, resolved, once)
}

/// Reduces the quality where `max_bytes` asks for it.
fn within_bounds(
    bytes: Vec<u8>,
    resolved: &Resolved,
    encode: impl Fn(u8) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    match resolved.max_bytes {
        Some(max_bytes) if bytes.len() as u64 > max_bytes => {
            fitting(max_bytes, resolved.quality, bytes, encode)
        }
        _ => Ok(bytes),
    }
}
