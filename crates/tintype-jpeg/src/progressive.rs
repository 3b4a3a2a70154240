//! Scans of progressive frames (T.81 G): coefficients are gathered over all scans, then become
//! pixels.

use crate::Error;
use crate::bits::{Bits, next_marker};
use crate::frame::{Component, Frame, Plane, Scan, Tables};
use crate::huffman::Table;
use crate::idct::{self, ZIGZAG};

/// The coefficients read so far, for each component of the frame.
pub(crate) struct Store(Vec<Blocks>);

/// The blocks of a component: of each as many coefficients as its pixels need.
struct Blocks {
    coefficients: Vec<i16>,
    /// In coding order from the first.
    kept: usize,
    /// Of each block, bits of the coefficients that are not kept and not zero: a later scan has a
    /// correction for each, which has to be read over. Empty where no such scan is read, or all are kept.
    others: Vec<u64>,
}

struct Block<'a> {
    coefficients: &'a mut [i16],
    others: u64,
}

impl Blocks {
    fn new(component: &Component, plane: &Plane) -> Self {
        let kept = kept(plane);
        let count = component.stride_blocks * component.rows_blocks;
        Self {
            coefficients: vec![0; count * kept],
            kept,
            others: vec![0; if has_others(kept) { count } else { 0 }],
        }
    }
}

fn kept(plane: &Plane) -> usize {
    idct::last_needed(plane.side) + 1
}

/// Without AC coefficients, scans of them are not read at all.
fn has_others(kept: usize) -> bool {
    kept > 1 && kept < 64
}

impl Block<'_> {
    fn is_zero(&self, index: usize) -> bool {
        match self.coefficients.get(index) {
            Some(coefficient) => *coefficient == 0,
            None => self.others >> index & 1 == 0,
        }
    }

    fn set(&mut self, index: usize, value: i16) {
        match self.coefficients.get_mut(index) {
            Some(coefficient) => *coefficient = value,
            None => self.others |= u64::from(value != 0) << index,
        }
    }

    /// Of a coefficient that is not zero.
    #[inline(always)]
    fn correct(&mut self, bits: &mut Bits, index: usize, step: i16) {
        let further = bits.bit();
        if let Some(coefficient) = self.coefficients.get_mut(index)
            && further
            && *coefficient & step == 0
        {
            let step = if *coefficient > 0 { step } else { -step };
            *coefficient = coefficient.wrapping_add(step);
        }
    }
}

impl Store {
    pub(crate) fn new(frame: &Frame, planes: &[Plane]) -> Self {
        let each = frame.components.iter().zip(planes);
        Self(
            each.map(|(component, plane)| Blocks::new(component, plane))
                .collect(),
        )
    }

    /// What [`Self::new`] takes.
    pub(crate) fn bytes(frame: &Frame, planes: &[Plane]) -> u64 {
        let each = frame.components.iter().zip(planes);
        each.map(|(component, plane)| {
            let kept = kept(plane);
            let of_a_block = 2 * kept + if has_others(kept) { 8 } else { 0 };
            (component.stride_blocks * component.rows_blocks * of_a_block) as u64
        })
        .sum()
    }

