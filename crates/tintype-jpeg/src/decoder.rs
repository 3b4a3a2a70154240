//! A file from its head to its pixels, a stripe at a time.

use crate::colour::Coding;
use crate::frame::{Component, Frame};
use crate::markers::Head;
use crate::plane::Plane;
use crate::progressive::Progressive;
use crate::sequential::Sequential;
use crate::{Error, Limits, Scale};

/// How large components become that are stored smaller than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    /// As large as the others, where a larger inverse DCT gives that; as libjpeg does.
    Matched,
    /// Decoded at this scale, and so as much smaller as they are stored.
    Scaled(Scale),
}

/// Gives the rows of each component, from the top on, at the component's own resolution.
pub struct Decoder<'a> {
    frame: Frame,
    planes: Vec<Plane>,
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
        let head = Head::read(bytes)?;
        let frame = head.frame.clone();
        let pixels = |side: u32| u64::from(scale.apply(side));
        Error::check(
            "the picture in pixels",
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

    /// Of each component, the samples across and down.
    pub fn sizes(&self) -> Vec<(usize, usize)> {
        let sizes = self.planes.iter().map(|plane| (plane.width, plane.height));
        sizes.collect()
    }

    /// Of each component, the pixels of the file that a sample is wide and high.
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

    /// Of each component, the pixels of the picture at a scale for a sample, as fractions, across and down.
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

    /// Goes on to the next stripe. `false`: there is none.
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

    /// The rows of a component that this stripe has.
    pub fn stripe(&self, component: usize) -> Stripe<'_> {
        let plane = &self.planes[component];
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
    let is_small = h < frame.max_h || v < frame.max_v;
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
        Chroma::Scaled(chroma) if is_small => chroma.block(),
        Chroma::Scaled(_) => scale.block(),
    }
}
