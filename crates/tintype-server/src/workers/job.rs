//! A job, its turn on a thread, and its result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Refusal;

/// A turn on a thread, as the job sees it.
#[derive(Debug)]
pub struct JobContext {
    /// The job must keep it: it cannot be stopped from outside.
    pub deadline: Instant,
    fetched: Duration,
}

impl JobContext {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            deadline,
            fetched: Duration::ZERO,
        }
    }

    /// Waits for a store. Timed apart from the work, because it says nothing about the cost of pixels.
    pub fn fetch<T>(&mut self, read: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let got = read();
        self.fetched += began.elapsed();
        got
    }
}

/// The result of a job, and how long it waited for its turn and for the store.
#[derive(Debug)]
pub struct JobResult<T, E> {
    pub result: Result<T, E>,
    /// When it was queued.
    pub queued: Instant,
    pub waited: Duration,
    pub fetched: Duration,
}

/// Timings of a turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnTimings {
    pub(super) fetched: Duration,
    /// `None` if the job did not finish.
    pub(super) worked: Option<Duration>,
}

/// A queued job with its type erased.
pub(super) trait ErasedJob: Send {
    /// Whether nobody waits for the result any more.
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>) -> TurnTimings;
    fn refuse(self: Box<Self>, refusal: Refusal);
}

pub(super) struct Job<T, E, F> {
    pub(super) sender: oneshot::Sender<Result<JobResult<T, E>, Refusal>>,
    pub(super) queued: Instant,
    pub(super) deadline: Instant,
    pub(super) job: F,
}

impl<T, E, F> ErasedJob for Job<T, E, F>
where
    T: Send,
    E: Send,
    F: FnOnce(&mut JobContext) -> Result<T, E> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    fn run(self: Box<Self>) -> TurnTimings {
        let queued = self.queued;
        let waited = queued.elapsed();
        let mut shift = JobContext::new(self.deadline);
        let job = self.job;
        let began = Instant::now();
        // The job owns all that it touches, so no half-changed state outlives its panic.
        let result = catch_unwind(AssertUnwindSafe(|| job(&mut shift)));
        let fetched = shift.fetched;
        let worked = began.elapsed().saturating_sub(fetched);
        let spent = TurnTimings {
            fetched,
            worked: matches!(result, Ok(Ok(_))).then_some(worked),
        };
        let done = result.map(|result| JobResult {
            result,
            queued,
            waited,
            fetched,
        });
        // A receiver that is gone by now is not an error.
        let _ = self.sender.send(done.map_err(|_| Refusal::Panicked));
        spent
    }

    fn refuse(self: Box<Self>, refusal: Refusal) {
        let _ = self.sender.send(Err(refusal));
    }
}
