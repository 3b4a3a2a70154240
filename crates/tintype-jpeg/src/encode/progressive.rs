//! Progressive scans (T.81 G.1): AC coefficients by spectral band and bit plane, with end-of-band runs.

use super::coefficients::QuantisedBlock;
use super::scan::{SIXTEEN_ZEROS, Scan, SpectralPass, SymbolSink, sized};

/// The longest end-of-band run that one symbol can encode, and the most correction bits that may be buffered until it
/// ends (libjpeg's `MAX_CORR_BITS`).
const MAX_RUN: u32 = 0x7FFF;
const MAX_WAITING: usize = 937;

/// libjpeg's scan script (`jpeg_simple_progression`).
pub(super) fn scans(components: usize) -> Vec<Scan> {
    let scan = |components: &[usize], [first, last]: [usize; 2], [high, low]: [u32; 2]| Scan {
        components: components.to_vec(),
        first,
        last,
        high,
        low,
    };
    match components {
        3 => vec![
            scan(&[0, 1, 2], [0, 0], [0, 1]),
            scan(&[0], [1, 5], [0, 2]),
            scan(&[2], [1, 63], [0, 1]),
            scan(&[1], [1, 63], [0, 1]),
            scan(&[0], [6, 63], [0, 2]),
            scan(&[0], [1, 63], [2, 1]),
            scan(&[0, 1, 2], [0, 0], [1, 0]),
            scan(&[2], [1, 63], [1, 0]),
            scan(&[1], [1, 63], [1, 0]),
            scan(&[0], [1, 63], [1, 0]),
        ],
        _ => vec![
            scan(&[0], [0, 0], [0, 1]),
            scan(&[0], [1, 5], [0, 2]),
            scan(&[0], [6, 63], [0, 2]),
            scan(&[0], [1, 63], [2, 1]),
            scan(&[0], [0, 0], [1, 0]),
            scan(&[0], [1, 63], [1, 0]),
        ],
    }
}

/// A run of blocks with nothing more in this band, and their pending correction bits.
struct Run {
    table: usize,
    blocks: u32,
    corrections: Vec<bool>,
}

impl Run {
    fn write<T: SymbolSink>(&mut self, sink: &mut T) {
        if self.blocks == 0 {
            return;
        }
        let size = self.blocks.ilog2();
        let bits = self.blocks - (1 << size);
        sink.symbol(self.table, (size << 4) as u8, bits, size);
        self.blocks = 0;
        write_corrections(&mut self.corrections, sink);
    }
}

fn write_corrections<T: SymbolSink>(corrections: &mut Vec<bool>, sink: &mut T) {
    for bit in corrections.drain(..) {
        sink.bits(bit.into(), 1);
    }
}

/// The nonzero coefficients of a band, with their positions.
fn of_band<'v>(
    scan: (usize, usize),
    block: &QuantisedBlock,
    values: &'v [i16],
) -> impl Iterator<Item = (u32, i16)> + use<'v> {
    let mut mask = block.mask;
    values.iter().filter_map(move |&value| {
        let place = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (scan.0..=scan.1)
            .contains(&(place as usize))
            .then_some((place, value))
    })
}

/// A first pass over coefficients.
pub(super) struct FirstPass {
    band: (usize, usize),
    low: u32,
    run: Run,
}

impl SpectralPass for FirstPass {
    fn new(scan: &Scan, table: usize) -> Self {
        Self {
            band: (scan.first, scan.last),
            low: scan.low,
            run: Run {
                table,
                blocks: 0,
                corrections: Vec::new(),
            },
        }
    }

    fn block<T: SymbolSink>(&mut self, block: &QuantisedBlock, values: &[i16], sink: &mut T) {
        let mut next = self.band.0 as u32;
        for (place, value) in of_band(self.band, block, values) {
            // Rounds towards zero.
            let value = i32::from(value) / (1 << self.low);
            if value == 0 {
                continue;
            }
            self.run.write(sink);
            let mut zeros = place - next;
            while zeros > 15 {
                sink.symbol(self.run.table, SIXTEEN_ZEROS, 0, 0);
                zeros -= 16;
            }
            let (size, bits) = sized(value);
            sink.symbol(self.run.table, (zeros << 4 | size) as u8, bits, size);
            next = place + 1;
        }
        if next <= self.band.1 as u32 {
            self.run.blocks += 1;
            if self.run.blocks == MAX_RUN {
                self.run.write(sink);
            }
        }
    }

    fn finish<T: SymbolSink>(&mut self, sink: &mut T) {
        self.run.write(sink);
    }
}

/// A refinement pass: one more bit per coefficient.
pub(super) struct Refinement {
    first: FirstPass,
    /// Correction bits of this block since its last symbol.
    corrections: Vec<bool>,
}

impl SpectralPass for Refinement {
    fn new(scan: &Scan, table: usize) -> Self {
        Self {
            first: FirstPass::new(scan, table),
            corrections: Vec::new(),
        }
    }

    fn block<T: SymbolSink>(&mut self, block: &QuantisedBlock, values: &[i16], sink: &mut T) {
        let FirstPass { band, low, run } = &mut self.first;
        let size = |value: i16| u32::from(value.unsigned_abs()) >> *low;
        let new = of_band(*band, block, values).filter(|&(_, value)| size(value) == 1);
        let last_new = new.last().map_or(0, |(place, _)| place);
        let (mut zeros, mut next) = (0, band.0 as u32);
        for (place, value) in of_band(*band, block, values) {
            let value_size = size(value);
            if value_size == 0 {
                continue;
            }
            zeros += place - next;
            next = place + 1;
            // Correction bits after the last newly nonzero coefficient belong to the end of the block.
            while zeros > 15 && place <= last_new {
                run.write(sink);
                sink.symbol(run.table, SIXTEEN_ZEROS, 0, 0);
                zeros -= 16;
                write_corrections(&mut self.corrections, sink);
            }
            if value_size > 1 {
                self.corrections.push(value_size & 1 == 1);
                continue;
            }
            run.write(sink);
            sink.symbol(run.table, (zeros << 4 | 1) as u8, u32::from(value > 0), 1);
            write_corrections(&mut self.corrections, sink);
            zeros = 0;
        }
        zeros += band.1 as u32 + 1 - next;
        if zeros > 0 || !self.corrections.is_empty() {
            run.blocks += 1;
            run.corrections.append(&mut self.corrections);
            if run.blocks == MAX_RUN || run.corrections.len() > MAX_WAITING {
                run.write(sink);
            }
        }
    }

    fn finish<T: SymbolSink>(&mut self, sink: &mut T) {
        self.first.run.write(sink);
    }
}
