//! Icons: a PNG, or a BMP followed by a transparency mask.

use std::io::Cursor;
use std::time::Instant;

use super::{Band, BandSink, ITS_OWN, Layout, Samples, png};
use crate::Error;
use crate::limits::Limits;
use crate::probe::{ContainerReader, Header, largest_of_icon};
use crate::spec::Size;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let mut reader = ContainerReader::new(Cursor::new(bytes), deadline)?;
    let entry = largest_of_icon(&mut reader)?;
    let start = usize::try_from(entry.offset).unwrap_or(usize::MAX);
    let picture = bytes.get(start..).unwrap_or_default();
    if entry.is_png {
        let length = usize::try_from(entry.length).unwrap_or(usize::MAX);
        return png::decode(
            &picture[..length.min(picture.len())],
            limits,
            deadline,
            take,
        );
    }
    let samples = Bitmap::read(picture, header.size)?.rgba();
    take(Band {
        size: header.size,
        reach: ITS_OWN,
        plane: None,
        layout: Layout::Rgba,
        samples: Samples::Eight(samples.into()),
    })
}

struct Bitmap<'a> {
    size: Size,
    bits: usize,
    /// Blue, green, red, reserved.
    palette: &'a [[u8; 4]],
    pixels: &'a [u8],
    /// One bit per pixel, set where transparent. May be truncated or absent.
    mask: &'a [u8],
}

impl<'a> Bitmap<'a> {
    fn read(bytes: &'a [u8], size: Size) -> Result<Self, Error> {
        let four = |at: usize| {
            let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
            found.map_or(0, |four| u32::from_le_bytes(*four))
        };
        let bits = (four(12) >> 16) as usize;
        if !matches!(bits, 1 | 4 | 8 | 24 | 32) || four(16) != 0 {
            return Err(Error::unsupported("this kind of icon"));
        }
        let colours = match (bits, four(32)) {
            (24 | 32, _) => 0,
            (_, 0) => 1 << bits,
            (_, colours) => (colours as usize).min(1 << bits),
        };
        let missing = || Error::malformed("it ends too early");
        let rest = bytes.get(four(0) as usize..).ok_or_else(missing)?;
        let (palette, rest) = rest.split_at_checked(4 * colours).ok_or_else(missing)?;
        let stride = row_bytes(size, bits);
        let length = stride
            .checked_mul(size.height as usize)
            .ok_or_else(missing)?;
        let (pixels, mask) = rest.split_at_checked(length).ok_or_else(missing)?;
        // A colour profile may follow where there is no mask.
        let profile = match four(0) {
            124.. => four(112) as usize,
            _ => 0,
        };
        let before = profile.saturating_sub(bytes.len() - mask.len());
        let mask = match profile {
            0 => mask,
            _ => &mask[..before.min(mask.len())],
        };
        Ok(Self {
            size,
            bits,
            palette: palette.as_chunks().0,
            pixels,
            mask,
        })
    }

    fn rgba(&self) -> Vec<u8> {
        let has_alpha =
            self.bits == 32 && self.pixels.as_chunks().0.iter().any(|[_, _, _, a]| *a > 0);
        let stride = row_bytes(self.size, self.bits);
        let mask_stride = row_bytes(self.size, 1);
        let mut samples = Vec::with_capacity(self.size.pixels() as usize * 4);
        // Rows are stored bottom-up.
        for y in (0..self.size.height as usize).rev() {
            let row = &self.pixels[y * stride..][..stride];
            let mask = self.mask.get(y * mask_stride..).unwrap_or_default();
            for x in 0..self.size.width as usize {
                let [blue, green, red, alpha] = self.pixel(row, x);
                let is_hidden = mask
                    .get(x / 8)
                    .is_some_and(|byte| byte << (x % 8) & 0x80 != 0);
                let alpha = match (has_alpha, is_hidden) {
                    (true, _) => alpha,
                    (false, true) => 0,
                    (false, false) => 255,
                };
                samples.extend([red, green, blue, alpha]);
            }
        }
        samples
    }

    fn pixel(&self, row: &[u8], x: usize) -> [u8; 4] {
        let colour = |index: u8| {
            self.palette
                .get(usize::from(index))
                .copied()
                .unwrap_or_default()
        };
        match self.bits {
            1 => colour(row[x / 8] >> (7 - x % 8) & 1),
            4 => colour(row[x / 2] >> (4 - x % 2 * 4) & 15),
            8 => colour(row[x]),
            24 => [row[3 * x], row[3 * x + 1], row[3 * x + 2], 255],
            _ => [row[4 * x], row[4 * x + 1], row[4 * x + 2], row[4 * x + 3]],
        }
    }
}

/// Padded to four bytes.
fn row_bytes(size: Size, bits: usize) -> usize {
    (size.width as usize * bits).div_ceil(32) * 4
}
