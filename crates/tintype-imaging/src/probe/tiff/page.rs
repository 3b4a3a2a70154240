//! The directory of a TIFF page. Only violated limits are refused here; the decoder reports what it does not support.

use std::collections::HashSet;
use std::io::{Read, Seek};

use crate::Error;
use crate::limits::Limits;
use crate::probe::ifd::{Directory, Tiff};
use crate::spec::Size;

const NEW_SUBFILE_TYPE: u16 = 254;
const SUBFILE_TYPE: u16 = 255;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_BYTE_COUNTS: u16 = 279;
const PLANES: u16 = 284;
const PREDICTOR: u16 = 317;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;

pub(crate) const CCITT_RLE: u64 = 2;
pub(crate) const CCITT_G3: u64 = 3;
pub(crate) const CCITT_G4: u64 = 4;
pub(crate) const JPEG: u64 = 7;
pub(crate) const CCITT_RLE_WORDS: u64 = 32_771;
pub(crate) const WEBP: u64 = 50_001;

/// Values of [`Page::photometric`].
pub(crate) const WHITE_IS_ZERO: u64 = 0;
pub(crate) const BLACK_IS_ZERO: u64 = 1;
pub(crate) const RGB: u64 = 2;
pub(crate) const PALETTE: u64 = 3;
pub(crate) const MASK: u64 = 4;
pub(crate) const INKS: u64 = 5;
pub(crate) const YCBCR: u64 = 6;
pub(crate) const CIE_LAB: u64 = 8;
pub(crate) const ICC_LAB: u64 = 9;
pub(crate) const ITU_LAB: u64 = 10;

/// A tile may be slightly larger than the largest image.
const MAX_TILE_SIDE: u64 = 1 << 17;

#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) size: Size,
    pub(crate) compression: u64,
    pub(crate) photometric: u64,
    /// Bits per sample, as far as declared.
    pub(crate) bits: Vec<u64>,
    pub(crate) samples: u64,
    /// 1 and 4: unsigned integers, 2: signed integers, 3: floating point.
    pub(crate) formats: Vec<u64>,
    /// Extra samples after the colour: 0 unspecified, 1 premultiplied alpha, 2 straight alpha.
    pub(crate) extra: Vec<u64>,
    pub(crate) predictor: u64,
    /// The least significant bit of a byte comes first.
    pub(crate) reversed: bool,
    /// Samples are stored in separate planes rather than interleaved.
    pub(crate) planar: bool,
    pub(crate) chunk: ChunkLayout,
}

/// The pieces that pixels are stored in: strips, as wide as the image, or tiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkLayout {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_tile: bool,
}

/// Offsets of the chunks, left to right, top to bottom, plane by plane.
pub(crate) struct ChunkTable {
    pub(crate) offsets: Vec<u64>,
    /// Some files have none, or too few.
    pub(crate) counts: Vec<u64>,
}

/// Returns the directory of the main page: the first, unless it is marked as a reduced version of another.
pub(crate) fn main<R: Read + Seek>(
    tiff: &mut Tiff<R>,
    limits: &Limits,
) -> Result<Directory, Error> {
    let first = tiff.directory(tiff.first, limits.max_directory_entries)?;
    if !is_reduced(tiff, &first) {
        return Ok(first);
    }
    let mut seen = HashSet::from([tiff.first]);
    let mut next = first.next;
    while next != 0 && seen.insert(next) && seen.len() <= limits.max_directory_entries as usize {
        match tiff.directory(next, limits.max_directory_entries) {
            Ok(page) if !is_reduced(tiff, &page) => return Ok(page),
            Ok(page) => next = page.next,
            Err(error @ Error::DeadlineExceeded) => return Err(error),
            Err(_) => break,
        }
    }
    Ok(first)
}

fn is_reduced<R: Read + Seek>(tiff: &mut Tiff<R>, page: &Directory) -> bool {
    match tiff.number(page, NEW_SUBFILE_TYPE) {
        Some(flags) => flags & 1 != 0,
        None => tiff.number(page, SUBFILE_TYPE) == Some(2),
    }
}

