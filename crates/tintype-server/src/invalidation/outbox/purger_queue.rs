//! The queue of one purger: ordered by time, in batches, with retries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{GIVE_UP, OutboxState, Pending, age};
use crate::invalidation::purgers::{PurgeError, Purger};

/// How often a lasting failure is logged.
const LOG_EVERY: Duration = Duration::from_secs(600);

/// How long a purger has to fail before the service reports itself as degraded.
const FAILING: Duration = Duration::from_secs(60);

pub(super) struct PurgerQueue {
    purger: Purger,
    queue: Mutex<DueEntries>,
    more: Notify,
    failing_since: Mutex<Option<FailingSince>>,
}

#[derive(Default)]
struct DueEntries {
    /// By due time, then by number.
    due: BTreeMap<(Instant, u64), Arc<Pending>>,
    number: u64,
}

struct FailingSince {
    since: Instant,
    logged: Instant,
    reason: String,
}

impl PurgerQueue {
    pub(super) fn new(purger: Purger) -> Self {
        Self {
            purger,
            queue: Mutex::default(),
            more: Notify::new(),
            failing_since: Mutex::default(),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        self.purger.kind()
    }

    pub(super) fn purges_at_once(&self) -> bool {
        self.purger.purges_at_once()
    }

    pub(super) fn push(&self, due: Instant, pending: Arc<Pending>) {
        let mut queue = self.queue();
        queue.number += 1;
        let place = (due, queue.number);
        queue.due.insert(place, pending);
        self.more.notify_one();
    }

    pub(super) fn failing(&self) -> Option<String> {
        let failing_since = lock(&self.failing_since);
        let failing_since = failing_since.as_ref()?;
        (failing_since.since.elapsed() >= FAILING).then(|| {
            format!(
                "purges have not reached {} for {} s: {}",
                self.purger.target(),
                failing_since.since.elapsed().as_secs(),
                failing_since.reason
            )
        })
    }

    fn queue(&self) -> MutexGuard<'_, DueEntries> {
        lock(&self.queue)
    }

    /// Waits until something is due, and a moment longer for what comes with it.
    async fn collect(&self) -> Vec<Arc<Pending>> {
        loop {
            let first = self.queue().due.keys().next().map(|(due, _)| *due);
            match first {
                None => self.more.notified().await,
                Some(due) if due <= Instant::now() => break,
                Some(due) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due.into()) => {}
                        () = self.more.notified() => {}
                    }
                }
            }
        }
        tokio::time::sleep(self.purger.window()).await;
        let (mut queue, now) = (self.queue(), Instant::now());
        let mut batch = Vec::new();
        while batch.len() < self.purger.max_batch()
            && let Some(first) = queue.due.first_entry()
            && first.key().0 <= now
        {
            batch.push(first.remove());
        }
        batch
    }

    fn is_well(&self) {
        if let Some(failing_since) = lock(&self.failing_since).take() {
            tracing::info!(
                purger = self.kind(),
                target = self.purger.target(),
                failed_for_s = failing_since.since.elapsed().as_secs(),
                "purges reach {} again",
                self.purger.target()
            );
        }
    }

    fn is_failing(&self, failure: &PurgeError) {
        let reason = failure.to_string();
        let mut failing_since = lock(&self.failing_since);
        let now = Instant::now();
        let since = failing_since
            .as_ref()
            .map_or(now, |failing_since| failing_since.since);
        let logged = match failing_since.as_ref() {
            Some(failing_since) if failing_since.logged.elapsed() < LOG_EVERY => {
                failing_since.logged
            }
            _ => {
                tracing::warn!(
                    purger = self.kind(),
                    target = self.purger.target(),
                    failed_for_s = since.elapsed().as_secs(),
                    "purges do not reach {}, and will be retried: {reason}",
                    self.purger.target()
                );
                now
            }
        };
        *failing_since = Some(FailingSince {
            since,
            logged,
            reason,
        });
    }
}

/// Delivers purges for as long as the outbox lives.
pub(super) async fn run(shared: Arc<OutboxState>, number: usize) {
    let (queue, timing) = (&shared.queues[number], shared.timing);
    // A batch whose outcome is unknown is kept as it is: a purger that recognises repetitions must get exactly the
    // same again.
    let mut batch = Vec::new();
    let mut pause = timing.first_pause;
    loop {
        if batch.is_empty() {
            batch = queue.collect().await;
        }
        batch.retain(|pending| !gives_up(&shared, queue, pending));
        if batch.is_empty() {
            continue;
        }
        let purges: Vec<_> = batch.iter().map(|pending| &pending.purge).collect();
        let Err(failure) = queue.purger.deliver(&purges).await else {
            shared.metrics.purges_delivered(queue.kind(), batch.len());
            batch.drain(..).for_each(|pending| shared.confirm(&pending));
            queue.is_well();
            pause = timing.first_pause;
            continue;
        };
        shared.metrics.purge_failed(queue.kind());
        queue.is_failing(&failure);
        if matches!(failure, PurgeError::Refused(_)) {
            // One of them may be the reason, and must not hold up the others: the halves are tried separately, and
            // a purge that is refused alone waits longer than the others.
            let single = batch.len() == 1;
            let rest = batch.split_off(batch.len() / 2);
            let due = match single {
                true => Instant::now() + 2 * timing.last_pause,
                false => Instant::now(),
            };
            rest.into_iter()
                .for_each(|pending| queue.push(due, pending));
            if !single {
                tokio::time::sleep(with_jitter(timing.first_pause)).await;
                continue;
            }
        }
        tokio::time::sleep(with_jitter(pause)).await;
        pause = (2 * pause).min(timing.last_pause);
    }
}

fn gives_up(shared: &OutboxState, queue: &PurgerQueue, pending: &Pending) -> bool {
    let entry = &pending.purge.entry;
    if age(entry.at) < GIVE_UP {
        return false;
    }
    tracing::error!(
        purger = queue.kind(),
        key = entry.key,
        prefix = entry.prefix,
        "a purge was dropped after {} days",
        GIVE_UP.as_secs() / 86_400
    );
    shared.confirm(pending);
    true
}

/// A random time between half and all of it.
pub(super) fn with_jitter(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    time / 2 + (time / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
