//! Huffman tables (T.81 C.2, F.2.2.3) and the lookup tables built from them.

use crate::Error;
use crate::bits::{BitReader, extended};

/// Codes of up to this many bits take one lookup; longer ones are rare.
const LOOK_BITS: u32 = 10;

/// How many bits one step of [`AcSkip`] examines.
const SKIP_BITS: u32 = 13;

/// A table as stored in the file. It is expanded for decoding only when a scan uses it, because a file may redefine
/// tables any number of times in between.
#[derive(Clone)]
pub(crate) struct HuffmanTable {
    /// Number of codes of each length from 1 to 16 bits.
    counts: [u8; 16],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    pub(crate) fn read(body: &[u8]) -> Result<Self, Error> {
        let short = || Error::Malformed("Huffman table");
        let counts: &[u8; 16] = body.first_chunk().ok_or_else(short)?;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        Ok(Self {
            counts: *counts,
            symbols: body.get(16..16 + total).ok_or_else(short)?.to_vec(),
        })
    }

    /// Its length in the file, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.counts.len() + self.symbols.len()
    }
}

/// A decoding table for symbols.
pub(crate) struct SymbolTable {
    /// Indexed by the next `LOOK_BITS` bits: symbol in the high byte, length in the low; 0 for longer codes.
    look: Box<[u16; 1 << LOOK_BITS]>,
    /// By length: the first code beyond that length, left-aligned to 16 bits.
    limit: [u32; 17],
    /// By length: the number to add to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl SymbolTable {
    pub(crate) fn new(codes: &HuffmanTable) -> Result<Self, Error> {
        let mut look = Box::new([0u16; 1 << LOOK_BITS]);
        let mut limit = [0u32; 17];
        let mut offset = [0i32; 17];
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1..=16u32).zip(&codes.counts) {
            offset[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                let symbol = codes.symbols[index];
                if code >= 1 << length {
                    return Err(Error::Malformed("Huffman codes overflow"));
                }
                if length <= LOOK_BITS {
                    let first = (code << (LOOK_BITS - length)) as usize;
                    let entry = u16::from(symbol) << 8 | length as u16;
                    look[first..first + (1 << (LOOK_BITS - length))].fill(entry);
                }
                code += 1;
                index += 1;
            }
            limit[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(Self {
            look,
            limit,
            offset,
            symbols: codes.symbols.clone(),
        })
    }

    /// Decodes the next symbol; at least 16 bits must be available.
    #[inline(always)]
    pub(crate) fn symbol(&self, bits: &mut BitReader<'_>) -> Result<u8, Error> {
        let entry = self.look[bits.peek(LOOK_BITS) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry & 0xFF));
            return Ok((entry >> 8) as u8);
        }
        self.long_symbol(bits)
    }

    #[cold]
    fn long_symbol(&self, bits: &mut BitReader<'_>) -> Result<u8, Error> {
        let code = bits.peek(16);
        for length in LOOK_BITS + 1..=16 {
            if code < self.limit[length as usize] {
                let index = (code >> (16 - length)) as i32 + self.offset[length as usize];
                bits.skip(length);
                return usize::try_from(index)
                    .ok()
                    .and_then(|index| self.symbols.get(index).copied())
                    .ok_or(Error::Malformed("Huffman code"));
            }
        }
        // As in libjpeg, so that both find the data after damage in the same place.
        bits.skip(17);
        Err(Error::Malformed("Huffman code"))
    }

    /// For a DC table: decodes a difference and adds it to the DC coefficient of the previous block.
    #[inline(always)]
    pub(crate) fn first(&self, bits: &mut BitReader<'_>, dc: &mut i32) -> Result<(), Error> {
        bits.refill();
        let size = self.symbol(bits)?;
        if size > 15 {
            return Err(Error::Malformed("DC coefficient"));
        }
        *dc = dc.wrapping_add(bits.extend(u32::from(size)));
        Ok(())
    }

    /// Returns the symbol and length of the code at the front of `bits`, `available` of which are known.
    fn look_at(&self, bits: u32, width: u32, available: u32) -> Option<(u8, u32)> {
        let entry = self.look[(bits << LOOK_BITS >> width) as usize & ((1 << LOOK_BITS) - 1)];
        let length = u32::from(entry & 0xFF);
        (entry != 0 && length <= available).then_some(((entry >> 8) as u8, length))
    }
}

/// The result of one lookup of an AC coefficient.
#[derive(Clone, Copy, Default)]
pub(crate) struct AcLookup {
    pub(crate) value: i16,
    /// Zero coefficients before it.
    pub(crate) run: u8,
    /// Length of code and value together; 0 if they do not fit in `LOOK_BITS`.
    bits: u8,
}

impl AcLookup {
    /// The end of the block or, in progressive frames, of a run of blocks whose length takes `size` more bits.
    const fn end(size: u8, bits: u8) -> Self {
        Self {
            value: size as i16,
            run: END_OF_BLOCK,
            bits,
        }
    }
}

/// More than the coefficients of a block, and than any run past its end.
pub(crate) const END_OF_BLOCK: u8 = 80;

/// A table of AC coefficients: where both are short, one lookup returns code and value.
pub(crate) struct AcTable {
    pub(crate) symbols: SymbolTable,
    found: Box<[AcLookup; 1 << LOOK_BITS]>,
}

