//! The headers of a BMP.

use std::io::{BufRead, Seek};

use super::metadata::Blocks;
use super::read::Reader;
use super::{ColourSpace, Colouring, Container, Header, SourceFormat};
use crate::Error;
use crate::spec::Size;

pub(super) fn walk<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<Container, Error> {
    reader.skip(14)?;
    let length = reader.le32()?;
    let (size, bits, mut alpha) = if length == 12 {
        let head = reader.array::<8>()?;
        let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        (
            Size::new(u32::from(word(0)), u32::from(word(2))),
            word(6),
            false,
        )
    } else {
        let (width, height) = (reader.le32()?.cast_signed(), reader.le32()?.cast_signed());
        let head = reader.array::<8>()?;
        let bits = u16::from_le_bytes([head[2], head[3]]);
        let compression = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        // Bit fields name an alpha mask; without them the fourth byte means nothing.
        let alpha = bits == 32 && compression == 6;
        // A negative height stores the rows from the top down.
        let width = u32::try_from(width).map_err(|_| Error::malformed("a negative width"))?;
        (Size::new(width, height.unsigned_abs()), bits, alpha)
    };
    if length >= 56 && bits >= 16 {
        reader.skip(32)?;
        alpha |= reader.le32()? != 0;
    }
    let header = Header {
        format: SourceFormat::Bmp,
        size,
        orientation: 1,
        frames: 1,
        has_alpha: alpha,
        colour_space: ColourSpace::Rgb,
        bits: 8,
        scans: 1,
        interlaced: false,
    };
    Ok(Container {
        header,
        blocks: Blocks::default(),
        colouring: Colouring::Srgb,
    })
}
