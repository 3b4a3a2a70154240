//! Decodes a file stripe by stripe.

use crate::colour::Coding;
use crate::frame::{Component, FrameHeader};
use crate::markers::Head;
use crate::plane::{Output, Plane};
use crate::progressive::Progressive;
use crate::sequential::Sequential;
use crate::{Error, Limits, Scale};

/// The decoded size of subsampled components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chroma {
    /// The size of the other components, where a larger inverse DCT can produce it; libjpeg does this.
    Matched,
    /// Decoded at the same scale, so they stay smaller by their subsampling factor.
    Scaled,
    /// The same, but where they are not subsampled at half the scale, rounded up: enough for 4:2:0.
    Halved,
}

/// Decodes the rows of each component, top to bottom, at the component's own resolution: at one scale, or at several from
/// one pass over the file.
pub struct Decoder<'a> {
    frame: FrameHeader,
    outputs: Vec<Output>,
    pixels: Pixels<'a>,
    /// Rows of MCUs decoded so far.
    row: usize,
    rows: usize,
}

/// Rows of samples, each padded to `stride`.
#[derive(Clone, Copy)]
pub struct Stripe<'s> {
    pub samples: &'s [u8],
    /// Samples from one row to the next.
    pub stride: usize,
}

enum Pixels<'a> {
    Sequential(Sequential<'a>),
    Progressive(Progressive<'a>),
}

impl<'a> Decoder<'a> {
    /// Reads the headers, and locates all scans of a progressive file. Decodes no pixels yet.
    pub fn new(
        bytes: &'a [u8],
        scale: Scale,
        chroma: Chroma,
        limits: &Limits,
    ) -> Result<Self, Error> {
        Self::at_scales(bytes, &[(scale, chroma)], limits)
    }

    /// Decodes at several scales, one output each, in this order. An undamaged file has the same pixels as at each scale
    /// alone. Fails if there is no scale.
    pub fn at_scales(
        bytes: &'a [u8],
        scales: &[(Scale, Chroma)],
        limits: &Limits,
    ) -> Result<Self, Error> {
        if scales.is_empty() {
            return Err(Error::BadInput("no scale"));
        }
        let head = Head::read(bytes)?;
        let frame = head.frame.clone();
        let mut outputs = Vec::with_capacity(scales.len());
        for &(scale, chroma) in scales {
            let pixels = |side: u32| u64::from(scale.apply(side));
            Error::check(
                "the image in pixels",
                pixels(frame.width) * pixels(frame.height),
                limits.max_pixels,
            )?;
            let components = frame.components.iter().enumerate();
            let planes = components.map(|(index, component)| {
                let side = match index {
                    0 if chroma == Chroma::Halved => scale.block(),
                    _ => side(&frame, component, scale, chroma),
                };
                Plane::new(&frame, component, side)
            });
            outputs.push(Output {
                planes: planes.collect(),
            });
        }
        let pixels = if frame.progressive {
            Pixels::Progressive(Progressive::new(head, &outputs, limits)?)
        } else {
            Pixels::Sequential(Sequential::new(head, &outputs)?)
        };
        Ok(Self {
            rows: frame.mcus().1,
            frame,
            outputs,
            pixels,
            row: 0,
        })
    }

    pub fn coding(&self) -> Coding {
        self.frame.coding
    }

    /// Width and height of each component of an output, in samples.
    pub fn sizes(&self, output: usize) -> Vec<(usize, usize)> {
        let planes = self.outputs[output].planes.iter();
        planes.map(|plane| (plane.width, plane.height)).collect()
    }

    /// Width and height of one sample of each component of an output, in pixels of the file.
    pub fn reaches(&self, output: usize) -> Vec<(f64, f64)> {
        let reach =
            |most: usize, factor: usize, side: usize| (8 * most) as f64 / (factor * side) as f64;
        let planes = &self.outputs[output].planes;
        let components = self.frame.components.iter().zip(planes);
        let reaches = components.map(|(c, plane)| {
            (
                reach(self.frame.max_h, c.h, plane.side),
                reach(self.frame.max_v, c.v, plane.side),
            )
        });
        reaches.collect()
    }

    /// Pixels of the scaled image per sample of each component of the first output, as fractions, across and down.
    pub(crate) fn ratios(&self, scale: Scale) -> Vec<((usize, usize), (usize, usize))> {
        let planes = &self.outputs[0].planes;
        let components = self.frame.components.iter().zip(planes);
        let ratios = components.map(|(c, plane)| {
            (
                (self.frame.max_h * scale.block(), c.h * plane.side),
                (self.frame.max_v * scale.block(), c.v * plane.side),
            )
        });
        ratios.collect()
    }

    /// Decodes the next stripe; returns `false` after the last one.
    pub fn advance(&mut self) -> bool {
        if self.row == self.rows {
            return false;
        }
        for plane in self.outputs.iter_mut().flat_map(|o| &mut o.planes) {
            plane.first_row = self.row * plane.rows;
        }
        match &mut self.pixels {
            Pixels::Sequential(scans) => scans.row(self.row, &mut self.outputs),
            Pixels::Progressive(scans) => scans.row(self.row, &mut self.outputs),
        }
        self.row += 1;
        true
    }

    /// The rows of a component of an output in this stripe.
    pub fn stripe(&self, output: usize, component: usize) -> Stripe<'_> {
        let plane = &self.outputs[output].planes[component];
        let left = plane.height.saturating_sub(plane.first_row * plane.side);
        let lines = left.min(plane.rows * plane.side);
        Stripe {
            samples: &plane.samples[..lines * plane.stride],
            stride: plane.stride,
        }
    }

    /// Some of the data read so far was missing or corrupt.
    pub fn is_damaged(&self) -> bool {
        match &self.pixels {
            Pixels::Sequential(scans) => scans.is_damaged(),
            Pixels::Progressive(scans) => scans.is_damaged(),
        }
    }

    /// Width and height in pixels, as decoded.
    pub(crate) fn size(&self, scale: Scale) -> (u32, u32) {
        (
            scale.apply(self.frame.width),
            scale.apply(self.frame.height),
        )
    }
}

fn side(frame: &FrameHeader, component: &Component, scale: Scale, chroma: Chroma) -> usize {
    let (h, v) = (component.h, component.v);
    match chroma {
        // Only the DC scans count at 1/8, whatever the subsampling.
        Chroma::Matched if frame.progressive && scale == Scale::EIGHTH => 1,
        Chroma::Matched => {
            let fits = |most: usize, factor: usize, side: usize| {
                (most * scale.block()).is_multiple_of(factor * side)
            };
            let mut side = scale.block();
            while side < 5 && fits(frame.max_h, h, side * 2) && fits(frame.max_v, v, side * 2) {
                side *= 2;
            }
            side
        }
        Chroma::Halved if h == frame.max_h && v == frame.max_v => scale.block().div_ceil(2),
        Chroma::Scaled | Chroma::Halved => scale.block(),
    }
}
