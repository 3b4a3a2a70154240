//! The segments of a JPEG (T.81 Annex B), walked before a decoder sees them.

use std::io::{BufRead, Seek};

use super::metadata::Blocks;
use super::read::{Reader, be16};
use super::{ColourSpace, Colouring, Container, Header, SourceFormat};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

#[derive(Default)]
struct Walk {
    size: Option<Size>,
    components: u8,
    bits: u8,
    progressive: bool,
    scans: u32,
    adobe: Option<u8>,
    blocks: Blocks,
    icc: Vec<(u8, Vec<u8>)>,
    icc_bytes: u64,
}

/// Reads up to the first scan; of a progressive file, counts all scans.
pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Container, Error> {
    let mut walk = Walk::default();
    let mut parts: u32 = 0;
    reader.skip(2)?;
    loop {
        let marker = match next_marker(reader) {
            Ok(marker) => marker,
            // The scans that are there can still be shown.
            Err(_) if walk.scans > 0 => break,
            Err(error) => return Err(error),
        };
        match marker {
            0xd8 | 0x01 | 0xd0..=0xd7 => continue,
            0xd9 => break,
            _ => {}
        }
        let Ok(length) = reader.be16() else {
            if walk.scans > 0 {
                break;
            }
            return Err(Error::malformed("it ends too early"));
        };
        let Some(length) = length.checked_sub(2) else {
            if walk.scans > 0 {
                break;
            }
            return Err(Error::malformed("a segment has no length"));
        };
        let length = u64::from(length);
        if marker == 0xda {
            walk.scans += 1;
            if !walk.progressive {
                break;
            }
            Error::check(
                "number of scans",
                u64::from(walk.scans),
                u64::from(limits.max_scans),
            )?;
            let work = walk.size.map_or(0, Size::pixels) * u64::from(walk.scans);
            Error::check("scans times pixels", work, limits.max_scan_pixels)?;
        }
        parts += 1;
        Error::check(
            "number of JPEG segments",
            u64::from(parts),
            u64::from(limits.max_metadata_parts),
        )?;
        match segment(reader, marker, length, &mut walk, limits) {
            Err(_) if walk.scans > 0 => break,
            other => other?,
        }
    }
    finish(walk, limits)
}

/// Skips entropy-coded bytes, stuffing and fill bytes up to the next marker.
fn next_marker<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<u8, Error> {
    loop {
        reader.skip_until(0xff)?;
        let mut byte = reader.byte()?;
        while byte == 0xff {
            byte = reader.byte()?;
        }
        if byte != 0 {
            return Ok(byte);
        }
    }
}

fn segment<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    marker: u8,
    length: u64,
    walk: &mut Walk,
    limits: &Limits,
) -> Result<(), Error> {
    match marker {
        0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if walk.size.is_none() => {
            match marker {
                0xc0 | 0xc1 => {}
                0xc2 => walk.progressive = true,
                0xc3 => return Err(Error::unsupported("lossless JPEG")),
                0xc9..=0xcb | 0xcd..=0xcf => {
                    return Err(Error::unsupported("arithmetic-coded JPEG"));
                }
                _ => return Err(Error::unsupported("hierarchical JPEG")),
            }
            let frame = reader.vec(length)?;
            let [bits, rest @ ..] = frame.as_slice() else {
                return Err(Error::malformed("an empty frame header"));
            };
            let [_, _, _, _, components, ..] = rest else {
                return Err(Error::malformed("a short frame header"));
            };
            walk.bits = *bits;
            walk.components = *components;
            walk.size = Some(Size::new(
                u32::from(be16(&rest[2..])),
                u32::from(be16(rest)),
            ));
        }
        0xe1 | 0xe2 | 0xed | 0xee => {
            let body = reader.vec(length)?;
            application(marker, body, walk, limits)?;
        }
        _ => reader.skip(length)?,
    }
    Ok(())
}

fn application(marker: u8, body: Vec<u8>, walk: &mut Walk, limits: &Limits) -> Result<(), Error> {
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
        0xed if body.starts_with(PHOTOSHOP) && walk.blocks.photoshop.is_none() => {
            walk.blocks.photoshop = Some(body[PHOTOSHOP.len()..].to_vec());
        }
        0xee if body.starts_with(b"Adobe") && body.len() >= 12 => walk.adobe = Some(body[11]),
        _ => {}
    }
    Ok(())
}

fn finish(mut walk: Walk, limits: &Limits) -> Result<Container, Error> {
    let size = walk
        .size
        .ok_or_else(|| Error::malformed("no frame header"))?;
    if walk.bits != 8 {
        return Err(Error::unsupported(format!(
            "JPEG of {} bits a sample",
            walk.bits
        )));
    }
    if walk.scans == 0 {
        return Err(Error::malformed("no scan"));
    }
    // Pieces are numbered, and some writers get their order or their count wrong.
    walk.icc.sort_by_key(|(number, _)| *number);
    let icc: Vec<u8> = walk.icc.into_iter().flat_map(|(_, piece)| piece).collect();
    walk.blocks.icc = (!icc.is_empty()).then_some(icc);
    let colour_space = match walk.components {
        1 => ColourSpace::Gray,
        3 => ColourSpace::Rgb,
        4 => ColourSpace::Cmyk,
        other => return Err(Error::unsupported(format!("JPEG with {other} components"))),
    };
    let header = Header {
        format: SourceFormat::Jpeg,
        size,
        orientation: walk.blocks.orientation(limits),
        frames: 1,
        has_alpha: false,
        colour_space,
        bits: 8,
        scans: walk.scans,
        interlaced: walk.progressive,
    };
    Ok(Container {
        header,
        blocks: walk.blocks,
        colouring: Colouring::Profile,
    })
}
