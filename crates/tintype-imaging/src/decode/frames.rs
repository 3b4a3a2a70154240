//! The frames of an animation as the file stores them, one at a time. `render::animation` composes them.

use std::time::Instant;

use super::{Band, Layout, Samples, gif, heif, png, webp};
use crate::Error;
use crate::limits::Limits;
use crate::probe::{Header, SourceFormat};
use crate::spec::Size;

/// A rectangle of pixels to draw on the canvas.
pub(crate) struct Frame {
    /// Offset from the left and top edges of the canvas, in pixels. The frame may extend beyond the other edges.
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) size: Size,
    /// RGBA with straight alpha.
    pub(crate) pixels: Vec<[u8; 4]>,
    /// Whether the frame is blended with the canvas instead of replacing it.
    pub(crate) is_blended: bool,
    pub(crate) disposal: Disposal,
    pub(crate) milliseconds: u32,
}

/// How a frame's rectangle is disposed of before the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposal {
    Keep,
    /// Make it transparent.
    Clear,
    /// Restore what was there before the frame.
    Restore,
}

pub(crate) trait Frames {
    /// Returns how often the animation plays; 0 means for ever.
    fn plays(&self) -> u32;

    /// Returns `None` after the last frame. At the end of a truncated file, returns `None` or [`Error::Malformed`].
    fn next(&mut self, limits: &Limits, deadline: Instant) -> Result<Option<Frame>, Error>;
}

pub(crate) fn open<'a>(
    bytes: &'a [u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
) -> Result<Box<dyn Frames + 'a>, Error> {
    match header.format {
        SourceFormat::Gif => Ok(Box::new(gif::Frames::open(bytes, header.size, deadline)?)),
        SourceFormat::Png => Ok(Box::new(png::Frames::open(bytes, header.size))),
        SourceFormat::Webp => Ok(Box::new(webp::Frames::open(bytes, header.size))),
        SourceFormat::Avif => Ok(Box::new(heif::Frames::open(
            bytes, header, limits, deadline,
        )?)),
        other => Err(Error::internal(format!("{other} has no frames"))),
    }
}

/// Collects the bands of a frame as RGBA. Missing rows are transparent.
pub(super) fn collect(
    size: Size,
    decode: impl FnOnce(&mut super::BandSink<'_>) -> Result<(), Error>,
) -> Result<Vec<[u8; 4]>, Error> {
    let count = size.pixels() as usize;
    let mut pixels = Vec::with_capacity(count);
    decode(&mut |band: Band<'_>| {
        if band.size != size {
            return Err(Error::malformed("its sizes disagree"));
        }
        match &band.samples {
            Samples::Eight(samples) => extend(&mut pixels, band.layout, samples),
            Samples::Sixteen(samples) => {
                let eight = |sample: &u16| ((u32::from(*sample) + 128) / 257) as u8;
                let samples: Vec<u8> = samples.iter().map(eight).collect();
                extend(&mut pixels, band.layout, &samples)
            }
        }
    })?;
    pixels.resize(count, [0; 4]);
    Ok(pixels)
}

fn extend(pixels: &mut Vec<[u8; 4]>, layout: Layout, samples: &[u8]) -> Result<(), Error> {
    match layout {
        Layout::Gray => pixels.extend(samples.iter().map(|&gray| [gray, gray, gray, 255])),
        Layout::GrayAlpha => {
            let (pairs, _) = samples.as_chunks();
            pixels.extend(pairs.iter().map(|&[gray, alpha]| [gray, gray, gray, alpha]));
        }
        Layout::Rgb => {
            let (colours, _) = samples.as_chunks();
            pixels.extend(colours.iter().map(|&[r, g, b]| [r, g, b, 255]));
        }
        Layout::Rgba => pixels.extend(samples.as_chunks::<4>().0),
        Layout::Cmyk | Layout::CmykAlpha => {
            return Err(Error::internal("inks in an animation"));
        }
    }
    Ok(())
}
