//! The first directory of a TIFF (6.0, and BigTIFF).

use std::collections::HashSet;
use std::io::{BufRead, Seek};

use super::ifd::Tiff;
use super::metadata::{Blocks, upright_or};
use super::{ColourSpace, Colouring, Header};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const ORIENTATION: u16 = 274;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const PLANES: u16 = 284;
const TILE_WIDTH: u16 = 322;
const EXTRA_SAMPLES: u16 = 338;
const XMP: u16 = 700;
const PHOTOSHOP: u16 = 34377;
const ICC: u16 = 34675;

/// Strips that take more when they are decoded are as good as a picture that is whole. Most take some kilobytes.
pub(crate) const MAX_STRIP_BYTES: u64 = 8 * 1024 * 1024;

pub(super) fn walk<R: BufRead + Seek>(
    reader: R,
    limits: &Limits,
    header: &mut Header,
) -> Result<(Blocks, Colouring), Error> {
    let mut tiff = Tiff::open(reader)?;
    let mut directory = tiff.directory(tiff.first, limits.max_directory_entries)?;
    let side = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
    let (width, height) = (
        tiff.number(&directory, WIDTH),
        tiff.number(&directory, HEIGHT),
    );
    let (Some(width), Some(height)) = (side(width), side(height)) else {
        return Err(Error::malformed("no width or no height"));
    };
    header.size = Size::new(width, height);
    header.orientation = upright_or(tiff.number(&directory, ORIENTATION));
    Error::check(
        "bytes of the colour profile",
        tiff.length(&directory, ICC),
        limits.max_icc_bytes,
    )?;
    let photometric = tiff.number(&directory, PHOTOMETRIC).unwrap_or(1);
    header.colour_space = match photometric {
        0 | 1 | 4 => ColourSpace::Gray,
        5 => ColourSpace::Cmyk,
        8..=10 => ColourSpace::Lab,
        _ => ColourSpace::Rgb,
    };
    let samples = tiff.number(&directory, SAMPLES).unwrap_or(1);
    let expected = match photometric {
        0 | 1 | 3 | 4 => 1,
        5 => 4,
        _ => 3,
    };
    Error::check("samples a pixel", samples, 8)?;
    header.has_alpha = samples > expected
        && tiff
            .numbers(&directory, EXTRA_SAMPLES)
            .first()
            .is_none_or(|&extra| extra != 0);
    header.bits = tiff
        .numbers(&directory, BITS)
        .into_iter()
        .max()
        .unwrap_or(1)
        .min(64) as u8;
    let row_bytes = (u64::from(header.size.width) * samples * u64::from(header.bits)).div_ceil(8);
    let rows = tiff.number(&directory, ROWS_PER_STRIP).unwrap_or(u64::MAX);
    let strip_bytes = row_bytes * rows.min(u64::from(header.size.height));
    // Each channel for itself, tiles, or few strips.
    header.interlaced = tiff.number(&directory, PLANES) == Some(2)
        || tiff.number(&directory, TILE_WIDTH).is_some()
        || strip_bytes > MAX_STRIP_BYTES;
    let blocks = Blocks {
        icc: tiff
            .bytes(&directory, ICC, limits.max_icc_bytes)
            .filter(|icc| !icc.is_empty()),
        exif: rights(&mut tiff, &directory, limits),
        xmp: tiff.bytes(&directory, XMP, limits.max_xmp_bytes),
        photoshop: tiff.bytes(&directory, PHOTOSHOP, limits.max_exif_bytes),
    };

    // Pages. A chain that bites its tail ends there.
    let mut seen = HashSet::from([tiff.first]);
    while directory.next != 0 && seen.insert(directory.next) {
        match tiff.directory(directory.next, limits.max_directory_entries) {
            Ok(next) => directory = next,
            Err(error @ Error::DeadlineExceeded) => return Err(error),
            Err(_) => break,
        }
        header.frames += 1;
        let frames = u64::from(header.frames);
        let limit = u64::from(limits.max_directory_entries);
        Error::check("number of pages", frames, limit)?;
    }
    Ok((blocks, Colouring::Profile))
}

/// A TIFF keeps the rights where EXIF has them, in its own directory; handed on as EXIF, so that one
/// reader serves all formats.
fn rights<R: BufRead + Seek>(
    tiff: &mut Tiff<R>,
    directory: &super::ifd::Directory,
    limits: &Limits,
) -> Option<Vec<u8>> {
    let mut text = |tag| {
        let bytes = tiff.bytes(directory, tag, limits.max_text_bytes)?;
        super::metadata::credit(&bytes)
    };
    let rights = super::Rights {
        artist: text(super::metadata::ARTIST),
        copyright: text(super::metadata::COPYRIGHT),
    };
    (!rights.is_empty()).then(|| rights.to_exif())
}
