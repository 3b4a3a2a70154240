//! Walks the chunks of a WebP (RFC 9649) before a decoder sees them.

use std::io::{BufRead, Seek};

use super::metadata::MetadataBlocks;
use super::read::ContainerReader;
use super::{Colouring, Header};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

#[derive(Default)]
struct Walk {
    has_size: bool,
    /// A chunk contains alpha.
    has_alpha: bool,
    is_lossy: bool,
    /// Frames of an animation.
    frames: u32,
    blocks: MetadataBlocks,
}

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let mut walk = Walk::default();
    let walked = chunks(reader, limits, &mut walk, header);
    header.orientation = walk.blocks.orientation(limits);
    header.frames = walk.frames.max(1);
    // The header's alpha flag may be wrong; for an animation it is trusted.
    header.has_alpha &= !walk.is_lossy || walk.has_alpha || walk.frames > 0;
    // A truncated file is decoded as a whole, with filling after its own bytes.
    header.interlaced |= header.truncated;
    walked?;
    if !walk.has_size {
        return Err(Error::malformed("no size"));
    }
    if header.frames > 1 {
        let animated = header.size.pixels() * u64::from(header.frames);
        Error::check("pixels times frames", animated, limits.max_animation_pixels)?;
    }
    Ok((walk.blocks, Colouring::Profile))
}

fn chunks<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    walk: &mut Walk,
    header: &mut Header,
) -> Result<(), Error> {
    let (mut parts, mut pixels) = (0, false);
    reader.skip(4)?;
    let announced = u64::from(reader.le32()?);
    header.truncated = announced > reader.left();
    reader.skip(4)?;
    while reader.left() >= 8 {
        let kind = reader.array::<4>()?;
        let length = u64::from(reader.le32()?);
        if &kind == b"ANMF" {
            walk.frames += 1;
            pixels = true;
            let frames = u64::from(walk.frames);
            Error::check("number of frames", frames, u64::from(limits.max_frames))?;
        } else {
            parts += 1;
            let what = "number of WebP chunks";
            Error::check(what, parts, u64::from(limits.max_metadata_parts))?;
        }
        pixels |= matches!(&kind, b"VP8 " | b"VP8L");
        walk.is_lossy |= &kind == b"VP8 ";
        walk.has_alpha |= &kind == b"ALPH";
        header.interlaced |= matches!(&kind, b"VP8L" | b"ALPH" | b"ANMF");
        let before = reader.left();
        match chunk(reader, &kind, length, walk, header, limits) {
            // Truncated inside a chunk that is not the only one.
            Err(Error::Malformed(_)) if pixels && walk.has_size => {
                header.truncated = true;
                break;
            }
            other => other?,
        }
        let rest = (length + length % 2).saturating_sub(before - reader.left());
        if reader.skip(rest).is_err() {
            // The padding byte after an odd length is often missing at the end.
            header.truncated |= rest - length % 2 > reader.left();
            break;
        }
    }
    if !pixels {
        return Err(Error::malformed("no pixels"));
    }
    Ok(())
}

fn chunk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    kind: &[u8; 4],
    length: u64,
    walk: &mut Walk,
    header: &mut Header,
    limits: &Limits,
) -> Result<(), Error> {
    match kind {
        b"VP8X" if length >= 10 => {
            let head = reader.array::<10>()?;
            let side =
                |at: usize| 1 + u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
            header.size = Size::new(side(4), side(7));
            header.has_alpha = head[0] & 0x10 != 0;
            walk.has_size = true;
        }
        b"VP8 " if !walk.has_size => {
            let head = reader.array::<10>()?;
            if head[3..6] != [0x9d, 0x01, 0x2a] {
                return Err(Error::malformed("no VP8 key frame"));
            }
            let side = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]) & 0x3fff);
            header.size = Size::new(side(6), side(8));
            walk.has_size = true;
        }
        b"VP8L" if !walk.has_size => {
            let head = reader.array::<5>()?;
            let bits = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
            header.size = Size::new((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
            header.has_alpha = bits >> 28 & 1 != 0;
            walk.has_size = true;
        }
        b"ICCP" => {
            Error::check("bytes of the colour profile", length, limits.max_icc_bytes)?;
            walk.blocks.icc = Some(reader.vec(length)?);
        }
        b"EXIF" => {
            Error::check("bytes of EXIF", length, limits.max_exif_bytes)?;
            let block = reader.vec(length)?;
            // Some writers keep JPEG's prefix.
            let exif = block.strip_prefix(b"Exif\0\0".as_slice()).unwrap_or(&block);
            walk.blocks.exif = Some(exif.to_vec());
        }
        b"XMP " => {
            Error::check("bytes of XMP", length, limits.max_xmp_bytes)?;
            walk.blocks.xmp = Some(reader.vec(length)?);
        }
        b"C2PA" => header.has_c2pa = true,
        _ => {}
    }
    Ok(())
}
