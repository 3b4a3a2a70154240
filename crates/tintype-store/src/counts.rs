//! Counts and timings of store operations. The number of requests per operation is documented, and tests check it.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Error;

/// Called after every operation with its class, `ok`, `refused` or `failed`, and the time until its first byte.
pub type Observer = Box<dyn Fn(&'static str, &'static str, Duration) + Send + Sync>;

/// Calls by the class in which a bucket bills them; a copy counts as a put. For a bucket, every request sent:
/// retries, hedged requests and parts as well.
#[derive(Default)]
pub struct Counts {
    observer: OnceLock<Observer>,
    get: AtomicU64,
    head: AtomicU64,
    put: AtomicU64,
    delete: AtomicU64,
    list: AtomicU64,
    retry: AtomicU64,
    hedge: AtomicU64,
    opening: AtomicU64,
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
// For a bucket: retries, second requests after a late response, and how often a circuit breaker opened.
count!(retry, retries; hedge, hedges; opening, openings);

impl Counts {
    pub(crate) fn observe(&self, observer: Observer) {
        // Set only once; the first stays.
        let _ = self.observer.set(observer);
    }

    pub(crate) async fn timed<T>(
        &self,
        class: &'static str,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(observer) = self.observer.get() else {
            return operation.await;
        };
        let began = Instant::now();
        let result = operation.await;
        let outcome = match &result {
            Ok(_) => "ok",
            Err(Error::Unavailable { .. } | Error::Full) => "failed",
            Err(_) => "refused",
        };
        observer(class, outcome, began.elapsed());
        result
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts")
            .field("get", &self.get)
            .field("head", &self.head)
            .field("put", &self.put)
            .field("delete", &self.delete)
            .field("list", &self.list)
            .field("retry", &self.retry)
            .field("hedge", &self.hedge)
            .field("opening", &self.opening)
            .finish_non_exhaustive()
    }
}
