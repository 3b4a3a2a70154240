//! Whether the store is responding.
//!
//! A request that has the last known record need not wait for a failing store. A single late response may be due to
//! one slow object, and is waited for; if nothing else responds meanwhile, the store is taken to be failing, and no
//! request waits until it responds again. A healthy store is always waited for, so that changes are seen as soon as
//! they should be.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

/// A store that does not respond at all for this long is failing: longer than a healthy one takes, and short,
/// because all requests wait meanwhile.
const LATE: Duration = Duration::from_millis(250);

/// For a single response, while others arrive.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a missed response is evidence about the store.
const BELIEVED: Duration = Duration::from_secs(2);

/// For a store that was failing a moment ago, and may have recovered: too short to matter to a client.
const GRACE: Duration = Duration::from_millis(10);

pub(super) struct StorePulse {
    last: watch::Sender<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    answer: Option<Instant>,
    /// When a response was missed; nothing has arrived since.
    missed: Option<Instant>,
}

impl Default for StorePulse {
    fn default() -> Self {
        let last = Last {
            answer: None,
            missed: None,
        };
        Self {
            last: watch::Sender::new(last),
        }
    }
}

impl Last {
    fn is_failing(&self) -> bool {
        self.missed
            .is_some_and(|missed| missed.elapsed() < BELIEVED)
    }
}

impl StorePulse {
    /// Records that the store has responded, whatever the response.
    pub(super) fn responded(&self) {
        self.last.send_replace(Last {
            answer: Some(Instant::now()),
            missed: None,
        });
    }

    /// Records that a response has not arrived.
    pub(super) fn missed(&self) {
        let now = Some(Instant::now());
        self.last.send_modify(|last| last.missed = now);
    }

    /// `None` if it is not worth waiting for.
    pub(super) async fn await_answer<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let asked = Instant::now();
        let mut last = self.last.subscribe();
        let mut answer = std::pin::pin!(answer);
        let is_failing = tokio::select! {
            // First, so that a response that has arrived is used.
            biased;
            answer = &mut answer => return Some(answer),
            _ = last.wait_for(Last::is_failing) => true,
            () = sleep(LATE) => false,
        };
        if is_failing {
            return timeout(GRACE, answer).await.ok();
        }
        if last.borrow().answer.is_none_or(|answer| answer < asked) {
            self.missed();
            return None;
        }
        tokio::select! {
            answer = &mut answer => Some(answer),
            () = sleep_until((asked + LONGEST_WAIT).into()) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_late_response_is_waited_for_and_a_silent_store_is_not() {
        let pulse = StorePulse::default();
        let took = async |answer: Duration| {
            let began = tokio::time::Instant::now();
            let answer = pulse.await_answer(sleep(answer)).await;
            (answer.is_some(), began.elapsed())
        };
        let ms = Duration::from_millis;
        assert_eq!(took(ms(200)).await, (true, ms(200)));
        let (is_answered, waited) = took(ms(600)).await;
        assert!(!is_answered && waited <= LATE + ms(1), "{waited:?}");
        // By now the store is known to be failing.
        let (is_answered, waited) = took(ms(600)).await;
        assert!(!is_answered && waited <= GRACE + ms(1), "{waited:?}");
        assert_eq!(pulse.await_answer(ready(7)).await, Some(7), "there already");
        pulse.responded();
        assert_eq!(took(ms(200)).await, (true, ms(200)));
    }

    #[tokio::test]
    async fn waiting_callers_stop_when_a_probe_fails() {
        let pulse = StorePulse::default();
        let began = Instant::now();
        let (answer, ()) = tokio::join!(pulse.await_answer(pending::<()>()), async {
            pulse.missed();
        });
        assert!(answer.is_none());
        assert!(began.elapsed() < LATE);
    }
}
