//! Decodes a file stripe by stripe.

use crate::colour::Coding;
use crate::frame::{Component, Frame};
use crate::markers::Head;
use crate::plane::Plane;
use crate::progressive::Progressive;
use crate::sequential::Sequential;
use crate::{Error, Limits, Scale};

/// The decoded size of subsampled components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// The size of the other components, where a larger inverse DCT can produce it; libjpeg does this.
    Matched,
    /// Decoded at this scale, so they stay smaller by their subsampling factor.
    Scaled(Scale),
}

/// Decodes the rows of each component, top to bottom, at the component's own resolution.
pub struct Decoder<'a> {
    frame: Frame,
    planes: Vec<Plane>,
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
        let head = Head::read(bytes)?;
        let frame = head.frame.clone();
        let pixels = |side: u32| u64::from(scale.apply(side));
        Error::check(
            "the image in pixels",
            pixels(frame.width) * pixels(frame.height),
            limits.max_pixels,
        )?;
        let plane = |component: &Component| {
            Plane::new(&frame, component, side(&frame, component, scale, chroma))
        };
        let planes: Vec<Plane> = frame.components.iter().map(plane).collect();
        let pixels = if frame.progressive {
            Pixels::Progressive(Progressive::new(head, &planes, limits)?)
        } else {
            Pixels::Sequential(Sequential::new(head, &planes)?)
        };
        Ok(Self {
            rows: frame.mcus().1,
            frame,
            planes,
            pixels,
            row: 0,
        })
    }

    pub fn coding(&self) -> Coding {
        self.frame.coding
    }

    /// Width and height of each component, in samples.
    pub fn sizes(&self) -> Vec<(usize, usize)> {
        let sizes = self.planes.iter().map(|plane| (plane.width, plane.height));
        sizes.collect()
    }

    /// Width and height of one sample of each component, in pixels of the file.
    pub fn reaches(&self) -> Vec<(f64, f64)> {
        let reach =
            |most: usize, factor: usize, side: usize| (8 * most) as f64 / (factor * side) as f64;
        let components = self.frame.components.iter().zip(&self.planes);
        let reaches = components.map(|(c, plane)| {
            (
                reach(self.frame.max_h, c.h, plane.side),
                reach(self.frame.max_v, c.v, plane.side),
            )
        });
        reaches.collect()
    }

    /// Pixels of the scaled image per sample of each component, as fractions, across and down.
    pub(crate) fn ratios(&self, scale: Scale) -> Vec<((usize, usize), (usize, usize))> {
        let components = self.frame.components.iter().zip(&self.planes);
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
        for plane in &mut self.planes {
            plane.first_row = self.row * plane.rows;
        }
        match &mut self.pixels {
            Pixels::Sequential(scans) => scans.row(&mut self.planes),
            Pixels::Progressive(scans) => scans.row(&mut self.planes),
        }
        self.row += 1;
        true
    }

    /// The rows of a component in this stripe.
    pub fn stripe(&self, component: usize) -> Stripe<'_> {
        let plane = &self.planes[component];
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

fn side(frame: &Frame, component: &Component, scale: Scale, chroma: Chroma) -> usize {
    let (h, v) = (component.h, component.v);
    let is_small = h < frame.max_h || v < frame.max_v;
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
        Chroma::Scaled(chroma) if is_small => chroma.block(),
        Chroma::Scaled(_) => scale.block(),
    }
}
