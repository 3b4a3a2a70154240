//! Walks the blocks of a scan in order (T.81 A.2) and produces symbols, first to be counted and then to be written.

use super::bits::BitWriter;
use super::codes::HuffmanCodes;
use super::coefficients::{Coefficients, QuantisedBlock};
use super::progressive::{FirstPass, Refinement};
use super::table_of;

/// A scan header.
pub(super) struct Scan {
    pub(super) components: Vec<usize>,
    /// Band of coefficients, in zigzag order.
    pub(super) first: usize,
    pub(super) last: usize,
    /// Successive approximation: the low bits that earlier scans left out (`high`), and that this one leaves out
    /// (`low`).
    pub(super) high: u32,
    pub(super) low: u32,
}

/// There are four Huffman tables: two for DC coefficients, then two for AC.
pub(super) const TABLES: usize = 4;
pub(super) const END_OF_BLOCK: u8 = 0x00;
pub(super) const SIXTEEN_ZEROS: u8 = 0xF0;

/// A consumer of a scan's symbols.
pub(super) trait SymbolSink {
    /// A symbol with `size` extra bits, which select a value within its size category.
    fn symbol(&mut self, table: usize, symbol: u8, bits: u32, size: u32);

    /// Bits without a code.
    fn bits(&mut self, bits: u32, count: u32);
}

pub(super) const fn dc_table(component: usize) -> usize {
    table_of(component) as usize
}

pub(super) const fn ac_table(component: usize) -> usize {
    TABLES / 2 + table_of(component) as usize
}

impl Scan {
    /// The whole image in one scan.
    pub(super) fn baseline(components: usize) -> Self {
        Self {
            components: (0..components).collect(),
            first: 0,
            last: 63,
            high: 0,
            low: 0,
        }
    }

    pub(super) fn walk<T: SymbolSink>(&self, coefficients: &Coefficients, sink: &mut T) {
        match (self.first, self.last, self.high) {
            (0, ..) => self.interleaved(coefficients, sink),
            (.., 0) => self.band::<T, FirstPass>(coefficients, sink),
            _ => self.band::<T, Refinement>(coefficients, sink),
        }
    }

    fn interleaved<T: SymbolSink>(&self, coefficients: &Coefficients, sink: &mut T) {
        let mut before = [0i32; 4];
        let (columns, rows) = coefficients.mcus;
        for (mcu_row, mcu_column) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for &component in &self.components {
                let plane = &coefficients.planes[component];
                let factor = plane.factor;
                for place in 0..factor * factor {
                    let column = mcu_column * factor + place % factor;
                    let row = mcu_row * factor + place / factor;
                    if column < plane.columns && row < plane.rows {
                        let (block, values) = plane.block(column, row);
                        self.block(component, &block, values, &mut before[component], sink);
                    } else {
                        // A padding block repeats the DC of the block before and has no AC coefficients.
                        let dc = before[component] << self.low;
                        let block = QuantisedBlock::flat(dc as i16);
                        self.block(component, &block, &[], &mut before[component], sink);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn block<T: SymbolSink>(
        &self,
        component: usize,
        block: &QuantisedBlock,
        values: &[i16],
        before: &mut i32,
        sink: &mut T,
    ) {
        let dc = i32::from(block.dc) >> self.low;
        if self.high > 0 {
            sink.bits(dc as u32 & 1, 1);
            return;
        }
        let (size, bits) = sized(dc - *before);
        *before = dc;
        sink.symbol(dc_table(component), size as u8, bits, size);
        if self.last > 0 {
            details(block.mask, values, ac_table(component), sink);
        }
    }

    /// Walks the blocks of one component.
    fn band<T: SymbolSink, B: SpectralPass>(&self, coefficients: &Coefficients, sink: &mut T) {
        for &component in &self.components {
            let plane = &coefficients.planes[component];
            let mut band = B::new(self, ac_table(component));
            for (row, column) in
                (0..plane.rows).flat_map(|y| (0..plane.columns).map(move |x| (y, x)))
            {
                let (block, values) = plane.block(column, row);
                band.block(&block, values, sink);
            }
            band.finish(sink);
        }
    }
}

/// AC coefficients of progressive scans.
pub(super) trait SpectralPass {
    fn new(scan: &Scan, table: usize) -> Self;

    fn block<T: SymbolSink>(&mut self, block: &QuantisedBlock, values: &[i16], sink: &mut T);

    fn finish<T: SymbolSink>(&mut self, sink: &mut T);
}

/// Writes all AC coefficients of a block (T.81 F.1.2.2).
#[inline(always)]
fn details<T: SymbolSink>(mut mask: u64, values: &[i16], table: usize, sink: &mut T) {
    let mut next = 1;
    for &value in values {
        let place = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        let mut zeros = place - next;
        while zeros > 15 {
            sink.symbol(table, SIXTEEN_ZEROS, 0, 0);
            zeros -= 16;
        }
        let (size, bits) = sized(value.into());
        sink.symbol(table, (zeros << 4 | size) as u8, bits, size);
        next = place + 1;
    }
    if next < 64 {
        sink.symbol(table, END_OF_BLOCK, 0, 0);
    }
}

/// Returns the size category of a value and its extra bits (T.81 F.1.2.1).
#[inline(always)]
pub(super) fn sized(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    // Negative values are counted from the lowest of their size category.
    let bits = (value + (value >> 31)) as u32 & ((1 << size) - 1);
    (size, bits)
}

pub(super) struct SymbolCounts([[u32; 256]; TABLES]);

impl Default for SymbolCounts {
    fn default() -> Self {
        Self([[0; 256]; TABLES])
    }
}

impl SymbolSink for SymbolCounts {
    #[inline(always)]
    fn symbol(&mut self, table: usize, symbol: u8, _: u32, _: u32) {
        self.0[table][usize::from(symbol)] += 1;
    }

    fn bits(&mut self, _: u32, _: u32) {}
}

impl SymbolCounts {
    pub(super) fn codes(&self) -> [Option<HuffmanCodes>; TABLES] {
        self.0.each_ref().map(HuffmanCodes::of)
    }
}

pub(super) struct SymbolWriter<'b> {
    codes: [[(u32, u32); 256]; TABLES],
    bits: BitWriter<'b>,
}

impl<'b> SymbolWriter<'b> {
    pub(super) fn new(codes: &[Option<HuffmanCodes>; TABLES], bytes: &'b mut Vec<u8>) -> Self {
        let table = |codes: &Option<HuffmanCodes>| match codes {
            Some(codes) => codes.by_symbol(),
            None => [(0, 0); 256],
        };
        Self {
            codes: codes.each_ref().map(table),
            bits: BitWriter::new(bytes),
        }
    }

    pub(super) fn finish(self) {
        self.bits.finish();
    }
}

impl SymbolSink for SymbolWriter<'_> {
    #[inline(always)]
    fn symbol(&mut self, table: usize, symbol: u8, bits: u32, size: u32) {
        let (code, length) = self.codes[table][usize::from(symbol)];
        self.bits.put(code << size | bits, length + size);
    }

    #[inline(always)]
    fn bits(&mut self, bits: u32, count: u32) {
        self.bits.put(bits, count);
    }
}
