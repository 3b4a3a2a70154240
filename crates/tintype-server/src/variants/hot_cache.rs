//! The hot cache: variants in memory, up to a limit in bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::sync::Cache;
use tintype_store::KeyHash;

use super::{Variant, VariantName};

/// Memory per entry beside its bytes: keys, headers and the map's overhead.
const ENTRY_OVERHEAD: u32 = 512;

pub(super) struct HotCache(Cache<VariantName, Arc<Kept>>);

/// A value of the map. The map frees an entry some time after dropping it, when no thread can be reading it any
/// more; the image itself is freed at once.
struct Kept {
    weight: u32,
    variant: Mutex<Option<Arc<Variant>>>,
}

impl Kept {
    fn take(&self) -> Option<Arc<Variant>> {
        self.slot().take()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Variant>>> {
        self.variant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HotCache {
    pub(super) fn new(bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, kept: &Arc<Kept>| kept.weight)
            .eviction_listener(|_, kept, _| drop(kept.take()))
            .support_invalidation_closures()
            .build();
        Self(cache)
    }

    pub(super) fn get(&self, name: &VariantName) -> Option<Arc<Variant>> {
        self.0.get(name)?.slot().clone()
    }

    pub(super) fn insert(&self, name: VariantName, variant: Arc<Variant>) {
        let bytes = u32::try_from(variant.bytes.len()).unwrap_or(u32::MAX);
        let kept = Kept {
            weight: bytes.saturating_add(ENTRY_OVERHEAD),
            variant: Mutex::new(Some(variant)),
        };
        self.0.insert(name, Arc::new(kept));
        // Otherwise dozens of inserts stay uncounted, and nothing makes room for them until other variants are
        // read.
        self.0.run_pending_tasks();
    }

    pub(super) fn evict(&self, owner: KeyHash) {
        self.0
            .invalidate_entries_if(move |(of, _), _| *of == owner)
            .expect("the cache is built with support for this");
    }

    /// Bytes in the cache, and number of variants.
    pub(super) fn size(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.weighted_size(), self.0.entry_count())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use bytes::Bytes;
    use tintype_imaging::spec::Format;
    use tintype_store::HexId;

    use super::*;
    use crate::http::respond::Representation;

    const LEN: usize = 1_000;

    fn name(number: u8) -> VariantName {
        (HexId([number; 32]), HexId([0; 16]))
    }

    fn variant() -> Arc<Variant> {
        Arc::new(Variant {
            bytes: Bytes::from(vec![0; LEN]),
            sum: [0; 32],
            representation: Representation::new("a", "image/jpeg"),
            format: Format::Jpeg,
        })
    }

    /// Whatever the map does internally: a variant that was evicted, replaced or removed takes no more memory.
    #[test]
    fn dropped_variants_are_freed_at_once() {
        let hot = HotCache::new(10 * (LEN as u64 + u64::from(ENTRY_OVERHEAD)));
        let seen: Vec<Weak<Variant>> = (0..100u8)
            .map(|number| {
                let variant = variant();
                hot.insert(name(number % 50), variant.clone());
                Arc::downgrade(&variant)
            })
            .collect();
        let alive = || seen.iter().filter(|weak| weak.strong_count() > 0).count();
        assert_eq!(alive() as u64, hot.size().1);
        assert!((1..=10).contains(&alive()), "{}", alive());
        for number in 0..50 {
            hot.evict(name(number).0);
        }
        assert_eq!((hot.size(), alive()), ((0, 0), 0));
    }
}
