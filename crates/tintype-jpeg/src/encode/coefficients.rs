//! All quantised coefficients of an image; zeros take no memory.

use fearless_simd::{Level, dispatch};

use super::blocks::packed;
use super::rows::McuRow;
use super::transform::ForwardFactors;
use super::{Samples, Sampling, table_of};
use crate::idct::ZIGZAG;
use crate::level::level;

pub(super) struct Coefficients {
    pub(super) planes: Vec<ComponentBlocks>,
    /// Columns and rows of MCUs.
    pub(super) mcus: (usize, usize),
}

/// The blocks of one component: those that cover its samples, without MCU padding.
pub(super) struct ComponentBlocks {
    /// Blocks per MCU, across and down.
    pub(super) factor: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
    blocks: Vec<QuantisedBlock>,
    /// Nonzero AC coefficients, one slice per row of blocks.
    values: Vec<Box<[i16]>>,
}

#[derive(Clone, Copy)]
pub(super) struct QuantisedBlock {
    pub(super) dc: i16,
    /// Zigzag positions of the nonzero AC coefficients.
    pub(super) mask: u64,
    /// Index into the values of its row.
    first: u32,
}

impl QuantisedBlock {
    pub(super) const fn flat(dc: i16) -> Self {
        Self {
            dc,
            mask: 0,
            first: 0,
        }
    }
}

impl Coefficients {
    pub(super) fn of(
        samples: Samples<'_>,
        (width, height): (usize, usize),
        sampling: Sampling,
        tables: &[[u8; 64]; 2],
    ) -> Self {
        let components = samples.components();
        let factor = match (components, sampling) {
            (3, Sampling::Quarter) => 2,
            _ => 1,
        };
        let side = 8 * factor;
        let mcus = (width.div_ceil(side), height.div_ceil(side));
        let planes = (0..components).map(|component| {
            let of_mcu = if component == 0 { factor } else { 1 };
            ComponentBlocks::new(
                of_mcu,
                (width * of_mcu).div_ceil(side),
                (height * of_mcu).div_ceil(side),
            )
        });
        let mut planes: Vec<ComponentBlocks> = planes.collect();
        let factors = tables.map(|table| {
            let mut natural = [0; 64];
            for (place, step) in ZIGZAG.iter().zip(table) {
                natural[usize::from(*place)] = step;
            }
            ForwardFactors::new(&natural)
        });
        let level = level();
        let mut rows = McuRow::new(width, side, components, level);
        let mut scratch = Vec::new();
        for number in 0..mcus.1 {
            rows.fill(samples.row(number, side, width));
            for (component, plane) in planes.iter_mut().enumerate() {
                let factors = &factors[usize::from(table_of(component))];
                let stride = rows.stride_of(component);
                for lines in rows.planes[component].chunks_exact(8 * stride) {
                    plane.add_row(lines, stride, factors, &mut scratch, level);
                }
            }
        }
        Self { planes, mcus }
    }

    /// Estimates the file size: most coefficients take about a byte.
    pub(super) fn guessed_bytes(&self) -> usize {
        let guess = |plane: &ComponentBlocks| {
            let values: usize = plane.values.iter().map(|row| row.len()).sum();
            values + plane.blocks.len()
        };
        1024 + self.planes.iter().map(guess).sum::<usize>()
    }
}

impl ComponentBlocks {
    fn new(factor: usize, columns: usize, rows: usize) -> Self {
        Self {
            factor,
            columns,
            rows,
            blocks: Vec::with_capacity(columns * rows),
            values: Vec::with_capacity(rows),
        }
    }

    /// Adds the next row of blocks, unless it is only MCU padding.
    fn add_row(
        &mut self,
        lines: &[u8],
        stride: usize,
        factors: &ForwardFactors,
        scratch: &mut Vec<i16>,
        level: Level,
    ) {
        if self.values.len() == self.rows {
            return;
        }
        scratch.resize(64 * self.columns, 0);
        let (blocks, columns) = (&mut self.blocks, self.columns);
        let used = dispatch!(level, _simd => {
            row_of_blocks(blocks, columns, (lines, stride), factors, scratch)
        });
        self.values.push(scratch[..used].into());
    }

    pub(super) fn block(&self, column: usize, row: usize) -> (QuantisedBlock, &[i16]) {
        let block = self.blocks[row * self.columns + column];
        let values = &self.values[row][block.first as usize..];
        (block, &values[..block.mask.count_ones() as usize])
    }
}

/// Returns the number of values.
#[inline(always)]
fn row_of_blocks(
    blocks: &mut Vec<QuantisedBlock>,
    columns: usize,
    (lines, stride): (&[u8], usize),
    factors: &ForwardFactors,
    values: &mut [i16],
) -> usize {
    let mut used = 0;
    for column in 0..columns {
        let quantised = factors.quantised(&lines[8 * column..], stride);
        let mask = packed(&quantised, &mut values[used..]);
        blocks.push(QuantisedBlock {
            dc: quantised[0],
            mask,
            first: used as u32,
        });
        used += mask.count_ones() as usize;
    }
    used
}
