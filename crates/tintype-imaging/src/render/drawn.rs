//! Tells drawings (screenshots, charts, logos, scans of text) from photographs, by pixels alone.
//!
//! A picture of very few colours is drawn. Any other is judged by blocks of 8x8: one in which nothing
//! changes says nothing, for a drawing has paper and a photograph blown-out sky; one with a sharp edge
//! between parts that are exactly flat looks drawn; and all others look photographed, which has noise or
//! texture wherever it is not flat. Over the developers' corpus drawings have 34..100 % drawn blocks at
//! their own size and 44 % or more when they are reduced to half; photographs, those that were cut out or
//! stand before white among them, have 25 % at most.
//!
//! Whole numbers only, and no sampling by chance: every machine comes to the same answer.
//!
//! Deliberately absent: drawings reduced so far that nothing is flat any more. They are coded like
//! photographs, and that serves them well.

use std::ops::RangeInclusive;

use super::Pixels;
use super::pixels::Layout;

const BLOCK: usize = 8;

/// A step between neighbours that no lens makes often beside exactly flat parts.
const SHARP: u8 = 48;

/// How many of the 64 pixels of a drawn block are like their left and upper neighbours, at least.
const FLAT_PIXELS: usize = 8;

/// Of a hundred blocks that show something.
const DRAWN_PERCENT: usize = 30;

/// No photograph is that poor, dithered ones apart: those are best kept exactly as well.
const FEW_COLOURS: usize = 16;

/// Rows of blocks looked at, spread over the picture: at first, and where those leave it in doubt.
const FIRST_ROWS: usize = 12;
const MAX_ROWS: usize = 64;
const DOUBT: RangeInclusive<usize> = 10..=60;

pub(super) fn is_drawn(pixels: &Pixels) -> bool {
    match pixels.layout {
        Layout::Gray => judge::<1>(pixels),
        Layout::GrayAlpha => judge::<2>(pixels),
        Layout::Rgb => judge::<3>(pixels),
        Layout::Rgba => judge::<4>(pixels),
    }
}

fn judge<const CHANNELS: usize>(pixels: &Pixels) -> bool {
    has_few_colours::<CHANNELS>(&pixels.samples) || has_drawn_blocks::<CHANNELS>(pixels)
}

/// Ends at the first colour too many, which in a photograph is among the first pixels.
fn has_few_colours<const CHANNELS: usize>(samples: &[u8]) -> bool {
    let (pixels, _) = samples.as_chunks::<CHANNELS>();
    let mut colours: Vec<[u8; CHANNELS]> = Vec::with_capacity(FEW_COLOURS);
    let mut last = None;
    for pixel in pixels {
        if last == Some(pixel) {
            continue;
        }
        last = Some(pixel);
        if !colours.contains(pixel) {
            if colours.len() == FEW_COLOURS {
                return false;
            }
            colours.push(*pixel);
        }
    }
    true
}

/// A few rows of blocks decide where they leave no doubt.
fn has_drawn_blocks<const CHANNELS: usize>(pixels: &Pixels) -> bool {
    let mut percent = drawn_percent::<CHANNELS>(pixels, FIRST_ROWS);
    if DOUBT.contains(&percent) {
        percent = drawn_percent::<CHANNELS>(pixels, MAX_ROWS);
    }
    percent >= DRAWN_PERCENT
}

/// Over at most this many rows of blocks, from top to bottom.
fn drawn_percent<const CHANNELS: usize>(pixels: &Pixels, rows: usize) -> usize {
    let stride = pixels.size.width as usize * CHANNELS;
    // The first row and column have no neighbour above or to the left.
    let all = (pixels.size.height as usize - 1) / BLOCK;
    let columns = (pixels.size.width as usize - 1) / BLOCK;
    let (mut drawn, mut shown) = (0, 0);
    for row in (0..all).step_by(all.div_ceil(rows).max(1)) {
        for column in 0..columns {
            let at = row * BLOCK * stride + column * BLOCK * CHANNELS;
            match look::<CHANNELS>(&pixels.samples[at..], stride) {
                Block::Flat => {}
                Block::Drawn => (drawn, shown) = (drawn + 1, shown + 1),
                Block::Photographed => shown += 1,
            }
        }
    }
    100 * drawn / shown.max(1)
}

enum Block {
    Flat,
    Drawn,
    Photographed,
}

/// `samples` begin one pixel above and to the left of the block.
fn look<const CHANNELS: usize>(samples: &[u8], stride: usize) -> Block {
    let (mut flat, mut sharpest) = (0, 0);
    for row in 0..BLOCK {
        let upper = &samples[row * stride + CHANNELS..];
        let left = &samples[(row + 1) * stride..];
        let steps = steps::<CHANNELS>(&left[CHANNELS..], left, upper);
        flat += steps.iter().filter(|step| **step == [0; CHANNELS]).count();
        sharpest = steps.as_flattened().iter().copied().fold(sharpest, u8::max);
    }
    if flat == BLOCK * BLOCK {
        Block::Flat
    } else if sharpest >= SHARP && flat >= FLAT_PIXELS {
        Block::Drawn
    } else {
        Block::Photographed
    }
}

/// One row of a block: the larger of the steps from the left and from above. Lengths are constants, so that
/// it is compiled to a few wide instructions.
fn steps<const CHANNELS: usize>(here: &[u8], left: &[u8], upper: &[u8]) -> [[u8; CHANNELS]; BLOCK] {
    let mut steps = [[0; CHANNELS]; BLOCK];
    let flat = steps.as_flattened_mut();
    let length = flat.len();
    let (here, left, upper) = (&here[..length], &left[..length], &upper[..length]);
    for (((step, here), left), upper) in flat.iter_mut().zip(here).zip(left).zip(upper) {
        *step = here.abs_diff(*left).max(here.abs_diff(*upper));
    }
    steps
}
