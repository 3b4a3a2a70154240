//! The coefficients of one row of MCUs while its scans are read.

use crate::frame::Component;
use crate::idct::{Factors, Rows, last_needed};
use crate::plane::Plane;

/// One component: as many coefficients per block as its pixels need.
pub(super) struct Store {
    firsts: Vec<i16>,
    /// Zigzag positions of each block's nonzero AC coefficients, including those not kept, because later scans have a
    /// correction bit for each.
    masks: Vec<u64>,
    /// `kept` entries per block in zigzag order, starting at DC. An entry without its mask bit is left from an earlier
    /// row.
    others: Vec<i16>,
    kept: usize,
    /// Blocks per row.
    blocks: usize,
    first_row: usize,
}

pub(super) struct Block<'a> {
    pub(super) first: &'a mut i16,
    mask: &'a mut u64,
    others: &'a mut [i16],
}

impl Store {
    pub(super) fn new(component: &Component, plane: &Plane) -> Self {
        let kept = last_needed(plane.side) + 1;
        let count = component.stride_blocks * plane.rows;
        Self {
            firsts: vec![0; count],
            masks: vec![0; count],
            others: vec![0; if kept > 1 { count * kept } else { 0 }],
            kept,
            blocks: component.stride_blocks,
            first_row: 0,
        }
    }

    /// Returns whether a scan starting at this coefficient contributes anything that is kept.
    pub(super) fn needs(&self, coefficient: usize) -> bool {
        coefficient < self.kept
    }

    pub(super) fn begin(&mut self, first_row: usize) {
        self.first_row = first_row;
        self.firsts.fill(0);
        self.masks.fill(0);
    }

    #[inline(always)]
    pub(super) fn block(&mut self, x: usize, y: usize) -> Block<'_> {
        let index = (y - self.first_row) * self.blocks + x;
        let others = self
            .others
            .get_mut(index * self.kept..(index + 1) * self.kept);
        Block {
            first: &mut self.firsts[index],
            mask: &mut self.masks[index],
            others: others.unwrap_or_default(),
        }
    }

    #[inline(always)]
    pub(super) fn write(&self, factors: &Factors, plane: &mut Plane) {
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
    fn write_blocks<const SIDE: usize>(&self, factors: &Factors, plane: &mut Plane) {
        let kept = if SIDE == 1 {
            0
        } else {
            u64::MAX >> (64 - self.kept)
        };
        for (index, (&first, &mask)) in self.firsts.iter().zip(&self.masks).enumerate() {
            let mut rows = Rows::new(factors, first.into());
            let others = self.others.get(index * self.kept..).unwrap_or_default();
            let mut left = mask & kept;
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

impl Block<'_> {
    /// Mask of the nonzero coefficients in `from..=to`.
    #[inline(always)]
    pub(super) fn present(&self, from: usize, to: usize) -> u64 {
        *self.mask & (u64::MAX << from) & (u64::MAX >> (63 - to))
    }

    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, value: i16) {
        *self.mask |= 1 << place;
        if let Some(coefficient) = self.others.get_mut(place) {
            *coefficient = value;
        }
    }

    /// Moves a coefficient one step away from zero, at most once.
    #[inline(always)]
    pub(super) fn correct(&mut self, place: usize, step: i16) {
        if let Some(coefficient) = self.others.get_mut(place)
            && *coefficient & step == 0
        {
            let step = if *coefficient > 0 { step } else { -step };
            *coefficient = coefficient.wrapping_add(step);
        }
    }
}
