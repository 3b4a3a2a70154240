//! State shared by threads and callers: one lock, and the condition variables that wake them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::background::BackgroundQueue;
use super::budget::{Budget, Claim};
use super::job::TurnTimings;
use super::request_queue::{QueuedJob, RequestQueue, ScheduledJob};
use super::{Cost, Gauges, JobKind, PoolLimits, Priority, Refusal, TimeAccount};

pub(super) struct Queue {
    state: Mutex<QueueState>,
    /// Wakes pixel threads: a request was queued, bytes were returned, or the queue was closed.
    changed: Condvar,
    /// Wakes the background thread: no request waits, a background job was queued, or the queue was closed.
    quiet: Condvar,
}

struct QueueState {
    requests: RequestQueue,
    background: BackgroundQueue,
    budget: Budget,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            state: Mutex::new(QueueState {
                requests: RequestQueue::new(limits),
                background: BackgroundQueue::default(),
                budget: Budget::new(limits.bytes),
                closed: false,
            }),
            changed: Condvar::new(),
            quiet: Condvar::new(),
        }
    }

    pub(super) fn push(&self, priority: Priority, entry: QueuedJob) -> Result<(), Refusal> {
        let now = Instant::now();
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if entry.deadline <= now {
            return Err(Refusal::DeadlineExceeded);
        }
        let woken = match priority {
            Priority::Request => {
                state.requests.push(entry, now)?;
                &self.changed
            }
            Priority::Background => {
                state.background.push(entry, now)?;
                &self.quiet
            }
        };
        drop(state);
        woken.notify_one();
        Ok(())
    }

    pub(super) fn expected_wait(&self, cost: &Cost) -> Duration {
        self.lock().requests.expected_wait(cost, Instant::now())
    }

    /// Blocks until this pixel thread has a job; `None` once the queue is closed.
    pub(super) fn next(&self, thread: usize) -> Option<ScheduledJob> {
        let mut state = self.lock();
        while !state.closed {
            let turn = state.next(thread);
            if state.requests.is_empty() {
                self.quiet.notify_one();
            }
            if turn.is_some() {
                return turn;
            }
            state = wait(&self.changed, state);
        }
        None
    }

    /// Does the same for the background thread.
    pub(super) fn next_in_background(&self) -> Option<ScheduledJob> {
        let mut state = self.lock();
        while !state.closed {
            if let Some(turn) = state.next_in_background() {
                return Some(turn);
            }
            state = wait(&self.quiet, state);
        }
        None
    }

    pub(super) fn finish(&self, thread: usize, cost: &Cost, claim: Claim, spent: TurnTimings) {
        let mut state = self.lock();
        state.budget.release(claim);
        state.requests.finish(thread, cost, spent, Instant::now());
        drop(state);
        // The returned bytes may let several waiting jobs run.
        self.changed.notify_all();
        self.quiet.notify_one();
    }

    pub(super) fn finish_in_background(&self, claim: Claim) {
        let mut state = self.lock();
        state.budget.release(claim);
        state.background.finish();
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let entries = state.requests.clear().chain(state.background.clear());
        drop(state);
        self.changed.notify_all();
        self.quiet.notify_all();
        for entry in entries {
            entry.run.refuse(Refusal::Closed);
        }
    }

    pub(super) fn gauges(&self) -> Gauges {
        let state = self.lock();
        Gauges {
            busy: state.requests.busy(),
            queued: state.requests.queued(),
            bytes: state.budget.used(),
            background_busy: state.background.busy(),
            background_queued: state.background.queued(),
        }
    }

    pub(super) fn busy_time(&self) -> Duration {
        self.lock().requests.busy_time(Instant::now())
    }

    pub(super) fn accounts(&self) -> Vec<(JobKind, TimeAccount)> {
        self.lock().requests.accounts()
    }

    /// Jobs never run under the lock, so the state behind a poisoned lock is still sound.
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueState {
    fn next(&mut self, thread: usize) -> Option<ScheduledJob> {
        let now = Instant::now();
        self.requests.sweep(now);
        self.requests.take(thread, &mut self.budget, now)
    }

    fn next_in_background(&mut self) -> Option<ScheduledJob> {
        let now = Instant::now();
        self.requests.sweep(now);
        self.background.sweep(now);
        if !self.requests.is_empty() {
            return None;
        }
        self.background.take(&mut self.budget)
    }
}

fn wait<'a>(woken: &Condvar, state: MutexGuard<'a, QueueState>) -> MutexGuard<'a, QueueState> {
    woken.wait(state).unwrap_or_else(PoisonError::into_inner)
}
