//! JPEG 2000: the boxes of a JP2, and the codestream header (ISO/IEC 15444-1, annexes A and I).

use std::io::{BufRead, Seek};

use super::heif::{Fields, box_head};
use super::read::ContainerReader;
use super::{ColourSpace, Colouring, Header, MetadataBlocks};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

/// The decoder allocates each tile before reading its pixels.
const MAX_TILES: u64 = 4_096;
const MAX_HEAD_BYTES: u64 = 8 * 1024 * 1024;
/// The decoder keeps state per code block and precinct, so these must not be smaller (log2 of a side).
const LEAST_PRECINCT: u8 = 5;

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let mut blocks = MetadataBlocks::default();
    header.interlaced = true;
    reader.seek(0)?;
    if reader.peek(4)? == b"\xff\x4f\xff\x51" {
        let components = codestream(reader, header)?;
        assume_colours(components, header);
        return Ok((blocks, Colouring::Srgb));
    }
    let (mut parts, mut has_head) = (0, false);
    while reader.left() >= 8 {
        parts += 1;
        Error::check(
            "number of boxes",
            parts,
            u64::from(limits.max_metadata_parts),
        )?;
        let (kind, length) = box_head(reader)?;
        let end = reader.position().saturating_add(length);
        match &kind {
            b"jp2h" => {
                Error::check("bytes of a box", length, MAX_HEAD_BYTES)?;
                let content = reader.vec(length)?;
                blocks.icc = head(&content, limits, header)?;
                has_head = true;
            }
            b"jp2c" => {
                let components = codestream(reader, header)?;
                if !has_head {
                    assume_colours(components, header);
                }
                header.truncated = end > reader.length();
                let colouring = match blocks.icc {
                    Some(_) => Colouring::Profile,
                    None => Colouring::Srgb,
                };
                return Ok((blocks, colouring));
            }
            _ => {}
        }
        reader.seek(end)?;
    }
    Err(Error::malformed("no pixels"))
}

fn assume_colours(components: u16, header: &mut Header) {
    header.colour_space = if components < 3 {
        ColourSpace::Gray
    } else {
        ColourSpace::Rgb
    };
    header.has_alpha = matches!(components, 2 | 4);
}

/// Reads the colour boxes; returns the profile.
fn head(content: &[u8], limits: &Limits, header: &mut Header) -> Result<Option<Vec<u8>>, Error> {
    let (mut icc, mut components) = (None, 3);
    let (mut has_palette, mut space) = (false, None);
    for part in super::heif::boxes(content) {
        let (kind, content) = part?;
        let mut fields = Fields::new(content);
        match &kind {
            b"ihdr" => {
                fields.take(8)?;
                components = fields.be16()?;
            }
            b"pclr" => {
                fields.be16()?;
                has_palette = true;
                components = u16::from(fields.byte()?);
            }
            b"cdef" => {
                for _ in 0..fields.be16()?.min(64) {
                    fields.be16()?;
                    header.has_alpha |= matches!(fields.be16()?, 1 | 2);
                    fields.be16()?;
                }
            }
            b"colr" if space.is_none() => {
                let method = fields.byte()?;
                fields.take(2)?;
                if method == 1 {
                    space = Some(match fields.be32()? {
                        17 => ColourSpace::Gray,
                        12 => ColourSpace::Cmyk,
                        _ => ColourSpace::Rgb,
                    });
                } else {
                    let profile = fields.rest();
                    let what = "bytes of the colour profile";
                    Error::check(what, profile.len() as u64, limits.max_icc_bytes)?;
                    icc = Some(profile.to_vec());
                }
            }
            _ => {}
        }
    }
    let alpha = u16::from(header.has_alpha);
    header.colour_space = space.unwrap_or(match components - alpha.min(components) {
        0..=2 => ColourSpace::Gray,
        4 if !has_palette => ColourSpace::Cmyk,
        _ => ColourSpace::Rgb,
    });
    Ok(icc)
}

/// Reads up to the first tile; returns the number of components.
fn codestream<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    header: &mut Header,
) -> Result<u16, Error> {
    reader.skip(2)?;
    let mut components = 0;
    loop {
        let marker = reader.be16()?;
        // Tiles begin here.
        if marker == 0xff90 {
            break;
        }
        let length = reader.be16()?.saturating_sub(2);
        let content = reader.vec(u64::from(length))?;
        let mut fields = Fields::new(&content);
        match marker {
            0xff51 => components = size(fields, header)?,
            0xff52 => {
                let style = fields.byte()?;
                fields.take(4)?;
                precincts(fields, style)?;
            }
            0xff53 => {
                fields.take(if components < 257 { 1 } else { 2 })?;
                let style = fields.byte()?;
                precincts(fields, style)?;
            }
            _ => {}
        }
    }
    match components {
        0 => Err(Error::malformed("no size")),
        _ => Ok(components),
    }
}

fn size(mut fields: Fields<'_>, header: &mut Header) -> Result<u16, Error> {
    fields.take(2)?;
    let mut sides = [0; 8];
    for side in &mut sides {
        *side = fields.be32()?;
    }
    let [
        right,
        bottom,
        left,
        top,
        tile_width,
        tile_height,
        tile_left,
        tile_top,
    ] = sides;
    let components = fields.be16()?;
    Error::check("components", u64::from(components), 5)?;
    header.bits = (fields.byte()? & 0x7f) + 1;
    let side = |end: u32, start: u32| {
        let side = end.checked_sub(start);
        side.ok_or_else(|| Error::malformed("no width or no height"))
    };
    header.size = Size::new(side(right, left)?, side(bottom, top)?);
    let count = |end: u32, start: u32, tile: u32| match tile {
        0 => Err(Error::malformed("tiles without width or height")),
        tile => Ok(u64::from(side(end, start)?).div_ceil(u64::from(tile))),
    };
    let tiles =
        count(right, tile_left, tile_width)?.saturating_mul(count(bottom, tile_top, tile_height)?);
    Error::check("JPEG 2000 tiles", tiles, MAX_TILES)?;
    // They are decoded to 8 bits.
    header.bits = header.bits.min(8);
    Ok(components)
}

/// Checks the sizes of code blocks and, if given, of the precincts of each level.
fn precincts(mut fields: Fields<'_>, style: u8) -> Result<(), Error> {
    let levels = fields.byte()?;
    Error::check("JPEG 2000 levels", u64::from(levels), 32)?;
    let (width, height) = (fields.byte()?, fields.byte()?);
    let is_small = u16::from(width) + u16::from(height) + 4 < 2 * u16::from(LEAST_PRECINCT) - 2;
    fields.take(2)?;
    let mut least = 15;
    if style & 1 != 0 {
        // Only the lowest level may be smaller.
        fields.byte()?;
        for _ in 0..levels {
            let sides = fields.byte()?;
            least = least.min(sides & 15).min(sides >> 4);
        }
    }
    match is_small || least < LEAST_PRECINCT {
        true => Err(Error::unsupported(
            "JPEG 2000 with such small code blocks or precincts",
        )),
        false => Ok(()),
    }
}
