//! The pixel pool: as many OS threads as the caller says, a bounded queue, a bounded number of bytes,
//! and one thread beside them for what may be done later.
//!
//! A job is refused at once when the queue is full, when its turn would come too late, or when it
//! could never fit into the byte budget; refusing takes microseconds, so hits never wait behind
//! misses. When its turn would come is the sum of what the jobs before it are expected to take, and
//! small jobs pass large ones ([`mod@line`]). What is expected comes from the caller's model, corrected by
//! what was measured ([`pace`]). A job whose deadline has passed or whose caller has gone is dropped
//! unrun. A panic ends the job, never the thread. A running job cannot be stopped from outside: it
//! gets the deadline and has to keep it.
//!
//! Background work never delays a request. It has a queue and a thread of its own, which the system
//! runs when nothing else wants to run, and starts nothing while a request waits. Nor does a request
//! wait for its bytes. A share set aside would do that too, but a picture that needs the whole budget
//! could then never be rendered, to keep room for what is mostly idle. So a background job starts where
//! it fits beside what requests have claimed, and claims of requests that come later do not see it:
//! meanwhile the bytes in use may exceed the limit, by one job of at most a quarter of it. Dearer
//! background jobs are refused.

mod background;
mod budget;
mod cost;
mod job;
mod line;
mod pace;
mod queue;
mod refusal;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use budget::Budget;
pub(crate) use cost::{Account, Cost, Kind};
use job::Job;
pub(crate) use job::{Done, Shift};
use line::QueuedJob;
use queue::Queue;
pub(crate) use refusal::{Refusal, Tallies};

/// What the pool may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub threads: NonZeroUsize,
    /// Requests waiting for a thread; more are refused.
    pub queue: usize,
    /// Bytes of memory that the running jobs may claim together.
    pub bytes: u64,
    /// A job expected to wait longer is refused, even when its deadline would allow it.
    pub max_wait: Duration,
}

/// Who waits for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Request,
    /// Nobody.
    Background,
}

/// What the pool is doing now, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    pub busy: usize,
    pub queued: usize,
    /// Of both priorities.
    pub bytes: u64,
    pub background_busy: usize,
    pub background_queued: usize,
}

/// Dropping the pool ends its threads once the jobs that already run are done.
pub struct Pool {
    queue: Arc<Queue>,
    limits: Limits,
    requests: Tallies,
    background: Tallies,
}

impl Pool {
    pub fn new(limits: Limits) -> std::io::Result<Self> {
        // The pool exists before its threads, so that a failure to start one ends the others.
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

    /// Runs `job` while the bytes of its cost are set aside for it. Ends at the deadline at the
    /// latest; that, and dropping the future, gives the job up if it has not started.
    pub async fn run<T: Send + 'static, E: Send + 'static>(
        &self,
        priority: Priority,
        deadline: Instant,
        cost: Cost,
        job: impl FnOnce(&mut Shift) -> Result<T, E> + Send + 'static,
    ) -> Result<Done<T, E>, Refusal> {
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
        job: impl FnOnce(&mut Shift) -> Result<T, E> + Send + 'static,
    ) -> Result<Done<T, E>, Refusal> {
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
        // A job that waits behind long ones would otherwise be told only when a thread is free.
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(done) => done.unwrap_or(Err(Refusal::Closed)),
            Err(_) => Err(Refusal::DeadlineExceeded),
        }
    }

    /// How long a request of this cost would wait for a thread if it came now.
    pub fn expected_wait(&self, cost: &Cost) -> Duration {
        self.queue.expected_wait(cost)
    }

    pub fn tallies(&self, priority: Priority) -> &Tallies {
        match priority {
            Priority::Request => &self.requests,
            Priority::Background => &self.background,
        }
    }

    /// How long pixel threads have been at work since the start, all together; of what they are at, as
    /// far as they are.
    pub fn busy_time(&self) -> Duration {
        self.queue.busy_time()
    }

    /// Of the kinds that there were jobs of.
    pub fn accounts(&self) -> Vec<(Kind, Account)> {
        self.queue.accounts()
    }

    pub fn gauges(&self) -> Gauges {
        self.queue.gauges()
    }

    pub fn limits(&self) -> Limits {
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

/// What a job takes on this thread is not learned from: it says how busy the others were.
fn work_in_background(queue: &Queue) {
    give_way();
    while let Some(turn) = queue.next_in_background() {
        turn.run.run();
        queue.finish_in_background(turn.claim);
    }
}

/// Added to whatever the process has; the system stops at 19.
#[cfg(target_os = "linux")]
const LOWEST: i32 = 40;

/// The lowest priority that the system has. Linux keeps it for each thread; elsewhere the whole
/// process would be slowed.
#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::nice(LOWEST) {
        tracing::warn!(%error, "background work runs at the same priority as requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests;
