//! Hedging: a second request for a small object whose first byte is late, so that one slow machine behind the
//! bucket does not determine everybody's tail latency. Never for more than one read in twenty.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use tokio::time::{Instant, sleep};

use crate::Counts;

/// Number of recent reads that define what is late.
const WINDOW: usize = 128;
/// With fewer reads than this, nothing counts as late.
const ENOUGH: usize = 32;
/// Reads that pay for one hedged request.
const PRICE: u32 = 20;
/// Most credit: this many hedged requests in a row.
const MOST_SAVED: u32 = 5 * PRICE;
/// Below this a second request costs more than it saves.
const SHORTEST: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct Hedges {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    recent: VecDeque<Duration>,
    saved: u32,
}

impl Hedges {
    /// Runs `request`, and once more if it is late. The first success wins; a failure counts only if no other
    /// attempt is running.
    pub(super) async fn run<'a, T, E>(
        &self,
        counts: &Counts,
        request: impl Fn() -> BoxFuture<'a, Result<T, E>>,
    ) -> Result<T, E> {
        let began = Instant::now();
        let first = request();
        let outcome = match self.late_after() {
            None => first.await,
            Some(patience) => match select(first, pin!(sleep(patience))).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(((), first)) if self.pay() => {
                    counts.hedge();
                    match select(first, request()).await {
                        Either::Left((Err(_), second)) => second.await,
                        Either::Right((Err(_), first)) => first.await,
                        Either::Left((success, _)) | Either::Right((success, _)) => success,
                    }
                }
                Either::Right(((), first)) => first.await,
            },
        };
        if outcome.is_ok() {
            self.learn(began.elapsed());
        }
        outcome
    }

    /// How long a read may take before it is late: longer than 19 of 20 recent ones.
    fn late_after(&self) -> Option<Duration> {
        let mut state = self.state();
        state.saved = (state.saved + 1).min(MOST_SAVED);
        if state.recent.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<_> = state.recent.iter().copied().collect();
        let rank = sorted.len() * 19 / 20;
        let (_, p95, _) = sorted.select_nth_unstable(rank);
        Some((*p95).max(SHORTEST))
    }

    fn pay(&self) -> bool {
        let mut state = self.state();
        let saved = state.saved.checked_sub(PRICE);
        state.saved = saved.unwrap_or(state.saved);
        saved.is_some()
    }

    fn learn(&self, took: Duration) {
        let mut state = self.state();
        if state.recent.len() == WINDOW {
            state.recent.pop_front();
        }
        state.recent.push_back(took);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use super::*;

    /// Runs reads of which one in `every` is slow unless hedged; returns how many requests were sent.
    async fn reads(hedges: &Hedges, count: u32, every: u32) -> u32 {
        let (sent, counts) = (AtomicU32::new(0), Counts::default());
        for number in 0..count {
            let attempts = AtomicU32::new(0);
            let read = || {
                sent.fetch_add(1, Ordering::Relaxed);
                let first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
                let slow = if first && number % every == 0 { 200 } else { 0 };
                sleep(Duration::from_millis(slow)).map(Ok::<_, ()>).boxed()
            };
            hedges.run(&counts, read).await.unwrap();
        }
        let sent = sent.into_inner();
        assert_eq!(counts.hedges(), u64::from(sent - count));
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn late_reads_are_sent_again_but_never_more_than_one_in_twenty() {
        let hedges = Hedges::default();
        let known = ENOUGH as u32;
        assert_eq!(
            reads(&hedges, known, known).await,
            known,
            "nothing counts as late yet"
        );
        assert_eq!(reads(&hedges, 1_000, 25).await, 1_040);
        let sent = reads(&hedges, 1_000, 10).await;
        assert!((1_001..=1_055).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_request_replaces_one_that_is_stuck() {
        let hedges = Hedges::default();
        for _ in 0..WINDOW {
            hedges.learn(Duration::from_millis(10));
            hedges.late_after();
        }
        let attempts = AtomicU32::new(0);
        let outcome = hedges
            .run(&Counts::default(), || {
                match attempts.fetch_add(1, Ordering::Relaxed) {
                    0 => pending().boxed(),
                    second => ready(Ok::<_, ()>(second)).boxed(),
                }
            })
            .await;
        assert_eq!(outcome, Ok(1));
    }
}
