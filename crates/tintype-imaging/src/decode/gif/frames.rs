//! All frames of a GIF, in order.

use std::time::Instant;

use gif::{ColorOutput, DecodeOptions, DecodingError, DisposalMethod, Repeat};

use super::super::frames::{self, Disposal, Frame};
use super::{Colours, GifDecoder, PASSES, with_palette};
use crate::Error;
use crate::limits::{DeadlineReader, Limits};
use crate::spec::Size;

/// Delays of at most this many milliseconds become [`INSTEAD`], as in browsers, because they are not meant literally.
const TOO_SHORT: u32 = 10;
const INSTEAD: u32 = 100;

pub(in crate::decode) struct Frames<'a> {
    reader: GifDecoder<'a>,
    canvas: Size,
    count: u32,
}

impl<'a> Frames<'a> {
    pub(in crate::decode) fn open(
        bytes: &'a [u8],
        canvas: Size,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::Indexed);
        let reader = options.read_info(DeadlineReader::new(with_palette(bytes), deadline));
        Ok(Self {
            reader: reader.map_err(|error| Error::malformed(error.to_string()))?,
            canvas,
            count: 0,
        })
    }

    fn read(&mut self) -> Result<Option<Frame>, DecodingError> {
        let Some(frame) = self.reader.next_frame_info()? else {
            return Ok(None);
        };
        let (left, top) = (u32::from(frame.left), u32::from(frame.top));
        let (width, height) = (u32::from(frame.width), u32::from(frame.height));
        let milliseconds = match 10 * u32::from(frame.delay) {
            ..=TOO_SHORT => INSTEAD,
            other => other,
        };
        let disposal = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            DisposalMethod::Background => Disposal::Clear,
            DisposalMethod::Previous => Disposal::Restore,
        };
        let (is_interlaced, transparent) = (frame.interlaced, frame.transparent);
        // Only the visible part is kept, because every frame may be larger than the canvas.
        let size = Size::new(
            width.min(self.canvas.width.saturating_sub(left)),
            height.min(self.canvas.height.saturating_sub(top)),
        );
        let colours = Colours::new(self.reader.palette()?, transparent);
        let pixels = self.pixels(
            width as usize,
            height as usize,
            size,
            is_interlaced,
            &colours,
        )?;
        Ok(Some(Frame {
            left,
            top,
            size,
            pixels,
            is_blended: true,
            disposal,
            milliseconds,
        }))
    }

    /// Decodes the visible part of a frame. Rows missing from truncated data are transparent.
    fn pixels(
        &mut self,
        width: usize,
        height: usize,
        seen: Size,
        is_interlaced: bool,
        colours: &Colours,
    ) -> Result<Vec<[u8; 4]>, DecodingError> {
        let (across, down) = (seen.width as usize, seen.height as usize);
        let mut pixels = vec![[0; 4]; across * down];
        if pixels.is_empty() {
            return Ok(pixels);
        }
        let mut line = vec![0; width];
        let whole = [(0, 1)];
        let passes = if is_interlaced { &PASSES[..] } else { &whole };
        // Rows below the canvas are skipped with the rest of the frame's data.
        let end = if is_interlaced { height } else { down };
        let rows = passes
            .iter()
            .flat_map(|(first, step)| (*first..end).step_by(*step));
        for (count, row) in rows.enumerate() {
            match self.reader.fill_buffer(&mut line) {
                Ok(true) => {}
                Err(error) if count == 0 => return Err(error),
                Ok(false) | Err(_) => break,
            }
            if row < down {
                let onto = pixels[row * across..][..across].iter_mut();
                for (pixel, index) in onto.zip(&line) {
                    *pixel = colours.0[usize::from(*index)];
                }
            }
        }
        Ok(pixels)
    }
}

impl frames::Frames for Frames<'_> {
    fn plays(&self) -> u32 {
        match self.reader.repeat() {
            Repeat::Infinite => 0,
            // The first play is not a repetition.
            Repeat::Finite(times) => 1 + u32::from(times),
        }
    }

    fn next(&mut self, _: &Limits, deadline: Instant) -> Result<Option<Frame>, Error> {
        match self.read() {
            _ if Instant::now() >= deadline => Err(Error::DeadlineExceeded),
            Err(error) if self.count == 0 => Err(Error::malformed(error.to_string())),
            Err(_) => Ok(None),
            Ok(frame) => {
                self.count += 1;
                Ok(frame)
            }
        }
    }
}
