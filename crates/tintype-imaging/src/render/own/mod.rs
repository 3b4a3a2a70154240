//! Reuses the original's own coding of its pixels when re-encoding would only make the response larger or worse.
//!
//! The output is rebuilt from the parts that make up the image, and ends with it: it has none of the original's
//! metadata, thumbnails, further images or trailing bytes. Anything that is unusual, damaged or not certain to be what
//! a browser shows is re-encoded instead: the parts must be complete and in order, verified by checksums and by reading
//! all of the coded data.
//!
//! Deliberately absent: formats that browsers do not read, animations, more than 8 bits, CMYK.

mod jpeg;
mod png;
mod webp;

use std::time::Instant;

use super::{Extras, colour};
use crate::Error;
use crate::limits::Limits;
use crate::probe::{ColourSpace, Colouring, Container, EncodedRights, SourceFormat};
use crate::spec::{Format, Resolved};

pub(super) struct Own {
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

/// Returns `None` if the original is not what was requested, cannot be reused, or is not smaller than the response made
/// from it.
pub(super) fn smaller(
    original: &[u8],
    container: &Container,
    resolved: &Resolved,
    rights: Option<&EncodedRights>,
    answer: &[u8],
    limits: &Limits,
    deadline: Instant,
) -> Result<Option<Own>, Error> {
    let Some(format) = format(container, resolved) else {
        return Ok(None);
    };
    let header = &container.header;
    let extras = Extras {
        icc: match container.colouring {
            _ if colour::is_srgb(container) => None,
            Colouring::Profile => container.blocks.icc.as_deref(),
            // Described by chunks that only PNG has, and that not every reader knows.
            _ => return Ok(None),
        },
        rights,
    };
    let cleaned = match format {
        Format::Jpeg => jpeg::cleaned(original, header.size, &extras),
        Format::Png => png::cleaned(original, &extras),
        _ => webp::cleaned(original, header, &extras),
    };
    let Some(bytes) = cleaned.filter(|bytes| bytes.len() < answer.len()) else {
        return Ok(None);
    };
    let is_whole = match format {
        Format::Jpeg => jpeg::is_whole(&bytes, header.interlaced, limits, deadline)?,
        Format::Png => png::is_whole(&bytes),
        // The decoder has accepted nothing less.
        _ => true,
    };
    Ok(is_whole.then_some(Own { format, bytes }))
}

/// The original's format, if a response may use it.
fn format(container: &Container, resolved: &Resolved) -> Option<Format> {
    let header = &container.header;
    // Further images after the first of a JPEG are left out.
    let is_one = header.frames == 1 || header.format == SourceFormat::Jpeg;
    let is_as_stored = header.orientation == 1 && is_one && header.bits <= 8;
    let shows_background = resolved.background.is_some() && header.has_alpha;
    if !resolved.is_original(header.upright()) || !is_as_stored || shows_background {
        return None;
    }
    let format = match header.format {
        SourceFormat::Jpeg if header.colour_space != ColourSpace::Cmyk => Format::Jpeg,
        SourceFormat::Png => Format::Png,
        SourceFormat::Webp => Format::Webp,
        _ => return None,
    };
    // Clients that accept AVIF accept WebP; all accept JPEG and PNG.
    let is_readable = format != Format::Webp || resolved.format == Format::Avif;
    (format == resolved.format || resolved.own_coding && is_readable).then_some(format)
}
