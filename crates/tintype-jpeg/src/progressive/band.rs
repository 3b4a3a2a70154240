//! AC coefficients of one block, for one band and bit plane (T.81 G.1.2.2, G.1.2.3).

use crate::Error;
use crate::bits::BitReader;
use crate::coefficients::BlockCoefficients;
use crate::frame::ScanHeader;
use crate::huffman::{AcTable, END_OF_BLOCK, SymbolTable};

/// Decodes the first pass over a block outside any end-of-band run.
#[inline(always)]
pub(super) fn first(
    bits: &mut BitReader<'_>,
    table: &AcTable,
    scan: &ScanHeader,
    end_of_band: &mut u32,
    block: &mut BlockCoefficients<'_>,
) -> Result<(), Error> {
    let mut index = scan.start;
    while index <= scan.end {
        bits.refill();
        let found = table.next(bits)?;
        if found.run == END_OF_BLOCK {
            let size = found.value as u32;
            *end_of_band = (1 << size) - 1 + bits.take(size);
            return Ok(());
        }
        index += usize::from(found.run);
        if found.value != 0 {
            if index > scan.end {
                return Err(Error::Malformed("AC coefficient"));
            }
            block.set(index, (i32::from(found.value) << scan.low) as i16);
        }
        index += 1;
    }
    Ok(())
}

/// Decodes a refinement pass: one more bit per coefficient, and coefficients that become nonzero.
#[inline(always)]
pub(super) fn refine(
    bits: &mut BitReader<'_>,
    table: &SymbolTable,
    scan: &ScanHeader,
    end_of_band: &mut u32,
    block: &mut BlockCoefficients<'_>,
) -> Result<(), Error> {
    let step = 1i16 << scan.low;
    let mut index = scan.start;
    if *end_of_band == 0 {
        while index <= scan.end {
            bits.refill();
            let symbol = table.symbol(bits)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            let value = match size {
                0 if run < 15 => {
                    *end_of_band = (1 << run) + bits.take(run as u32);
                    break;
                }
                0 => None,
                1 => Some(if bits.take(1) == 1 { step } else { -step }),
                _ => return Err(Error::Malformed("AC correction")),
            };
            index = skip_zeros(bits, index, run, scan.end, block, step);
            if let Some(value) = value
                && index <= scan.end
            {
                block.set(index, value);
            }
            index += 1;
        }
    }
    if *end_of_band > 0 {
        if index <= scan.end {
            correct(bits, block.present(index, scan.end), block, step);
        }
        *end_of_band -= 1;
    }
    Ok(())
}

/// Skips `run` zero coefficients and returns the index after them, refining nonzero ones on the way.
#[inline(always)]
fn skip_zeros(
    bits: &mut BitReader<'_>,
    mut index: usize,
    mut run: usize,
    end: usize,
    block: &mut BlockCoefficients<'_>,
    step: i16,
) -> usize {
    let mut present = block.present(index, end);
    let mut passed = 0;
    while present != 0 {
        let next = present.trailing_zeros() as usize;
        if next - index > run {
            break;
        }
        run -= next - index;
        index = next + 1;
        passed |= present & present.wrapping_neg();
        present &= present - 1;
    }
    correct(bits, passed, block, step);
    index + run
}

#[inline(always)]
fn correct(
    bits: &mut BitReader<'_>,
    mut places: u64,
    block: &mut BlockCoefficients<'_>,
    step: i16,
) {
    while places != 0 {
        let place = places.trailing_zeros() as usize;
        places &= places - 1;
        if bits.bit() {
            block.correct(place, step);
        }
    }
}
