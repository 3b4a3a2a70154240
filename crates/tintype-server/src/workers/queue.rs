//! Who is next: first come, first served, except that a job too large for the bytes left lets
//! smaller ones pass, a bounded number of times, so that it is neither starved nor in the way.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, Claim};
use super::{Gauges, Limits, Refusal, Run};

/// How many jobs may overtake the oldest one.
const MAX_OVERTAKEN: u32 = 16;

/// A job of the past weighs an eighth of those before it: steady over noise, quick after a change.
const WEIGHT: u32 = 8;

pub(super) struct Entry {
    pub(super) deadline: Instant,
    pub(super) bytes: u64,
    pub(super) run: Box<dyn Run>,
}

/// A job whose turn has come, and its bytes.
pub(super) struct Turn {
    pub(super) entry: Entry,
    pub(super) claim: Claim,
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// Something was queued, bytes were given back, or the queue was closed.
    changed: Condvar,
    limits: Limits,
}

struct State {
    entries: VecDeque<Entry>,
    budget: Budget,
    busy: usize,
    overtaken: u32,
    /// Moving average of how long a job runs.
    service: Duration,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            state: Mutex::new(State {
                entries: VecDeque::with_capacity(limits.queue.min(1024)),
                budget: Budget::new(limits.bytes),
                busy: 0,
                overtaken: 0,
                service: Duration::ZERO,
                closed: false,
            }),
            changed: Condvar::new(),
            limits,
        }
    }

    pub(super) fn push(&self, entry: Entry) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if entry.deadline <= now {
            return Err(Refusal::DeadlineExceeded);
        }
        if state.entries.len() >= self.limits.queue {
            // Room that only the dead take up is room.
            state.sweep(now);
        }
        // A free thread is no queue: with a queue of none, a job may still run at once.
        let free = self.limits.threads.get().saturating_sub(state.busy);
        if state.entries.len() >= self.limits.queue.max(free) {
            return Err(Refusal::QueueFull {
                limit: self.limits.queue,
            });
        }
        let expected = state.expected_wait(self.limits.threads.get());
        let limit = self.limits.max_wait.min(entry.deadline - now);
        if expected > limit {
            return Err(Refusal::WaitTooLong { expected, limit });
        }
        state.entries.push_back(entry);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Blocks until a job may run; `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Turn> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            state.sweep(Instant::now());
            if let Some(turn) = state.take() {
                state.busy += 1;
                return Some(turn);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn finish(&self, claim: Claim, took: Duration) {
        let mut state = self.lock();
        state.budget.release(claim);
        state.busy -= 1;
        state.service = if state.service.is_zero() {
            took
        } else {
            (state.service * (WEIGHT - 1) + took) / WEIGHT
        };
        drop(state);
        // The bytes given back may let several waiting jobs run.
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let entries = std::mem::take(&mut state.entries);
        drop(state);
        self.changed.notify_all();
        for entry in entries {
            entry.run.refuse(Refusal::Closed);
        }
    }

    pub(super) fn gauges(&self) -> Gauges {
        let state = self.lock();
        Gauges {
            busy: state.busy,
            queued: state.entries.len(),
            bytes: state.budget.used(),
        }
    }

    /// No code of a job runs under the lock, so a poisoned lock still guards a sound state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops what nobody waits for, and refuses what is too late.
    fn sweep(&mut self, now: Instant) {
        let mut index = 0;
        while let Some(entry) = self.entries.get(index) {
            let late = entry.deadline <= now;
            if !late && !entry.run.is_abandoned() {
                index += 1;
            } else if let Some(entry) = self.entries.remove(index) {
                if index == 0 {
                    self.overtaken = 0;
                }
                if late {
                    entry.run.refuse(Refusal::DeadlineExceeded);
                }
            }
        }
    }

    fn take(&mut self) -> Option<Turn> {
        let reach = if self.overtaken < MAX_OVERTAKEN {
            self.entries.len()
        } else {
            1
        };
        let index = (0..reach.min(self.entries.len()))
            .find(|&index| self.budget.fits(self.entries[index].bytes))?;
        self.overtaken = if index == 0 { 0 } else { self.overtaken + 1 };
        let entry = self.entries.remove(index)?;
        let claim = self.budget.claim(entry.bytes)?;
        Some(Turn { entry, claim })
    }

    /// Jobs ahead, spread over the threads, at the pace of late.
    fn expected_wait(&self, threads: usize) -> Duration {
        let ahead = (self.entries.len() + self.busy + 1).saturating_sub(threads);
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let threads = u32::try_from(threads).unwrap_or(u32::MAX);
        self.service.saturating_mul(ahead) / threads
    }
}
