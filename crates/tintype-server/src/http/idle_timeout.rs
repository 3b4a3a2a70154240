//! Timeouts between two requests: for an idle connection, and for the head of the next request.
//!
//! Hyper's own timer does not tell the two apart, so with it a connection could not be idle for longer than a head
//! may take.

use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use super::Settings;
use super::deadline::Deadline;
use super::io::Shared;

pub(super) struct IdleTimeout<'a> {
    settings: Settings,
    shared: &'a Shared,
    phase: Phase,
    deadline: Deadline,
    /// Number of requests and arrivals at the start of the phase.
    requests: usize,
    arrivals: usize,
}

enum Phase {
    Idle,
    /// Also before the first byte: a client that connects is expected to send a request.
    Head,
}

impl<'a> IdleTimeout<'a> {
    pub(super) fn new(settings: Settings, shared: &'a Shared) -> Self {
        let deadline = Deadline::after(settings.header_timeout);
        Self {
            settings,
            shared,
            phase: Phase::Head,
            deadline,
            requests: 0,
            arrivals: 0,
        }
    }

    /// Ready when the timeout has expired; must be polled whenever the connection waits.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.busy.load(Relaxed) || self.shared.writing.load(Relaxed) {
            return Poll::Pending;
        }
        let arrivals = self.shared.arrivals.load(Relaxed);
        let requests = self.shared.requests.load(Relaxed);
        if self.requests != requests {
            self.phase = Phase::Idle;
            self.deadline.reset(self.settings.idle_timeout);
            (self.requests, self.arrivals) = (requests, arrivals);
        } else if matches!(self.phase, Phase::Idle) && self.arrivals != arrivals {
            self.phase = Phase::Head;
            self.deadline.reset(self.settings.header_timeout);
        }
        self.deadline.poll(cx)
    }
}
