//! Scans of progressive frames (T.81 G): coefficients are gathered over all scans, then become
//! pixels.

use std::slice::ChunksExact;

use fearless_simd::{Level, dispatch};

use crate::bits::Bits;
use crate::frame::{Component, Frame, Scan};
use crate::huffman::Table;
use crate::idct::{Factors, Rows, last_needed};
use crate::level::level;
use crate::markers::{self, EOI, Head, Reader, SOS, Tables};
use crate::plane::Plane;
use crate::scan::{Before, Blocks, Walk};
use crate::{Error, Limits};

/// The coefficients of all scans.
pub(crate) struct Gathered {
    /// By component.
    stores: Vec<Store>,
    factors: Vec<Option<Factors>>,
    damaged: bool,
    level: Level,
}

/// The blocks of a component: of each as many coefficients as its pixels need.
struct Store {
    coefficients: Vec<i16>,
    /// In coding order from the first.
    kept: usize,
    /// In a row.
    blocks: usize,
    /// Of each block, bits of the coefficients that are not kept and not zero: a later scan has a
    /// correction for each, which has to be read over. Empty where no such scan is read, or all are kept.
    others: Vec<u64>,
}

impl Store {
    fn new(component: &Component, plane: &Plane) -> Self {
        let kept = kept(plane);
        let count = component.stride_blocks * component.rows_blocks;
        Self {
            coefficients: vec![0; count * kept],
            kept,
            blocks: component.stride_blocks,
            others: vec![0; if has_others(kept) { count } else { 0 }],
        }
    }

    /// What [`Self::new`] takes.
    fn bytes(component: &Component, plane: &Plane) -> u64 {
        let kept = kept(plane);
        let of_a_block = 2 * kept + if has_others(kept) { 8 } else { 0 };
        (component.stride_blocks * component.rows_blocks * of_a_block) as u64
    }
}

fn kept(plane: &Plane) -> usize {
    last_needed(plane.side) + 1
}

/// Without AC coefficients, scans of them are not read at all.
fn has_others(kept: usize) -> bool {
    kept > 1 && kept < 64
}

