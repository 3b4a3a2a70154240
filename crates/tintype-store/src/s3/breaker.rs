//! Stops asking a server that does not answer, so that callers learn it at once and the server is
//! not held down by what piles up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// While it is open, one operation in this time finds out whether the server is back.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed,
    Open { next_probe: Instant },
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::Closed),
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
            State::Closed => true,
            State::Open { next_probe } if now >= *next_probe => {
                *next_probe = now + PROBE_EVERY;
                true
            }
            State::Open { .. } => false,
        }
    }

    /// The server gave an answer, whichever.
    pub(super) fn answered(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Closed);
        if matches!(before, State::Open { .. }) {
            tracing::info!("the store answers again");
        }
    }

    /// An operation has failed: all its attempts, one after the other. That is enough, because a
    /// request of ours may need several operations and has to be answered in time, and because any
    /// answer that is still on its way closes the breaker again. Whether it opened.
    pub(super) fn failed(&self) -> bool {
        self.failed_at(Instant::now())
    }

    fn failed_at(&self, now: Instant) -> bool {
        // Counted from the end of a probe that failed, or whoever made it would make the next one too.
        let open = State::Open {
            next_probe: now + PROBE_EVERY,
        };
        let opened = matches!(std::mem::replace(&mut *self.state(), open), State::Closed);
        if opened {
            tracing::error!("the store does not answer; asked once a second until it does");
        }
        opened
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_on_a_failure_lets_one_probe_through_a_second_and_closes_on_an_answer() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        assert!(breaker.lets_through_at(start));
        assert!(breaker.failed_at(start));
        let through = (0..5_000)
            .filter(|ms| {
                let now = start + Duration::from_millis(*ms);
                let through = breaker.lets_through_at(now);
                if through {
                    assert!(!breaker.failed_at(now), "it was open");
                }
                through
            })
            .count();
        assert_eq!(through, 4, "at 1, 2, 3 and 4 seconds");

        breaker.answered();
        assert!(breaker.lets_through_at(start));
    }
}
