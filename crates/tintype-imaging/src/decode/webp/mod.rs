//! WebP (RFC 9649). `image-webp` decodes the planes of a lossy image and the pixels of a lossless one; the rest is done
//! here, a band at a time, so that nothing is in memory twice. Of an animation, this is the first frame; [`frames`]
//! reads all of them.

mod alpha;
mod cut;
mod frames;
mod lossless;
mod planes;

use std::io::Read;
use std::time::Instant;

use flate2::Crc;
use image_webp::DecodingError;
use image_webp::vp8::Vp8Decoder;

use super::{Band, BandSink, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::probe::Header;
use crate::spec::Size;
pub(super) use frames::Frames;
use planes::RgbConverter;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    divisor: u32,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let size = header.size;
    // The probe has read them all, within limits.
    let mut chunks = Chunks::of(bytes.get(12..).unwrap_or_default());
    if let Some(frame) = chunks.frame
        && chunks.lossy.or(chunks.lossless).is_none()
    {
        match whole_frame(frame, size) {
            Some(frame) => chunks = Chunks::of(frame),
            None => return bordered(frame, size, limits, deadline, take),
        }
    }
    let form = Form {
        size,
        has_alpha: header.has_alpha,
        is_cut: header.truncated,
    };
    picture(&chunks, form, divisor, limits, deadline, take)
}

/// Decodes a first frame that does not cover the canvas.
fn bordered(
    frame: &[u8],
    size: Size,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let frame = frames::read(frame, size, limits, deadline)?;
    let (left, top) = (frame.left as usize, frame.top as usize);
    let width = frame.size.width as usize;
    let bands = Bands {
        size,
        divisor: 1,
        deadline,
        known: size.height as usize,
    };
    bands.emit(Layout::Rgba, take, |row, samples| {
        samples.fill(0);
        let line = row.checked_sub(top).map(|row| row * width);
        let line = line.and_then(|start| frame.pixels.get(start..start + width));
        if let Some(line) = line {
            samples[4 * left..][..4 * width].copy_from_slice(line.as_flattened());
        }
    })
}

/// What the container declares about an image or a frame.
#[derive(Clone, Copy)]
struct Form {
    size: Size,
    has_alpha: bool,
    is_cut: bool,
}

fn picture(
    chunks: &Chunks<'_>,
    form: Form,
    divisor: u32,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let Form {
        size,
        has_alpha,
        is_cut,
    } = form;
    let bands = Bands {
        size,
        divisor: 1,
        deadline,
        known: size.height as usize,
    };
    if let Some(stream) = chunks.lossless {
        let stream = behind_head(stream, size)?;
        let (pixels, known) = cut::decode(
            is_cut,
            size,
            || lossless::decode(stream, size, limits, deadline),
            |filling| {
                let mut filled = stream.to_vec();
                filled.resize(filled.len() + cut::filling(size) as usize, filling);
                lossless::decode(&filled, size, limits, deadline)
            },
            |pixels, row| {
                let width = size.width as usize;
                sum(&[pixels[row * width..][..width].as_flattened()])
            },
        )?;
        let bands = Bands { known, ..bands };
        let row = |row: usize| &pixels[row * size.width as usize..][..size.width as usize];
        return match has_alpha {
            true => bands.emit(Layout::Rgba, take, |index, samples| {
                samples.copy_from_slice(row(index).as_flattened());
            }),
            // The alpha channel then has no meaning.
            false => bands.emit(Layout::Rgb, take, |index, samples| {
                for (sample, [r, g, b, _]) in samples.as_chunks_mut().0.iter_mut().zip(row(index)) {
                    *sample = [*r, *g, *b];
                }
            }),
        };
    }
    let Some(stream) = chunks.lossy else {
        return Err(Error::malformed("no pixels"));
    };
    // Alpha comes first because decoding it briefly takes more memory than its result.
    let alpha = match chunks.alpha {
        Some(chunk) if has_alpha => Some(alpha::decode(chunk, size, limits, deadline)?),
        _ => None,
    };
    let (frame, known) = cut::decode(
        is_cut,
        size,
        || {
            let reader = DeadlineReader::new(stream, deadline);
            Vp8Decoder::decode_frame(reader).map_err(failed(limits, deadline))
        },
        |filling| {
            let filling = std::io::repeat(filling).take(cut::filling(size));
            let reader = DeadlineReader::new(stream.chain(filling), deadline);
            Vp8Decoder::decode_frame(reader).map_err(failed(limits, deadline))
        },
        |frame, row| sum(&planes::rows(frame, row)),
    )?;
    check_deadline(deadline)?;
    let bands = Bands { known, ..bands };
    if Size::new(frame.width.into(), frame.height.into()) != size {
        return Err(Error::malformed("its sizes disagree"));
    }
    let mut planes = RgbConverter::new(&frame);
    match alpha {
        None if divisor > 1 => bands.half().emit(Layout::Rgb, take, |row, samples| {
            let pixels = samples.as_chunks_mut().0.iter_mut();
            pixels
                .zip(planes.half_row(row))
                .for_each(|(pixel, colour)| *pixel = colour);
        }),
        None => bands.emit(Layout::Rgb, take, |row, samples| {
            let pixels = samples.as_chunks_mut().0.iter_mut();
            pixels
                .zip(planes.row(row))
                .for_each(|(pixel, colour)| *pixel = colour);
        }),
        Some(alpha) => bands.emit(Layout::Rgba, take, |row, samples| {
            let alpha = &alpha[row * size.width as usize..];
            let pixels = samples.as_chunks_mut().0.iter_mut();
            for ((pixel, [r, g, b]), alpha) in pixels.zip(planes.row(row)).zip(alpha) {
                *pixel = [r, g, b, *alpha];
            }
        }),
    }
}