    /// Reads one scan from `at`. Gives whether it was whole, and where to read on.
    pub(crate) fn scan(
        &mut self,
        bytes: &[u8],
        at: usize,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(bool, usize), Error> {
        if scan
            .parts
            .iter()
            .all(|part| scan.start >= self.0[part.component].kept)
        {
            return Ok((true, behind(bytes, at)));
        }
        let mut bits = Bits::new(bytes, at);
        let mut predicted = [0i32; 4];
        let mut end_of_band = 0u32;
        let mut until_restart = tables.restart;
        let mut whole = true;
        let alone = scan.parts.len() == 1;
        let (columns, rows) = if alone {
            let component = &frame.components[scan.parts[0].component];
            (component.blocks_x, component.blocks_y)
        } else {
            frame.mcus()
        };
        'rows: for row in 0..rows {
            if !go_on() {
                return Err(Error::Stopped);
            }
            for column in 0..columns {
                if tables.restart != 0 {
                    if until_restart == 0 {
                        if !bits.restart() {
                            whole = false;
                            break 'rows;
                        }
                        (predicted, end_of_band) = ([0; 4], 0);
                        until_restart = tables.restart;
                    }
                    until_restart -= 1;
                }
                for part in &scan.parts {
                    let component = &frame.components[part.component];
                    let (h, v) = if alone {
                        (1, 1)
                    } else {
                        (component.h, component.v)
                    };
                    for y in 0..v {
                        for x in 0..h {
                            let (block_x, block_y) = (column * h + x, row * v + y);
                            let index = block_y * component.stride_blocks + block_x;
                            let blocks = &mut self.0[part.component];
                            let start = index * blocks.kept;
                            let mut block = Block {
                                coefficients: &mut blocks.coefficients[start..start + blocks.kept],
                                others: blocks.others.get(index).copied().unwrap_or(0),
                            };
                            let read = if scan.start == 0 {
                                let table = tables.dc[part.dc].as_ref();
                                dc(
                                    &mut bits,
                                    table,
                                    scan,
                                    &mut predicted[part.component],
                                    &mut block.coefficients[0],
                                )
                            } else {
                                let table = tables.ac[part.ac].as_ref();
                                let table =
                                    table.ok_or(Error::Malformed("missing Huffman table"))?;
                                if scan.high == 0 {
                                    ac_first(&mut bits, table, scan, &mut end_of_band, &mut block)
                                } else {
                                    ac_again(&mut bits, table, scan, &mut end_of_band, &mut block)
                                }
                            };
                            let others = block.others;
                            if let Some(kept) = blocks.others.get_mut(index) {
                                *kept = others;
                            }
                            if read.is_err() || bits.overrun() {
                                whole = false;
                                if tables.restart == 0 {
                                    break 'rows;
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok((whole, bits.position()))
    }

    /// Turns what was gathered into pixels.
    pub(crate) fn finish(
        &self,
        frame: &Frame,
        planes: &mut [Plane],
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        for ((component, blocks), plane) in frame.components.iter().zip(&self.0).zip(planes) {
            // A component that no scan spoke of stays gray.
            let Some(factors) = plane.factors else {
                continue;
            };
            let kept = blocks.kept;
            let per_row = component.stride_blocks * kept;
            for (row, line) in blocks.coefficients.chunks_exact(per_row).enumerate() {
                if !go_on() {
                    return Err(Error::Stopped);
                }
                for (column, block) in line.chunks_exact(kept).enumerate() {
                    let at = (row * plane.stride + column) * plane.side;
                    let mut coefficients = [0.0; 64];
                    let mut any = 0;
                    for index in 0..kept {
                        coefficients[ZIGZAG[index]] = f32::from(block[index]) * factors[index];
                        any |= if index == 0 { 0 } else { block[index] };
                    }
                    if any == 0 {
                        let dc = coefficients[0];
                        idct::fill(dc, plane.side, &mut plane.pixels, at, plane.stride);
                    } else {
                        let stride = plane.stride;
                        idct::transform(&coefficients, plane.side, &mut plane.pixels, at, stride);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where the scan that begins at `at` ends.
fn behind(bytes: &[u8], mut at: usize) -> usize {
    while let Some(marker) = next_marker(bytes, at) {
        if !matches!(bytes[marker + 1], 0xD0..=0xD7) {
            return marker;
        }
        at = marker + 2;
    }
    bytes.len()
}

fn dc(
    bits: &mut Bits,
    table: Option<&Table>,
    scan: &Scan,
    predicted: &mut i32,
    coefficient: &mut i16,
) -> Result<(), Error> {
    if scan.high != 0 {
        if bits.bit() {
            *coefficient |= 1 << scan.low;
        }
        return Ok(());
    }
    bits.refill();
    let size = table
        .ok_or(Error::Malformed("missing Huffman table"))?
        .symbol(bits)?;
    if size > 15 {
        return Err(Error::Malformed("DC coefficient"));
    }
    *predicted = predicted.wrapping_add(bits.extend(u32::from(size)));
    *coefficient = (*predicted << scan.low) as i16;
    Ok(())
}

fn ac_first(
    bits: &mut Bits,
    table: &Table,
    scan: &Scan,
    end_of_band: &mut u32,
    block: &mut Block<'_>,
) -> Result<(), Error> {
    if *end_of_band > 0 {
        *end_of_band -= 1;
        return Ok(());
    }
    let mut index = scan.start;
    while index <= scan.end {
        bits.refill();
        let symbol = table.symbol(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run < 15 {
                *end_of_band = (1 << run) - 1 + bits.take(run as u32);
                return Ok(());
            }
            index += 16;
            continue;
        }
        index += run;
        let value = bits.extend(size);
        if index > scan.end {
            return Err(Error::Malformed("AC coefficient"));
        }
        block.set(index, (value << scan.low) as i16);
        index += 1;
    }
    Ok(())
}

fn ac_again(
    bits: &mut Bits,
    table: &Table,
    scan: &Scan,
    end_of_band: &mut u32,
    block: &mut Block<'_>,
) -> Result<(), Error> {
    let step = 1i16 << scan.low;
    let mut index = scan.start;
    if *end_of_band == 0 {
        while index <= scan.end {
            bits.refill();
            let symbol = table.symbol(bits)?;
            let (mut run, size) = (usize::from(symbol >> 4), symbol & 15);
            let mut value = 0;
            if size == 0 {
                if run < 15 {
                    *end_of_band = (1 << run) + bits.take(run as u32);
                    break;
                }
            } else if size == 1 {
                value = if bits.take(1) == 1 { step } else { -step };
            } else {
                return Err(Error::Malformed("AC correction"));
            }
            // Over `run` coefficients that are still zero, correcting those that are not.
            while index <= scan.end {
                if !block.is_zero(index) {
                    block.correct(bits, index, step);
                } else if run == 0 {
                    block.set(index, value);
                    index += 1;
                    break;
                } else {
                    run -= 1;
                }
                index += 1;
            }
        }
    }
    if *end_of_band > 0 {
        for index in index..=scan.end {
            if !block.is_zero(index) {
                block.correct(bits, index, step);
            }
        }
        *end_of_band -= 1;
    }
    Ok(())
}
