//! The requests that wait for a pixel thread: which one is next, and how long it will take.
//!
//! A job's rank is its arrival plus twice its expected time, and the lowest rank is next. So a small job passes a
//! large one, and nothing passes a job that arrived more than twice that job's own time before. A job that is too
//! large for the remaining bytes also lets others pass, a limited number of times.
//!
//! Pure: the caller passes the current time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::budget::{Budget, Claim};
use super::correction::Correction;
use super::job::{ErasedJob, TurnTimings};
use super::{Cost, JobKind, PoolLimits, Priority, Refusal, TimeAccount};

/// Multiple of its own time for which a job lets smaller ones pass: enough that a crowd of small ones passes a
/// large one, and little enough that the largest, which take some seconds, keep their deadline.
const RANK_FACTOR: u32 = 2;

/// How many jobs may pass one that does not fit into the remaining bytes.
const MAX_PASSED: u32 = 16;

pub(super) struct QueuedJob {
    pub(super) deadline: Instant,
    pub(super) cost: Cost,
    pub(super) run: Box<dyn ErasedJob>,
}

impl QueuedJob {
    /// Whether nobody waits for it any more, or its deadline has passed.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now || self.run.is_abandoned()
    }
}

/// A job whose turn has come, and the bytes claimed for it.
pub(super) struct ScheduledJob {
    pub(super) cost: Cost,
    pub(super) run: Box<dyn ErasedJob>,
    pub(super) claim: Claim,
}

struct Waiting {
    entry: QueuedJob,
    foreseen: Duration,
    rank: Instant,
    /// Number of jobs that passed it for lack of bytes.
    passed: u32,
}

#[derive(Clone, Copy)]
struct Running {
    began: Instant,
    foreseen: Duration,
}

pub(super) struct RequestQueue {
    limits: PoolLimits,
    /// Sorted by rank.
    waiting: VecDeque<Waiting>,
    /// The running job of each thread.
    threads: Vec<Option<Running>>,
    corrections: HashMap<JobKind, Correction>,
    accounts: HashMap<JobKind, TimeAccount>,
    /// Thread time of finished jobs.
    busy_time: Duration,
}

impl RequestQueue {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::with_capacity(limits.queue.min(1024)),
            threads: vec![None; limits.threads.get()],
            corrections: HashMap::new(),
            accounts: HashMap::new(),
            busy_time: Duration::ZERO,
        }
    }

    pub(super) fn push(&mut self, entry: QueuedJob, now: Instant) -> Result<(), Refusal> {
        // Abandoned jobs count against the limit until they are swept.
        self.sweep(now);
        // A free thread is not part of the queue: with a queue of zero, a job may still run at once.
        let free = self.threads.len() - self.busy();
        if self.waiting.len() >= self.limits.queue.max(free) {
            return Err(Refusal::QueueFull {
                limit: self.limits.queue,
            });
        }
        let foreseen = self.foresee(&entry.cost);
        let rank = now + RANK_FACTOR * foreseen;
        let expected = self.wait_at(rank, now);
        let spare = entry.deadline - now;
        // Nothing is refused while a thread is free, whatever the estimate: only running a job corrects an estimate
        // that is too high.
        let limit = self.limits.max_wait.min(spare.saturating_sub(foreseen));
        if expected > limit {
            return Err(Refusal::WaitTooLong { expected, limit });
        }
        let at = self.waiting.partition_point(|other| other.rank <= rank);
        let waiting = Waiting {
            entry,
            foreseen,
            rank,
            passed: 0,
        };
        self.waiting.insert(at, waiting);
        Ok(())
    }

    /// Takes the first by rank that fits into the remaining bytes.
    pub(super) fn take(
        &mut self,
        thread: usize,
        budget: &mut Budget,
        now: Instant,
    ) -> Option<ScheduledJob> {
        let index = self.next_that_fits(budget)?;
        for passed in self.waiting.range_mut(..index) {
            passed.passed += 1;
        }
        let Waiting {
            entry, foreseen, ..
        } = self.waiting.remove(index)?;
        let claim = budget.claim(Priority::Request, entry.cost.bytes)?;
        self.threads[thread] = Some(Running {
            began: now,
            foreseen,
        });
        Some(ScheduledJob {
            cost: entry.cost,
            run: entry.run,
            claim,
        })
    }

    fn next_that_fits(&self, budget: &Budget) -> Option<usize> {
        for (index, waiting) in self.waiting.iter().enumerate() {
            if budget.fits(Priority::Request, waiting.entry.cost.bytes) {
                return Some(index);
            }
            if waiting.passed >= MAX_PASSED {
                break;
            }
        }
        None
    }

    pub(super) fn finish(&mut self, thread: usize, cost: &Cost, spent: TurnTimings, now: Instant) {
        if let Some(running) = self.threads[thread].take() {
            self.busy_time += now.saturating_duration_since(running.began);
            // A job that was cut short says nothing about its estimate.
            if let Some(worked) = spent.worked {
                let account = self.accounts.entry(cost.kind).or_default();
                account.foreseen += running.foreseen;
                account.taken += spent.fetched + worked;
            }
        }
        self.corrections
            .entry(cost.kind)
            .or_default()
            .learn(cost.time, spent);
    }

    /// How long a job that arrived now would wait for a thread.
    pub(super) fn expected_wait(&mut self, cost: &Cost, now: Instant) -> Duration {
        self.sweep(now);
        self.wait_at(now + RANK_FACTOR * self.foresee(cost), now)
    }

    /// How long until a thread is free of running jobs and of those that would run before a job of this rank. Waits
    /// for bytes are not predicted.
    fn wait_at(&self, rank: Instant, now: Instant) -> Duration {
        let left = |running: &Option<Running>| {
            Reverse(running.map_or(Duration::ZERO, |running| running.left(now)))
        };
        let mut threads: BinaryHeap<_> = self.threads.iter().map(left).collect();
        for ahead in self.waiting.iter().take_while(|ahead| ahead.rank <= rank) {
            if let Some(mut first_free) = threads.peek_mut() {
                first_free.0 += ahead.foreseen;
            }
        }
        threads
            .peek()
            .map_or(Duration::ZERO, |first_free| first_free.0)
    }

    fn foresee(&self, cost: &Cost) -> Duration {
        let correction = self
            .corrections
            .get(&cost.kind)
            .copied()
            .unwrap_or_default();
        correction.foresee(cost.time)
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        while let Some(index) = self
            .waiting
            .iter()
            .position(|waiting| waiting.entry.is_over(now))
        {
            if let Some(waiting) = self.waiting.remove(index) {
                waiting.entry.run.refuse(Refusal::DeadlineExceeded);
            }
        }
    }

    pub(super) fn clear(&mut self) -> impl Iterator<Item = QueuedJob> + use<> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|waiting| waiting.entry)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn queued(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn busy_time(&self, now: Instant) -> Duration {
        let running = self.threads.iter().flatten();
        let times = running.map(|running| now.saturating_duration_since(running.began));
        self.busy_time + times.sum::<Duration>()
    }

    pub(super) fn accounts(&self) -> Vec<(JobKind, TimeAccount)> {
        let accounts = self.accounts.iter();
        accounts.map(|(kind, account)| (*kind, *account)).collect()
    }

    pub(super) fn busy(&self) -> usize {
        self.threads.iter().flatten().count()
    }
}

impl Running {
    /// The remaining time. A job that has overrun its estimate is assumed to need as long again as it is late.
    fn left(self, now: Instant) -> Duration {
        self.foreseen
            .abs_diff(now.saturating_duration_since(self.began))
    }
}

#[cfg(test)]
mod tests;
