//! For servers that do not decide conditions: serialises the writers of a name within this process.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

const SHARDS: usize = 64;

#[derive(Debug)]
pub(super) struct Locks([Mutex<()>; SHARDS]);

/// Until it is dropped, no other task of this process writes the name.
pub(super) type LockGuard<'a> = MutexGuard<'a, ()>;

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Locks {
    pub(super) async fn hold(&self, path: &str) -> LockGuard<'_> {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        // The remainder is below the number of shards.
        self.0[(hasher.finish() % SHARDS as u64) as usize]
            .lock()
            .await
    }
}
