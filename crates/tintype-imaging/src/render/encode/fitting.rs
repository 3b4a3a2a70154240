//! Finds the best quality that fits into `max_bytes`.

use crate::Error;

/// Below this, fewer bytes are not worth the loss.
const LOWEST: u8 = 10;

/// Number of times a response is encoded, including the first.
const MAX_TRIES: u32 = 6;

/// Returns the best encoding found that fits, or the smallest if none does. `first` has `quality`, and does not fit.
///
/// Size grows with quality, ever more steeply, so linear interpolation underestimates the quality that fits. Adding a
/// little to it approaches the limit from both sides.
pub(super) fn fitting(
    max_bytes: u64,
    quality: u8,
    first: Vec<u8>,
    encode: impl Fn(u8) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let length = |bytes: &[u8]| bytes.len() as u64;
    let lowest = LOWEST.min(quality);
    // The lowest quality known to be too large.
    let mut over = (quality, length(&first));
    let mut smallest = first;
    // The highest quality known to fit.
    let mut best: Option<(u8, Vec<u8>)> = None;
    for tried in 1..MAX_TRIES {
        let least = best.as_ref().map_or(lowest, |(quality, _)| quality + 1);
        if least >= over.0 {
            break;
        }
        let is_last = tried + 1 == MAX_TRIES;
        let next = match &best {
            None if is_last => lowest,
            None => share(u64::from(over.0), max_bytes, over.1),
            Some((low, bytes)) => {
                let (span, under) = (over.0 - low, length(bytes));
                let share = share(
                    u64::from(span),
                    max_bytes - under,
                    over.1.saturating_sub(under),
                );
                low + share + (span + 4) / 8
            }
        };
        let next = next.clamp(least, over.0 - 1);
        let bytes = encode(next)?;
        if length(&bytes) <= max_bytes {
            best = Some((next, bytes));
        } else {
            over = (next, length(&bytes));
            if bytes.len() < smallest.len() {
                smallest = bytes;
            }
        }
    }
    Ok(best.map_or(smallest, |(_, bytes)| bytes))
}

/// Returns `of * part / whole`; `part` is at most `whole`.
fn share(of: u64, part: u64, whole: u64) -> u8 {
    (of * part / whole.max(1)) as u8
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Imitates an encoder: a base size, and more bytes for each further step of quality.
    fn size(quality: u8) -> usize {
        let quality = usize::from(quality);
        2_000 + 100 * quality + 2 * quality.pow(3) / 100
    }

    #[test]
    fn the_best_that_fits_is_found_in_few_tries() {
        for quality in [20, 60, 80, 95, 100] {
            for best in 10..quality {
                let tries = Cell::new(1);
                let encode = |quality| {
                    tries.set(tries.get() + 1);
                    Ok(vec![quality; size(quality)])
                };
                let first = vec![quality; size(quality)];
                let found = fitting(size(best) as u64 + 5, quality, first, encode).unwrap();
                let (found, tries) = (found[0], tries.get());
                assert!(tries <= MAX_TRIES, "{quality}, {best}: {tries}");
                assert!((best - 1..=best).contains(&found), "{best}: {found}");
            }
        }
    }

    #[test]
    fn where_nothing_fits_the_smallest_is_served() {
        let encode = |quality| Ok(vec![quality; size(quality)]);
        let found = fitting(100, 80, encode(80).unwrap(), encode).unwrap();
        assert_eq!(found[0], LOWEST);
        let found = fitting(100, 5, encode(5).unwrap(), encode).unwrap();
        assert_eq!(found[0], 5);
    }
}
