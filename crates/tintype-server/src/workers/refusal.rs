//! Why a job has no result, as an error of the API and as counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::error::{Code, Error};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the queue is full, limit is {limit}")]
    QueueFull { limit: usize },
    #[error("the expected wait is {} ms, limit is {} ms", .expected.as_millis(), .limit.as_millis())]
    WaitTooLong { expected: Duration, limit: Duration },
    #[error(
        "the picture takes {bytes} bytes of memory, of which this service may use {limit}; \
         a smaller answer or a larger memory_budget would do"
    )]
    ExceedsMemory { bytes: u64, limit: u64 },
    #[error("the deadline passed before the job was done")]
    DeadlineExceeded,
    #[error("the job panicked")]
    Panicked,
    #[error("the pool is closed")]
    Closed,
}

/// Counts of jobs without a result, since the start.
#[derive(Debug, Default)]
pub struct Tallies {
    pub queue_full: AtomicU64,
    pub wait_too_long: AtomicU64,
    pub exceeds_memory: AtomicU64,
    pub deadline_exceeded: AtomicU64,
    pub panicked: AtomicU64,
}

impl Tallies {
    /// What was refused because of load, by the label of the metric.
    pub fn by_reason(&self) -> [(&'static str, &AtomicU64); 4] {
        [
            ("queue-full", &self.queue_full),
            ("wait-too-long", &self.wait_too_long),
            ("exceeds-memory", &self.exceeds_memory),
            ("deadline-exceeded", &self.deadline_exceeded),
        ]
    }

    pub(super) fn count(&self, refusal: &Refusal) {
        let tally = match refusal {
            Refusal::QueueFull { .. } => &self.queue_full,
            Refusal::WaitTooLong { .. } => &self.wait_too_long,
            Refusal::ExceedsMemory { .. } => &self.exceeds_memory,
            Refusal::DeadlineExceeded => &self.deadline_exceeded,
            Refusal::Panicked => &self.panicked,
            Refusal::Closed => return,
        };
        tally.fetch_add(1, Relaxed);
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
            Refusal::ExceedsMemory { bytes, limit } => Self::new(Code::ExceedsMemory)
                .detail(text)
                .member("bytes", bytes)
                .member("limit", limit),
            Refusal::DeadlineExceeded => Self::new(Code::DeadlineExceeded).detail(text),
            // A single original that its decoder cannot cope with.
            Refusal::Panicked => Self::new(Code::UnsupportedFormat)
                .detail("the image has a form that the decoder cannot handle")
                .cause(refusal),
            Refusal::Closed => Self::new(Code::Overloaded).detail("the service is stopping"),
        }
    }
}
