//! Tells drawings (screenshots, charts, logos, scans of text) from photographs by their pixels.
//!
//! An image of very few colours is drawn. Any other is judged by blocks of 8x8: a uniform block does not count, because
//! drawings have paper and photographs blown-out sky; a block with a sharp edge between exactly flat parts counts as
//! drawn; all others count as photographed, because photographs have noise or texture wherever they are not flat. Over
//! the developers' corpus, drawings have 34..100 % drawn blocks at their own size, and 44 % or more when reduced to
//! half; photographs, including cut-outs and those on white, have 25 % at most.
//!
//! Integers only, and no random sampling: every machine reaches the same result.
//!
//! Deliberately absent: drawings reduced so far that nothing is flat any more. They are encoded like photographs, which
//! suits them.

use std::iter::Sum;
use std::ops::RangeInclusive;

use super::Pixels;
use super::pixels::Layout;
use crate::spec::Size;

const BLOCK: usize = 8;

/// A step between neighbours that lenses rarely produce next to exactly flat areas.
const SHARP: u8 = 48;

/// Minimum number of the 64 pixels in a drawn block that equal their left and upper neighbours.
const FLAT_PIXELS: usize = 8;

/// Percentage of drawn blocks, uniform ones excluded.
const DRAWN_PERCENT: usize = 30;

/// Only dithered photographs have so few colours, and exact encoding suits those best too.
const FEW_COLOURS: usize = 16;

/// Maximum number of examined rows of blocks, spread over the image. A first selection of them decides; if in doubt,
/// all of them do.
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

/// The same test for an image that arrives in rows.
#[derive(Default)]
pub(super) struct Judge {
    colours: Colours,
    row: usize,
    /// The rows of the current row of blocks so far.
    window: Vec<u8>,
    counts: Vec<Counts>,
}

impl Judge {
    /// Adds the next whole rows of an image of this size.
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

/// Detects whether there are many colours; in a photograph, the first pixels show that.
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

/// The examined rows of blocks. The first row and column of pixels have no neighbour above or to the left, so a row of
/// blocks begins one pixel row earlier.
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

    /// The first pixel row of a row of blocks.
    fn first(&self, number: usize) -> usize {
        number * self.step * BLOCK
    }
}

/// A few rows of blocks decide unless the result is in doubt.
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

/// Numbers of blocks.
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

/// Counts one row of blocks. `samples` begin one pixel row above it.
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

/// One row of a block: the larger of the steps from the left and from above. Lengths are constant so that this compiles
/// to a few vector instructions.
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
