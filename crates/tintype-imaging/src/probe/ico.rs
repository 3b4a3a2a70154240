//! Icons and cursors: a directory of images, each a PNG or a BMP without its file header. The largest is used.

use std::io::{BufRead, Cursor, Seek};

use super::read::ContainerReader;
use super::{ColourSpace, Colouring, Header, MetadataBlocks};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

/// Size of a directory entry.
const ENTRY_BYTES: u64 = 16;
/// No honest icon has more images.
const MAX_ENTRIES: u16 = 256;
/// Limit per image.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// One image of an icon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IconImage {
    pub(crate) size: Size,
    bits: u16,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) is_png: bool,
}

/// Returns the largest image; among equals, the one with the most colours, then the first.
pub(crate) fn largest<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
) -> Result<IconImage, Error> {
    reader.seek(4)?;
    let count = u16::from_le_bytes(reader.array()?);
    let what = "pictures of an icon";
    Error::check(what, u64::from(count), u64::from(MAX_ENTRIES))?;
    let mut best: Option<IconImage> = None;
    for at in 0..u64::from(count) {
        reader.seek(6 + at * ENTRY_BYTES + 8)?;
        let (length, offset) = (u64::from(reader.le32()?), u64::from(reader.le32()?));
        reader.seek(offset)?;
        let Ok(entry) = entry(reader, offset, length) else {
            continue;
        };
        let rank = |entry: &IconImage| (entry.size.pixels(), entry.bits);
        if best.is_none_or(|best| rank(&entry) > rank(&best)) {
            best = Some(entry);
        }
    }
    best.ok_or_else(|| Error::malformed("an icon without images"))
}

/// Reads an image's own header, because directory entries are often wrong.
fn entry<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    offset: u64,
    length: u64,
) -> Result<IconImage, Error> {
    let head = reader.array::<26>()?;
    let little =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let big = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let is_png = head.starts_with(b"\x89PNG\r\n\x1a\n");
    let (size, bits) = match is_png {
        true => (Size::new(big(16), big(20)), 32),
        // The mask is stored below the image and counts towards the height.
        false => (
            Size::new(little(4), little(8).cast_signed().unsigned_abs() / 2),
            u16::from_le_bytes([head[14], head[15]]),
        ),
    };
    if !is_png && little(0) < 40 || size.width == 0 || size.height == 0 {
        return Err(Error::malformed("no picture"));
    }
    Ok(IconImage {
        size,
        bits,
        offset,
        length: length.min(reader.length().saturating_sub(offset)),
        is_png,
    })
}

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let entry = largest(reader)?;
    header.size = entry.size;
    header.has_alpha = true;
    // Decoded as a whole before any of it is returned.
    header.interlaced = true;
    if !entry.is_png {
        return Ok((MetadataBlocks::default(), Colouring::Srgb));
    }
    Error::check("bytes of an image in an icon", entry.length, MAX_BYTES)?;
    reader.seek(entry.offset)?;
    let png = reader.vec(entry.length)?;
    let inner = super::container(Cursor::new(png), limits, reader.deadline())?;
    header.colour_space = match inner.header.colour_space {
        ColourSpace::Gray => ColourSpace::Gray,
        _ => ColourSpace::Rgb,
    };
    header.has_alpha = inner.header.has_alpha;
    header.bits = inner.header.bits;
    header.truncated = inner.header.truncated;
    Ok((inner.blocks, inner.colouring))
}
