//! The circuit breaker of one kind of operation, by the share of objects for which it fails.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::gate::Gate;

/// Older results do not count: they expire after one to two of these.
const WINDOW: Duration = Duration::from_secs(5);
/// Objects that have to fail; fewer are a problem of those objects.
const ENOUGH: usize = 5;
/// Bounds the memory for them.
const MOST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct OperationBreaker {
    gate: Gate,
    now: Window,
    before: Window,
    began: Option<Instant>,
}

#[derive(Debug, Default)]
struct Window {
    answered: usize,
    /// Each object once, however often it was requested.
    failed: HashSet<u64>,
}

impl OperationBreaker {
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        self.gate.lets_through(now)
    }

    pub(super) fn is_shut(&self) -> bool {
        self.gate.is_shut()
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.turn(now);
        self.now.answered += 1;
        if self.gate.open() {
            self.now = Window::default();
            self.before = Window::default();
        }
    }

    /// Records a failure; returns whether the gate shut because of it.
    pub(super) fn failed(&mut self, place: u64, now: Instant) -> bool {
        self.turn(now);
        if self.now.failed.len() < MOST {
            self.now.failed.insert(place);
        }
        let failed = self.now.failed.union(&self.before.failed).count();
        let answered = self.now.answered + self.before.answered;
        let is_ill = failed >= ENOUGH && failed >= answered;
        (is_ill || self.gate.is_shut()) && self.gate.shut(now)
    }

    fn turn(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let age = now.saturating_duration_since(began);
        if age < WINDOW {
            return;
        }
        let last = std::mem::take(&mut self.now);
        self.before = if age < 2 * WINDOW {
            last
        } else {
            Window::default()
        };
        self.began = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shuts_when_many_objects_fail_and_most_do() {
        let now = Instant::now();
        let mut breaker = OperationBreaker::default();
        for _ in 0..100 {
            assert!(
                !breaker.failed(1, now),
                "one object, asked for again and again"
            );
        }
        for _ in 0..8 {
            breaker.answered(now);
        }
        for place in 2..8 {
            assert!(!breaker.failed(place, now), "{place} of {}", place + 8);
        }
        assert!(breaker.failed(8, now), "half of them");
        assert!(!breaker.lets_through(now));
        let later = now + Duration::from_secs(1);
        assert!(breaker.lets_through(later), "one to try");
        assert!(!breaker.lets_through(later));
        breaker.answered(later);
        assert!(breaker.lets_through(later));
        assert!(!breaker.failed(8, later), "what was before is forgotten");
    }

    #[test]
    fn old_failures_do_not_count() {
        let (mut breaker, start) = (OperationBreaker::default(), Instant::now());
        for place in 0..4 {
            breaker.failed(place, start);
        }
        let later = start + 2 * WINDOW;
        assert!(!breaker.failed(4, later));
    }
}
