//! The directories of a TIFF (6.0 and BigTIFF).

use std::collections::HashSet;
use std::io::{BufRead, Seek};

use super::ifd::{Directory, Tiff};
use super::metadata::{MetadataBlocks, upright_or};
use super::rights::{ARTIST, COPYRIGHT};
use super::{ColourSpace, Colouring, Header};
use crate::Error;
use crate::limits::Limits;
pub(crate) use page::{ChunkTable, Page};

pub(crate) mod page;

const ORIENTATION: u16 = 274;
const XMP: u16 = 700;
const IPTC: u16 = 33723;
const PHOTOSHOP: u16 = 34377;
const ICC: u16 = 34675;

/// If rows of tiles, or strips that are decoded as a whole, take more than this, the image is treated as one that must
/// be in memory as a whole. Most take a few kilobytes.
pub(crate) const MAX_STRIP_BYTES: u64 = 1024 * 1024;

pub(super) fn walk<R: BufRead + Seek>(
    reader: R,
    length: u64,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let mut tiff = Tiff::open(reader)?;
    let directory = page::main(&mut tiff, limits)?;
    let page = Page::read(&mut tiff, &directory)?;
    header.size = page.size;
    header.orientation = upright_or(tiff.number(&directory, ORIENTATION));
    Error::check(
        "bytes of the colour profile",
        tiff.length(&directory, ICC),
        limits.max_icc_bytes,
    )?;
    header.colour_space = match page.photometric {
        page::WHITE_IS_ZERO | page::BLACK_IS_ZERO | page::MASK => ColourSpace::Gray,
        page::INKS => ColourSpace::Cmyk,
        page::CIE_LAB | page::ICC_LAB | page::ITU_LAB => ColourSpace::Lab,
        _ => ColourSpace::Rgb,
    };
    header.has_alpha = page.has_alpha();
    header.bits = page.bits.iter().copied().max().unwrap_or(1).min(64) as u8;
    header.interlaced = page.bytes_at_once() > MAX_STRIP_BYTES;
    header.truncated = page
        .table(&mut tiff, &directory, limits)?
        .are_beyond(length);
    let blocks = MetadataBlocks {
        icc: tiff
            .bytes(&directory, ICC, limits.max_icc_bytes)
            .filter(|icc| !icc.is_empty()),
        exif: exif(&mut tiff, &directory, limits),
        xmp: tiff.bytes(&directory, XMP, limits.max_xmp_bytes),
        photoshop: tiff.bytes(&directory, PHOTOSHOP, limits.max_exif_bytes),
        iptc: tiff.bytes(&directory, IPTC, limits.max_exif_bytes),
    };

    // Pages. A cyclic chain ends where it repeats.
    let mut seen = HashSet::from([tiff.first]);
    let mut directory = tiff.directory(tiff.first, limits.max_directory_entries)?;
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

/// A TIFF keeps EXIF fields in its own directory: rewrites them as an EXIF block, so that one reader serves all
/// formats. Long values are left out of line.
fn exif<R: BufRead + Seek>(
    tiff: &mut Tiff<R>,
    directory: &Directory,
    limits: &Limits,
) -> Option<Vec<u8>> {
    let mut values = [ARTIST, COPYRIGHT].map(|tag| {
        let bytes = tiff.bytes(directory, tag, limits.max_text_bytes);
        (tag, bytes.unwrap_or_default())
    });
    values.iter_mut().for_each(|(_, bytes)| {
        // Long enough not to be stored inline.
        bytes.resize(bytes.len().max(5), 0);
    });
    let mut exif = b"II*\0\x08\0\0\0\x02\0".to_vec();
    let mut at = exif.len() + 12 * values.len() + 4;
    for (tag, bytes) in &values {
        exif.extend(tag.to_le_bytes());
        exif.extend([2, 0]);
        exif.extend((bytes.len() as u32).to_le_bytes());
        exif.extend((at as u32).to_le_bytes());
        at += bytes.len();
    }
    exif.extend([0; 4]);
    values.iter().for_each(|(_, bytes)| exif.extend(bytes));
    Some(exif)
}