impl AcTable {
    pub(crate) fn new(codes: &HuffmanTable) -> Result<Self, Error> {
        let symbols = SymbolTable::new(codes)?;
        let mut found = Box::new([AcLookup::default(); 1 << LOOK_BITS]);
        for (pattern, found) in found.iter_mut().enumerate() {
            *found = self::found(symbols.look[pattern], pattern as u32);
        }
        Ok(Self { symbols, found })
    }

    /// Decodes the next nonzero coefficient, or the end of the block; at least 32 bits must be available.
    #[inline(always)]
    pub(crate) fn next(&self, bits: &mut BitReader<'_>) -> Result<AcLookup, Error> {
        let found = self.found[bits.peek(LOOK_BITS) as usize];
        if found.bits != 0 {
            bits.skip(u32::from(found.bits));
            return Ok(found);
        }
        let symbol = self.symbols.symbol(bits)?;
        let (run, size) = (symbol >> 4, u32::from(symbol & 15));
        if size == 0 && run < 15 {
            return Ok(AcLookup::end(run, 0));
        }
        Ok(AcLookup {
            value: bits.extend(size) as i16,
            run,
            bits: 0,
        })
    }
}

/// The lookup result for a pattern of `LOOK_BITS` that begins with the code of this [`SymbolTable::look`] entry.
fn found(entry: u16, pattern: u32) -> AcLookup {
    let (symbol, length) = (entry >> 8, u32::from(entry & 0xFF));
    let (run, size) = ((symbol >> 4) as u8, u32::from(symbol & 15));
    let bits = (length + size) as u8;
    if entry == 0 || length + size > LOOK_BITS {
        return AcLookup::default();
    }
    if size == 0 {
        return match run {
            15 => AcLookup {
                value: 0,
                run,
                bits,
            },
            _ => AcLookup::end(run, bits),
        };
    }
    let value = pattern >> (LOOK_BITS - length - size) & ((1 << size) - 1);
    AcLookup {
        value: extended(value, size) as i16,
        run,
        bits,
    }
}

/// Skips AC coefficients whose values are not needed: one lookup passes as many whole symbols, each with its value
/// bits, as fit in `SKIP_BITS`.
pub(crate) struct AcSkip {
    steps: Box<[Step; 1 << SKIP_BITS]>,
}

#[derive(Clone, Copy, Default)]
struct Step {
    /// Bits consumed; 0 if not even one symbol fits.
    bits: u8,
    /// How far the coefficient index advances.
    advance: u8,
    /// The block ends after this step.
    end: bool,
}

impl AcSkip {
    pub(crate) fn new(table: &SymbolTable) -> Self {
        let mut steps = Box::new([Step::default(); 1 << SKIP_BITS]);
        for (pattern, step) in steps.iter_mut().enumerate() {
            *step = self::step(table, pattern as u32);
        }
        Self { steps }
    }

    /// Skips from coefficient `index` to the end of the block.
    #[inline(always)]
    pub(crate) fn rest(
        &self,
        table: &SymbolTable,
        bits: &mut BitReader<'_>,
        mut index: usize,
    ) -> Result<(), Error> {
        while index < 64 {
            bits.refill();
            let step = self.steps[bits.peek(SKIP_BITS) as usize];
            let next = index + usize::from(step.advance);
            // A step that would run past the block includes symbols of the next one.
            if step.bits != 0 && next + usize::from(step.end) <= 64 {
                bits.skip(u32::from(step.bits));
                if step.end {
                    return Ok(());
                }
                index = next;
                continue;
            }
            let symbol = table.symbol(bits)?;
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && run < 15 {
                return Ok(());
            }
            bits.skip(size);
            index += run + 1;
        }
        Ok(())
    }
}

fn step(table: &SymbolTable, pattern: u32) -> Step {
    let mut step = Step::default();
    loop {
        let used = u32::from(step.bits);
        let left = (pattern << used) & ((1 << SKIP_BITS) - 1);
        let Some((symbol, length)) = table.look_at(left, SKIP_BITS, SKIP_BITS - used) else {
            return step;
        };
        let (run, size) = (symbol >> 4, symbol & 15);
        if size == 0 && run < 15 {
            step.bits += length as u8;
            step.end = true;
            return step;
        }
        let bits = used + length + u32::from(size);
        if bits > SKIP_BITS || step.advance + run + 1 > 63 {
            return step;
        }
        step.bits = bits as u8;
        step.advance += run + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard;

    /// Compares the combined lookup with decoding symbol and value separately.
    #[test]
    fn both_ways_to_a_coefficient_agree() {
        // The third of the four tables, after its class and number.
        let codes = HuffmanTable::read(&standard::TABLES[59..]).unwrap();
        let table = AcTable::new(&codes).unwrap();
        let mut seed = 1u32;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8 & 0x7F
        })
        .take(100_000)
        .collect();
        let (mut one, mut two) = (BitReader::new(&bytes, 0), BitReader::new(&bytes, 0));
        while !one.overrun() {
            one.refill();
            two.refill();
            let Ok(found) = table.next(&mut one) else {
                break;
            };
            let symbol = table.symbols.symbol(&mut two).unwrap();
            let ends = symbol & 15 == 0 && symbol < 0xF0;
            let value = match ends {
                true => i32::from(symbol >> 4),
                false => two.extend(u32::from(symbol & 15)),
            };
            assert_eq!(i32::from(found.value), value);
            assert_eq!(found.run, if ends { END_OF_BLOCK } else { symbol >> 4 });
            assert_eq!(one.position(), two.position());
        }
    }
}
