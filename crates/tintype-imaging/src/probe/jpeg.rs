//! Walks the segments of a JPEG (T.81 Annex B) before a decoder sees them.

use std::io::{BufRead, Cursor, Seek};

use memchr::{memchr, memmem};

use super::ifd::Tiff;
use super::metadata::MetadataBlocks;
use super::read::{ContainerReader, be16};
use super::{ColourSpace, Colouring, Extent, Header};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// The namespace of Ultra HDR in XMP, and the identifier of ISO 21496-1.
const ULTRA_HDR: &[u8] = b"http://ns.adobe.com/hdr-gain-map/";
const ISO_GAIN_MAP: &[u8] = b"urn:iso:std:iso:ts:21496:-1\0";
/// A JUMBF box (ISO 19566-5) in an APP11 segment, and the type of its content (C2PA, section A.3.1).
const JUMBF: &[u8] = b"JP";
const C2PA: &[u8] = b"c2pa";
const MULTI_PICTURE: &[u8] = b"MPF\0";
/// The number of images in the file (CIPA DC-007, section 5.2.3).
const NUMBER_OF_IMAGES: u16 = 0xb001;
const ICC: &[u8] = b"ICC_PROFILE\0";
/// Signatures of different versions.
const PHOTOSHOP: [&[u8]; 2] = [b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:"];

#[derive(Default)]
struct Walk {
    has_frame: bool,
    components: u8,
    adobe: Option<u8>,
    blocks: MetadataBlocks,
    icc: Vec<(u8, Vec<u8>)>,
    icc_bytes: u64,
    parts: u32,
    /// Images in the file, one after the other.
    pictures: Option<u64>,
    /// Markers without a segment, in practice restarts.
    lone: u64,
}

/// Reads up to the first scan or, where all scans count, to the end.
pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    extent: Extent,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let mut walk = Walk::default();
    header.scans = 0;
    let walked = segments(reader, limits, extent, &mut walk, header);
    header.orientation = walk.blocks.orientation(limits);
    walked?;
    finish(walk, header)
}

fn segments<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    extent: Extent,
    walk: &mut Walk,
    header: &mut Header,
) -> Result<(), Error> {
    reader.skip(2)?;
    loop {
        let marker = match next_marker(reader) {
            // The scans before this point can still be shown.
            Err(Error::Malformed(_)) if header.scans > 0 => {
                header.truncated = true;
                return Ok(());
            }
            marker => marker?,
        };
        match marker {
            0xd8 | 0x01 | 0xd0..=0xd7 => {
                walk.lone += 1;
                let limit = u64::from(limits.max_pixel_blocks);
                Error::check("number of JPEG restart markers", walk.lone, limit)?;
                continue;
            }
            0xd9 => return Ok(()),
            // Reserved markers within pixel data are damage.
            0x02..=0xbf if header.scans > 0 => continue,
            _ => {}
        }
        match segment(reader, marker, walk, header, limits) {
            Err(error @ (Error::DeadlineExceeded | Error::OverLimit { .. })) => return Err(error),
            Err(_) if header.scans > 0 => {
                header.truncated = true;
                return Ok(());
            }
            read => read?,
        }
        let is_enough = !header.interlaced && header.size.height > 0;
        if header.scans > 0 && is_enough && extent == Extent::Decoding {
            return Ok(());
        }
    }
}

/// Skips entropy-coded bytes, stuffing and fill bytes up to the next marker.
fn next_marker<R: BufRead + Seek>(reader: &mut ContainerReader<R>) -> Result<u8, Error> {
    // The previous byte was 0xff, perhaps in the previous window.
    let mut escaped = false;
    loop {
        let window = reader.window()?;
        let (mut at, mut marker) = (0, None);
        while marker.is_none() && at < window.len() {
            if escaped {
                escaped = window[at] == 0xff;
                marker = Some(window[at]).filter(|byte| !matches!(byte, 0 | 0xff));
                at += 1;
            } else {
                let found = memchr(0xff, &window[at..]);
                escaped = found.is_some();
                at = found.map_or(window.len(), |offset| at + offset + 1);
            }
        }
        reader.consume(at);
        if let Some(marker) = marker {
            return Ok(marker);
        }
    }
}

fn segment<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    marker: u8,
    walk: &mut Walk,
    header: &mut Header,
    limits: &Limits,
) -> Result<(), Error> {
    let length = reader
        .be16()?
        .checked_sub(2)
        .ok_or_else(|| Error::malformed("a segment has no length"))?;
    let length = u64::from(length);
    walk.parts += 1;
    let (parts, limit) = (u64::from(walk.parts), u64::from(limits.max_metadata_parts));
    let checked = Error::check("number of JPEG segments", parts, limit);
    if header.scans > 0 && !header.interlaced {
        // So many segments after the pixels are really damaged pixel data.
        checked.map_err(|_| Error::malformed("it has no end"))?;
    } else {
        checked?;
    }
    match marker {
        0xda => scan(reader, length, header, limits),
        // The number of lines, if the frame header left it open (T.81 B.2.5).
        0xdc if header.scans == 1 && header.size.height == 0 && length == 2 => {
            header.size.height = u32::from(reader.be16()?);
            Ok(())
        }
        0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if !walk.has_frame => {
            frame(marker, &reader.vec(length)?, walk, header)
        }
        // Segments after a scan matter only to decoders.
        0xe1 | 0xe2 | 0xeb | 0xed | 0xee if header.scans == 0 => {
            application(marker, reader.vec(length)?, walk, header, limits)
        }
        _ => reader.skip(length),
    }
}

