//! The coefficients of one row of MCUs, for scans that are read side by side and for decoding at several scales.

use crate::frame::{Component, FrameHeader};
use crate::idct::{InverseFactors, TransformedRows, last_needed};
use crate::plane::{Output, Plane};

/// Of one component: of each block as many coefficients as its pixels need.
pub(crate) struct CoefficientBuffer {
    firsts: Vec<i32>,
    /// Of each block, bits of the others that are not zero, by place in coding order: kept or not, for later scans have
    /// a correction for each.
    masks: Vec<u64>,
    /// `kept` entries per block in zigzag order, starting at DC. An entry without its mask bit is left from an earlier
    /// row.
    others: Vec<i16>,
    kept: usize,
    /// In a row, and rows of them.
    blocks: usize,
    rows: usize,
    first_row: usize,
}

pub(crate) struct BlockCoefficients<'a> {
    pub(crate) first: &'a mut i32,
    mask: &'a mut u64,
    others: &'a mut [i16],
}

impl CoefficientBuffer {
    /// One store per component, with the coefficients that the largest output needs.
    pub(crate) fn of_components(frame: &FrameHeader, outputs: &[Output]) -> Vec<Self> {
        let components = frame.components.iter().enumerate();
        let stores = components.map(|(index, component)| {
            let sides = outputs.iter().map(|output| output.planes[index].side);
            Self::new(component, sides.max().unwrap_or(1))
        });
        stores.collect()
    }

    fn new(component: &Component, side: usize) -> Self {
        let kept = last_needed(side) + 1;
        let count = component.stride_blocks * component.v;
        Self {
            firsts: vec![0; count],
            masks: vec![0; count],
            others: vec![0; if kept > 1 { count * kept } else { 0 }],
            kept,
            blocks: component.stride_blocks,
            rows: component.v,
            first_row: 0,
        }
    }

    /// Of scans that begin behind what is kept nothing is needed.
    pub(crate) fn needs(&self, coefficient: usize) -> bool {
        coefficient < self.kept
    }

    /// Starts another row of MCUs.
    pub(crate) fn begin(&mut self, row: usize) {
        self.first_row = row * self.rows;
        self.firsts.fill(0);
        self.masks.fill(0);
    }

    #[inline(always)]
    pub(crate) fn block(&mut self, x: usize, y: usize) -> BlockCoefficients<'_> {
        let index = (y - self.first_row) * self.blocks + x;
        let others = self
            .others
            .get_mut(index * self.kept..(index + 1) * self.kept);
        BlockCoefficients {
            first: &mut self.firsts[index],
            mask: &mut self.masks[index],
            others: others.unwrap_or_default(),
        }
    }

    /// Writes the pixels of this component to each output. A component without factors, which no scan has mentioned,
    /// stays gray.
    #[inline(always)]
    pub(crate) fn write(
        &self,
        factors: &[InverseFactors],
        outputs: &mut [Output],
        component: usize,
    ) {
        for (factors, output) in factors.iter().zip(outputs) {
            self.write_plane(factors, &mut output.planes[component]);
        }
    }

    #[inline(always)]
    fn write_plane(&self, factors: &InverseFactors, plane: &mut Plane) {
        match plane.side {
            1 => self.write_blocks::<1>(factors, plane),
            2 => self.write_blocks::<2>(factors, plane),
            3 => self.write_blocks::<3>(factors, plane),
            4 => self.write_blocks::<4>(factors, plane),
            5 => self.write_blocks::<5>(factors, plane),
            6 => self.write_blocks::<6>(factors, plane),
            7 => self.write_blocks::<7>(factors, plane),
            _ => self.write_blocks::<8>(factors, plane),
        }
    }

    #[inline(always)]
    fn write_blocks<const SIDE: usize>(&self, factors: &InverseFactors, plane: &mut Plane) {
        let needed = const {
            match SIDE {
                1 => 0,
                _ => u64::MAX >> (63 - last_needed(SIDE)),
            }
        };
        for (index, (&first, &mask)) in self.firsts.iter().zip(&self.masks).enumerate() {
            let mut rows = TransformedRows::new(factors, first);
            let others = self.others.get(index * self.kept..).unwrap_or_default();
            let mut left = mask & needed;
            while left != 0 {
                let place = left.trailing_zeros() as usize;
                left &= left - 1;
                rows.add(place, others[place]);
            }
            let (x, y) = (index % self.blocks, self.first_row + index / self.blocks);
            let at = plane.place(x, y);
            rows.write::<SIDE>(&mut plane.samples, at, plane.stride);
        }
    }
}

impl BlockCoefficients<'_> {
    /// Mask of the nonzero coefficients in `from..=to`.
    #[inline(always)]
    pub(crate) fn present(&self, from: usize, to: usize) -> u64 {
        *self.mask & (u64::MAX << from) & (u64::MAX >> (63 - to))
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, place: usize, value: i16) {
        *self.mask |= 1 << place;
        if let Some(coefficient) = self.others.get_mut(place) {
            *coefficient = value;
        }
    }

    /// Moves a coefficient one step away from zero, at most once.
    #[inline(always)]
    pub(crate) fn correct(&mut self, place: usize, step: i16) {
        if let Some(coefficient) = self.others.get_mut(place)
            && *coefficient & step == 0
        {
            let step = if *coefficient > 0 { step } else { -step };
            *coefficient = coefficient.wrapping_add(step);
        }
    }
}