impl Page {
    pub(crate) fn read<R: Read + Seek>(
        tiff: &mut Tiff<R>,
        directory: &Directory,
    ) -> Result<Self, Error> {
        let mut number = |tag| tiff.number(directory, tag);
        let side = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
        let (Some(width), Some(height)) = (side(number(WIDTH)), side(number(HEIGHT))) else {
            return Err(Error::malformed("no width or no height"));
        };
        let compression = number(COMPRESSION).unwrap_or(1);
        let samples = number(SAMPLES).unwrap_or(1);
        Error::check("samples per pixel", samples, 8)?;
        // If it is missing, guess as libtiff does.
        let photometric = number(PHOTOMETRIC).unwrap_or(match (samples, compression) {
            (3.., _) => RGB,
            (_, CCITT_RLE..=CCITT_G4 | CCITT_RLE_WORDS) => WHITE_IS_ZERO,
            _ => BLACK_IS_ZERO,
        });
        let tile = (number(TILE_WIDTH), number(TILE_HEIGHT));
        let chunk = match tile {
            (Some(width), Some(height)) => {
                let side = |side| {
                    Error::check("side of a TIFF tile", side, MAX_TILE_SIDE)?;
                    Ok::<u32, Error>(side.max(1) as u32)
                };
                ChunkLayout {
                    width: side(width)?,
                    height: side(height)?,
                    is_tile: true,
                }
            }
            _ => {
                let rows = number(ROWS_PER_STRIP).filter(|rows| *rows > 0);
                let rows = rows.unwrap_or(u64::MAX).min(u64::from(height));
                ChunkLayout {
                    width,
                    height: rows as u32,
                    is_tile: false,
                }
            }
        };
        let predictor = number(PREDICTOR).unwrap_or(1);
        let reversed = number(FILL_ORDER) == Some(2);
        let planar = number(PLANES) == Some(2) && samples > 1;
        let or_one = |values: Vec<u64>| if values.is_empty() { vec![1] } else { values };
        Ok(Self {
            size: Size::new(width, height),
            compression,
            photometric,
            bits: or_one(tiff.numbers(directory, BITS)),
            samples,
            formats: or_one(tiff.numbers(directory, SAMPLE_FORMAT)),
            extra: tiff.numbers(directory, EXTRA_SAMPLES),
            predictor,
            reversed,
            planar,
            chunk,
        })
    }

    /// The number of colour samples per pixel.
    pub(crate) fn colour_samples(&self) -> u64 {
        match self.photometric {
            WHITE_IS_ZERO | BLACK_IS_ZERO | PALETTE | MASK => 1,
            INKS => 4,
            _ => 3,
        }
    }

    /// Whether alpha follows the colour. An unspecified extra sample is taken for alpha.
    pub(crate) fn has_alpha(&self) -> bool {
        let is_shown = !matches!(self.photometric, CIE_LAB | ICC_LAB | ITU_LAB | MASK);
        is_shown
            && self.samples > self.colour_samples()
            && self.extra.first().is_none_or(|&extra| extra != 0)
    }

    pub(crate) fn planes(&self) -> u64 {
        if self.planar { self.samples } else { 1 }
    }

    /// Columns and rows of chunks.
    pub(crate) fn grid(&self) -> (u64, u64) {
        let across = self.size.width.div_ceil(self.chunk.width.max(1));
        let down = self.size.height.div_ceil(self.chunk.height.max(1));
        (u64::from(across), u64::from(down))
    }

    /// Maximum bytes in memory for the samples of a row of chunks that cannot be read row by row.
    pub(crate) fn bytes_at_once(&self) -> u64 {
        let is_whole = matches!(self.compression, JPEG | WEBP);
        if !self.chunk.is_tile && !is_whole {
            return 0;
        }
        let bytes = self.bits.iter().copied().max().unwrap_or(1).div_ceil(8);
        let rows = self.chunk.height.min(self.size.height);
        u64::from(self.size.width) * u64::from(rows) * self.samples * bytes.min(8)
    }

    pub(crate) fn table<R: Read + Seek>(
        &self,
        tiff: &mut Tiff<R>,
        directory: &Directory,
        limits: &Limits,
    ) -> Result<ChunkTable, Error> {
        let (across, down) = self.grid();
        let chunks = across * down * self.planes();
        let limit = u64::from(limits.max_pixel_blocks);
        Error::check("number of TIFF strips and tiles", chunks, limit)?;
        let (offsets, counts) = match self.chunk.is_tile {
            true => (TILE_OFFSETS, TILE_BYTE_COUNTS),
            false => (STRIP_OFFSETS, STRIP_BYTE_COUNTS),
        };
        // Some writers store tiles under the tags of strips.
        let mut list = |tag, other| match tiff.list(directory, tag, chunks) {
            list if list.is_empty() => tiff.list(directory, other, chunks),
            list => list,
        };
        Ok(ChunkTable {
            offsets: list(offsets, STRIP_OFFSETS),
            counts: list(counts, STRIP_BYTE_COUNTS),
        })
    }
}

impl ChunkTable {
    /// Whether a file of this length ends before the pixels do.
    pub(crate) fn are_beyond(&self, length: u64) -> bool {
        let ends = self.offsets.iter().zip(&self.counts);
        let mut ends = ends.map(|(offset, count)| offset.saturating_add(*count));
        ends.any(|end| end > length)
    }
}
