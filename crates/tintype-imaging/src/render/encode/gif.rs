//! GIF, with one palette per frame, exact for up to 256 colours. GIF has no partial transparency, so pixels less than
//! half opaque become transparent.
//!
//! A frame is drawn over the previous ones, so it cannot make their pixels transparent. Where that is needed, the frame
//! before is extended to the whole image and cleared after display, and the next one contains everything visible.

use std::time::Instant;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use super::super::Pixels;
use super::sequence::{Sequence, changed, of_rgba, part, rgba};
use super::{palette, quantise};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::EncodedRights;
use crate::spec::{Rect, Size};

/// Encodes a still image.
pub(super) fn encode(pixels: &Pixels, rights: Option<&EncodedRights>) -> Result<Vec<u8>, Error> {
    let mut frames = Box::new(Frames::new(pixels.size, 1));
    frames.last = Some((one_or_the_other(pixels), 0));
    frames.finish(rights)
}

pub(in crate::render) struct Frames {
    size: Size,
    plays: u32,
    /// The encoded frames.
    blocks: Vec<u8>,
    /// The canvas after the encoded frames.
    left: Vec<[u8; 4]>,
    /// The latest frame and its delay, not encoded yet: its disposal depends on the next one.
    last: Option<(Vec<[u8; 4]>, u16)>,
    /// Milliseconds lost by rounding to hundredths, added to the next delay.
    owed: u32,
}

impl Frames {
    /// `plays`: 0 means for ever.
    pub(in crate::render) fn new(size: Size, plays: u32) -> Self {
        Self {
            size,
            plays,
            blocks: Vec::new(),
            left: vec![[0; 4]; size.pixels() as usize],
            last: None,
            owed: 0,
        }
    }

    /// Returns the delay in hundredths of a second, and carries the remainder over to the next. Browsers extend delays
    /// below two hundredths to ten.
    fn delay(&mut self, milliseconds: u32) -> u16 {
        let wanted = self.owed
            + match milliseconds {
                ..=10 => 100,
                other => other,
            };
        let hundredths = (wanted / 10).clamp(2, u16::MAX.into());
        self.owed = wanted.saturating_sub(10 * hundredths).min(9);
        hundredths as u16
    }

    fn write_last(&mut self, next: Option<&[[u8; 4]]>) -> Result<(), EncodingError> {
        let Some((last, delay)) = self.last.take() else {
            return Ok(());
        };
        let goes = |next: &[[u8; 4]]| last.iter().zip(next).any(|(a, b)| a[3] > b[3]);
        let is_cleared = next.is_some_and(goes);
        let rect = match is_cleared {
            true => Rect {
                x: 0,
                y: 0,
                width: self.size.width,
                height: self.size.height,
            },
            false => changed(&self.left, &last, self.size),
        };
        let width = self.size.width;
        let both = part(&last, width, rect).zip(part(&self.left, width, rect));
        let drawn = both.map(|(pixel, left)| match pixel == left {
            true => [0; 4],
            false => pixel,
        });
        let drawn = of_rgba(drawn, Size::new(rect.width, rect.height));
        let (colours, indices) = indexed(&drawn);
        let frame = Frame {
            delay,
            dispose: match is_cleared {
                true => DisposalMethod::Background,
                false => DisposalMethod::Keep,
            },
            // The transparent colour comes first.
            transparent: (colours.first() == Some(&0)).then_some(0),
            left: rect.x as u16,
            top: rect.y as u16,
            width: rect.width as u16,
            height: rect.height as u16,
            palette: Some(colours.iter().flat_map(palette::rgb).collect()),
            buffer: indices.into(),
            ..Frame::default()
        };
        self.write(&frame)?;
        self.left = match is_cleared {
            true => vec![[0; 4]; last.len()],
            false => last,
        };
        Ok(())
    }

    /// Encodes a frame without header and trailer.
    fn write(&mut self, frame: &Frame<'_>) -> Result<(), EncodingError> {
        let mut encoder = Encoder::new(Vec::new(), 1, 1, &[])?;
        encoder.get_mut().clear();
        encoder.write_frame(frame)?;
        self.blocks.append(encoder.get_mut());
        Ok(())
    }
}

impl Sequence for Frames {
    fn add(&mut self, frame: &Pixels, milliseconds: u32, deadline: Instant) -> Result<(), Error> {
        let pixels = one_or_the_other(frame);
        self.write_last(Some(&pixels)).map_err(failed)?;
        let delay = self.delay(milliseconds);
        self.last = Some((pixels, delay));
        check_deadline(deadline)
    }

    fn finish(mut self: Box<Self>, rights: Option<&EncodedRights>) -> Result<Vec<u8>, Error> {
        self.write_last(None).map_err(failed)?;
        let Size { width, height } = self.size;
        let head = || {
            let mut encoder = Encoder::new(Vec::new(), width as u16, height as u16, &[])?;
            match self.plays {
                0 => encoder.set_repeat(Repeat::Infinite)?,
                // The first play is not a repetition.
                times => {
                    let repeats = u16::try_from(times - 1).unwrap_or(u16::MAX);
                    encoder.set_repeat(Repeat::Finite(repeats))?;
                }
            }
            let file = encoder.get_mut();
            if let Some(rights) = rights.filter(|rights| !rights.xmp.is_empty()) {
                extend_by_xmp(file, &rights.xmp);
            }
            file.extend(&self.blocks);
            encoder.into_inner()
        };
        head().map_err(failed)
    }
}

/// Makes every pixel opaque or transparent.
fn one_or_the_other(pixels: &Pixels) -> Vec<[u8; 4]> {
    let mut pixels = rgba(pixels);
    for pixel in &mut pixels {
        *pixel = match *pixel {
            [r, g, b, 128..=255] => [r, g, b, 255],
            _ => [0; 4],
        };
    }
    pixels
}

/// Appends XMP as part 3, 1.1.2 requires: the packet is not split into blocks, so readers take its bytes for lengths;
/// the trailer ends the blocks wherever such a length leads.
fn extend_by_xmp(file: &mut Vec<u8>, packet: &[u8]) {
    file.extend(b"\x21\xff\x0bXMP DataXMP");
    file.extend(packet);
    file.push(1);
    file.extend((0..=255).rev());
    file.push(0);
}

/// Returns the palette as ARGB, with the transparent colour first, and the index of each pixel.
fn indexed(pixels: &Pixels) -> (Vec<u32>, Vec<u8>) {
    if let Some(colours) = palette::exact(pixels) {
        let indices = palette::indices(pixels, &colours, 8);
        return (colours, indices);
    }
    let (rgba, _) = pixels.samples.as_chunks::<4>();
    let is_transparent = rgba.iter().any(|[.., alpha]| *alpha == 0);
    let first = usize::from(is_transparent);
    let palette = quantise::palette(rgba, palette::MAX_COLOURS - first);
    let argb = palette
        .iter()
        .map(|[r, g, b]| u32::from_be_bytes([255, *r, *g, *b]));
    let colours = is_transparent
        .then_some(0)
        .into_iter()
        .chain(argb)
        .collect();
    let places = quantise::dithered(rgba, pixels.size.width as usize, &palette);
    let indices = places.map(|place| place.map_or(0, |place| place + first as u8));
    (colours, indices.collect())
}

fn failed(error: EncodingError) -> Error {
    Error::internal(format!("GIF encoding failed: {error}"))
}
