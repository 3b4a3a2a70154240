//! A costly value that is dropped if it is not used for a while.
//!
//! A reader that stops in the middle of a response would otherwise hold the source of the rest: a connection to S3
//! with the data received on it, hundreds of kilobytes here and as much in the kernel, or a variant that the cache
//! has long dropped. A dropped value has to be fetched again when the reader goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longer than the network delays a reader that keeps reading.
const KEPT_FOR: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Expiring<T> {
    slot: Arc<Mutex<Slot<T>>>,
    /// Whether holding it costs anything at the moment.
    is_costly: fn(&T) -> bool,
}

#[derive(Debug)]
struct Slot<T> {
    put: Option<(T, Instant)>,
    is_watched: bool,
    is_kept: bool,
}

impl<T: Send + 'static> Expiring<T> {
    pub fn new(is_costly: fn(&T) -> bool) -> Self {
        let slot = Slot {
            put: None,
            is_watched: false,
            is_kept: false,
        };
        Self {
            slot: Arc::new(Mutex::new(slot)),
            is_costly,
        }
    }

    /// Keeps a value for a short while.
    pub fn put(&self, value: T) {
        let mut slot = lock(&self.slot);
        slot.put = Some((value, Instant::now()));
        if !slot.is_watched && !slot.is_kept {
            slot.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(&self.slot), self.is_costly));
        }
    }

    /// Takes the value back; `None` if it was dropped, or if there was none.
    pub fn take(&self) -> Option<T> {
        lock(&self.slot).put.take().map(|(value, _)| value)
    }

    /// Never drops the value from now on: its reader continues at once.
    pub fn keep(&self) {
        lock(&self.slot).is_kept = true;
    }
}

impl<T> Clone for Expiring<T> {
    fn clone(&self) -> Self {
        Self {
            slot: self.slot.clone(),
            is_costly: self.is_costly,
        }
    }
}

/// Ends when it drops the value, or when all others have dropped the slot.
async fn watch<T>(slot: Weak<Mutex<Slot<T>>>, is_costly: fn(&T) -> bool) {
    loop {
        sleep(KEPT_FOR).await;
        let Some(slot) = slot.upgrade() else { return };
        let mut slot = lock(&slot);
        let is_late =
            |(value, since): &(T, Instant)| since.elapsed() >= KEPT_FOR && is_costly(value);
        if !slot.is_kept && slot.put.as_ref().is_some_and(is_late) {
            slot.put = None;
            slot.is_watched = false;
            return;
        }
    }
}

fn lock<T>(slot: &Mutex<Slot<T>>) -> MutexGuard<'_, Slot<T>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_costly_value_is_dropped_after_a_while() {
        let held = Expiring::new(|costly: &bool| *costly);
        for _ in 0..10 {
            held.put(true);
            sleep(KEPT_FOR / 2).await;
            assert!(held.take().is_some());
        }
        for _ in 0..2 {
            held.put(true);
            sleep(KEPT_FOR * 2).await;
            assert!(held.take().is_none());
        }
        held.put(false);
        sleep(KEPT_FOR * 10).await;
        assert!(held.take().is_some());
        held.keep();
        held.put(true);
        sleep(KEPT_FOR * 10).await;
        assert!(held.take().is_some());
    }
}
