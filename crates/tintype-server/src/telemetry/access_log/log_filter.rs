//! Which requests are logged: a hit is some 300 bytes, and log services bill them.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    All,
    /// Responses of 400 and above, and clients that left before a response.
    Errors,
    /// Errors, and a fraction of the others.
    OneIn(NonZeroU64),
}

/// Decides for each request.
#[derive(Debug)]
pub(super) struct LogFilter {
    logged: Logged,
    others: AtomicU64,
}

impl LogFilter {
    pub(super) fn new(logged: Logged) -> Self {
        let others = AtomicU64::new(0);
        Self { logged, others }
    }

    /// Whether this request is logged, and if so, for how many it stands, if for more than itself.
    pub(super) fn of(&self, status: u16) -> Option<Option<u64>> {
        match self.logged {
            Logged::All => Some(None),
            _ if status >= 400 => Some(None),
            Logged::Errors => None,
            Logged::OneIn(number) => {
                let before = self.others.fetch_add(1, Ordering::Relaxed);
                (before % number == 0).then_some(Some(number.get()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_always_logged_and_others_as_configured() {
        let logged = |logged| {
            let choice = LogFilter::new(logged);
            let of = |status| (0..20).filter(|_| choice.of(status).is_some()).count();
            (of(200), of(304), of(404), of(503))
        };
        let ten = NonZeroU64::new(10).unwrap();
        assert_eq!(logged(Logged::All), (20, 20, 20, 20));
        assert_eq!(logged(Logged::Errors), (0, 0, 20, 20));
        assert_eq!(logged(Logged::OneIn(ten)), (2, 2, 20, 20));
        let choice = LogFilter::new(Logged::OneIn(ten));
        assert_eq!(
            (choice.of(200), choice.of(500)),
            (Some(Some(10)), Some(None))
        );
    }
}
