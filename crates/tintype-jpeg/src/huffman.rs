//! Huffman tables (T.81 C.2, F.2.2.3) and the shortcuts built from them.

use crate::Error;
use crate::bits::Bits;

/// Codes of up to this many bits are found in one look-up; longer ones are rare.
const LOOK_BITS: u32 = 10;

/// How many bits one step of [`AcSkip`] looks at.
const SKIP_BITS: u32 = 13;

#[derive(Clone)]
pub(crate) struct Table {
    /// By the next `LOOK_BITS` bits: symbol in the high byte, length in the low; 0 if longer.
    look: Vec<u16>,
    /// By length: the first code beyond that length, left-aligned to 16 bits.
    limit: [u32; 18],
    /// By length: what to add to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    pub(crate) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Error> {
        let mut look = vec![0u16; 1 << LOOK_BITS];
        let mut limit = [0u32; 18];
        let mut offset = [0i32; 17];
        let (mut code, mut index) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = usize::from(counts[length as usize - 1]);
            offset[length as usize] = index as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols
                    .get(index)
                    .ok_or(Error::Malformed("short Huffman table"))?;
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
        limit[17] = u32::MAX;
        Ok(Self {
            look,
            limit,
            offset,
            symbols: symbols[..index].to_vec(),
        })
    }

    /// The next symbol; at least 16 bits must be available. A code that is in no table ends the
    /// segment.
    #[inline(always)]
    pub(crate) fn symbol(&self, bits: &mut Bits) -> Result<u8, Error> {
        let entry = self.look[bits.peek(LOOK_BITS) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry & 0xFF));
            return Ok((entry >> 8) as u8);
        }
        self.long_symbol(bits)
    }

    #[cold]
    fn long_symbol(&self, bits: &mut Bits) -> Result<u8, Error> {
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
        Err(Error::Malformed("Huffman code"))
    }

    /// Symbol and length of the code at the front of `bits`, of which `available` are known.
    fn look_at(&self, bits: u32, available: u32) -> Option<(u8, u32)> {
        // `bits` is left-aligned in SKIP_BITS.
        let entry = self.look[(bits >> (SKIP_BITS - LOOK_BITS)) as usize];
        let length = u32::from(entry & 0xFF);
        (entry != 0 && length <= available).then_some(((entry >> 8) as u8, length))
    }
}

/// Steps over AC coefficients whose values nobody needs: one look-up passes as many whole symbols,
/// each with its value bits, as fit in `SKIP_BITS`.
#[derive(Clone)]
pub(crate) struct AcSkip {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Default)]
struct Step {
    /// Bits used; 0 when not even one symbol fits.
    bits: u8,
    /// How far the coefficient index moves.
    advance: u8,
    /// The block ends after this.
    end: bool,
}

impl AcSkip {
    pub(crate) fn new(table: &Table) -> Self {
        let steps = (0..1u32 << SKIP_BITS)
            .map(|pattern| step(table, pattern))
            .collect();
        Self { steps }
    }

    /// Goes to the end of the block from coefficient `index`.
    #[inline(always)]
    pub(crate) fn rest(
        &self,
        table: &Table,
        bits: &mut Bits,
        mut index: usize,
    ) -> Result<(), Error> {
        while index < 64 {
            bits.refill();
            let step = self.steps[bits.peek(SKIP_BITS) as usize];
            let next = index + usize::from(step.advance);
            // A step that would run past the block has symbols of the next one in it.
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

fn step(table: &Table, pattern: u32) -> Step {
    let mut step = Step::default();
    loop {
        let used = u32::from(step.bits);
        let left = (pattern << used) & ((1 << SKIP_BITS) - 1);
        let Some((symbol, length)) = table.look_at(left, SKIP_BITS - used) else {
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