fn sum(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}

fn failed(limits: &Limits, deadline: Instant) -> impl Fn(DecodingError) -> Error {
    move |error| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        DecodingError::MemoryLimitExceeded => limits.too_many_decoded_bytes(),
        other => Error::malformed(other.to_string()),
    }
}

/// The first chunk of each kind with pixels. A truncated chunk ends with the file.
#[derive(Default)]
struct Chunks<'a> {
    lossy: Option<&'a [u8]>,
    lossless: Option<&'a [u8]>,
    alpha: Option<&'a [u8]>,
    /// The first frame of an animation.
    frame: Option<&'a [u8]>,
}

impl<'a> Chunks<'a> {
    fn of(chunks: &'a [u8]) -> Self {
        let mut first = Self::default();
        for (kind, chunk, _) in each(chunks) {
            let place = match &kind {
                b"VP8 " => Some(&mut first.lossy),
                b"VP8L" => Some(&mut first.lossless),
                b"ALPH" => Some(&mut first.alpha),
                b"ANMF" => Some(&mut first.frame),
                _ => None,
            };
            if let Some(place) = place {
                place.get_or_insert(chunk);
            }
        }
        first
    }
}

/// Yields the kind of each chunk, its content, and everything after it.
fn each(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (head, data) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        rest = data
            .get(length.saturating_add(length % 2)..)
            .unwrap_or_default();
        Some(([a, b, c, d], &data[..length.min(data.len())], rest))
    })
}

/// Returns the chunks of a frame (section 2.7.1.1) if it covers the canvas.
fn whole_frame(frame: &[u8], size: Size) -> Option<&[u8]> {
    let (head, chunks) = frame.split_first_chunk::<{ frames::HEAD }>()?;
    let three = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    let covers = (three(0), three(3)) == (0, 0) && Size::new(three(6) + 1, three(9) + 1) == size;
    covers.then_some(chunks)
}

/// Returns the lossless stream after its signature, size, alpha flag and version.
fn behind_head(chunk: &[u8], size: Size) -> Result<&[u8], Error> {
    let (head, stream) = chunk
        .split_first_chunk::<{ lossless::HEAD }>()
        .ok_or_else(|| Error::malformed("cut off"))?;
    // All bits but the alpha flag, which the probe reads.
    let expected = lossless::head(size);
    let is_expected = head[..4] == expected[..4] && (head[4] ^ expected[4]) & !lossless::ALPHA == 0;
    if !is_expected {
        return Err(Error::malformed("its sizes disagree"));
    }
    Ok(stream)
}

struct Bands {
    size: Size,
    /// The original is this many times as large.
    divisor: u32,
    deadline: Instant,
    /// Number of rows to emit. The others are not in the file.
    known: usize,
}

impl Bands {
    fn half(self) -> Self {
        Self {
            size: Size::new(self.size.width.div_ceil(2), self.size.height.div_ceil(2)),
            divisor: 2,
            known: self.known.div_ceil(2),
            ..self
        }
    }

    /// Emits the image in bands; `fill` writes the row of an index.
    fn emit(
        self,
        layout: Layout,
        take: &mut BandSink<'_>,
        mut fill: impl FnMut(usize, &mut [u8]),
    ) -> Result<(), Error> {
        let stride = self.size.width as usize * layout.channels();
        let height = self.known;
        let at_once = rows_of_a_band(stride).min(height);
        let mut band = vec![0; at_once * stride];
        for first in (0..height).step_by(at_once) {
            let rows = at_once.min(height - first);
            for (row, samples) in band.chunks_exact_mut(stride).take(rows).enumerate() {
                fill(first + row, samples);
            }
            take(Band {
                size: self.size,
                reach: (f64::from(self.divisor), f64::from(self.divisor)),
                plane: None,
                layout,
                samples: Samples::Eight((&band[..rows * stride]).into()),
            })?;
            check_deadline(self.deadline)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
