//! The samples of one component at one scale, in the stripe being decoded.

use crate::frame::{Component, FrameHeader};

/// The image at one scale, by component.
pub(crate) struct Output {
    pub(crate) planes: Vec<Plane>,
}

/// One component as decoded.
pub(crate) struct Plane {
    /// Width and height of a block in pixels.
    pub(crate) side: usize,
    /// Samples per row, padded to whole MCUs.
    pub(crate) stride: usize,
    /// The samples of this stripe.
    pub(crate) samples: Vec<u8>,
    /// First row and height of this stripe, in blocks.
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    /// Size of the component in samples, without padding.
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Plane {
    pub(crate) fn new(frame: &FrameHeader, component: &Component, side: usize) -> Self {
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

    /// Index of the first sample of a block, given its column and row in the image.
    #[inline(always)]
    pub(crate) fn place(&self, x: usize, y: usize) -> usize {
        ((y - self.first_row) * self.stride + x) * self.side
    }

    /// Fills a block for which there is no data with gray.
    pub(crate) fn fill_block(&mut self, x: usize, y: usize) {
        let at = self.place(x, y);
        let lines = self.samples[at..].chunks_mut(self.stride);
        for line in lines.take(self.side) {
            line[..self.side].fill(128);
        }
    }
}
