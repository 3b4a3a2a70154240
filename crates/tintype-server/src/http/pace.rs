//! The minimum speed of a client.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::deadline::Deadline;

/// How long to wait for a client, and how many bytes restore all of that time; fewer restore their share. So a
/// client may pause, and may be slow for ever, but may not pause most of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub bytes: u64,
    pub within: Duration,
}

impl Pace {
    /// From a rate in bytes a second; if it is zero, any byte restores all of the time.
    pub(crate) fn new(rate: u64, within: Duration) -> Self {
        let bytes = u128::from(rate) * within.as_millis() / 1_000;
        Self {
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX).max(1),
            within,
        }
    }

    fn earned(&self, bytes: usize) -> Duration {
        let part = bytes as f64 / self.bytes as f64;
        self.within.mul_f64(part.min(1.0))
    }
}

/// Measures one client in one direction.
pub(super) struct Stopwatch {
    pace: Pace,
    /// How long to keep waiting for the client.
    left: Duration,
    waiting: Option<Instant>,
    deadline: Option<Deadline>,
}

impl Stopwatch {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            left: pace.within,
            waiting: None,
            deadline: None,
        }
    }

    /// Records that the client has sent or taken bytes.
    pub(super) fn moved(&mut self, bytes: usize) {
        if let Some(since) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.left = self.pace.within.min(self.left + self.pace.earned(bytes));
    }

    /// Called while waiting for the client. Ready when it has been too slow.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.left;
        let deadline = self.deadline.get_or_insert_with(|| Deadline::after(left));
        if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
            deadline.reset(left);
        }
        deadline.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{advance, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stopwatch() -> Stopwatch {
        Stopwatch::new(Pace::new(100, 10 * SECOND))
    }

    /// Whether the client is too slow after this time.
    async fn is_late(stopwatch: &mut Stopwatch, after: Duration) -> bool {
        timeout(after, poll_fn(|cx| stopwatch.wait(cx)))
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn progress_earns_time() {
        let mut client = stopwatch();
        for _ in 0..100 {
            assert!(!is_late(&mut client, 9 * SECOND).await);
            client.moved(1_000);
        }
        assert!(!is_late(&mut client, 9 * SECOND).await);
        client.moved(500);
        assert!(!is_late(&mut client, 5 * SECOND).await);
        assert!(is_late(&mut client, 2 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn drops_are_hardly_progress() {
        let mut client = stopwatch();
        for _ in 0..9 {
            assert!(!is_late(&mut client, SECOND).await);
            client.moved(10);
        }
        assert!(is_late(&mut client, 2 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn no_client_saves_up_more_than_the_whole_time() {
        let mut client = stopwatch();
        client.moved(1_000_000_000);
        assert!(is_late(&mut client, 11 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn only_waiting_for_the_client_counts() {
        let mut client = stopwatch();
        for _ in 0..9 {
            assert!(!is_late(&mut client, SECOND).await);
            client.moved(1);
            // The disk is slow.
            advance(60 * SECOND).await;
        }
        client.moved(1_000);
        assert!(!is_late(&mut client, 9 * SECOND).await);
    }

    #[test]
    fn without_a_rate_any_byte_will_do() {
        assert_eq!(Pace::new(0, SECOND).bytes, 1);
        assert_eq!(Pace::new(512, SECOND / 2).bytes, 256);
        assert_eq!(Pace::new(u64::MAX, 60 * SECOND).bytes, u64::MAX);
    }
}
