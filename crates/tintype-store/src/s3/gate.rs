//! The smallest circuit breaker: for a single place.

use std::time::{Duration, Instant};

/// How often a request is let through if there are no responses.
pub(super) const TRY_EVERY: Duration = Duration::from_secs(1);

/// Shut after a failure. Then one request per [`TRY_EVERY`] is let through, until there is a response.
#[derive(Debug, Default)]
pub(super) struct Gate {
    next_try: Option<Instant>,
}

impl Gate {
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        match self.next_try {
            None => true,
            Some(next) if now >= next => {
                self.next_try = Some(now + TRY_EVERY);
                true
            }
            Some(_) => false,
        }
    }

    /// Shuts the gate. The time counts from the end of the failed request, or its caller would make the next try
    /// too. Returns whether the gate was open.
    pub(super) fn shut(&mut self, now: Instant) -> bool {
        self.next_try.replace(now + TRY_EVERY).is_none()
    }

    /// Opens the gate; returns whether it was shut.
    pub(super) fn open(&mut self) -> bool {
        self.next_try.take().is_some()
    }

    pub(super) fn is_shut(&self) -> bool {
        self.next_try.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lets_one_through_a_second_until_there_is_a_response() {
        let (mut gate, start) = (Gate::default(), Instant::now());
        assert!(gate.lets_through(start));
        assert!(gate.shut(start));
        let through = (0..5_000)
            .filter(|ms| {
                let now = start + Duration::from_millis(*ms);
                let through = gate.lets_through(now);
                if through {
                    assert!(!gate.shut(now), "it was open");
                }
                through
            })
            .count();
        assert_eq!(through, 4, "at 1, 2, 3 and 4 seconds");

        assert!(gate.open());
        assert!(gate.lets_through(start));
    }
}
