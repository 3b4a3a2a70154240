//! Assembles component planes into interleaved pixels.

use crate::decoder::{Chroma, Decoder};
use crate::upsample::ComponentSamples;
use crate::{Colour, Error, Limits, Scale};

#[derive(Clone, Debug)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub colour: Colour,
    /// Interleaved, rows without padding.
    pub samples: Vec<u8>,
    /// Part of the data was missing or corrupt; that part is gray, or as an earlier scan left it.
    pub damaged: bool,
}

/// Decodes an image at a scale, as libjpeg does. `go_on` is called once per row of blocks; returning `false` stops with
/// [`Error::Stopped`].
pub fn decode(
    bytes: &[u8],
    scale: Scale,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
) -> Result<Picture, Error> {
    let mut decoder = Decoder::new(bytes, scale, Chroma::Matched, limits)?;
    let mut planes = planes(&decoder, scale);
    while decoder.advance() {
        if !go_on() {
            return Err(Error::Stopped);
        }
        for (index, plane) in planes.iter_mut().enumerate() {
            let stripe = decoder.stripe(0, index);
            let lines = stripe.samples.chunks_exact(stripe.stride);
            lines.for_each(|line| plane.samples.extend(&line[..plane.width]));
        }
    }
    let (width, height) = decoder.size(scale);
    let coding = decoder.coding();
    let row_length = width as usize * planes.len();
    let mut samples = vec![0; row_length * height as usize];
    let mut lines = vec![vec![0u8; width as usize]; planes.len()];
    for (y, row) in samples.chunks_exact_mut(row_length).enumerate() {
        if y % 64 == 0 && !go_on() {
            return Err(Error::Stopped);
        }
        for (plane, line) in planes.iter().zip(&mut lines) {
            plane.write(y, line);
        }
        coding.write(row, &lines);
    }
    Ok(Picture {
        width,
        height,
        colour: coding.colour(),
        samples,
        damaged: decoder.is_damaged(),
    })
}

fn planes(decoder: &Decoder<'_>, scale: Scale) -> Vec<ComponentSamples> {
    let ratios = decoder.ratios(scale);
    let planes = decoder.sizes(0).into_iter().zip(ratios);
    let planes = planes.map(|((width, height), (across, down))| ComponentSamples {
        width,
        height,
        samples: Vec::with_capacity(width * height),
        across,
        down,
        is_smooth: scale > Scale::EIGHTH,
    });
    planes.collect()
}
