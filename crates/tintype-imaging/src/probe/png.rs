//! The chunks of a PNG (third edition), walked before a decoder sees them.

use std::io::{BufRead, Read, Seek};

use flate2::read::ZlibDecoder;

use super::metadata::Blocks;
use super::read::{Reader, be32};
use super::{ColourSpace, Colouring, Container, Header, SourceFormat};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

#[derive(Default)]
struct Walk {
    size: Option<Size>,
    bits: u8,
    colour_type: u8,
    interlaced: bool,
    transparency: bool,
    frames: u32,
    icc: Option<Vec<u8>>,
    srgb: bool,
    cicp: Option<(u8, u8)>,
    gamma: Option<f32>,
    chromaticities: Option<[f32; 8]>,
    blocks: Blocks,
}

/// Walks the whole file: eXIf may follow the pixels.
pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Container, Error> {
    let mut walk = Walk {
        frames: 1,
        ..Walk::default()
    };
    let (mut parts, mut pixels) = (0, false);
    reader.skip(8)?;
    while reader.left() >= 8 {
        let length = u64::from(reader.be32()?);
        let kind = reader.array::<4>()?;
        if length > reader.left() {
            // Cut off. Decoders show the rows that are there.
            pixels |= &kind == b"IDAT";
            break;
        }
        match &kind {
            b"IEND" => break,
            b"IDAT" => pixels = true,
            b"fdAT" => {}
            _ => {
                parts += 1;
                let what = "number of PNG chunks";
                Error::check(what, parts, u64::from(limits.max_metadata_parts))?;
            }
        }
        chunk(reader, &kind, length, &mut walk, limits)?;
        if reader.skip(4).is_err() {
            break;
        }
    }
    if !pixels {
        return Err(Error::malformed("no pixels"));
    }
    finish(walk, limits)
}

fn chunk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    kind: &[u8; 4],
    length: u64,
    walk: &mut Walk,
    limits: &Limits,
) -> Result<(), Error> {
    let small = |reader: &mut Reader<R>| reader.vec(length);
    match kind {
        b"IHDR" if length == 13 && walk.size.is_none() => {
            let head = small(reader)?;
            walk.size = Some(Size::new(be32(&head), be32(&head[4..])));
            (walk.bits, walk.colour_type) = (head[8], head[9]);
            walk.interlaced = head[12] != 0;
        }
        b"acTL" if length == 8 => walk.frames = be32(&small(reader)?).max(1),
        b"tRNS" => {
            walk.transparency = true;
            reader.skip(length)?;
        }
        b"sRGB" => {
            walk.srgb = true;
            reader.skip(length)?;
        }
        b"gAMA" if length == 4 => {
            let gamma = be32(&small(reader)?) as f32 / 100_000.0;
            walk.gamma = (0.01..=10.0).contains(&gamma).then_some(gamma);
        }
        b"cHRM" if length == 32 => {
            let chunk = small(reader)?;
            let mut points = [0.0; 8];
            for (point, bytes) in points.iter_mut().zip(chunk.chunks_exact(4)) {
                *point = be32(bytes) as f32 / 100_000.0;
            }
            walk.chromaticities = points
                .iter()
                .all(|point| (0.0..=1.0).contains(point))
                .then_some(points);
        }
        b"cICP" if length == 4 => {
            let chunk = small(reader)?;
            walk.cicp = Some((chunk[0], chunk[1]));
        }
        b"iCCP" if walk.icc.is_none() => {
            Error::check("bytes of the colour profile", length, limits.max_icc_bytes)?;
            walk.icc = inflate_profile(&small(reader)?, limits)?;
        }
        b"eXIf" => {
            Error::check("bytes of EXIF", length, limits.max_exif_bytes)?;
            walk.blocks.exif = Some(small(reader)?);
        }
        b"iTXt" => {
            Error::check("bytes of XMP", length, limits.max_xmp_bytes)?;
            let text = small(reader)?;
            // Keyword, no compression, no language, no translated keyword.
            if let Some(xmp) = text.strip_prefix(b"XML:com.adobe.xmp\0\0\0\0\0".as_slice()) {
                walk.blocks.xmp = Some(xmp.to_vec());
            }
        }
        b"tEXt" | b"zTXt" => {
            Error::check("bytes of a text chunk", length, limits.max_text_bytes)?;
            reader.skip(length)?;
        }
        _ => reader.skip(length)?,
    }
    Ok(())
}

/// Name, NUL, method 0, zlib stream. A stream that breaks off is no profile; one that goes on beyond
/// the limit is a bomb.
fn inflate_profile(chunk: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>, Error> {
    let Some(end) = chunk.iter().take(80).position(|&byte| byte == 0) else {
        return Ok(None);
    };
    let Some(stream) = chunk.get(end + 2..) else {
        return Ok(None);
    };
    let mut profile = Vec::new();
    let inflated = ZlibDecoder::new(stream)
        .take(limits.max_icc_bytes + 1)
        .read_to_end(&mut profile);
    Error::check(
        "bytes of the colour profile",
        profile.len() as u64,
        limits.max_icc_bytes,
    )?;
    Ok(inflated
        .ok()
        .map(|_| profile)
        .filter(|profile| !profile.is_empty()))
}

fn finish(mut walk: Walk, limits: &Limits) -> Result<Container, Error> {
    let size = walk.size.ok_or_else(|| Error::malformed("no IHDR"))?;
    Error::check(
        "number of frames",
        u64::from(walk.frames),
        u64::from(limits.max_frames),
    )?;
    // PNG, third edition, 4.3: cICP before iCCP before sRGB before gAMA and cHRM.
    let colouring = match (walk.cicp, &walk.icc, walk.srgb, walk.gamma) {
        (Some((primaries, transfer)), ..) => Colouring::Cicp {
            primaries,
            transfer,
        },
        (None, Some(_), ..) => Colouring::Profile,
        (None, None, true, _) => Colouring::Srgb,
        (None, None, false, Some(gamma)) => Colouring::Gamma {
            gamma,
            chromaticities: walk.chromaticities,
        },
        (None, None, false, None) => Colouring::Srgb,
    };
    walk.blocks.icc = walk.icc;
    let gray = matches!(walk.colour_type, 0 | 4);
    let header = Header {
        format: SourceFormat::Png,
        size,
        orientation: walk.blocks.orientation(limits),
        frames: walk.frames,
        has_alpha: walk.transparency || matches!(walk.colour_type, 4 | 6),
        colour_space: if gray {
            ColourSpace::Gray
        } else {
            ColourSpace::Rgb
        },
        bits: walk.bits,
        scans: 1,
        interlaced: walk.interlaced,
    };
    Ok(Container {
        header,
        blocks: walk.blocks,
        colouring,
    })
}
