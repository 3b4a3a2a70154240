//! BMP headers.

use std::io::{BufRead, Seek};

use super::metadata::MetadataBlocks;
use super::read::ContainerReader;
use super::{Colouring, Header};
use crate::Error;
use crate::spec::Size;

/// The file header plus the longest info header with its masks.
const LONGEST: u64 = 14 + 124 + 16;

/// The headers at the start of a file.
#[derive(Clone, Debug)]
pub(crate) struct BmpHeader {
    pub(crate) size: Size,
    pub(crate) bits: u16,
    compression: u32,
    /// An OS/2 header, whose compression codes differ.
    is_os2: bool,
    /// Length of compressed data, if known.
    length: u64,
    /// Offset of the pixels.
    pub(crate) offset: u64,
    /// Rows are stored bottom-up.
    pub(crate) from_below: bool,
    /// Its offset, and the bytes per entry.
    pub(crate) palette: (usize, usize),
    /// Red, green, blue and alpha masks of 16- and 32-bit pixels.
    pub(crate) masks: Option<[u32; 4]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Plain,
    Runs,
}

impl BmpHeader {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let two = |at: usize| {
            bytes
                .get(at..)?
                .first_chunk()
                .copied()
                .map(u16::from_le_bytes)
        };
        let four = |at: usize| {
            bytes
                .get(at..)?
                .first_chunk()
                .copied()
                .map(u32::from_le_bytes)
        };
        let ends = || Error::malformed("it ends too early");
        let offset = u64::from(four(10).ok_or_else(ends)?);
        let length = four(14).ok_or_else(ends)? as usize;
        if length == 12 {
            let side = |at| two(at).map(u32::from).ok_or_else(ends);
            return Ok(Self {
                size: Size::new(side(18)?, side(20)?),
                bits: two(24).ok_or_else(ends)?,
                compression: 0,
                is_os2: true,
                length: 0,
                offset,
                from_below: true,
                palette: (26, 3),
                masks: masks(two(24).unwrap_or(0), None),
            });
        }
        let side = |at| four(at).map(u32::cast_signed).ok_or_else(ends);
        let (width, height) = (side(18)?, side(22)?);
        let width = u32::try_from(width).map_err(|_| Error::malformed("a negative width"))?;
        let bits = two(28).ok_or_else(ends)?;
        // Fields missing from a short header are zero.
        let compression = if length >= 20 {
            four(30).ok_or_else(ends)?
        } else {
            0
        };
        let is_os2 = matches!(length, 16 | 64);
        let mask = |index: usize| four(54 + 4 * index).unwrap_or(0);
        let has_masks = !is_os2 && (length >= 52 || matches!(compression, 3 | 6));
        let named = has_masks.then(|| {
            let has_alpha = length >= 56 || compression == 6;
            let alpha = if has_alpha { mask(3) } else { 0 };
            [mask(0), mask(1), mask(2), alpha]
        });
        let behind = match (length, compression) {
            (40, 3) => 12,
            (40, 6) => 16,
            _ => 0,
        };
        Ok(Self {
            // A negative height means top-down rows.
            size: Size::new(width, height.unsigned_abs()),
            bits,
            compression,
            is_os2,
            length: if length >= 24 {
                u64::from(four(34).unwrap_or(0))
            } else {
                0
            },
            offset,
            from_below: height > 0,
            palette: (14 + length + behind, 4),
            masks: masks(
                bits,
                named.map(|masks| (masks, matches!(compression, 3 | 6))),
            ),
        })
    }

    /// Determines the coding. Unsupported ones are refused here, by name.
    pub(crate) fn coding(&self) -> Result<Compression, Error> {
        let refused = |what: &str| Err(Error::unsupported(format!("BMP with {what}")));
        match (self.compression, self.bits) {
            (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) => Ok(Compression::Plain),
            (1, 8) | (2, 4) => Ok(Compression::Runs),
            (3, 1) if self.is_os2 => refused("Huffman coding"),
            (4, _) if self.is_os2 => refused("run lengths of 24 bits"),
            (3 | 6, 16 | 32) if !self.is_os2 => Ok(Compression::Plain),
            (4, _) => refused("a JPEG in it"),
            (5, _) => refused("a PNG in it"),
            (11..=13, _) => refused("inks"),
            (0, bits) => refused(&format!("{bits} bits per pixel")),
            (other, bits) => refused(&format!("compression {other} of {bits} bits")),
        }
    }

    /// Bytes of an unpacked row.
    pub(crate) fn stride(&self) -> usize {
        (u64::from(self.size.width) * u64::from(self.bits)).div_ceil(32) as usize * 4
    }
}

/// The masks in the header, if they apply to colours (`true`), otherwise the default ones.
fn masks(bits: u16, named: Option<([u32; 4], bool)>) -> Option<[u32; 4]> {
    let usual = match bits {
        16 => [0x7c00, 0x03e0, 0x001f, 0],
        32 => [0x00ff_0000, 0xff00, 0xff, 0],
        _ => return None,
    };
    match named {
        Some((masks, true)) => Some(masks),
        // Without bit fields, only the header's alpha mask applies.
        Some(([.., alpha], false)) => {
            let [r, g, b, _] = usual;
            let alpha = alpha & !(r | g | b);
            Some([r, g, b, alpha])
        }
        None => Some(usual),
    }
}

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let head = BmpHeader::read(&reader.peek(LONGEST)?)?;
    header.size = head.size;
    header.has_alpha = head.masks.is_some_and(|masks| masks[3] != 0);
    match head.coding() {
        Ok(Compression::Plain) => {
            let rows = head.stride() as u64 * u64::from(head.size.height);
            header.truncated = head.offset + rows > reader.length();
        }
        Ok(Compression::Runs) => {
            header.interlaced = true;
            header.truncated = head.offset + head.length > reader.length();
        }
        // The decoder reports the error.
        Err(_) => {}
    }
    Ok((MetadataBlocks::default(), Colouring::Srgb))
}
