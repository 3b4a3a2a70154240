//! Reads the bits of an entropy-coded segment (T.81 F.2.2.5): most significant first, with a zero byte stuffed after
//! every 0xFF, up to the next marker.

#[derive(Clone, Copy)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, left-aligned.
    buffer: u64,
    held: u32,
    /// Bits supplied past the end of the segment.
    invented: u32,
    ended: bool,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            buffer: 0,
            held: 0,
            invented: 0,
            ended: false,
        }
    }

    /// Makes at least 32 bits available. Past the end of the segment they are zeros; [`Self::overrun`] reports that.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if self.held >= 32 {
            return;
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if let Some(next) = rest.first_chunk() {
            let word = u64::from_be_bytes(*next);
            if !has_ff(word) {
                // The next refill ORs in the same bits again for the byte that fits only partly.
                self.buffer |= word >> self.held;
                let bytes = (63 - self.held) / 8;
                self.at += bytes as usize;
                self.held += bytes * 8;
                return;
            }
        }
        self.refill_slowly();
    }

    #[cold]
    fn refill_slowly(&mut self) {
        while self.held <= 56 {
            let byte = match (self.ended, self.bytes.get(self.at)) {
                (false, Some(0xFF)) => match self.bytes.get(self.at + 1) {
                    Some(0) => {
                        self.at += 2;
                        0xFF
                    }
                    // A marker: leave it for the next reader.
                    _ => {
                        self.ended = true;
                        continue;
                    }
                },
                (false, Some(&byte)) => {
                    self.at += 1;
                    byte
                }
                _ => {
                    self.ended = true;
                    self.invented += 8;
                    0
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.held);
            self.held += 8;
        }
    }

    /// Returns the next `count` bits (1..=32) without consuming them; they must be available.
    #[inline(always)]
    pub(crate) fn peek(&self, count: u32) -> u32 {
        (self.buffer >> (64 - count)) as u32
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.held = self.held.wrapping_sub(count);
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        if count == 0 {
            return 0;
        }
        let value = self.peek(count);
        self.skip(count);
        value
    }

    /// Reads one bit, after a refill.
    #[inline(always)]
    pub(crate) fn bit(&mut self) -> bool {
        self.refill();
        self.take(1) == 1
    }

    /// Reads a signed value of `size` bits (T.81 F.2.2.1).
    #[inline(always)]
    pub(crate) fn extend(&mut self, size: u32) -> i32 {
        if size == 0 {
            return 0;
        }
        extended(self.take(size), size)
    }

    /// Returns true once bits past the end have been consumed.
    #[inline(always)]
    pub(crate) fn overrun(&self) -> bool {
        self.invented > self.held
    }

    #[cfg(test)]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Continues after the restart marker with this number (T.81 E.2.4), wherever in the scan it is. Returns `false` if
    /// its interval is missing. A marker one or two numbers ahead means that this one was lost; it is kept until its
    /// turn. A marker one or two numbers behind is late and skipped (libjpeg's `jpeg_resync_to_restart`).
    pub(crate) fn restart(&mut self, number: u8) -> bool {
        let mut at = self.at;
        loop {
            let Some(marker) = next_marker(self.bytes, at) else {
                self.end_at(self.bytes.len());
                return false;
            };
            match self.bytes[marker + 1] {
                found @ 0xD0..=0xD7 => match found.wrapping_sub(number) & 7 {
                    1 | 2 => {
                        self.end_at(marker);
                        return false;
                    }
                    6 | 7 => at = marker + 2,
                    _ => {
                        *self = Self::new(self.bytes, marker + 2);
                        return true;
                    }
                },
                // Not a valid marker: damage.
                0x01..=0xBF => at = marker + 2,
                _ => {
                    self.end_at(marker);
                    return false;
                }
            }
        }
    }

    fn end_at(&mut self, at: usize) {
        *self = Self::new(self.bytes, at);
        self.ended = true;
    }
}

/// Sign-extends a value of `size` bits, at least one (T.81 F.2.2.1, EXTEND).
#[inline(always)]
pub(crate) fn extended(value: u32, size: u32) -> i32 {
    // The first bit is set for positive values.
    let negative = (value >> (size - 1) ^ 1) as i32;
    value as i32 - (negative << size) + negative
}

#[inline(always)]
fn has_ff(word: u64) -> bool {
    let inverted = !word;
    // Detects a zero byte in the inverted word (Hacker's Delight, 6-1).
    inverted.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}

/// Finds the next 0xFF that begins a marker (neither stuffing nor fill).
pub(crate) fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_is_taken_out_and_markers_end_the_bits() {
        let bytes = [0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0xAB, 0xCD];
        let mut bits = BitReader::new(&bytes, 0);
        bits.refill();
        assert_eq!(bits.take(8), 0x12);
        assert_eq!(bits.take(8), 0xFF);
        assert_eq!(bits.take(8), 0x34);
        assert!(!bits.overrun());
        bits.refill();
        assert_eq!(bits.take(8), 0);
        assert!(bits.overrun());
        assert!(bits.restart(0));
        bits.refill();
        assert_eq!(bits.take(16), 0xABCD);
    }

    #[test]
    fn a_lost_restart_is_not_taken_for_the_next() {
        let bytes = [
            0x12, 0xFF, 0xD2, 0x34, 0xFF, 0xD1, 0xFF, 0xD3, 0x56, 0xFF, 0xD9,
        ];
        let mut bits = BitReader::new(&bytes, 0);
        assert!(!bits.restart(1));
        assert!(bits.restart(2));
        // The late marker is skipped.
        assert!(bits.restart(3));
        bits.refill();
        assert_eq!(bits.take(8), 0x56);
        assert!(!bits.restart(4));
    }

    #[test]
    fn every_byte_value_is_read_back() {
        let mut bytes: Vec<u8> = Vec::new();
        for value in 0..=255u8 {
            bytes.push(value);
            if value == 0xFF {
                bytes.push(0);
            }
        }
        let mut bits = BitReader::new(&bytes, 0);
        for value in 0..=255u32 {
            bits.refill();
            assert_eq!(bits.take(8), value);
        }
    }
}
