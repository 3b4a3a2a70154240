//! Stops asking a server that does not answer, so that callers learn it at once and the server is
//! not held down by what piles up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Operations that fail one after the other, each with its retries, before the breaker opens.
const FAILURES: u32 = 3;
/// While it is open, one operation in this time finds out whether the server is back.
const PROBE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { next_probe: Instant },
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }
}

impl Breaker {
    /// Whether the server may be asked now.
    pub(super) fn lets_through(&self) -> bool {
        self.lets_through_at(Instant::now())
    }

    fn lets_through_at(&self, now: Instant) -> bool {
        match &mut *self.state() {
            State::Closed { .. } => true,
            State::Open { next_probe } if now >= *next_probe => {
                *next_probe = now + PROBE_EVERY;
                true
            }
            State::Open { .. } => false,
        }
    }

    /// The server gave an answer, whichever.
    pub(super) fn answered(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Closed { failures: 0 });
        if matches!(before, State::Open { .. }) {
            tracing::info!("the store answers again");
        }
    }

    pub(super) fn failed(&self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(&self, now: Instant) {
        let mut state = self.state();
        if let State::Closed { failures } = &mut *state {
            *failures += 1;
            if *failures >= FAILURES {
                *state = State::Open {
                    next_probe: now + PROBE_EVERY,
                };
                tracing::error!("the store does not answer; asked once a second until it does");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_lets_one_probe_through_a_second_and_closes_on_an_answer() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 1..FAILURES {
            breaker.failed_at(start);
        }
        breaker.answered();
        for _ in 1..FAILURES {
            breaker.failed_at(start);
        }
        assert!(breaker.lets_through_at(start), "not in a row");

        breaker.failed_at(start);
        let through = (0..5_000)
            .filter(|ms| {
                let through = breaker.lets_through_at(start + Duration::from_millis(*ms));
                if through {
                    breaker.failed_at(start);
                }
                through
            })
            .count();
        assert_eq!(through, 4, "at 1, 2, 3 and 4 seconds");

        breaker.answered();
        assert!(breaker.lets_through_at(start));
    }
}
