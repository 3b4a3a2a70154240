//! Grids of tiles (ISO/IEC 23008-12, section 6.6.2.3).

use super::canvas::Sample;
use super::frame::Converter;
use super::{Items, Rows};
use crate::Error;
use crate::probe::heif::{AV1, Fields, HEV1, HVC1, Nclx};
use crate::render::Turn;
use crate::spec::Size;

pub(super) struct Grid {
    rows: u32,
    columns: u32,
    size: Size,
}

impl Grid {
    pub(super) fn read(data: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(data);
        fields.byte()?;
        let side = if fields.byte()? & 1 == 0 { 2 } else { 4 };
        let mut count = || Ok::<_, Error>(u32::from(fields.byte()?) + 1);
        let (rows, columns) = (count()?, count()?);
        let mut side = || Ok::<_, Error>(fields.number(side)? as u32);
        Ok(Self {
            rows,
            columns,
            size: Size::new(side()?, side()?),
        })
    }

    pub(super) fn tiles(&self) -> usize {
        self.rows as usize * self.columns as usize
    }

    /// Checks that the tiles cover the image and none lies outside.
    pub(super) fn check(&self, size: Size, tile: Size) -> Result<(), Error> {
        let covers = |whole: u32, tile: u32, count: u32| {
            let (whole, tile, count) = (u64::from(whole), u64::from(tile), u64::from(count));
            tile * count >= whole && tile * (count - 1) < whole
        };
        let is_covered = covers(size.width, tile.width, self.columns)
            && covers(size.height, tile.height, self.rows);
        match self.size == size && is_covered {
            true => Ok(()),
            false => Err(Error::malformed("its tiles do not cover the image")),
        }
    }

    /// Left and top of a tile.
    pub(super) fn place(&self, at: u32, tile: Size) -> (u32, u32) {
        (
            at % self.columns * tile.width,
            at / self.columns * tile.height,
        )
    }
}

impl Items<'_> {
    pub(super) fn grid<S: Sample>(
        &mut self,
        id: u32,
        depth: u32,
        outer: Option<Nclx>,
        to: &mut Rows<'_, S>,
    ) -> Result<(), Error> {
        let size = self.file.size(id)?;
        let grid = Grid::read(&self.data(id)?)?;
        let tiles = self.file.inputs(id).to_vec();
        let first = tiles.first().filter(|_| tiles.len() >= grid.tiles());
        let first = first.ok_or_else(|| Error::malformed("tiles are missing"))?;
        let (shown, turn) = self.file.shown(*first)?;
        let shown = Size::new(shown.width, shown.height);
        let tile = match turn.transposes() {
            true => shown.transposed(),
            false => shown,
        };
        grid.check(size, tile)?;
        let alpha = self.alpha::<S>(id)?;
        let stride = size.width as usize * self.channels;
        let mut strip = Vec::new();
        let rows = tiles.chunks(grid.columns as usize);
        for (row, tiles) in (0..grid.rows).zip(rows) {
            let top = row * tile.height;
            let height = tile.height.min(size.height - top) as usize;
            strip.clear();
            strip.resize(height * stride, S::default());
            let mut result = Ok(());
            for (column, id) in (0..grid.columns).zip(tiles) {
                let left = column * tile.width;
                let part = TilePosition {
                    stride,
                    left: left as usize * self.channels,
                    width: tile.width.min(size.width - left) as usize * self.channels,
                };
                result = self.tile(*id, (tile, depth), outer, &part, &mut strip);
                if result.is_err() {
                    break;
                }
            }
            match &result {
                // A row that breaks off is filled as far as it goes.
                Err(Error::Malformed(_)) if row > 0 => {}
                Err(_) => return result,
                Ok(()) => {}
            }
            if let Some(alpha) = &alpha {
                alpha.apply(&mut strip, top, self.channels);
            }
            to(top, &mut strip)?;
            result?;
        }
        Ok(())
    }

    /// Copies one tile to its place in a row of tiles.
    fn tile<S: Sample>(
        &mut self,
        id: u32,
        (size, depth): (Size, u32),
        outer: Option<Nclx>,
        part: &TilePosition,
        strip: &mut [S],
    ) -> Result<(), Error> {
        let lines = strip.chunks_exact_mut(part.stride);
        let lines = lines.map(|line| &mut line[part.left..part.left + part.width]);
        let (shown, turn) = self.file.shown(id)?;
        let is_plain = matches!(self.file.kind(id)?, AV1 | HVC1 | HEV1)
            && self.file.size(id)? == Size::new(shown.width, shown.height)
            && turn == Turn::default()
            && (!self.channels.is_multiple_of(2) || self.file.alpha(id).is_none());
        if is_plain {
            let frame = self.frame(id, outer)?;
            if frame.size.width < size.width || frame.size.height < size.height {
                return Err(Error::malformed("its tiles differ"));
            }
            let mut converter = Converter::new(&frame, self.channels, S::MAX);
            for (y, line) in (0..).zip(lines) {
                converter.row(y, line);
            }
            return Ok(());
        }
        let canvas = self.canvas::<S>(id, depth + 1, outer)?;
        if canvas.size != size {
            return Err(Error::malformed("its tiles differ"));
        }
        for (y, line) in (0..).zip(lines) {
            let row = canvas.row(y);
            line.copy_from_slice(&row[..line.len()]);
        }
        Ok(())
    }
}

/// A tile's place among the samples.
struct TilePosition {
    stride: usize,
    left: usize,
    width: usize,
}
