//! Writes bits, most significant first, with a zero byte stuffed after every 0xFF (T.81 F.1.2.3).

pub(super) struct BitWriter<'b> {
    bytes: &'b mut Vec<u8>,
    buffer: u64,
    /// Below 32 between calls.
    held: u32,
}

impl<'b> BitWriter<'b> {
    pub(super) fn new(bytes: &'b mut Vec<u8>) -> Self {
        Self {
            bytes,
            buffer: 0,
            held: 0,
        }
    }

    /// Appends the lowest `count` bits (at most 32) of a value in which all higher bits are zero.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(value);
        self.held += count;
        if self.held >= 32 {
            self.held -= 32;
            let word = ((self.buffer >> self.held) as u32).to_be_bytes();
            if word.contains(&0xFF) {
                self.stuffed(&word);
            } else {
                self.bytes.extend_from_slice(&word);
            }
        }
    }

    #[cold]
    fn stuffed(&mut self, word: &[u8]) {
        for &byte in word {
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Pads the last byte with ones.
    pub(super) fn finish(mut self) {
        let missing = self.held.wrapping_neg() & 7;
        self.put((1 << missing) - 1, missing);
        let rest = (self.buffer << (32 - self.held)) as u32;
        let bytes = rest.to_be_bytes();
        self.stuffed(&bytes[..self.held as usize / 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_as_they_were_put() {
        let mut bytes = Vec::new();
        let mut bits = BitWriter::new(&mut bytes);
        let values = (0..2000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 5, n % 33));
        let values: Vec<(u32, u32)> = values
            .map(|(value, count)| ((u64::from(value) & ((1 << count) - 1)) as u32, count))
            .collect();
        values
            .iter()
            .for_each(|&(value, count)| bits.put(value, count));
        bits.finish();
        let mut read = crate::bits::BitReader::new(&bytes, 0);
        for (value, count) in values {
            read.refill();
            assert_eq!(read.take(count), value);
        }
        assert!(!read.overrun());
    }
}
