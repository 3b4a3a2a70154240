//! A file from its head to its pixels, a stripe at a time.

use crate::colour::Coding;
use crate::frame::{Component, Frame};
use crate::markers::Head;
use crate::plane::{Output, Plane};
use crate::progressive::Progressive;
use crate::sequential::Sequential;
use crate::{Error, Limits, Scale};

/// How large components become that are stored smaller than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// As large as the others, where a larger inverse DCT gives that; as libjpeg does.
    Matched,
    /// At the same scale, and so as much smaller as they are stored.
    Scaled,
}

/// Gives the rows of each component, from the top on, at the component's own resolution: at one scale, or at several
/// from one reading of the file.
pub struct Decoder<'a> {
    frame: Frame,
    outputs: Vec<Output>,
    pixels: Pixels<'a>,
    /// Rows of MCUs that are done.
    row: usize,
    rows: usize,
}

/// Rows of samples, of which each is filled up.
#[derive(Clone, Copy)]
pub struct Stripe<'s> {
    pub samples: &'s [u8],
    /// From one row to the next.
    pub stride: usize,
}

enum Pixels<'a> {
    Sequential(Sequential<'a>),
    Progressive(Progressive<'a>),
}

impl<'a> Decoder<'a> {
    /// No pixel is decoded yet. Of a progressive file all scans are looked for.
    pub fn new(
        bytes: &'a [u8],
        scale: Scale,
        chroma: Chroma,
        limits: &Limits,
    ) -> Result<Self, Error> {
        Self::open(bytes, &[(scale, chroma)], limits)
    }

    /// With an output for each scale, in this order. What is whole has the pixels that it would have alone. Fails
    /// without any.
    pub fn at_scales(bytes: &'a [u8], scales: &[Scale], limits: &Limits) -> Result<Self, Error> {
        if scales.is_empty() {
            return Err(Error::BadInput("no scale"));
        }
        let scales = scales.iter().map(|&scale| (scale, Chroma::Scaled));
        Self::open(bytes, &scales.collect::<Vec<_>>(), limits)
    }

    fn open(bytes: &'a [u8], scales: &[(Scale, Chroma)], limits: &Limits) -> Result<Self, Error> {
        let head = Head::read(bytes)?;
        let frame = head.frame.clone();
        let mut outputs = Vec::with_capacity(scales.len());
        for &(scale, chroma) in scales {
            let pixels = |side: u32| u64::from(scale.apply(side));
            Error::check(
                "the picture in pixels",
                pixels(frame.width) * pixels(frame.height),
                limits.max_pixels,
            )?;
            let plane = |component: &Component| {
                Plane::new(&frame, component, side(&frame, component, scale, chroma))
            };
            outputs.push(Output {
                planes: frame.components.iter().map(plane).collect(),
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

    /// Of each component, the samples across and down.
    pub fn sizes(&self, output: usize) -> Vec<(usize, usize)> {
        let planes = self.outputs[output].planes.iter();
        planes.map(|plane| (plane.width, plane.height)).collect()
    }

    /// Of each component, the pixels of the file that a sample is wide and high.
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

    /// Of each component of the first output, the pixels of the picture at a scale for a sample, as fractions, across
    /// and down.
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

    /// Goes on to the next stripe. `false`: there is none.
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

    /// The rows of a component that this stripe has in an output.
    pub fn stripe(&self, output: usize, component: usize) -> Stripe<'_> {
        let plane = &self.outputs[output].planes[component];
        let left = plane.height.saturating_sub(plane.first_row * plane.side);
        let lines = left.min(plane.rows * plane.side);
        Stripe {
            samples: &plane.samples[..lines * plane.stride],
            stride: plane.stride,
        }
    }

    /// Some data was missing or wrong, of what was read so far.
    pub fn is_damaged(&self) -> bool {
        match &self.pixels {
            Pixels::Sequential(scans) => scans.is_damaged(),
            Pixels::Progressive(scans) => scans.is_damaged(),
        }
    }

    /// In pixels, as decoded.
    pub(crate) fn size(&self, scale: Scale) -> (u32, u32) {
        (
            scale.apply(self.frame.width),
            scale.apply(self.frame.height),
        )
    }
}

fn side(frame: &Frame, component: &Component, scale: Scale, chroma: Chroma) -> usize {
    let (h, v) = (component.h, component.v);
    match chroma {
        // Only the DC scans count there, whatever the subsampling.
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
        Chroma::Scaled => scale.block(),
    }
}
