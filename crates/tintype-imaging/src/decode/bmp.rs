//! BMP through the `image` crate: pictures without compression a band at a time, by handing it each band as
//! a file of its own.

use std::ops::RangeInclusive;
use std::time::Instant;

use super::{Band, Take, rows_of_a_band, whole};
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::Header;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let Some(rows) = Rows::of(bytes, header) else {
        return take(whole::decode(bytes, header, limits, deadline)?);
    };
    let (mut top, height) = (0, header.size.height);
    let at_once = rows_of_a_band(rows.stride) as u32;
    while top < height {
        let count = at_once.min(height - top);
        let file = rows.file(top, count);
        let mut part = header.clone();
        part.size.height = count;
        let band = whole::decode(&file, &part, limits, deadline)?;
        take(Band {
            size: header.size,
            ..band
        })?;
        check_deadline(deadline)?;
        top += count;
    }
    Ok(())
}

/// The rows of a picture that is stored without compression.
struct Rows<'a> {
    /// Everything before the pixels.
    head: &'a [u8],
    pixels: &'a [u8],
    stride: usize,
    height: u32,
    /// The last row comes first.
    from_below: bool,
}

/// Everything before the pixels: some hundred bytes, of which a palette is at most a kilobyte. One that claims to
/// end within its own fields is not cut here.
const HEAD_BYTES: RangeInclusive<usize> = 54..=16 * 1024;

impl<'a> Rows<'a> {
    /// `None` for every other form, and where rows are missing.
    fn of(bytes: &'a [u8], header: &Header) -> Option<Self> {
        let four = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let offset = four(10)? as usize;
        // BITMAPINFOHEADER and those that begin like it.
        let is_plain = four(14)? >= 40 && matches!(four(30)?, 0 | 3);
        if !is_plain || !HEAD_BYTES.contains(&offset) {
            return None;
        }
        let bits = u64::from(u16::from_le_bytes(*bytes.get(28..)?.first_chunk()?));
        let stride = (u64::from(header.size.width) * bits).div_ceil(32) as usize * 4;
        let (head, pixels) = bytes.split_at_checked(offset)?;
        let height = header.size.height;
        (pixels.len() / stride.max(1) >= height as usize).then_some(Self {
            head,
            pixels,
            stride,
            height,
            from_below: four(22)? as i32 > 0,
        })
    }

    /// A file of these rows alone.
    fn file(&self, top: u32, count: u32) -> Vec<u8> {
        let (first, height) = if self.from_below {
            (self.height - top - count, count as i32)
        } else {
            (top, -(count as i32))
        };
        let first = first as usize * self.stride;
        let rows = &self.pixels[first..first + count as usize * self.stride];
        let mut file = Vec::with_capacity(self.head.len() + rows.len());
        file.extend(self.head);
        file[22..26].copy_from_slice(&height.to_le_bytes());
        file.extend(rows);
        file
    }
}
