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

use std::iter::Sum;
use std::ops::RangeInclusive;

use super::Pixels;
use super::pixels::Layout;
use crate::spec::Size;

const BLOCK: usize = 8;

/// A step between neighbours that no lens makes often beside exactly flat parts.
const SHARP: u8 = 48;

/// How many of the 64 pixels of a drawn block are like their left and upper neighbours, at least.
const FLAT_PIXELS: usize = 8;

/// Of a hundred blocks that show something.
const DRAWN_PERCENT: usize = 30;

/// No photograph is that poor, dithered ones apart: those are best kept exactly as well.
const FEW_COLOURS: usize = 16;

/// Rows of blocks looked at, spread over the picture: every so many of them at first, and all where those
/// leave it in doubt.
const MAX_ROWS: usize = 64;
const FIRST_ROWS: usize = 12;
const DOUBT: RangeInclusive<usize> = 10..=60;

pub(super) fn is_drawn(pixels: &Pixels) -> bool {
    let channels = pixels.layout.channels();
    let mut colours = Colours::default();
    colours.see(&pixels.samples, pixels.layout);
    if !colours.are_many {
        return true;
    }
    let stride = pixels.size.width as usize * channels;
    let rows = BlockRows::of(pixels.size);
    has_drawn_blocks(rows.count(), |number| {
        let first = rows.first(number) * stride;
        count(&pixels.samples[first..], stride, pixels.layout)
    })
}

/// The same, for rows as they come.
#[derive(Default)]
pub(super) struct Judge {
    colours: Colours,
    row: usize,
    /// What is there of the row of blocks under way.
    window: Vec<u8>,
    counts: Vec<Counts>,
}

impl Judge {
    /// Whole rows of a picture of this size, which follow those before.
    pub(super) fn rows(&mut self, samples: &[u8], size: Size, layout: Layout) {
        self.colours.see(samples, layout);
        let stride = size.width as usize * layout.channels();
        let rows = BlockRows::of(size);
        for row in samples.chunks_exact(stride) {
            if !self.window.is_empty() {
                self.window.extend(row);
            }
            if self.window.len() == (BLOCK + 1) * stride {
                self.counts.push(count(&self.window, stride, layout));
                self.window.clear();
            }
            if self.window.is_empty() && rows.first(self.counts.len()) == self.row {
                self.window.extend(row);
            }
            self.row += 1;
        }
    }

    pub(super) fn is_drawn(&self) -> bool {
        !self.colours.are_many || has_drawn_blocks(self.counts.len(), |number| self.counts[number])
    }
}

/// Sees whether there are many, and no more: in a photograph that is among the first pixels.
#[derive(Default)]
struct Colours {
    seen: Vec<[u8; 4]>,
    are_many: bool,
}

impl Colours {
    fn see(&mut self, samples: &[u8], layout: Layout) {
        match layout {
            Layout::Gray => self.see_all::<1>(samples),
            Layout::GrayAlpha => self.see_all::<2>(samples),
            Layout::Rgb => self.see_all::<3>(samples),
            Layout::Rgba => self.see_all::<4>(samples),
        }
    }

    fn see_all<const CHANNELS: usize>(&mut self, samples: &[u8]) {
        if self.are_many {
            return;
        }
        let (pixels, _) = samples.as_chunks::<CHANNELS>();
        let mut last = None;
        for pixel in pixels {
            if last == Some(pixel) {
                continue;
            }
            last = Some(pixel);
            let mut colour = [0; 4];
            colour[..CHANNELS].copy_from_slice(pixel);
            if self.seen.contains(&colour) {
                continue;
            }
            if self.seen.len() == FEW_COLOURS {
                self.are_many = true;
                return;
            }
            self.seen.push(colour);
        }
    }
}

/// The rows of blocks that are looked at. The first row and column of pixels have no neighbour above or to
/// the left, so a row of blocks begins one pixel row earlier.
struct BlockRows {
    all: usize,
    step: usize,
}

impl BlockRows {
    fn of(size: Size) -> Self {
        let all = (size.height as usize - 1) / BLOCK;
        let step = all.div_ceil(MAX_ROWS).max(1);
        Self { all, step }
    }

    fn count(&self) -> usize {
        self.all.div_ceil(self.step)
    }

    /// The row of pixels that it begins with.
    fn first(&self, number: usize) -> usize {
        number * self.step * BLOCK
    }
}

/// A few rows of blocks decide where they leave no doubt.
fn has_drawn_blocks(rows: usize, mut count: impl FnMut(usize) -> Counts) -> bool {
    let every = rows.div_ceil(FIRST_ROWS).max(1);
    let few: Counts = (0..rows).step_by(every).map(&mut count).sum();
    let percent = if DOUBT.contains(&few.percent()) {
        (0..rows).map(count).sum::<Counts>().percent()
    } else {
        few.percent()
    };
    percent >= DRAWN_PERCENT
}

/// Of blocks.
#[derive(Clone, Copy, Default)]
struct Counts {
    drawn: usize,
    shown: usize,
}

impl Counts {
    fn percent(self) -> usize {
        100 * self.drawn / self.shown.max(1)
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, counts| Self {
            drawn: sum.drawn + counts.drawn,
            shown: sum.shown + counts.shown,
        })
    }
}

/// Of one row of blocks. `samples` begin one row of pixels above it.
fn count(samples: &[u8], stride: usize, layout: Layout) -> Counts {
    match layout {
        Layout::Gray => count_as::<1>(samples, stride),
        Layout::GrayAlpha => count_as::<2>(samples, stride),
        Layout::Rgb => count_as::<3>(samples, stride),
        Layout::Rgba => count_as::<4>(samples, stride),
    }
}

fn count_as<const CHANNELS: usize>(samples: &[u8], stride: usize) -> Counts {
    let mut counts = Counts::default();
    for column in 0..(stride / CHANNELS - 1) / BLOCK {
        match look::<CHANNELS>(&samples[column * BLOCK * CHANNELS..], stride) {
            Block::Flat => {}
            Block::Drawn => {
                counts.drawn += 1;
                counts.shown += 1;
            }
            Block::Photographed => counts.shown += 1,
        }
    }
    counts
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