fn scan<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    length: u64,
    header: &mut Header,
    limits: &Limits,
) -> Result<(), Error> {
    let components = u64::from(reader.byte()?);
    reader.skip(length.saturating_sub(1))?;
    // A wrong length means damage to a scan, unless this is the first one.
    if header.scans > 0 && length != 4 + 2 * components {
        return Ok(());
    }
    header.scans += 1;
    let scans = u64::from(header.scans);
    Error::check("number of scans", scans, u64::from(limits.max_scans))?;
    // Every image has a first scan, so it does not count.
    if header.interlaced || scans > 1 {
        let work = header.size.pixels() * scans;
        Error::check("scans times pixels", work, limits.max_scan_pixels)?;
    }
    Ok(())
}

fn frame(marker: u8, frame: &[u8], walk: &mut Walk, header: &mut Header) -> Result<(), Error> {
    let [bits, rest @ ..] = frame else {
        return Err(Error::malformed("an empty frame header"));
    };
    let [_, _, _, _, components, ..] = rest else {
        return Err(Error::malformed("a short frame header"));
    };
    walk.has_frame = true;
    walk.components = *components;
    header.bits = *bits;
    header.size = Size::new(u32::from(be16(&rest[2..])), u32::from(be16(rest)));
    match marker {
        0xc0 | 0xc1 => {}
        0xc2 => header.interlaced = true,
        0xc3 => return Err(Error::unsupported("lossless JPEG")),
        0xc9..=0xcb | 0xcd..=0xcf => return Err(Error::unsupported("arithmetic-coded JPEG")),
        _ => return Err(Error::unsupported("hierarchical JPEG")),
    }
    Ok(())
}

fn application(
    marker: u8,
    body: Vec<u8>,
    walk: &mut Walk,
    header: &mut Header,
    limits: &Limits,
) -> Result<(), Error> {
    match marker {
        0xe1 if body.starts_with(EXIF) && walk.blocks.exif.is_none() => {
            walk.blocks.exif = Some(body[EXIF.len()..].to_vec());
        }
        0xe1 if body.starts_with(XMP) && walk.blocks.xmp.is_none() => {
            walk.blocks.xmp = Some(body[XMP.len()..].to_vec());
        }
        0xe2 if body.starts_with(ICC) && body.len() > ICC.len() + 2 => {
            walk.icc_bytes += body.len() as u64;
            Error::check(
                "bytes of the colour profile",
                walk.icc_bytes,
                limits.max_icc_bytes,
            )?;
            walk.icc
                .push((body[ICC.len()], body[ICC.len() + 2..].to_vec()));
        }
        0xe2 if body.starts_with(MULTI_PICTURE) => walk.pictures = pictures(&body, limits),
        0xe2 if body.starts_with(ISO_GAIN_MAP) => header.has_gain_map = true,
        0xeb if body.starts_with(JUMBF) => {
            header.has_c2pa |= memmem::find(&body, C2PA).is_some();
        }
        // A resource may continue in the next segment.
        0xed => {
            let known = PHOTOSHOP.iter().find_map(|name| body.strip_prefix(*name));
            let resources = known.unwrap_or(&body);
            let all = walk.blocks.photoshop.get_or_insert_default();
            if (all.len() + resources.len()) as u64 <= limits.max_exif_bytes {
                all.extend(resources);
            }
        }
        0xee if body.starts_with(b"Adobe") && body.len() >= 12 => walk.adobe = Some(body[11]),
        _ => {}
    }
    Ok(())
}

fn pictures(body: &[u8], limits: &Limits) -> Option<u64> {
    let mut index = Tiff::open(Cursor::new(&body[MULTI_PICTURE.len()..])).ok()?;
    let directory = index.exif(limits.max_directory_entries)?;
    let count = index.number(&directory, NUMBER_OF_IMAGES)?;
    (1..=u64::from(limits.max_frames))
        .contains(&count)
        .then_some(count)
}

fn finish(mut walk: Walk, header: &mut Header) -> Result<(MetadataBlocks, Colouring), Error> {
    if !walk.has_frame {
        return Err(Error::malformed("no frame header"));
    }
    if header.bits != 8 {
        let what = format!("JPEG of {} bits per sample", header.bits);
        return Err(Error::unsupported(what));
    }
    if header.scans == 0 {
        return Err(Error::malformed("no scan"));
    }
    header.colour_space = match walk.components {
        1 => ColourSpace::Gray,
        3 => ColourSpace::Rgb,
        4 => ColourSpace::Cmyk,
        other => return Err(Error::unsupported(format!("JPEG with {other} components"))),
    };
    // An image with a gain map counts as one image.
    let xmp = walk.blocks.xmp.as_ref();
    header.has_gain_map |= xmp.is_some_and(|xmp| memmem::find(xmp, ULTRA_HDR).is_some());
    header.frames = match walk.pictures {
        Some(pictures) if !header.has_gain_map => pictures as u32,
        _ => 1,
    };
    // Chunks are numbered, but some writers get the order or the count wrong.
    walk.icc.sort_by_key(|(number, _)| *number);
    let icc: Vec<u8> = walk.icc.into_iter().flat_map(|(_, piece)| piece).collect();
    walk.blocks.icc = (!icc.is_empty()).then_some(icc);
    Ok((walk.blocks, Colouring::Profile))
}
