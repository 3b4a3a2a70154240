//! How often a store was asked. Operations are stated per request and tests hold us to it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Calls by the class a bucket would bill them in; a copy counts as a put.
#[derive(Debug, Default)]
pub struct Counts {
    get: AtomicU64,
    head: AtomicU64,
    put: AtomicU64,
    delete: AtomicU64,
    list: AtomicU64,
}

macro_rules! count {
    ($($name:ident, $read:ident);*) => {
        impl Counts {
            $(
                pub(crate) fn $name(&self) {
                    self.$name.fetch_add(1, Ordering::Relaxed);
                }

                pub fn $read(&self) -> u64 {
                    self.$name.load(Ordering::Relaxed)
                }
            )*
        }
    };
}
count!(get, gets; head, heads; put, puts; delete, deletes; list, lists);
