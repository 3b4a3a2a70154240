//! Walks the chunks of a PNG (third edition) before a decoder sees them.

use std::io::{BufRead, Read, Seek};

use flate2::read::ZlibDecoder;

use super::metadata::MetadataBlocks;
use super::read::{ContainerReader, be32};
use super::{ColourSpace, Colouring, Header};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

#[derive(Default)]
struct Walk {
    has_header: bool,
    has_profile: bool,
    /// Colour chunks must come before the pixels.
    has_pixels: bool,
    /// Frames in the file, whatever number it declares.
    frames: u32,
    is_animated: bool,
    icc: Option<Vec<u8>>,
    srgb: bool,
    cicp: Option<(u8, u8)>,
    gamma: Option<f32>,
    chromaticities: Option<[f32; 8]>,
    blocks: MetadataBlocks,
}

/// Walks the whole file, because eXIf may follow the pixels.
pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let mut walk = Walk::default();
    let walked = chunks(reader, limits, &mut walk, header);
    header.orientation = walk.blocks.orientation(limits);
    walked?;
    if !walk.has_header {
        return Err(Error::malformed("no IHDR"));
    }
    if walk.is_animated {
        header.frames = walk.frames.max(1);
    }
    Ok(finish(walk))
}

fn chunks<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    walk: &mut Walk,
    header: &mut Header,
) -> Result<(), Error> {
    let (mut parts, mut pixels) = (0, 0);
    header.truncated = true;
    reader.skip(8)?;
    while reader.left() >= 8 {
        let length = u64::from(reader.be32()?);
        let kind = reader.array::<4>()?;
        let is_cut = length > reader.left();
        match &kind {
            b"IEND" => {
                header.truncated = false;
                break;
            }
            b"fcTL" => {
                walk.frames += 1;
                let frames = u64::from(walk.frames);
                Error::check("number of frames", frames, u64::from(limits.max_frames))?;
            }
            b"IDAT" | b"fdAT" => {
                walk.has_pixels = true;
                pixels += 1;
                let what = "number of PNG chunks with pixels";
                Error::check(what, pixels, u64::from(limits.max_pixel_chunks))?;
            }
            // Decoders show the rows that are there.
            _ if is_cut => break,
            _ => {
                parts += 1;
                let what = "number of PNG chunks";
                Error::check(what, parts, u64::from(limits.max_metadata_parts))?;
            }
        }
        if is_cut {
            break;
        }
        chunk(reader, &kind, length, walk, header, limits)?;
        if reader.skip(4).is_err() {
            break;
        }
    }
    if pixels == 0 {
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
    let small = |reader: &mut ContainerReader<R>| reader.vec(length);
    match kind {
        b"IHDR" if length == 13 && !walk.has_header => {
            let head = small(reader)?;
            walk.has_header = true;
            header.size = Size::new(be32(&head), be32(&head[4..]));
            header.bits = head[8];
            header.interlaced = head[12] != 0;
            let colour_type = head[9];
            header.has_alpha |= matches!(colour_type, 4 | 6);
            if matches!(colour_type, 0 | 4) {
                header.colour_space = ColourSpace::Gray;
            }
        }
        b"acTL" if length == 8 && !walk.has_pixels => {
            walk.is_animated = true;
            reader.skip(length)?;
        }
        b"gAMA" | b"cHRM" | b"sRGB" | b"cICP" | b"iCCP" if walk.has_pixels => {
            reader.skip(length)?;
        }
        b"tRNS" => {
            header.has_alpha = true;
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
            // Other matrices do not apply to RGB.
            if chunk[2] == 0 {
                walk.cicp = Some((chunk[0], chunk[1]));
            }
        }
        // Only the first, valid or not: the next would have to be inflated as well.
        b"iCCP" if !walk.has_profile => {
            walk.has_profile = true;
            Error::check("bytes of the colour profile", length, limits.max_icc_bytes)?;
            walk.icc = inflate_profile(&small(reader)?, limits)?;
        }
        // A C2PA manifest (C2PA, section A.3.2).
        b"caBX" => {
            header.has_c2pa = true;
            reader.skip(length)?;
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
            } else if let Some(packed) = packed_xmp(&text) {
                walk.blocks.xmp = inflate(packed, limits.max_xmp_bytes).or(walk.blocks.xmp.take());
            }
        }
        b"tEXt" | b"zTXt" => {
            Error::check("bytes of a text chunk", length, limits.max_text_bytes)?;
            // The longest relevant keyword decides whether the chunk is read.
            raw_profile(&small(reader)?, kind == b"zTXt", walk, limits);
        }
        _ => reader.skip(length)?,
    }
    Ok(())
}

/// Name, NUL, method 0, zlib stream. A truncated stream is ignored; one that exceeds the limit is a decompression bomb.
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

/// Skips the keyword, compression flag and method, language and translated keyword.
fn packed_xmp(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"XML:com.adobe.xmp\0\x01\0".as_slice())?;
    let language = rest.iter().position(|&byte| byte == 0)?;
    let rest = &rest[language + 1..];
    let keyword = rest.iter().position(|&byte| byte == 0)?;
    Some(&rest[keyword + 1..])
}

/// Returns `None` for output beyond the limit, and for truncated streams.
fn inflate(stream: &[u8], limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut stream = ZlibDecoder::new(stream).take(limit + 1);
    stream.read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some(bytes)
}

/// Reads a block as ImageMagick stores it where PNG has no chunk for it: a name, a length, and the bytes in
/// hexadecimal.
fn raw_profile(chunk: &[u8], is_packed: bool, walk: &mut Walk, limits: &Limits) {
    let Some(rest) = chunk.strip_prefix(b"Raw profile type ".as_slice()) else {
        return;
    };
    let Some(end) = rest.iter().take(16).position(|&byte| byte == 0) else {
        return;
    };
    let (name, text) = (&rest[..end], &rest[end + 1..]);
    let inflated;
    let text = match (is_packed, text) {
        (false, text) => text,
        (true, [0, stream @ ..]) => {
            inflated = inflate(stream, limits.max_text_bytes).unwrap_or_default();
            &inflated
        }
        (true, _) => return,
    };
    // A blank line, the name, the length.
    let lines = text.split(|&byte| byte == b'\n').skip(3);
    let digits = lines
        .flatten()
        .filter_map(|&digit| char::from(digit).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit as u8).collect();
    let bytes: Vec<u8> = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| high << 4 | low)
        .collect();
    let blocks = &mut walk.blocks;
    match name {
        b"iptc" | b"8bim" => {
            blocks.photoshop.get_or_insert(bytes);
        }
        b"xmp" => {
            blocks.xmp.get_or_insert(bytes);
        }
        b"exif" | b"APP1" => {
            let exif = bytes.strip_prefix(b"Exif\0\0".as_slice());
            if let Some(exif) = exif {
                blocks.exif.get_or_insert(exif.to_vec());
            }
        }
        _ => {}
    }
}

fn finish(mut walk: Walk) -> (MetadataBlocks, Colouring) {
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
    (walk.blocks, colouring)
}
