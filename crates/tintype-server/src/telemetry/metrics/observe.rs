//! Gauges and counts of other parts, updated when metrics are read.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tintype_store::{Breakers, Counts, Store};

use super::labels::{Breaker, Disk, Event, Kind, Reason};
use super::{Metrics, set, signed};
use crate::workers::{Pool, Priority, Tallies};

impl Metrics {
    pub fn observe_hot_cache(&self, bytes: u64, entries: u64, limit: u64) {
        self.hot_cache_bytes.set(signed(bytes));
        self.hot_cache_entries.set(signed(entries));
        self.hot_cache_limit.set(signed(limit));
    }

    pub fn observe_spool(&self, bytes: u64, limit: u64) {
        self.spool_bytes.set(signed(bytes));
        self.spool_limit.set(signed(limit));
    }

    /// `disk` is what is stored there.
    pub fn observe_disk(&self, disk: &'static str, free_bytes: u64) {
        let gauge = self.disk_free.get_or_create(&Disk { disk });
        gauge.set(signed(free_bytes));
    }

    pub fn observe_connections(&self, limit: usize) {
        self.connections_limit.set(signed(limit as u64));
    }

    /// Undelivered purges, and the age of the oldest.
    pub fn observe_purges(&self, pending: usize, oldest: Duration) {
        self.purges_pending.set(signed(pending as u64));
        self.purges_oldest.set(signed(oldest.as_secs()));
    }

    pub fn observe_stores(&self, store: &Arc<Store>, derived: &Arc<Store>) {
        let mut all = vec![("originals", store)];
        if !Arc::ptr_eq(store, derived) {
            all.push(("variants", derived));
        }
        let sum =
            |read: fn(&Counts) -> u64| all.iter().map(|(_, store)| read(store.counts())).sum();
        for (event, value) in [
            ("retry", sum(Counts::retries)),
            ("hedge", sum(Counts::hedges)),
            ("breaker-open", sum(Counts::openings)),
        ] {
            let counter = self.storage_events.get_or_create(&Event { event });
            counter.inner().store(value, Relaxed);
        }
        for (store, opened) in all {
            let Breakers {
                all,
                reads,
                writes,
                lists,
            } = opened.breakers();
            for (of, is_open) in [
                ("all", all),
                ("reads", reads),
                ("writes", writes),
                ("lists", lists),
            ] {
                let gauge = self.breaker_open.get_or_create(&Breaker { store, of });
                gauge.set(i64::from(is_open));
            }
        }
    }

    pub fn observe_pool(&self, pool: &Pool) {
        let (gauges, limits) = (pool.gauges(), pool.limits());
        self.queue_depth.set(signed(gauges.queued as u64));
        self.workers_busy.set(signed(gauges.busy as u64));
        self.workers.set(signed(limits.threads.get() as u64));
        set(&self.workers_busy_time, pool.busy_time());
        self.background_depth
            .set(signed(gauges.background_queued as u64));
        self.background_busy
            .set(signed(gauges.background_busy as u64));
        self.memory_used.set(signed(gauges.bytes));
        self.memory_limit.set(signed(limits.bytes));
        for (kind, account) in pool.accounts() {
            let kind = Kind {
                kind: kind.as_str(),
            };
            set(&self.jobs_foreseen.get_or_create(&kind), account.foreseen);
            set(&self.jobs_taken.get_or_create(&kind), account.taken);
        }
        let requests = pool.tallies(Priority::Request);
        let background = pool.tallies(Priority::Background);
        observe_shed(&self.shed, requests);
        observe_shed(&self.background_shed, background);
        let panicked = requests.panicked.load(Relaxed) + background.panicked.load(Relaxed);
        self.decode_panics.inner().store(panicked, Relaxed);
    }

    pub fn observe_log(&self, dropped: u64) {
        self.log_lines_dropped.inner().store(dropped, Relaxed);
    }

    pub fn observe_draining(&self, is_draining: bool) {
        self.draining.set(i64::from(is_draining));
    }
}

fn observe_shed(shed: &Family<Reason, Counter>, tallies: &Tallies) {
    for (reason, tally) in tallies.by_reason() {
        let counter = shed.get_or_create(&Reason { reason });
        counter.inner().store(tally.load(Relaxed), Relaxed);
    }
}
