//! How many bytes the running jobs have claimed.

/// Bytes of one running job; given back by `Budget::release`.
#[derive(Debug)]
pub(super) struct Claim(u64);

#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    used: u64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn fits(&self, bytes: u64) -> bool {
        bytes <= self.limit - self.used
    }

    pub(super) fn claim(&mut self, bytes: u64) -> Option<Claim> {
        if !self.fits(bytes) {
            return None;
        }
        self.used += bytes;
        Some(Claim(bytes))
    }

    pub(super) fn release(&mut self, claim: Claim) {
        self.used -= claim.0;
    }
}
