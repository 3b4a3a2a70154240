//! The cached record of a key, and how long it may be used.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::{STALE, StoredRecord};

/// The zero of all times below.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

#[derive(Clone)]
pub(super) struct CachedRecord {
    /// `None` if there is no such original.
    pub(super) stored: Option<Arc<StoredRecord>>,
    /// Milliseconds since [`BEGAN`]. Shared by all copies, so that it can be extended while others hold the entry.
    believed_until: Arc<AtomicU64>,
}

impl CachedRecord {
    pub(super) fn new(stored: Option<Arc<StoredRecord>>, keep: Duration) -> Self {
        let until = millis(Instant::now() + keep);
        Self {
            stored,
            believed_until: Arc::new(AtomicU64::new(until)),
        }
    }

    pub(super) fn is_believed(&self, at: Instant) -> bool {
        millis(at) < self.believed_until.load(Ordering::Relaxed)
    }

    pub(super) fn believe_until(&self, until: Instant) {
        self.believed_until
            .fetch_max(millis(until), Ordering::Relaxed);
    }

    /// The last known record, which may be served if the store does not respond.
    pub(super) fn last(&self) -> Option<Arc<StoredRecord>> {
        let stored = self.stored.as_ref();
        stored
            .filter(|stored| !stored.is_older_than(STALE))
            .cloned()
    }
}

fn millis(at: Instant) -> u64 {
    let since = at.saturating_duration_since(*BEGAN).as_millis();
    u64::try_from(since).unwrap_or(u64::MAX)
}
