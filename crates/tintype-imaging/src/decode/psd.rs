//! Photoshop: the flattened image, channel by channel, one band of rows at a time.

use std::io::Cursor;
use std::time::Instant;

use super::{Band, BandSink, ITS_OWN, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::{ContainerReader, Header, Mode, Psd};

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let mut reader = ContainerReader::new(Cursor::new(bytes), deadline)?;
    let psd = Psd::read(&mut reader, limits)?;
    let layout = match (psd.mode, psd.has_alpha()) {
        (Mode::Bitmap | Mode::Gray, false) => Layout::Gray,
        (Mode::Bitmap | Mode::Gray, true) => Layout::GrayAlpha,
        (Mode::Indexed | Mode::Rgb, false) => Layout::Rgb,
        (Mode::Indexed | Mode::Rgb, true) => Layout::Rgba,
        (Mode::Cmyk, _) => Layout::Cmyk,
    };
    let rows = Rows::find(bytes, &psd)?;
    let stride = header.size.width as usize * layout.channels();
    let is_sixteen = header.bits == 16;
    let at_once = rows_of_a_band(stride * (1 + usize::from(is_sixteen))) as u32;
    let (mut top, mut line) = (0, Vec::new());
    while top < header.size.height {
        let count = at_once.min(header.size.height - top);
        let mut eight = vec![
            0;
            if is_sixteen {
                0
            } else {
                count as usize * stride
            }
        ];
        let mut sixteen = vec![
            0;
            if is_sixteen {
                count as usize * stride
            } else {
                0
            }
        ];
        let mut done = 0;
        'rows: for y in top..top + count {
            let start = (y - top) as usize * stride;
            for channel in 0..rows.channels(layout) {
                if rows.read(channel, y, &mut line).is_none() {
                    break 'rows;
                }
                match is_sixteen {
                    true => {
                        let (pairs, _) = line.as_chunks();
                        let pixels =
                            sixteen[start..start + stride].chunks_exact_mut(layout.channels());
                        for (pixel, pair) in pixels.zip(pairs) {
                            pixel[channel] = u16::from_be_bytes(*pair);
                        }
                    }
                    false => {
                        let row = &mut eight[start..start + stride];
                        put(&psd, &line, row, layout.channels(), channel);
                    }
                }
            }
            done += 1;
        }
        if top == 0 && done == 0 {
            return Err(Error::malformed("it ends too early"));
        }
        eight.truncate(done * stride);
        sixteen.truncate(done * stride);
        let samples = match is_sixteen {
            true => Samples::Sixteen(sixteen.into()),
            false => Samples::Eight(eight.into()),
        };
        if done > 0 {
            take(Band {
                size: header.size,
                reach: ITS_OWN,
                plane: None,
                layout,
                samples,
            })?;
        }
        check_deadline(deadline)?;
        // The data breaks off here; the rows above are worth showing.
        if done < count as usize {
            break;
        }
        top += count;
    }
    Ok(())
}

/// Writes one channel of a row at 8 bits, converted if necessary.
fn put(psd: &Psd, line: &[u8], row: &mut [u8], channels: usize, channel: usize) {
    let pixels = row.chunks_exact_mut(channels);
    match psd.mode {
        // Set bits are black.
        Mode::Bitmap => {
            for (x, pixel) in pixels.enumerate() {
                pixel[0] = if line[x / 8] << (x % 8) & 0x80 == 0 {
                    255
                } else {
                    0
                };
            }
        }
        Mode::Indexed => {
            let colour = |index: usize| psd.palette.get(index).copied().unwrap_or(0);
            for (pixel, index) in pixels.zip(line) {
                let index = usize::from(*index);
                pixel.copy_from_slice(&[colour(index), colour(index + 256), colour(index + 512)]);
            }
        }
        Mode::Gray | Mode::Rgb | Mode::Cmyk => {
            let bytes = usize::from(psd.bits / 8);
            let invert = if psd.mode == Mode::Cmyk { 255 } else { 0 };
            for (pixel, sample) in pixels.zip(line.iter().step_by(bytes)) {
                pixel[channel] = sample ^ invert;
            }
        }
    }
}

/// Locates the rows of each channel.
struct Rows<'a> {
    data: &'a [u8],
    height: u32,
    channels: u16,
    colours: u16,
    /// Bytes of an unpacked row.
    length: usize,
    /// Start offsets of all rows of all channels, and the end; `None` if the data is not packed.
    packed: Option<Vec<usize>>,
}

impl<'a> Rows<'a> {
    fn find(bytes: &'a [u8], psd: &Psd) -> Result<Self, Error> {
        let missing = || Error::malformed("it ends too early");
        let start = usize::try_from(psd.data).map_err(|_| missing())?;
        let data = bytes.get(start..).ok_or_else(missing)?;
        let (compression, data) = data.split_first_chunk().ok_or_else(missing)?;
        let length = (psd.size.width as usize * usize::from(psd.bits)).div_ceil(8);
        let packed = match u16::from_be_bytes(*compression) {
            0 => None,
            1 => {
                let rows = psd.size.height as usize * usize::from(psd.channels);
                let of_count = if psd.is_large { 4 } else { 2 };
                let counts = data.get(..rows * of_count).ok_or_else(missing)?;
                let mut at = counts.len();
                // Further channels are ignored.
                let wanted = rows.min(psd.size.height as usize * 5);
                let mut starts = Vec::with_capacity(wanted + 1);
                starts.push(at);
                for count in counts.chunks_exact(of_count).take(wanted) {
                    let number = |sum, byte: &u8| sum << 8 | usize::from(*byte);
                    at = at.saturating_add(count.iter().fold(0, number));
                    starts.push(at);
                }
                Some(starts)
            }
            _ => return Err(Error::unsupported("PSD with this compression")),
        };
        Ok(Self {
            data,
            height: psd.size.height,
            channels: psd.channels,
            colours: psd.mode.colours(),
            length,
            packed,
        })
    }

    /// The number of wanted channels present in the file.
    fn channels(&self, layout: Layout) -> usize {
        let wanted = match layout {
            Layout::GrayAlpha | Layout::Rgba => self.colours + 1,
            _ => self.colours,
        };
        usize::from(wanted.min(self.channels))
    }

    /// Reads a row; `None` if it is missing or damaged.
    fn read(&self, channel: usize, y: u32, line: &mut Vec<u8>) -> Option<()> {
        let row = channel * self.height as usize + y as usize;
        line.clear();
        match &self.packed {
            None => {
                let start = row.checked_mul(self.length)?;
                line.extend(self.data.get(start..)?.get(..self.length)?);
            }
            Some(starts) => {
                let packed = self.data.get(*starts.get(row)?..*starts.get(row + 1)?)?;
                unpack(packed, self.length, line)?;
            }
        }
        Some(())
    }
}

/// Unpacks PackBits, up to one row.
fn unpack(mut packed: &[u8], length: usize, line: &mut Vec<u8>) -> Option<()> {
    while line.len() < length {
        let (count, rest) = packed.split_first()?;
        let left = length - line.len();
        packed = match count.cast_signed() {
            -128 => rest,
            count @ 0.. => {
                let (plain, rest) = rest.split_at_checked(count as usize + 1)?;
                line.extend(&plain[..plain.len().min(left)]);
                rest
            }
            count => {
                let (byte, rest) = rest.split_first()?;
                let times = (1 - isize::from(count)) as usize;
                line.extend(std::iter::repeat_n(*byte, times.min(left)));
                rest
            }
        };
    }
    Some(())
}
