//! BMP, for Windows and OS/2: row by row, except that run-length data is decoded to indices as a whole. Missing rows
//! are black or transparent; they are the first or the last, depending on the file's row order.

use std::time::Instant;

use super::{Band, BandSink, ITS_OWN, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::Header;
use crate::probe::bmp::{BmpHeader, Compression};

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let head = BmpHeader::read(bytes)?;
    if head.size != header.size {
        return Err(Error::malformed("its sizes disagree"));
    }
    let pixels = usize::try_from(head.offset)
        .ok()
        .and_then(|at| bytes.get(at..));
    let pixels = pixels
        .filter(|pixels| !pixels.is_empty())
        .ok_or_else(|| Error::malformed("no pixels"))?;
    let coding = head.coding()?;
    let (width, height) = (head.size.width as usize, head.size.height as usize);
    let unpacked;
    let (rows, stride, bits) = match coding {
        Compression::Plain => (pixels, head.stride(), head.bits),
        Compression::Runs => {
            let length = head.size.pixels();
            let what = "bytes of the decoded picture";
            Error::check(what, length, limits.max_decoded_bytes)?;
            let known;
            (unpacked, known) = runs(pixels, width, height, head.bits);
            let unpacked = &unpacked[..known * width];
            (unpacked, width, 8)
        }
    };
    let palette = palette(bytes, &head);
    let is_there = |row: usize| rows.len() / stride > row;
    if !is_there(0) {
        return Err(Error::malformed("no pixels"));
    }
    let alpha = head
        .masks
        .filter(|masks| has_alpha(rows, masks[3], bits, stride, width));
    let colours = Colours::new(&head, bits, palette);
    let layout = match alpha {
        Some(_) => Layout::Rgba,
        None => Layout::Rgb,
    };
    let out = layout.channels() * width;
    let at_once = rows_of_a_band(out);
    for top in (0..height).step_by(at_once) {
        let mut band = Vec::with_capacity(out * at_once.min(height - top));
        for y in top..height.min(top + at_once) {
            let row = if head.from_below { height - 1 - y } else { y };
            match is_there(row) {
                true => colours.row(
                    &rows[row * stride..][..stride],
                    width,
                    alpha.is_some(),
                    &mut band,
                ),
                false => band.resize(band.len() + out, 0),
            }
        }
        check_deadline(deadline)?;
        take(Band {
            size: head.size,
            reach: ITS_OWN,
            plane: None,
            layout,
            samples: Samples::Eight(band.into()),
        })?;
    }
    Ok(())
}

fn palette(bytes: &[u8], head: &BmpHeader) -> Vec<[u8; 3]> {
    let entries = bytes.get(head.palette.0..).unwrap_or_default();
    let end = (head.offset as usize).saturating_sub(head.palette.0);
    // Some writers place the pixels where the palette should be.
    let entries = match end {
        0 => entries,
        _ => &entries[..entries.len().min(end)],
    };
    let colours = entries.chunks_exact(head.palette.1).take(256);
    colours
        .map(|entry| [entry[2], entry[1], entry[0]])
        .collect()
}

/// If alpha is zero everywhere, it was never meant as alpha: Windows writes screenshots like this.
fn has_alpha(rows: &[u8], mask: u32, bits: u16, stride: usize, width: usize) -> bool {
    if mask == 0 {
        return false;
    }
    let mut rows = rows.chunks_exact(stride);
    rows.any(|row| values(row, bits).take(width).any(|value| value & mask != 0))
}

/// The pixel values of a row, at 16 bits or more.
fn values(row: &[u8], bits: u16) -> impl Iterator<Item = u32> {
    let pixels = row.chunks_exact(usize::from(bits / 8).max(1));
    pixels.map(|pixel| {
        let four = |at: usize| pixel.get(at).copied().unwrap_or(0);
        u32::from_le_bytes([four(0), four(1), four(2), four(3)])
    })
}

