//! The queue for background work: first come, first served, one at a time, and only while no request waits.

use std::collections::VecDeque;
use std::time::Instant;

use super::budget::Budget;
use super::request_queue::{QueuedJob, ScheduledJob};
use super::{Priority, Refusal};

/// Jobs that may wait. A job is little more than a key, but work that is dropped today can be done when it is
/// requested again.
pub(super) const QUEUE: usize = 64;

#[derive(Default)]
pub(super) struct BackgroundQueue {
    waiting: VecDeque<QueuedJob>,
    is_busy: bool,
}

impl BackgroundQueue {
    pub(super) fn push(&mut self, entry: QueuedJob, now: Instant) -> Result<(), Refusal> {
        self.sweep(now);
        if self.waiting.len() >= QUEUE {
            return Err(Refusal::QueueFull { limit: QUEUE });
        }
        self.waiting.push_back(entry);
        Ok(())
    }

    pub(super) fn take(&mut self, budget: &mut Budget) -> Option<ScheduledJob> {
        let bytes = self.waiting.front()?.cost.bytes;
        let claim = budget.claim(Priority::Background, bytes)?;
        let QueuedJob { cost, run, .. } = self.waiting.pop_front()?;
        self.is_busy = true;
        Some(ScheduledJob { cost, run, claim })
    }

    pub(super) fn finish(&mut self) {
        self.is_busy = false;
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        while let Some(index) = self.waiting.iter().position(|entry| entry.is_over(now)) {
            if let Some(entry) = self.waiting.remove(index) {
                entry.run.refuse(Refusal::DeadlineExceeded);
            }
        }
    }

    pub(super) fn clear(&mut self) -> impl Iterator<Item = QueuedJob> + use<> {
        std::mem::take(&mut self.waiting).into_iter()
    }

    pub(super) fn queued(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn busy(&self) -> usize {
        usize::from(self.is_busy)
    }
}
