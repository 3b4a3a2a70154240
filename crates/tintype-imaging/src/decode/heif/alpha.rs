//! Transparency: the luma of a separate item, at that item's own size.

use super::canvas::Sample;
use super::frame::{Converter, YuvFrame};
use super::grid::Grid;
use super::{Items, Nclx};
use crate::Error;
use crate::probe::heif::{AV1, GRID, HEV1, HVC1};
use crate::spec::Size;

pub(super) struct AlphaPlane<S> {
    /// Size of the image that it belongs to.
    over: Size,
    size: Size,
    samples: Vec<S>,
    is_premultiplied: bool,
}

impl Items<'_> {
    /// Decodes the alpha of an item; `None` if it has none or the caller needs none.
    pub(super) fn alpha<S: Sample>(&mut self, id: u32) -> Result<Option<AlphaPlane<S>>, Error> {
        if !self.channels.is_multiple_of(2) {
            return Ok(None);
        }
        let Some((alpha, is_premultiplied)) = self.file.alpha(id) else {
            return Ok(None);
        };
        let size = self.file.size(alpha)?;
        let samples = match self.file.kind(alpha)? {
            AV1 | HVC1 | HEV1 => {
                self.charge(size)?;
                self.luma(alpha, size)?
            }
            GRID => {
                let grid = Grid::read(&self.data(alpha)?)?;
                let tiles = self.file.inputs(alpha).to_vec();
                let first = tiles.first().filter(|_| tiles.len() >= grid.tiles());
                let first = first.ok_or_else(|| Error::malformed("tiles are missing"))?;
                let tile = self.file.size(*first)?;
                grid.check(size, tile)?;
                self.charge(size)?;
                let mut samples = vec![S::default(); size.pixels() as usize];
                for (at, id) in (0..).zip(&tiles[..grid.tiles()]) {
                    let (left, top) = grid.place(at, tile);
                    let rows = self.luma::<S>(*id, tile)?;
                    let width = tile.width.min(size.width - left) as usize;
                    let lines = rows.chunks_exact(tile.width as usize);
                    for (y, line) in (top..size.height).zip(lines) {
                        let start = y as usize * size.width as usize + left as usize;
                        samples[start..start + width].copy_from_slice(&line[..width]);
                    }
                }
                samples
            }
            _ => return Err(Error::unsupported("the alpha of this HEIF")),
        };
        Ok(Some(AlphaPlane {
            over: self.file.size(id)?,
            size,
            samples,
            is_premultiplied,
        }))
    }

    fn luma<S: Sample>(&mut self, id: u32, size: Size) -> Result<Vec<S>, Error> {
        let frame = self.frame(id, None::<Nclx>)?;
        if frame.size.width < size.width || frame.size.height < size.height {
            return Err(Error::malformed("its sizes disagree"));
        }
        Ok(luma(&frame, size))
    }
}

/// Returns the top left part of a frame, of this size.
fn luma<S: Sample>(frame: &YuvFrame, size: Size) -> Vec<S> {
    let mut converter = Converter::new(frame, 1, S::MAX);
    let mut samples = vec![S::default(); size.pixels() as usize];
    for (y, row) in (0..).zip(samples.chunks_exact_mut(size.width as usize)) {
        converter.row(y, row);
    }
    samples
}

impl<S: Sample> AlphaPlane<S> {
    /// The alpha of an image of the same size, which the frame has at least.
    pub(super) fn new(frame: &YuvFrame, size: Size, is_premultiplied: bool) -> Self {
        Self {
            over: size,
            size,
            samples: luma(frame, size),
            is_premultiplied,
        }
    }

    /// Writes alpha into rows of the image, starting at row `top`.
    pub(super) fn apply(&self, rows: &mut [S], top: u32, channels: usize) {
        let stride = self.over.width as usize * channels;
        let scaled = |at: u32, from: u32, to: u32| {
            (u64::from(at) * u64::from(to) / u64::from(from)) as usize
        };
        let is_same = self.size.width == self.over.width;
        for (y, row) in (top..).zip(rows.chunks_exact_mut(stride)) {
            let y = scaled(y, self.over.height, self.size.height);
            let line = &self.samples[y * self.size.width as usize..][..self.size.width as usize];
            for (x, pixel) in (0..).zip(row.chunks_exact_mut(channels)) {
                let x = match is_same {
                    true => x as usize,
                    false => scaled(x, self.over.width, self.size.width),
                };
                self.put(pixel, line[x]);
            }
        }
    }

    fn put(&self, pixel: &mut [S], alpha: S) {
        let Some((last, colours)) = pixel.split_last_mut() else {
            return;
        };
        *last = alpha;
        if !self.is_premultiplied || alpha.value() == S::MAX {
            return;
        }
        for colour in colours {
            let part = i64::from(alpha.value());
            let straight = match part {
                0 => 0,
                part => (i64::from(colour.value()) * i64::from(S::MAX) + part / 2) / part,
            };
            *colour = S::of(straight.min(i64::from(S::MAX)) as i32);
        }
    }
}
