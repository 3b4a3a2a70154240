//! The samples of a component at a scale: those of the stripe that is being decoded.

use crate::frame::{Component, Frame};

/// A picture at one scale, by component.
pub(crate) struct Output {
    pub(crate) planes: Vec<Plane>,
}

/// One component as it is decoded.
pub(crate) struct Plane {
    /// Pixels that a block is wide and high.
    pub(crate) side: usize,
    /// Of the samples, filled up to whole MCUs.
    pub(crate) stride: usize,
    /// Of this stripe.
    pub(crate) samples: Vec<u8>,
    /// In blocks: where this stripe begins, and how high it is.
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    /// Samples that the picture has.
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Plane {
    pub(crate) fn new(frame: &Frame, component: &Component, side: usize) -> Self {
        let stride = component.stride_blocks * side;
        let samples = |pixels: u32, factor: usize, most: usize| {
            (pixels as usize * factor * side).div_ceil(8 * most)
        };
        Self {
            side,
            stride,
            samples: vec![128; stride * component.v * side],
            first_row: 0,
            rows: component.v,
            width: samples(frame.width, component.h, frame.max_h),
            height: samples(frame.height, component.v, frame.max_v),
        }
    }

    /// Of the first sample of a block, by its column and row in the picture.
    #[inline(always)]
    pub(crate) fn place(&self, x: usize, y: usize) -> usize {
        ((y - self.first_row) * self.stride + x) * self.side
    }

    /// For a block of which nothing is known.
    pub(crate) fn fill_block(&mut self, x: usize, y: usize) {
        let at = self.place(x, y);
        let lines = self.samples[at..].chunks_mut(self.stride);
        for line in lines.take(self.side) {
            line[..self.side].fill(128);
        }
    }
}