impl Gathered {
    /// Reads all scans. Where one cannot be read, those before it count.
    pub(crate) fn read(
        head: Head<'_>,
        planes: &[Plane],
        limits: &Limits,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self, Error> {
        let Head {
            frame,
            mut tables,
            scan,
            mut reader,
        } = head;
        let each = || frame.components.iter().zip(planes);
        Error::check(
            "the memory for coefficients in bytes",
            each()
                .map(|(component, plane)| Store::bytes(component, plane))
                .sum(),
            limits.max_coefficient_bytes,
        )?;
        let mut gathered = Self {
            stores: each()
                .map(|(component, plane)| Store::new(component, plane))
                .collect(),
            factors: planes.iter().map(|_| None).collect(),
            damaged: false,
            level: level(),
        };
        gathered.scan(&mut reader, &frame, &scan, &tables, planes, go_on)?;
        let mut scans = 1;
        loop {
            let read = match reader.segment() {
                Ok((EOI, _)) => return Ok(gathered),
                Ok((SOS, body)) => {
                    scans += 1;
                    Error::check("the number of scans", scans, u64::from(limits.max_scans))?;
                    markers::scan(&frame, body).and_then(|scan| {
                        gathered.scan(&mut reader, &frame, &scan, &tables, planes, go_on)
                    })
                }
                // Tables between scans. Damage here is damage to what follows.
                Ok((marker, body)) => tables.read(marker, body),
                // It breaks off.
                Err(_) => {
                    gathered.damaged = true;
                    return Ok(gathered);
                }
            };
            match read {
                Err(error @ (Error::Stopped | Error::OverLimit { .. })) => return Err(error),
                Err(_) => gathered.damaged = true,
                Ok(()) => {}
            }
        }
    }

    fn scan(
        &mut self,
        reader: &mut Reader<'_>,
        frame: &Frame,
        scan: &Scan,
        tables: &Tables,
        planes: &[Plane],
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        for part in &scan.parts {
            let index = part.component;
            if self.factors[index].is_none() {
                let table = tables.quantisation(&frame.components[index])?;
                self.factors[index] = Some(Factors::new(table, planes[index].side));
            }
        }
        let is_needed = |component: usize| scan.start < self.stores[component].kept;
        if !scan.parts.iter().any(|part| is_needed(part.component)) {
            reader.at = reader.end_of_scan();
            return Ok(());
        }
        let mut coded = Vec::with_capacity(scan.parts.len());
        for part in &scan.parts {
            coded.push(match (scan.start, scan.high) {
                (0, 0) => Some(Table::new(tables.dc(part.dc)?)?),
                (0, _) => None,
                _ => Some(Table::new(tables.ac(part.ac)?)?),
            });
        }
        let (columns, rows) = frame.mcus_of(&scan.parts);
        let bits = Bits::new(reader.bytes, reader.at);
        let mut walk = Walk::new(bits, columns, frame.shapes_of(&scan.parts), tables.restart);
        let mut pass = Pass {
            stores: &mut self.stores,
            scan,
            tables: coded,
        };
        for row in 0..rows {
            if !go_on() {
                return Err(Error::Stopped);
            }
            dispatch!(self.level, _simd => walk.row(row, &mut pass));
            if walk.is_over() {
                break;
            }
        }
        self.damaged |= walk.is_damaged();
        reader.at = walk.position();
        Ok(())
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Turns a row of MCUs into pixels.
    pub(crate) fn row(&self, row: usize, planes: &mut [Plane]) {
        for ((store, factors), plane) in self.stores.iter().zip(&self.factors).zip(planes) {
            // A component that no scan spoke of stays gray.
            let Some(factors) = factors else {
                continue;
            };
            let first = row * plane.rows;
            let per_row = store.blocks * store.kept;
            let lines = store.coefficients.chunks_exact(per_row);
            for (y, line) in lines.enumerate().skip(first).take(plane.rows) {
                let blocks = line.chunks_exact(store.kept);
                dispatch!(self.level, _simd => pixels_of_row(blocks, factors, plane, y));
            }
        }
    }
}

#[inline(always)]
fn pixels_of_row(blocks: ChunksExact<'_, i16>, factors: &Factors, plane: &mut Plane, y: usize) {
    for (x, block) in blocks.enumerate() {
        pixels(block, factors, plane, plane.place(x, y));
    }
}

#[inline(always)]
fn pixels(coefficients: &[i16], factors: &Factors, plane: &mut Plane, at: usize) {
    let mut rows = Rows::new(factors, i32::from(coefficients[0]));
    // Most are zero, above all the last ones.
    for (eight, start) in coefficients.chunks(8).zip((0..).step_by(8)) {
        if eight.iter().fold(0, |any, value| any | value) == 0 {
            continue;
        }
        for (index, &value) in (start..).zip(eight) {
            if value != 0 && index != 0 {
                rows.add(index, value);
            }
        }
    }
    let (samples, stride) = (&mut plane.samples, plane.stride);
    match plane.side {
        1 => rows.write::<1>(samples, at, stride),
        2 => rows.write::<2>(samples, at, stride),
        3 => rows.write::<3>(samples, at, stride),
        4 => rows.write::<4>(samples, at, stride),
        5 => rows.write::<5>(samples, at, stride),
        6 => rows.write::<6>(samples, at, stride),
        7 => rows.write::<7>(samples, at, stride),
        _ => rows.write::<8>(samples, at, stride),
    }
}

/// One scan over the blocks.
struct Pass<'p> {
    stores: &'p mut [Store],
    scan: &'p Scan,
    /// By the place of the component in the scan; corrections of first coefficients have none.
    tables: Vec<Option<Table>>,
}

impl Blocks for Pass<'_> {
    /// What an earlier scan has is better than what follows damage.
    const GO_ON: bool = false;

    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut Bits<'_>,
        before: &mut Before,
        [part, x, y]: [usize; 3],
    ) -> Result<(), Error> {
        let store = &mut self.stores[self.scan.parts[part].component];
        let index = y * store.blocks + x;
        let start = index * store.kept;
        let mut block = Block {
            coefficients: &mut store.coefficients[start..start + store.kept],
            others: store.others.get(index).copied().unwrap_or(0),
        };
        let read = match (&self.tables[part], self.scan.start, self.scan.high) {
            (None, ..) => {
                block.coefficients[0] |= i16::from(bits.bit()) << self.scan.low;
                return Ok(());
            }
            (Some(table), 0, _) => {
                let dc = &mut before.dc[part & 3];
                table.first(bits, dc)?;
                block.coefficients[0] = (*dc << self.scan.low) as i16;
                return Ok(());
            }
            (Some(table), _, 0) => {
                ac_first(bits, table, self.scan, &mut before.end_of_band, &mut block)
            }
            (Some(table), ..) => {
                ac_again(bits, table, self.scan, &mut before.end_of_band, &mut block)
            }
        };
        let others = block.others;
        if let Some(kept) = store.others.get_mut(index) {
            *kept = others;
        }
        read
    }

    /// It stays as it is.
    fn missing(&mut self, _: [usize; 3]) {}
}

struct Block<'a> {
    coefficients: &'a mut [i16],
    others: u64,
}

impl Block<'_> {
    #[inline(always)]
    fn is_zero(&self, index: usize) -> bool {
        match self.coefficients.get(index) {
            Some(coefficient) => *coefficient == 0,
            None => self.others >> index & 1 == 0,
        }
    }

    #[inline(always)]
    fn set(&mut self, index: usize, value: i16) {
        match self.coefficients.get_mut(index) {
            Some(coefficient) => *coefficient = value,
            None => self.others |= u64::from(value != 0) << index,
        }
    }

    /// Of a coefficient that is not zero.
    #[inline(always)]
    fn correct(&mut self, bits: &mut Bits<'_>, index: usize, step: i16) {
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

#[inline(always)]
fn ac_first(
    bits: &mut Bits<'_>,
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

#[inline(always)]
fn ac_again(
    bits: &mut Bits<'_>,
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
