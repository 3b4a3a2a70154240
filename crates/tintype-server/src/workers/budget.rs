//! Accounting of the memory that running jobs have claimed.

use super::Priority;

/// Bytes claimed by one running job; returned by `Budget::release`.
#[derive(Debug)]
pub(super) struct Claim {
    priority: Priority,
    bytes: u64,
}

#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    requests: u64,
    background: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            requests: 0,
            background: 0,
        }
    }

    /// The most that one job may claim, even when the pool is idle.
    pub(super) fn most(limit: u64, priority: Priority) -> u64 {
        match priority {
            Priority::Request => limit,
            Priority::Background => limit / 4,
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.requests + self.background
    }

    /// Requests ignore what background work has claimed, so that they never wait for it.
    pub(super) fn fits(&self, priority: Priority, bytes: u64) -> bool {
        let used = match priority {
            Priority::Request => self.requests,
            Priority::Background => self.used(),
        };
        bytes <= self.limit.saturating_sub(used)
    }

    pub(super) fn claim(&mut self, priority: Priority, bytes: u64) -> Option<Claim> {
        if !self.fits(priority, bytes) {
            return None;
        }
        *self.of(priority) += bytes;
        Some(Claim { priority, bytes })
    }

    pub(super) fn release(&mut self, claim: Claim) {
        *self.of(claim.priority) -= claim.bytes;
    }

    fn of(&mut self, priority: Priority) -> &mut u64 {
        match priority {
            Priority::Request => &mut self.requests,
            Priority::Background => &mut self.background,
        }
    }
}
