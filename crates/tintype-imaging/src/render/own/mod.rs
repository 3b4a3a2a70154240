//! The original's own coding of its pixels, for an answer that would only be larger or worse if it were
//! coded again.
//!
//! What is handed out is written anew from the parts that make the picture, and ends with it: none of the
//! original's metadata, previews, further pictures or trailing bytes are in it. Whatever is unusual, damaged
//! or only perhaps what a browser shows is coded again instead: the parts must be whole and in order,
//! by checksums and by reading all of the coded data to its end.
//!
//! Deliberately absent: formats that browsers do not read, animations, more than 8 bits, inks.

mod jpeg;
mod png;
mod webp;

use std::time::Instant;

use super::colour;
use crate::Error;
use crate::limits::Limits;
use crate::probe::{ColourSpace, Colouring, Container, SourceFormat, Written};
use crate::spec::{Format, Resolved};

pub(super) struct Own {
    pub(super) format: Format,
    pub(super) bytes: Vec<u8>,
}

/// What goes into the file besides the picture.
struct Extras<'a> {
    /// Only where it changes what is seen.
    icc: Option<&'a [u8]>,
    rights: Option<&'a Written>,
}

/// `None` where the original is not what was asked, cannot be handed out, or is not smaller than the answer
/// that was made of it.
pub(super) fn smaller(
    original: &[u8],
    container: &Container,
    resolved: &Resolved,
    rights: Option<&Written>,
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
            // Described in words that are PNG's own, and that not every reader knows.
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
        // Its decoder takes nothing less.
        _ => true,
    };
    Ok(is_whole.then_some(Own { format, bytes }))
}

/// That of the original, if an answer may be in it.
fn format(container: &Container, resolved: &Resolved) -> Option<Format> {
    let header = &container.header;
    // Pictures that follow the first of a JPEG are not handed out.
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
    // Who takes AVIF takes WebP; all take JPEG and PNG.
    let is_readable = format != Format::Webp || resolved.format == Format::Avif;
    (format == resolved.format || resolved.own_coding && is_readable).then_some(format)
}
