//! One flight per variant in a process: whoever asks while it is on its way waits for the same work.
//!
//! The work is driven by whichever waiters are left, so one that goes away takes nothing with it, and when all have
//! gone it stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::{FetchResult, VariantName};

pub(super) type Flight = Shared<BoxFuture<'static, FetchResult>>;

/// The flights that are under way.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    /// Each with its number.
    flights: HashMap<VariantName, (u64, WeakShared<BoxFuture<'static, FetchResult>>)>,
    started: u64,
}

impl Flights {
    /// The flight of this name; whether somebody else has begun it, or `work` was begun now.
    pub(super) fn join(
        &self,
        name: VariantName,
        work: impl Future<Output = FetchResult> + Send + 'static,
    ) -> (Flight, bool) {
        let mut board = self.board();
        let flying = board.flights.get(&name);
        if let Some(flight) = flying.and_then(|(_, weak)| weak.upgrade()) {
            return (flight, true);
        }
        board.started += 1;
        let landing = Landing {
            flights: self.clone(),
            name,
            number: board.started,
        };
        let work = async move {
            // Taken whole: else it would be dropped here and now, under the lock that the drop needs.
            let _landing = landing;
            work.await
        };
        let flight = work.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            let number = board.started;
            board.flights.insert(name, (number, weak));
        }
        (flight, false)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a flight off the board when its work ends, or is given up by its last waiter.
struct Landing {
    flights: Flights,
    name: VariantName,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut board = self.flights.board();
        // A newer flight of the same name may have taken the place of one that was given up.
        let flying = board.flights.get(&self.name);
        if flying.is_some_and(|(number, _)| *number == self.number) {
            board.flights.remove(&self.name);
        }
    }
}
