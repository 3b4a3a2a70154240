//! Optimal Huffman codes for given symbol counts (T.81 K.2), at most 16 bits long.

/// A Huffman table as in a DHT segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HuffmanCodes {
    /// Number of codes of each length from 1 to 16 bits.
    pub(super) counts: [u8; 16],
    pub(super) symbols: Vec<u8>,
}

/// Longer than any code that counts below 2^32 can produce.
const MAX_LENGTH: usize = 64;

impl HuffmanCodes {
    /// Builds the optimal codes for these symbol counts; `None` if all are zero.
    pub(super) fn of(counts: &[u32; 256]) -> Option<Self> {
        let mut symbols: Vec<u8> = (0..=255).filter(|&s| counts[usize::from(s)] > 0).collect();
        if symbols.is_empty() {
            return None;
        }
        symbols.sort_by_key(|&symbol| counts[usize::from(symbol)]);
        // The all-ones code is not allowed: assign it to an extra symbol with the lowest weight.
        let weights = symbols
            .iter()
            .map(|&symbol| u64::from(counts[usize::from(symbol)]));
        let weights: Vec<u64> = std::iter::once(1).chain(weights).collect();
        let mut of_length = lengths(&weights);
        limit(&mut of_length);
        if let Some(longest) = of_length.iter_mut().rev().find(|count| **count > 0) {
            *longest -= 1;
        }
        symbols.reverse();
        Some(Self {
            counts: std::array::from_fn(|index| of_length[index + 1] as u8),
            symbols,
        })
    }

    /// The code and its length in bits, by symbol.
    pub(super) fn by_symbol(&self) -> [(u32, u32); 256] {
        let mut table = [(0, 0); 256];
        let (mut code, mut symbols) = (0, self.symbols.iter());
        for (length, &count) in (1..).zip(&self.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                table[usize::from(symbol)] = (code, length);
                code += 1;
            }
            code <<= 1;
        }
        table
    }
}

/// Counts the codes of each length, for weights in ascending order. The two lightest nodes are merged until one is
/// left; merged nodes also appear in ascending order, so the lightest is the next of either list.
fn lengths(weights: &[u64]) -> [usize; MAX_LENGTH] {
    let count = weights.len();
    let mut of_length = [0; MAX_LENGTH];
    if count == 1 {
        of_length[1] = 1;
        return of_length;
    }
    // Leaf weights, then the indices of their parents.
    let mut nodes = weights.to_vec();
    let mut parents = vec![0usize; 2 * count - 1];
    let (mut single, mut joined) = (0, count);
    while nodes.len() < parents.len() {
        let mut weight = 0;
        for _ in 0..2 {
            let is_single =
                single < count && (joined >= nodes.len() || nodes[single] <= nodes[joined]);
            let lightest = if is_single { &mut single } else { &mut joined };
            weight += nodes[*lightest];
            parents[*lightest] = nodes.len();
            *lightest += 1;
        }
        nodes.push(weight);
    }
    let mut depths = vec![0usize; parents.len()];
    for node in (0..parents.len() - 1).rev() {
        depths[node] = depths[parents[node]] + 1;
        if node < count {
            of_length[depths[node].min(MAX_LENGTH - 1)] += 1;
        }
    }
    of_length
}

/// Limits code lengths (T.81 figure K.3): two codes that are too long become one that is a bit shorter, and a shorter
/// existing code splits in two.
fn limit(of_length: &mut [usize; MAX_LENGTH]) {
    for length in (17..MAX_LENGTH).rev() {
        while of_length[length] > 0 {
            let shorter = (1..length - 1)
                .rev()
                .find(|&shorter| of_length[shorter] > 0);
            let Some(shorter) = shorter else {
                return;
            };
            of_length[length] -= 2;
            of_length[length - 1] += 1;
            of_length[shorter + 1] += 2;
            of_length[shorter] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: impl IntoIterator<Item = (u8, u32)>) -> [u32; 256] {
        let mut counts = [0; 256];
        for (symbol, count) in pairs {
            counts[usize::from(symbol)] = count;
        }
        counts
    }

    fn check(counts: &[u32; 256]) {
        let codes = HuffmanCodes::of(counts).unwrap();
        let total: usize = codes.counts.iter().map(|&count| usize::from(count)).sum();
        assert_eq!(total, codes.symbols.len());
        // Kraft: there is room for one more code of the maximum length, the all-ones code.
        let used: u32 = (1..17u32)
            .zip(&codes.counts)
            .map(|(length, &count)| u32::from(count) << (16 - length))
            .sum();
        assert!(used < 1 << 16, "{used}");
        let table = codes.by_symbol();
        for (symbol, &count) in counts.iter().enumerate() {
            let (code, length) = table[symbol];
            assert_eq!(length > 0, count > 0);
            assert!(length == 0 || code < (1 << length) - 1, "ones alone");
        }
        // A more frequent symbol never has a longer code.
        let rare_first = codes
            .symbols
            .iter()
            .rev()
            .map(|&symbol| counts[usize::from(symbol)]);
        assert!(rare_first.is_sorted());
    }

    #[test]
    fn codes_are_short_where_it_counts() {
        let codes = HuffmanCodes::of(&counts([(1, 100), (2, 50), (3, 25), (4, 12)])).unwrap();
        assert_eq!(codes.symbols, [1, 2, 3, 4]);
        assert_eq!(codes.counts[..4], [1, 1, 1, 1]);
        check(&counts([(7, 3)]));
        check(&counts([(7, 3), (9, 1)]));
        check(&[1; 256]);
    }

    #[test]
    fn no_code_is_longer_than_sixteen_bits() {
        // Fibonacci counts build the deepest tree.
        let (mut one, mut two) = (1u32, 1u32);
        let pairs = (0..40).map(|symbol| {
            (one, two) = (two, one + two);
            (symbol, one)
        });
        check(&counts(pairs.collect::<Vec<_>>()));
        assert_eq!(HuffmanCodes::of(&[0; 256]), None);
    }
}
