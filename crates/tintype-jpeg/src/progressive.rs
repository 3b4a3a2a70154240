//! Scans of progressive frames (T.81 G): coefficients are gathered over all scans, then become
//! pixels.

use crate::Error;
use crate::bits::{Bits, next_marker};
use crate::frame::{Frame, Plane, Scan, Tables};
use crate::huffman::Table;
use crate::idct::{self, ZIGZAG};

/// The coefficients read so far, one list of blocks for each component.
pub(crate) struct Store {
    blocks: Vec<Vec<i16>>,
    /// Coefficients kept of a block: all, or the first alone.
    kept: usize,
}

impl Store {
    pub(crate) fn new(frame: &Frame, dc_only: bool) -> Self {
        let kept = if dc_only { 1 } else { 64 };
        let blocks = frame
            .components
            .iter()
            .map(|c| vec![0; c.stride_blocks * c.rows_blocks * kept]);
        Self {
            blocks: blocks.collect(),
            kept,
        }
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
        if scan.start >= self.kept {
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
                            let start = index * self.kept;
                            let block = &mut self.blocks[part.component][start..start + self.kept];
                            let read = if scan.start == 0 {
                                let table = tables.dc[part.dc].as_ref();
                                dc(
                                    &mut bits,
                                    table,
                                    scan,
                                    &mut predicted[part.component],
                                    block,
                                )
                            } else {
                                let table = tables.ac[part.ac].as_ref();
                                let table =
                                    table.ok_or(Error::Malformed("missing Huffman table"))?;
                                if scan.high == 0 {
                                    ac_first(&mut bits, table, scan, &mut end_of_band, block)
                                } else {
                                    ac_again(&mut bits, table, scan, &mut end_of_band, block)
                                }
                            };
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
        for ((component, blocks), plane) in frame.components.iter().zip(&self.blocks).zip(planes) {
            // A component that no scan spoke of stays gray.
            let Some(factors) = plane.factors else {
                continue;
            };
            let last = idct::last_needed(plane.side).min(self.kept - 1);
            let per_row = component.stride_blocks * self.kept;
            for (row, line) in blocks.chunks_exact(per_row).enumerate() {
                if !go_on() {
                    return Err(Error::Stopped);
                }
                for (column, block) in line.chunks_exact(self.kept).enumerate() {
                    let at = (row * plane.stride + column) * plane.side;
                    let mut coefficients = [0.0; 64];
                    let mut any = 0;
                    for index in 0..=last {
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
    block: &mut [i16],
) -> Result<(), Error> {
    if scan.high != 0 {
        if bits.bit() {
            block[0] |= 1 << scan.low;
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
    block[0] = (*predicted << scan.low) as i16;
    Ok(())
}

fn ac_first(
    bits: &mut Bits,
    table: &Table,
    scan: &Scan,
    end_of_band: &mut u32,
    block: &mut [i16],
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
        block[index] = (value << scan.low) as i16;
        index += 1;
    }
    Ok(())
}

fn ac_again(
    bits: &mut Bits,
    table: &Table,
    scan: &Scan,
    end_of_band: &mut u32,
    block: &mut [i16],
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
                if block[index] != 0 {
                    correct(bits, &mut block[index], step);
                } else if run == 0 {
                    block[index] = value;
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
        for coefficient in &mut block[index.min(scan.end + 1)..=scan.end] {
            if *coefficient != 0 {
                correct(bits, coefficient, step);
            }
        }
        *end_of_band -= 1;
    }
    Ok(())
}

#[inline(always)]
fn correct(bits: &mut Bits, coefficient: &mut i16, step: i16) {
    if bits.bit() && *coefficient & step == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient > 0 { step } else { -step });
    }
}
