//! The headers of a BMP.

use std::io::{BufRead, Seek};

use super::metadata::Blocks;
use super::read::Reader;
use super::{Colouring, Header};
use crate::Error;
use crate::spec::Size;

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    header: &mut Header,
) -> Result<(Blocks, Colouring), Error> {
    reader.skip(14)?;
    let length = reader.le32()?;
    let bits = if length == 12 {
        let head = reader.array::<8>()?;
        let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        header.size = Size::new(u32::from(word(0)), u32::from(word(2)));
        word(6)
    } else {
        let (width, height) = (reader.le32()?.cast_signed(), reader.le32()?.cast_signed());
        // A negative height stores the rows from the top down.
        let width = u32::try_from(width).map_err(|_| Error::malformed("a negative width"))?;
        header.size = Size::new(width, height.unsigned_abs());
        let head = reader.array::<8>()?;
        let bits = u16::from_le_bytes([head[2], head[3]]);
        let compression = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        // Bit fields name an alpha mask; without them the fourth byte means nothing.
        header.has_alpha = bits == 32 && compression == 6;
        bits
    };
    if length >= 56 && bits >= 16 {
        reader.skip(32)?;
        header.has_alpha |= reader.le32()? != 0;
    }
    Ok((Blocks::default(), Colouring::Srgb))
}
