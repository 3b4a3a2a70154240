//! The pixel pool: a given number of OS threads, a bounded queue, a memory budget, and one more thread for
//! background work.
//!
//! A job is refused at once when the queue is full, when its turn would come too late, or when it could never fit
//! into the memory budget; refusing takes microseconds, so hits never wait behind misses. The expected wait is the
//! sum of the expected times of the jobs ahead, and small jobs pass large ones ([`request_queue`]). Expected times come
//! from the caller's model, corrected by measurements ([`correction`]). A job whose deadline has passed or whose caller
//! has gone is dropped without running. A panic ends the job, never the thread. A running job cannot be stopped
//! from outside: it gets the deadline and must keep it.
//!
//! Background work never delays a request. It has its own queue and a thread of the lowest system priority, and
//! starts nothing while a request waits. Nor does a request wait for its bytes. A reserved share would achieve that
//! too, but then an image that needs the whole budget could never be rendered, for the sake of memory that is
//! mostly idle. So a background job starts where it fits beside what requests have claimed, and later claims of
//! requests ignore it: meanwhile the bytes in use may exceed the limit, by one job of at most a quarter of it. More
//! expensive background jobs are refused.

mod background;
mod budget;
mod correction;
mod cost;
mod job;
mod queue;
mod refusal;
mod request_queue;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use budget::Budget;
pub(crate) use cost::{Cost, JobKind, TimeAccount};
use job::Job;
pub(crate) use job::{JobContext, JobResult};
use queue::Queue;
pub(crate) use refusal::{Refusal, Tallies};
use request_queue::QueuedJob;

/// Limits of the pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    pub threads: NonZeroUsize,
    /// Requests that may wait for a thread; more are refused.
    pub queue: usize,
    /// Memory that running jobs may claim together.
    pub bytes: u64,
    /// A job expected to wait longer is refused, even when its deadline would allow it.
    pub max_wait: Duration,
}

/// Whether a request waits for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Request,
    /// No request waits.
    Background,
}

/// The pool's current state, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    pub busy: usize,
    pub queued: usize,
    /// Of both priorities.
    pub bytes: u64,
    pub background_busy: usize,
    pub background_queued: usize,
}

/// The pool of pixel threads. Dropping it ends its threads once the running jobs are done.
pub struct Pool {
    queue: Arc<Queue>,
    limits: PoolLimits,
    requests: Tallies,
    background: Tallies,
}

impl Pool {
    pub fn new(limits: PoolLimits) -> std::io::Result<Self> {
        // The pool is created before its threads, so that a failure to start one ends the others.
        let pool = Self {
            queue: Arc::new(Queue::new(limits)),
            limits,
            requests: Tallies::default(),
            background: Tallies::default(),
        };
        for number in 0..limits.threads.get() {
            pool.start(&format!("pixels-{number}"), move |queue| {
                work(queue, number)
            })?;
        }
        pool.start("background", work_in_background)?;
        Ok(pool)
    }

    fn start(&self, name: &str, work: impl FnOnce(&Queue) + Send + 'static) -> std::io::Result<()> {
        let queue = self.queue.clone();
        let builder = thread::Builder::new().name(name.to_owned());
        builder.spawn(move || work(&queue)).map(drop)
    }

    /// Runs `job` with the bytes of its cost claimed for it. Returns at the deadline at the latest; that, or
    /// dropping the future, cancels a job that has not started.
    pub async fn run<T: Send + 'static, E: Send + 'static>(
        &self,
        priority: Priority,
        deadline: Instant,
        cost: Cost,
        job: impl FnOnce(&mut JobContext) -> Result<T, E> + Send + 'static,
    ) -> Result<JobResult<T, E>, Refusal> {
        let done = self.try_run(priority, deadline, cost, job).await;
        if let Err(refusal) = &done {
            self.tallies(priority).count(refusal);
        }
        done
    }

    async fn try_run<T: Send + 'static, E: Send + 'static>(
        &self,
        priority: Priority,
        deadline: Instant,
        cost: Cost,
        job: impl FnOnce(&mut JobContext) -> Result<T, E> + Send + 'static,
    ) -> Result<JobResult<T, E>, Refusal> {
        let (bytes, limit) = (cost.bytes, Budget::most(self.limits.bytes, priority));
        if bytes > limit {
            return Err(Refusal::ExceedsMemory { bytes, limit });
        }
        let (sender, receiver) = oneshot::channel();
        let run = Box::new(Job {
            sender,
            queued: Instant::now(),
            deadline,
            job,
        });
        let entry = QueuedJob {
            deadline,
            cost,
            run,
        };
        self.queue.push(priority, entry)?;
        // Otherwise a job behind long ones would learn of its deadline only when a thread is free.
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(done) => done.unwrap_or(Err(Refusal::Closed)),
            Err(_) => Err(Refusal::DeadlineExceeded),
        }
    }

    /// How long a request of this cost would wait for a thread if it arrived now.
    pub fn expected_wait(&self, cost: &Cost) -> Duration {
        self.queue.expected_wait(cost)
    }

    pub fn tallies(&self, priority: Priority) -> &Tallies {
        match priority {
            Priority::Request => &self.requests,
            Priority::Background => &self.background,
        }
    }

    /// Time that all pixel threads have worked since the start, including the running jobs so far.
    pub fn busy_time(&self) -> Duration {
        self.queue.busy_time()
    }

    /// Accounts of the kinds that have had jobs.
    pub fn accounts(&self) -> Vec<(JobKind, TimeAccount)> {
        self.queue.accounts()
    }

    pub fn gauges(&self) -> Gauges {
        self.queue.gauges()
    }

    pub fn limits(&self) -> PoolLimits {
        self.limits
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn work(queue: &Queue, thread: usize) {
    while let Some(turn) = queue.next(thread) {
        let spent = turn.run.run();
        queue.finish(thread, &turn.cost, turn.claim, spent);
    }
}

/// Runs background jobs. Their times do not correct estimates: they only show how busy the other threads were.
fn work_in_background(queue: &Queue) {
    lower_priority();
    while let Some(turn) = queue.next_in_background() {
        turn.run.run();
        queue.finish_in_background(turn.claim);
    }
}

/// Added to the process's nice value; the system stops at 19.
#[cfg(target_os = "linux")]
const LOWEST: i32 = 40;

/// Sets the lowest priority of the system. Linux keeps it per thread; elsewhere it would slow the whole process.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::nice(LOWEST) {
        tracing::warn!(%error, "background work could not be given a lower priority than requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

#[cfg(test)]
mod tests;
