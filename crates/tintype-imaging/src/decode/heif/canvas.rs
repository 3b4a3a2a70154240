//! Samples of either depth, and images that have to be in memory as a whole.

use std::borrow::Cow;

use super::super::Samples;
use crate::render::Turn;
use crate::spec::{Rect, Size};

/// 8 or 16 bits.
pub(super) trait Sample: Copy + Default + 'static {
    const MAX: i32;

    /// Converts a value that is within range.
    fn of(value: i32) -> Self;

    fn value(self) -> i32;

    fn samples(samples: Cow<'_, [Self]>) -> Samples<'_>;
}

impl Sample for u8 {
    const MAX: i32 = 255;

    fn of(value: i32) -> Self {
        value as Self
    }

    fn value(self) -> i32 {
        i32::from(self)
    }

    fn samples(samples: Cow<'_, [Self]>) -> Samples<'_> {
        Samples::Eight(samples)
    }
}

impl Sample for u16 {
    const MAX: i32 = 65_535;

    fn of(value: i32) -> Self {
        value as Self
    }

    fn value(self) -> i32 {
        i32::from(self)
    }

    fn samples(samples: Cow<'_, [Self]>) -> Samples<'_> {
        Samples::Sixteen(samples)
    }
}

/// Interleaved, straight alpha.
pub(super) struct WholeImage<S> {
    pub(super) size: Size,
    pub(super) channels: usize,
    pub(super) samples: Vec<S>,
}

impl<S: Sample> WholeImage<S> {
    pub(super) fn new(size: Size, channels: usize) -> Self {
        Self {
            size,
            channels,
            samples: vec![S::default(); size.pixels() as usize * channels],
        }
    }

    pub(super) fn turned(self, turn: Turn) -> Self {
        if turn == Turn::default() {
            return self;
        }
        let size = match turn.transposes() {
            true => self.size.transposed(),
            false => self.size,
        };
        let mut samples = Vec::with_capacity(self.samples.len());
        for y in 0..size.height {
            for x in 0..size.width {
                let pixel = Rect {
                    x,
                    y,
                    width: 1,
                    height: 1,
                };
                let from = turn.undo(pixel, size);
                let at = from.y as usize * self.size.width as usize + from.x as usize;
                samples.extend(&self.samples[at * self.channels..][..self.channels]);
            }
        }
        Self {
            size,
            samples,
            ..self
        }
    }

    pub(super) fn row(&self, y: u32) -> &[S] {
        let stride = self.size.width as usize * self.channels;
        &self.samples[y as usize * stride..][..stride]
    }
}
