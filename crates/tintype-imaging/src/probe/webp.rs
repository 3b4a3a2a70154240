//! The chunks of a WebP (RFC 9649), walked before a decoder sees them.

use std::io::{BufRead, Seek};

use super::metadata::Blocks;
use super::read::Reader;
use super::{ColourSpace, Colouring, Container, Header, SourceFormat};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

#[derive(Default)]
struct Walk {
    size: Option<Size>,
    alpha: bool,
    frames: u32,
    blocks: Blocks,
}

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Container, Error> {
    let mut walk = Walk::default();
    let (mut parts, mut pixels) = (0, false);
    reader.skip(12)?;
    while reader.left() >= 8 {
        let kind = reader.array::<4>()?;
        let length = u64::from(reader.le32()?);
        parts += 1;
        if &kind == b"ANMF" {
            walk.frames += 1;
            pixels = true;
            Error::check(
                "number of frames",
                u64::from(walk.frames),
                u64::from(limits.max_frames),
            )?;
        } else {
            let what = "number of WebP chunks";
            Error::check(
                what,
                parts - u64::from(walk.frames),
                u64::from(limits.max_metadata_parts),
            )?;
        }
        pixels |= matches!(&kind, b"VP8 " | b"VP8L");
        let before = reader.left();
        match chunk(reader, &kind, length, &mut walk, limits) {
            // Cut off inside a chunk that is not the only one.
            Err(Error::Malformed(_)) if pixels && walk.size.is_some() => break,
            other => other?,
        }
        let rest = (length + length % 2).saturating_sub(before - reader.left());
        if reader.skip(rest).is_err() {
            break;
        }
    }
    if !pixels {
        return Err(Error::malformed("no pixels"));
    }
    let size = walk.size.ok_or_else(|| Error::malformed("no size"))?;
    let frames = walk.frames.max(1);
    let animated = size.pixels() * u64::from(frames);
    if frames > 1 {
        Error::check("pixels times frames", animated, limits.max_animation_pixels)?;
    }
    let header = Header {
        format: SourceFormat::Webp,
        size,
        orientation: walk.blocks.orientation(limits),
        frames,
        has_alpha: walk.alpha,
        colour_space: ColourSpace::Rgb,
        bits: 8,
        scans: 1,
        interlaced: false,
    };
    Ok(Container {
        header,
        blocks: walk.blocks,
        colouring: Colouring::Profile,
    })
}

fn chunk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    kind: &[u8; 4],
    length: u64,
    walk: &mut Walk,
    limits: &Limits,
) -> Result<(), Error> {
    match kind {
        b"VP8X" if length >= 10 => {
            let head = reader.array::<10>()?;
            let side =
                |at: usize| 1 + u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
            walk.size = Some(Size::new(side(4), side(7)));
            walk.alpha = head[0] & 0x10 != 0;
        }
        b"VP8 " if walk.size.is_none() => {
            let head = reader.array::<10>()?;
            if head[3..6] != [0x9d, 0x01, 0x2a] {
                return Err(Error::malformed("no VP8 key frame"));
            }
            let side = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]) & 0x3fff);
            walk.size = Some(Size::new(side(6), side(8)));
        }
        b"VP8L" if walk.size.is_none() => {
            let head = reader.array::<5>()?;
            let bits = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
            walk.size = Some(Size::new((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
            walk.alpha = bits >> 28 & 1 != 0;
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
        _ => {}
    }
    Ok(())
}
