//! Single flight per variant within a process: requests for a variant that is being made wait for the same work.
//!
//! The remaining waiters drive the work, so a waiter that leaves loses nothing for the others. When all have left,
//! the work stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::{FetchResult, VariantName};

pub(super) type Flight = Shared<BoxFuture<'static, FetchResult>>;

/// Flights in progress.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    /// Each flight with its number.
    flights: HashMap<VariantName, (u64, WeakShared<BoxFuture<'static, FetchResult>>)>,
    started: u64,
}

impl Flights {
    /// Joins the flight of this name, or starts one with `work`. Also returns whether another request had started
    /// it.
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
            // Moved in whole: otherwise it would be dropped here, under the lock that its drop needs.
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

/// Removes a flight from the board when its work ends or its last waiter leaves.
struct Landing {
    flights: Flights,
    name: VariantName,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut board = self.flights.board();
        // A newer flight of the same name may have replaced one that was abandoned.
        let flying = board.flights.get(&self.name);
        if flying.is_some_and(|(number, _)| *number == self.number) {
            board.flights.remove(&self.name);
        }
    }
}
