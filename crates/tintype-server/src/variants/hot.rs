//! Variants in memory, as many as fit.

use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;
use tintype_store::KeyHash;

use super::{Name, Variant};

/// What an entry costs beside its bytes: keys, headers and the map's own share.
const ENTRY_OVERHEAD: u32 = 512;

pub(super) struct Hot(Cache<Name, Arc<Kept>>);

/// What the map has. It frees an entry some time after it has dropped it, when no thread can be looking at it any
/// more; the picture is let go of at once.
struct Kept {
    weight: u32,
    variant: Mutex<Option<Arc<Variant>>>,
}

impl Kept {
    fn take(&self) -> Option<Arc<Variant>> {
        self.slot().take()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Arc<Variant>>> {
        self.variant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hot {
    pub(super) fn new(bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, kept: &Arc<Kept>| kept.weight)
            .eviction_listener(|_, kept, _| drop(kept.take()))
            .support_invalidation_closures()
            .build();
        Self(cache)
    }

    pub(super) fn get(&self, name: &Name) -> Option<Arc<Variant>> {
        self.0.get(name)?.slot().clone()
    }

    pub(super) fn insert(&self, name: Name, variant: Arc<Variant>) {
        let bytes = u32::try_from(variant.bytes.len()).unwrap_or(u32::MAX);
        let kept = Kept {
            weight: bytes.saturating_add(ENTRY_OVERHEAD),
            variant: Mutex::new(Some(variant)),
        };
        self.0.insert(name, Arc::new(kept));
        // Else dozens of them wait to be counted, and until others are asked for nothing makes room for them.
        self.0.run_pending_tasks();
    }

    pub(super) fn forget(&self, owner: KeyHash) {
        self.0
            .invalidate_entries_if(move |(of, _), _| *of == owner)
            .expect("the cache is built with support for this");
    }

    /// In bytes, and how many they are.
    pub(super) fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.weighted_size(), self.0.entry_count())
    }
}
