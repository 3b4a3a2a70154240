//! Whether the store answers.
//!
//! A request that knows the last record need not wait for a store that is ill. One answer that is late
//! may be that of one slow object, and is waited for a while; where nothing at all was answered
//! meanwhile the store is taken for ill, and nobody waits until it answers something again. A store
//! that is well is always waited for, so that a change is seen as soon as it should be.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

/// A store that answers nothing for this long is ill: above what one takes that is well, and a small
/// part of a minute, because everybody who comes meanwhile waits.
const LATE: Duration = Duration::from_millis(250);

/// For one answer, while others come.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long a missed answer tells something of the store.
const BELIEVED: Duration = Duration::from_secs(2);

/// For a store that was ill a moment ago, and may be well again: as long as nobody minds.
const GRACE: Duration = Duration::from_millis(10);

pub(super) struct Pulse {
    last: watch::Sender<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    answer: Option<Instant>,
    /// None has come since.
    missed: Option<Instant>,
}

impl Default for Pulse {
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

impl Pulse {
    /// The store has answered, whatever it was.
    pub(super) fn beat(&self) {
        self.last.send_replace(Last {
            answer: Some(Instant::now()),
            missed: None,
        });
    }

    /// An answer has not come.
    pub(super) fn missed(&self) {
        let now = Some(Instant::now());
        self.last.send_modify(|last| last.missed = now);
    }

    /// `None`: it is not worth waiting for.
    pub(super) async fn await_answer<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let asked = Instant::now();
        let mut last = self.last.subscribe();
        let mut answer = std::pin::pin!(answer);
        let is_failing = tokio::select! {
            // First, so that an answer that is there is taken.
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
    async fn one_late_answer_is_waited_for_and_a_silent_store_is_not() {
        let pulse = Pulse::default();
        let took = async |answer: Duration| {
            let began = tokio::time::Instant::now();
            let answer = pulse.await_answer(sleep(answer)).await;
            (answer.is_some(), began.elapsed())
        };
        let ms = Duration::from_millis;
        assert_eq!(took(ms(200)).await, (true, ms(200)));
        let (is_answered, waited) = took(ms(600)).await;
        assert!(!is_answered && waited <= LATE + ms(1), "{waited:?}");
        // Now it is known.
        let (is_answered, waited) = took(ms(600)).await;
        assert!(!is_answered && waited <= GRACE + ms(1), "{waited:?}");
        assert_eq!(pulse.await_answer(ready(7)).await, Some(7), "there already");
        pulse.beat();
        assert_eq!(took(ms(200)).await, (true, ms(200)));
    }

    #[tokio::test]
    async fn whoever_waits_is_let_go_when_somebody_else_finds_out() {
        let pulse = Pulse::default();
        let began = Instant::now();
        let (answer, ()) = tokio::join!(pulse.await_answer(pending::<()>()), async {
            pulse.missed();
        });
        assert!(answer.is_none());
        assert!(began.elapsed() < LATE);
    }
}
