//! Chunk size by the number of bodies: larger while there are few of them.
//!
//! Large chunks cost less to read and to send. A reader that stops keeps its last chunk, so chunks have to be small
//! once many readers could do so.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::CHUNK_BYTES;

/// Smallest chunk when there are many bodies, in bytes.
pub const LEAST_CHUNK_BYTES: usize = 8 * 1024;
/// Limit for all bodies together, as long as that allows more than the smallest chunk.
const TOGETHER: usize = 512 * 1024;
const PAGE: usize = 4 * 1024;

/// Number of shares in this process.
static SHARES: AtomicUsize = AtomicUsize::new(0);

/// The share of one body, held until this is dropped.
#[derive(Debug)]
pub struct Share(());

impl Share {
    pub fn take() -> Self {
        SHARES.fetch_add(1, Relaxed);
        Self(())
    }

    /// Size of the next chunk.
    pub fn bytes(&self) -> usize {
        of(SHARES.load(Relaxed))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        SHARES.fetch_sub(1, Relaxed);
    }
}

fn of(shares: usize) -> usize {
    let bytes = TOGETHER / shares.max(1) / PAGE * PAGE;
    bytes.clamp(LEAST_CHUNK_BYTES, CHUNK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_get_much_and_many_get_little() {
        assert_eq!(of(0), CHUNK_BYTES);
        assert_eq!(of(8), CHUNK_BYTES);
        assert_eq!(of(20), 24 * 1024);
        assert_eq!(of(10_000), LEAST_CHUNK_BYTES);
    }

    /// Many bodies open one after the other, each keeping the last chunk that it was given.
    #[test]
    fn the_first_of_many_do_not_keep_much() {
        for count in [1_000, 10_000] {
            let kept: usize = (1..=count).map(of).sum();
            assert!(kept < count * LEAST_CHUNK_BYTES + (2 << 20), "{kept}");
        }
    }
}
