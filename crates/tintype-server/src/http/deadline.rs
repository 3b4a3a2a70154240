//! A deadline that moves often and is rarely checked.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Moving it is an assignment. The timer behind it, which takes a lock, is created only once something has waited,
/// and is reset only when it fires too early or would fire too late.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) fn after(duration: Duration) -> Self {
        Self {
            at: Instant::now() + duration,
            timer: None,
        }
    }

    pub(super) fn reset(&mut self, duration: Duration) {
        self.at = Instant::now() + duration;
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.at)));
        if timer.deadline() > self.at {
            timer.as_mut().reset(self.at);
        }
        loop {
            match timer.as_mut().poll(cx) {
                Poll::Ready(()) if timer.deadline() < self.at => timer.as_mut().reset(self.at),
                poll => return poll,
            }
        }
    }
}
