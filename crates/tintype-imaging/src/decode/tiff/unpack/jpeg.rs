//! JPEG in a strip or tile (Adobe's technical note 2): a complete stream except for its tables. The page says what its
//! components mean, so markers that say otherwise are left out.

use std::time::Instant;

use tintype_jpeg::{Colour, Scale};

use super::super::chunk::PageChunks;
use super::{Shape, fit};
use crate::Error;
use crate::decode::jpeg;
use crate::limits::Limits;
use crate::probe::tiff::page::YCBCR;

const SOI: &[u8] = &[0xff, 0xd8];

pub(super) fn decode(
    chunks: &PageChunks<'_>,
    bytes: &[u8],
    shape: &Shape,
    limits: &Limits,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let is_ycbcr = chunks.page.photometric == YCBCR && !chunks.page.planar;
    let stream = stream(&chunks.tables, bytes, is_ycbcr);
    let go_on = || Instant::now() < deadline;
    let limits = jpeg::jpeg_limits(limits);
    let picture = tintype_jpeg::decode(&stream, Scale::FULL, &limits, &go_on);
    let mut picture = picture.map_err(jpeg::error)?;
    let channels = match picture.colour {
        Colour::Gray => 1,
        Colour::Rgb => 3,
        Colour::Cmyk => 4,
    };
    if channels != shape.samples {
        return Err(Error::malformed("JPEG with another number of components"));
    }
    // Four components were decoded as inverted CMYK; TIFF stores them uninverted.
    if picture.colour == Colour::Cmyk {
        let samples = picture.samples.iter_mut();
        samples.for_each(|sample| *sample = 255 - *sample);
    }
    let size = (picture.width as usize, picture.height as usize);
    Ok(fit(picture.samples, size, channels, shape))
}

/// Builds a file from the tables and the stream, with an Adobe marker that says how colours are encoded.
fn stream(tables: &[u8], bytes: &[u8], is_ycbcr: bool) -> Vec<u8> {
    let mut stream = Vec::with_capacity(bytes.len() + tables.len() + 16);
    stream.extend(SOI);
    push_segments(&mut stream, tables);
    let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0";
    let rest = push_segments(&mut stream, bytes);
    if has_three_components(rest) {
        stream.extend(adobe);
        stream.push(u8::from(is_ycbcr));
    }
    stream.extend(rest);
    stream
}

/// Copies all segments before the frame except application segments; returns the rest, from the frame on.
fn push_segments<'b>(to: &mut Vec<u8>, bytes: &'b [u8]) -> &'b [u8] {
    let mut rest = bytes.strip_prefix(SOI).unwrap_or(bytes);
    while let Some(after) = rest.strip_prefix(&[0xff]) {
        let Some((&marker, body)) = after.split_first() else {
            break;
        };
        match marker {
            // Fill byte.
            0xff => {
                rest = after;
                continue;
            }
            0xd9 => break,
            0xc0..=0xc3 | 0xc5..=0xcf | 0xda => break,
            _ => {}
        }
        let length = body.first_chunk().map(|length| u16::from_be_bytes(*length));
        let Some((_, behind)) = body.split_at_checked(usize::from(length.unwrap_or(0))) else {
            break;
        };
        if behind.len() == body.len() {
            break;
        }
        let segment = &rest[..rest.len() - behind.len()];
        if !matches!(marker, 0xe0..=0xef | 0xfe) {
            to.extend(segment);
        }
        rest = behind;
    }
    rest
}

/// Returns whether the frame at the start of `rest` has three components.
fn has_three_components(rest: &[u8]) -> bool {
    matches!(rest, [0xff, 0xc0..=0xc2, _, _, _, _, _, _, _, 3, ..])
}