enum Colours {
    /// Palette indices, and their number of bits.
    Palette(Vec<[u8; 3]>, u16),
    /// In the order blue, green, red.
    Bytes,
    Masks([Mask; 4], u16),
}

#[derive(Clone, Copy)]
struct Mask {
    shift: u32,
    most: u32,
}

impl Mask {
    fn new(mask: u32) -> Self {
        let shift = mask.trailing_zeros() % 32;
        Self {
            shift,
            most: mask >> shift,
        }
    }

    /// Scales the masked value to 0..=255.
    fn of(self, value: u32) -> u8 {
        match self.most {
            0 => 0,
            most => {
                let value = u64::from(value >> self.shift & most);
                ((value * 255 + u64::from(most) / 2) / u64::from(most)) as u8
            }
        }
    }
}

impl Colours {
    fn new(head: &BmpHeader, bits: u16, palette: Vec<[u8; 3]>) -> Self {
        match (bits, head.masks) {
            (24, _) => Self::Bytes,
            (16 | 32, Some(masks)) => Self::Masks(masks.map(Mask::new), bits),
            _ => Self::Palette(palette, bits),
        }
    }

    fn row(&self, row: &[u8], width: usize, with_alpha: bool, to: &mut Vec<u8>) {
        match self {
            Self::Bytes => {
                let pixels = row.as_chunks().0.iter().take(width);
                to.extend(pixels.flat_map(|&[b, g, r]| [r, g, b]));
            }
            Self::Masks(masks, bits) => {
                for value in values(row, *bits).take(width) {
                    let channels = if with_alpha { 4 } else { 3 };
                    to.extend(masks[..channels].iter().map(|mask| mask.of(value)));
                }
            }
            Self::Palette(palette, bits) => {
                let (bits, most) = (usize::from(*bits), (1u16 << bits) - 1);
                for x in 0..width {
                    let shift = 8 - bits - x * bits % 8;
                    let index = usize::from(row[x * bits / 8] >> shift) & usize::from(most);
                    to.extend(palette.get(index).unwrap_or(&[0; 3]));
                }
            }
        }
    }
}

/// Decodes run lengths to 8-bit indices in stored row order; also returns the number of known rows. Skipped pixels get
/// the first colour.
fn runs(bytes: &[u8], width: usize, height: usize, bits: u16) -> (Vec<u8>, usize) {
    let mut indices = vec![0; width * height];
    let (mut x, mut y, mut at) = (0, 0, 0);
    let nibble = |byte: u8, second: bool| if second { byte & 15 } else { byte >> 4 };
    while let Some([count, value, ..]) = bytes.get(at..) {
        at += 2;
        let mut put = |x: &mut usize, y: usize, index: u8| {
            if *x < width && y < height {
                indices[y * width + *x] = index;
            }
            *x += 1;
        };
        match (*count, *value) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => return (indices, height),
            (0, 2) => {
                let Some([across, up, ..]) = bytes.get(at..) else {
                    break;
                };
                (x, y) = (x + usize::from(*across), y + usize::from(*up));
                at += 2;
            }
            (0, count) => {
                let count = usize::from(count);
                let length = if bits == 4 { count.div_ceil(2) } else { count };
                let literal = bytes.get(at..).unwrap_or_default();
                for index in 0..count {
                    let byte = literal.get(if bits == 4 { index / 2 } else { index });
                    let Some(byte) = byte else { break };
                    let index = if bits == 4 {
                        nibble(*byte, index % 2 == 1)
                    } else {
                        *byte
                    };
                    put(&mut x, y, index);
                }
                at += length.next_multiple_of(2);
            }
            (count, value) => {
                for index in 0..usize::from(count) {
                    let index = if bits == 4 {
                        nibble(value, index % 2 == 1)
                    } else {
                        value
                    };
                    put(&mut x, y, index);
                }
            }
        }
        if y >= height {
            return (indices, height);
        }
    }
    // The data breaks off in this row.
    (indices, y.max(1))
}
