//! The pixel pool: as many OS threads as the caller says, a bounded queue, a bounded number of bytes.
//!
//! A job is refused at once when the queue is full, when its turn would come too late, or when it
//! could never fit into the byte budget; refusing takes microseconds, so hits never wait behind
//! misses. A job whose deadline has passed or whose caller has gone is dropped unrun. A panic ends
//! the job, never the thread. A running job cannot be stopped from outside: it gets the deadline
//! and has to keep it.

mod budget;
mod queue;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{Code, Error};
use queue::{Entry, Queue};

/// What the pool may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub threads: NonZeroUsize,
    /// Jobs waiting for a thread; more are refused.
    pub queue: usize,
    /// Bytes of memory that the running jobs may claim together.
    pub bytes: u64,
    /// A job expected to wait longer is refused, even when its deadline would allow it.
    pub max_wait: Duration,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the queue is full, limit is {limit}")]
    QueueFull { limit: usize },
    #[error("the expected wait is {} ms, limit is {} ms", .expected.as_millis(), .limit.as_millis())]
    WaitTooLong { expected: Duration, limit: Duration },
    #[error("the job needs {bytes} bytes of memory, limit is {limit}")]
    OverBudget { bytes: u64, limit: u64 },
    #[error("the deadline passed before the job was done")]
    DeadlineExceeded,
    #[error("the job panicked")]
    Panicked,
    #[error("the pool is closed")]
    Closed,
}

/// What the pool is doing now, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    pub busy: usize,
    pub queued: usize,
    pub bytes: u64,
}

/// What became of jobs that gave no result, since the start.
#[derive(Debug, Default)]
pub struct Tallies {
    pub queue_full: AtomicU64,
    pub wait_too_long: AtomicU64,
    pub over_budget: AtomicU64,
    pub deadline_exceeded: AtomicU64,
    pub panicked: AtomicU64,
}

/// A result and how long it waited for its turn.
#[derive(Debug)]
pub struct Done<T> {
    pub value: T,
    pub waited: Duration,
}

/// Dropping the pool ends its threads once the jobs that already run are done.
pub struct Pool {
    queue: Arc<Queue>,
    limits: Limits,
    tallies: Tallies,
}

impl Pool {
    pub fn new(limits: Limits) -> std::io::Result<Self> {
        // The pool exists before its threads, so that a failure to start one ends the others.
        let pool = Self {
            queue: Arc::new(Queue::new(limits)),
            limits,
            tallies: Tallies::default(),
        };
        for number in 0..limits.threads.get() {
            let queue = pool.queue.clone();
            thread::Builder::new()
                .name(format!("pixels-{number}"))
                .spawn(move || work(&queue))?;
        }
        Ok(pool)
    }

    /// Runs `job` on a pixel thread while `bytes` are set aside for it. Ends at the deadline at the
    /// latest; that, and dropping the future, gives the job up if it has not started.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        bytes: u64,
        job: impl FnOnce(Instant) -> T + Send + 'static,
    ) -> Result<Done<T>, Refusal> {
        let result = self.try_run(deadline, bytes, job).await;
        if let Err(refusal) = &result {
            self.tallies.count(refusal);
        }
        result
    }

    async fn try_run<T: Send + 'static>(
        &self,
        deadline: Instant,
        bytes: u64,
        job: impl FnOnce(Instant) -> T + Send + 'static,
    ) -> Result<Done<T>, Refusal> {
        if bytes > self.limits.bytes {
            return Err(Refusal::OverBudget {
                bytes,
                limit: self.limits.bytes,
            });
        }
        let (sender, receiver) = oneshot::channel();
        let queued = Instant::now();
        self.queue.push(Entry {
            deadline,
            bytes,
            run: Box::new(Job {
                sender,
                queued,
                deadline,
                job,
            }),
        })?;
        // A job that waits behind long ones would otherwise be told only when a thread is free.
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(result) => result.unwrap_or(Err(Refusal::Closed)),
            Err(_) => Err(Refusal::DeadlineExceeded),
        }
    }

    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    pub fn gauges(&self) -> Gauges {
        self.queue.gauges()
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl Tallies {
    fn count(&self, refusal: &Refusal) {
        let tally = match refusal {
            Refusal::QueueFull { .. } => &self.queue_full,
            Refusal::WaitTooLong { .. } => &self.wait_too_long,
            Refusal::OverBudget { .. } => &self.over_budget,
            Refusal::DeadlineExceeded => &self.deadline_exceeded,
            Refusal::Panicked => &self.panicked,
            Refusal::Closed => return,
        };
        tally.fetch_add(1, Relaxed);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// One queued job, with its type erased.
trait Run: Send {
    /// Nobody waits for the result any more.
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>);
    fn refuse(self: Box<Self>, refusal: Refusal);
}

struct Job<T, F> {
    sender: oneshot::Sender<Result<Done<T>, Refusal>>,
    queued: Instant,
    deadline: Instant,
    job: F,
}

impl<T: Send, F: FnOnce(Instant) -> T + Send> Run for Job<T, F> {
    fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    fn run(self: Box<Self>) {
        let Self {
            sender,
            queued,
            deadline,
            job,
        } = *self;
        let waited = queued.elapsed();
        // The job owns all that it touches, so nothing half-changed outlives its panic.
        let result = catch_unwind(AssertUnwindSafe(|| job(deadline)));
        let result = result
            .map(|value| Done { value, waited })
            .map_err(|_| Refusal::Panicked);
        // A receiver that has gone meanwhile is nobody's error.
        let _ = sender.send(result);
    }

    fn refuse(self: Box<Self>, refusal: Refusal) {
        let _ = self.sender.send(Err(refusal));
    }
}

fn work(queue: &Queue) {
    while let Some(turn) = queue.next() {
        let Entry { run, .. } = turn.entry;
        let started = Instant::now();
        run.run();
        queue.finish(turn.claim, started.elapsed());
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::QueueFull { .. } => Self::new(Code::Overloaded).detail(text),
            Refusal::WaitTooLong { expected, .. } => Self::new(Code::Overloaded)
                .detail(text)
                .retry_after(expected.as_secs().clamp(1, 10)),
            Refusal::OverBudget { bytes, limit } => Self::new(Code::TooComplex)
                .detail(text)
                .member("bytes", bytes)
                .member("limit", limit),
            Refusal::DeadlineExceeded => Self::new(Code::DeadlineExceeded).detail(text),
            Refusal::Panicked => Self::new(Code::Internal).cause(refusal),
            Refusal::Closed => Self::new(Code::Overloaded).detail("the service is stopping"),
        }
    }
}

#[cfg(test)]
mod tests;
