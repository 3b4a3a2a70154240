//! Rebuilds a JPEG from the segments that decoding needs: tables, one frame, its scans, and the markers (JFIF, Adobe)
//! that define what three components mean.

use std::time::Instant;

use tintype_jpeg::Scale;

use super::super::Extras;
use super::super::encode::jpeg::segments;
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP14: u8 = 0xee;

/// Returns `None` if the file is structured unusually.
pub(super) fn cleaned(original: &[u8], size: Size, extras: &Extras<'_>) -> Option<Vec<u8>> {
    let mut rest = original.strip_prefix(&[0xff, SOI])?;
    let (mut jfif, mut body) = (None, Vec::with_capacity(original.len()));
    let (mut codes, mut frames, mut scans) = (0, 0, 0);
    loop {
        let (marker, after) = marker(rest)?;
        if marker == EOI {
            break;
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let (segment, after) = after.split_at_checked(length)?;
        let content = segment.get(2..)?;
        rest = after;
        match marker {
            // Huffman tables. A file without them is a Motion JPEG frame, whose readers know the tables.
            0xc4 => {
                codes += 1;
                push(&mut body, marker, content)?;
            }
            // Quantisation tables and restart interval.
            0xdb | 0xdd => push(&mut body, marker, content)?,
            0xc0..=0xc2 if frames == 0 && frame_size(content)? == size => {
                frames += 1;
                push(&mut body, marker, content)?;
            }
            SOS if frames == 1 && codes > 0 => {
                scans += 1;
                push(&mut body, marker, content)?;
                let (coded, after) = rest.split_at_checked(coded_length(rest)?)?;
                body.extend(coded);
                rest = after;
            }
            APP0 if content.starts_with(b"JFIF\0") && jfif.is_none() => {
                // Without the thumbnail that may follow.
                jfif = Some([content.get(..12)?, &[0, 0]].concat());
            }
            APP14 if content.starts_with(b"Adobe") => push(&mut body, marker, content.get(..12)?)?,
            0xe0..=0xef | 0xfe => {}
            _ => return None,
        }
    }
    if scans == 0 {
        return None;
    }
    let mut bytes = vec![0xff, SOI];
    if let Some(jfif) = jfif {
        push(&mut bytes, APP0, &jfif)?;
    }
    for (number, body) in segments(extras)? {
        push(&mut bytes, APP0 + number, &body)?;
    }
    bytes.extend(body);
    bytes.extend([0xff, EOI]);
    Some(bytes)
}

/// Decodes all of the data, to check that none is missing or corrupt.
pub(super) fn is_whole(
    cleaned: &[u8],
    progressive: bool,
    limits: &Limits,
    deadline: Instant,
) -> Result<bool, Error> {
    let jpeg_limits = tintype_jpeg::Limits {
        max_pixels: limits.max_pixels,
        max_scans: limits.max_scans,
    };
    // At 1/8 the later scans of a progressive file would be skipped.
    let scale = if progressive {
        Scale::HALF
    } else {
        Scale::EIGHTH
    };
    let go_on = || Instant::now() < deadline;
    match tintype_jpeg::decode(cleaned, scale, &jpeg_limits, &go_on) {
        Ok(picture) => Ok(!picture.damaged),
        Err(tintype_jpeg::Error::Stopped) => Err(Error::DeadlineExceeded),
        Err(_) => Ok(false),
    }
}

/// Any number of 0xff may precede a marker.
fn marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes.strip_prefix(&[0xff])?;
    while let Some(after) = rest.strip_prefix(&[0xff]) {
        rest = after;
    }
    let (&marker, after) = rest.split_first()?;
    Some((marker, after))
}

/// Length up to the next marker that is neither a restart nor a stuffed byte.
fn coded_length(bytes: &[u8]) -> Option<usize> {
    let mut pairs = bytes.windows(2);
    pairs.position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))
}

fn frame_size(frame: &[u8]) -> Option<Size> {
    let [_, top, bottom, left, right, ..] = *frame else {
        return None;
    };
    let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
    Some(Size::new(side(left, right), side(top, bottom)))
}

fn push(to: &mut Vec<u8>, marker: u8, content: &[u8]) -> Option<()> {
    let length = u16::try_from(content.len() + 2).ok()?;
    to.extend([0xff, marker]);
    to.extend(length.to_be_bytes());
    to.extend(content);
    Some(())
}
