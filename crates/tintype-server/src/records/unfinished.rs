//! Completes records in the background: one original at a time, and none before it is due.

use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Duration;

use jiff::Timestamp;
use tintype_store::{Key, in_background};
use tokio::sync::mpsc;

use super::Records;

/// Waiting originals. Others are found again when their records are loaded.
pub const MAX_WAITING: usize = 1_000;

/// Between two originals, if facts were left out because of load.
const PAUSE: Duration = Duration::from_millis(500);

/// An original whose record is incomplete.
#[derive(Debug)]
pub struct UnfinishedRecord {
    /// When it can be completed; a time in the past means now.
    pub at: Timestamp,
    pub key: Key,
}

/// Runs until nothing can be left out any more.
pub async fn fill_in(records: Weak<Records>, mut unfinished: mpsc::Receiver<UnfinishedRecord>) {
    let mut waiting = Waiting::default();
    loop {
        match waiting.next_due(Timestamp::now()) {
            Next::Due(key) => {
                tokio::time::sleep(PAUSE).await;
                let Some(records) = records.upgrade() else {
                    return;
                };
                match in_background(records.fill_in(&key)).await {
                    Ok(Some(at)) => waiting.insert(UnfinishedRecord { at, key }),
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "a record could not be completed"),
                }
            }
            Next::In(pause) => tokio::select! {
                more = unfinished.recv() => match more {
                    Some(more) => waiting.insert(more),
                    None => return,
                },
                () = tokio::time::sleep(pause) => {}
            },
            Next::None => match unfinished.recv().await {
                Some(more) => waiting.insert(more),
                None => return,
            },
        }
        while let Ok(more) = unfinished.try_recv() {
            waiting.insert(more);
        }
    }
}

enum Next {
    Due(Key),
    In(Duration),
    None,
}

/// By time; an original may occur more than once.
#[derive(Default)]
struct Waiting(BTreeSet<(Timestamp, String)>);

impl Waiting {
    fn insert(&mut self, UnfinishedRecord { at, key }: UnfinishedRecord) {
        self.0.insert((at, key.as_str().to_owned()));
        if self.0.len() > MAX_WAITING {
            self.0.pop_last();
        }
    }

    fn next_due(&mut self, now: Timestamp) -> Next {
        match self.0.first() {
            None => Next::None,
            Some((at, _)) if *at > now => {
                let pause = at.duration_since(now);
                Next::In(pause.try_into().unwrap_or(PAUSE))
            }
            Some(_) => {
                let key = self
                    .0
                    .pop_first()
                    .and_then(|(_, key)| Key::existing(&key).ok());
                key.map_or(Next::In(Duration::ZERO), Next::Due)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfinished(second: i64) -> UnfinishedRecord {
        UnfinishedRecord {
            at: Timestamp::new(second, 0).unwrap(),
            key: Key::existing(&format!("{second}.jpg")).unwrap(),
        }
    }

    #[test]
    fn the_earliest_comes_first_and_none_before_it_is_due() {
        let mut waiting = Waiting::default();
        for second in [30, 10, 20, 10] {
            waiting.insert(unfinished(second));
        }
        let now = Timestamp::new(25, 0).unwrap();
        for expected in ["10.jpg", "20.jpg"] {
            let Next::Due(key) = waiting.next_due(now) else {
                panic!("{expected} is due");
            };
            assert_eq!(key.as_str(), expected);
        }
        let Next::In(pause) = waiting.next_due(now) else {
            panic!("the last is not due");
        };
        assert_eq!(pause, Duration::from_secs(5));
    }

    #[test]
    fn later_entries_are_dropped_first() {
        let mut waiting = Waiting::default();
        for second in 0..2 * MAX_WAITING as i64 {
            waiting.insert(unfinished(second));
        }
        assert_eq!(waiting.0.len(), MAX_WAITING);
        assert!(
            matches!(waiting.next_due(Timestamp::UNIX_EPOCH), Next::Due(key) if key.as_str() == "0.jpg")
        );
    }
}
