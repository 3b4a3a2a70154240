//! The outbox: purges on their way to downstream caches.
//!
//! A change is announced before it is made: an entry in the store says what to purge, who caused it and when. Only
//! then is the change made, and the entry is removed once every purger of the site has confirmed. So a process that
//! dies in between leaves an entry that others find ([`recovery`]), and a purge is delivered at least once. A site
//! without purgers writes nothing.
//!
//! Each purger has its own queue: one that does not respond holds up neither uploads nor the other purgers. Most are
//! called twice, at once and again when every replica is sure to serve the change: a cache that asked a replica in
//! between may have received the old image.
//!
//! Memory is bounded. An entry beyond the bound stays in the store, where it is found again like those of a process
//! that died.

mod name;
mod purger_queue;
mod recovery;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tintype_store::{
    Attributes, Condition, ContentHash, Key, Object, OutboxId, Store, WriteSource, in_background,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::{Site, Sites};
use crate::error::{Code, Error};
use crate::invalidation::notice::{Actor, Cause, Purge, PurgeEntry};
use crate::invalidation::purgers::{self, Purger};
use crate::invalidation::tags;
use crate::telemetry::metrics::Metrics;
use name::WriterId;
use purger_queue::PurgerQueue;

/// Limit of entries in memory: some ten thousand purges by key. Several queues may share one.
const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// Memory per entry beside its JSON.
const ENTRY_OVERHEAD: usize = 512;

/// Limit of an entry's JSON: a page of a listing has a tag for each of its keys.
const MAX_ENTRY_BYTES: u64 = 256 * 1024;

/// Entries removed from the store at the same time.
const REMOVALS_AT_ONCE: usize = 16;

/// After this time an undelivered purge is dropped: whatever a cache may keep without revalidation has long
/// expired.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(7 * 24 * 3600);

/// Timing of the outbox. Tests use shorter times.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long until every replica serves a change.
    pub settle: Duration,
    /// The same for a change whose outcome is unknown, because its client left or the store did not respond: it may
    /// still take effect.
    pub unsure: Duration,
    /// Pauses between attempts at a failing purger: doubled from the first to the last, with jitter.
    pub first_pause: Duration,
    pub last_pause: Duration,
    /// Age from which an entry may belong to a writer that is gone.
    pub takeover: Duration,
    /// Leftovers are looked for at this interval, or at half of it.
    pub look: Duration,
}

impl Timing {
    pub fn new(settle: Duration) -> Self {
        Self {
            settle,
            unsure: settle + Duration::from_secs(10),
            first_pause: Duration::from_secs(1),
            last_pause: Duration::from_secs(60),
            takeover: settle + Duration::from_secs(15),
            look: Duration::from_secs(60),
        }
    }
}

pub struct Outbox {
    shared: Arc<OutboxState>,
    /// Aborted with the outbox; what is left is in the store.
    _tasks: JoinSet<()>,
}

struct OutboxState {
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    queues: Vec<PurgerQueue>,
    /// The prefix and the queues of a site.
    sites: HashMap<String, (String, Vec<usize>)>,
    held: Mutex<HeldEntries>,
    finished: mpsc::UnboundedSender<OutboxId>,
    writer: WriterId,
    written: AtomicU64,
    timing: Timing,
}

#[derive(Default)]
struct HeldEntries {
    entries: BTreeMap<OutboxId, EntryState>,
    bytes: usize,
}

enum EntryState {
    /// The change is being made.
    Announced(Timestamp),
    Pending(Arc<Pending>),
}

impl EntryState {
    fn at(&self) -> Timestamp {
        match self {
            Self::Announced(at) => *at,
            Self::Pending(pending) => pending.purge.entry.at,
        }
    }
}

struct Pending {
    purge: Purge,
    bytes: usize,
    /// Number of missing confirmations.
    left: AtomicUsize,
}

impl Outbox {
    pub async fn open(
        store: Arc<Store>,
        sites: &Sites,
        metrics: Arc<Metrics>,
        timing: Timing,
    ) -> Result<Self, purgers::ClientError> {
        // A read-only service changes nothing, and could deliver leftovers of others but not remove them.
        let (purgers, sites) = match store.is_read_only() {
            true => (Vec::new(), HashMap::new()),
            false => purgers::of(sites).await?,
        };
        Ok(Self::with(store, purgers, sites, metrics, timing))
    }

    fn with(
        store: Arc<Store>,
        purgers: Vec<Purger>,
        sites: HashMap<String, (String, Vec<usize>)>,
        metrics: Arc<Metrics>,
        timing: Timing,
    ) -> Self {
        let (finished, removals) = mpsc::unbounded_channel();
        let shared = Arc::new(OutboxState {
            store,
            metrics,
            queues: purgers.into_iter().map(PurgerQueue::new).collect(),
            sites,
            held: Mutex::default(),
            finished,
            writer: WriterId::new(),
            written: AtomicU64::new(0),
            timing,
        });
        let mut tasks = JoinSet::new();
        if !shared.queues.is_empty() {
            for queue in 0..shared.queues.len() {
                tasks.spawn(in_background(purger_queue::run(shared.clone(), queue)));
            }
            tasks.spawn(in_background(remove(shared.store.clone(), removals)));
            tasks.spawn(in_background(recovery::run(shared.clone())));
        }
        Self {
            shared,
            _tasks: tasks,
        }
    }

    /// Announces a change of one original.
    pub async fn announce_key(
        &self,
        site: &Site,
        key: &Key,
        cause: Cause,
        by: Actor<'_>,
    ) -> Result<Announced, Error> {
        let entry = PurgeEntry {
            key: Some(key.as_str().to_owned()),
            tags: vec![tags::of_key(key)],
            ..self.entry(vec![site.name.clone()], cause, by)
        };
        self.announce(entry).await
    }

    /// Announces that a content will be hidden or shown, whatever its keys. Only caches with tags can be purged by
    /// content; `None` if the content is not known yet.
    pub async fn announce_content(
        &self,
        sha256: Option<ContentHash>,
        by: Actor<'_>,
    ) -> Result<Announced, Error> {
        let Some(sha256) = sha256 else {
            return Ok(Announced(None));
        };
        let sites = self.shared.sites.keys().cloned().collect();
        let entry = PurgeEntry {
            tags: vec![tags::of_content(sha256)],
            ..self.entry(sites, Cause::State, by)
        };
        self.announce(entry).await
    }

    /// Announces a purge of everything under a prefix. A folder has a tag; for a prefix that is not a folder,
    /// `keys` are purged.
    pub async fn announce_prefix<'a>(
        &self,
        prefix: &str,
        keys: impl Iterator<Item = &'a Key>,
        by: Actor<'_>,
    ) -> Result<Announced, Error> {
        let tags = match folder(prefix) {
            Some(folder) => vec![tags::of_folder(folder)],
            None => keys.map(tags::of_key).collect(),
        };
        let entry = PurgeEntry {
            prefix: Some(prefix.to_owned()),
            tags,
            ..self.entry(self.shared.sites_of(prefix), Cause::Purge, by)
        };
        self.announce(entry).await
    }

    fn entry(&self, mut sites: Vec<String>, cause: Cause, by: Actor<'_>) -> PurgeEntry {
        sites.sort_unstable();
        PurgeEntry {
            at: Timestamp::now(),
            cause,
            sites,
            key: None,
            prefix: None,
            tags: Vec::new(),
            actor: by.name.to_owned(),
            token: by.token.to_owned(),
        }
    }

    async fn announce(&self, entry: PurgeEntry) -> Result<Announced, Error> {
        let shared = &self.shared;
        if shared.queues_of(&entry).is_empty() {
            return Ok(Announced(None));
        }
        let id = shared
            .writer
            .entry(entry.at, shared.written.fetch_add(1, Ordering::Relaxed));
        let json =
            serde_json::to_vec(&entry).map_err(|error| Error::new(Code::Internal).cause(error))?;
        let bytes = json.len();
        let object = Object::Outbox(id.clone());
        shared
            .store
            .put(
                &object,
                WriteSource::Bytes(json.into()),
                &Condition::Any,
                &Attributes::default(),
            )
            .await?;
        let announced = EntryState::Announced(entry.at);
        shared.held().entries.insert(id.clone(), announced);
        let purge = Purge { id, entry };
        Ok(Announced(Some((shared.clone(), purge, bytes))))
    }

    /// Number of waiting entries, and the age of the oldest.
    pub fn gauges(&self) -> (usize, Duration) {
        let held = self.shared.held();
        let waits = |state: &&EntryState| matches!(state, EntryState::Pending(_));
        let oldest = held.entries.values().find(waits).map(EntryState::at);
        let age = oldest.map_or(Duration::ZERO, age);
        (held.entries.values().filter(waits).count(), age)
    }

    /// Purgers that have failed for a while, described for an operator.
    pub fn failing(&self) -> Vec<String> {
        self.shared
            .queues
            .iter()
            .filter_map(PurgerQueue::failing)
            .collect()
    }
}

/// The folder that a prefix names, without a trailing slash; the empty prefix is everything.
pub(crate) fn folder(prefix: &str) -> Option<&str> {
    match prefix {
        "" => Some(""),
        prefix => prefix.strip_suffix('/'),
    }
}

/// An announced change. Call a method to say how the change ended; if it is dropped instead, because the request
/// was cancelled or failed, caches are purged all the same: a needless purge does no harm.
#[must_use = "the purge is delivered when this ends"]
pub struct Announced(Option<(Arc<OutboxState>, Purge, usize)>);

impl Announced {
    /// Reports that the change was made.
    pub fn made(mut self) {
        if let Some((shared, purge, bytes)) = self.0.take() {
            shared.accept(purge, bytes, shared.timing.settle);
        }
    }

    /// Reports that nothing was changed.
    pub async fn withdraw(mut self) {
        let Some((shared, purge, _)) = self.0.take() else {
            return;
        };
        shared.held().entries.remove(&purge.id);
        remove_entry(&shared.store, purge.id).await;
    }

    /// The purgers that are called.
    pub fn purgers(&self) -> BTreeSet<&'static str> {
        let Some((shared, purge, _)) = &self.0 else {
            return BTreeSet::new();
        };
        let queues = shared.queues_of(&purge.entry).into_iter();
        queues.map(|queue| shared.queues[queue].kind()).collect()
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some((shared, purge, bytes)) = self.0.take() {
            shared.accept(purge, bytes, shared.timing.unsure);
        }
    }
}

impl OutboxState {
    fn held(&self) -> MutexGuard<'_, HeldEntries> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sites that have keys with this prefix.
    fn sites_of(&self, prefix: &str) -> Vec<String> {
        let has = |own: &str| own.starts_with(prefix) || prefix.starts_with(own);
        let sites = self.sites.iter().filter(|(_, (own, _))| has(own));
        sites.map(|(name, _)| name.clone()).collect()
    }

    fn queues_of(&self, entry: &PurgeEntry) -> BTreeSet<usize> {
        let of = |site: &String| self.sites.get(site).map(|(_, queues)| queues);
        entry
            .sites
            .iter()
            .filter_map(of)
            .flatten()
            .copied()
            .collect()
    }

    fn has_room(&self) -> bool {
        self.held().bytes < MAX_HELD_BYTES
    }

    /// Puts a purge into the queues. `settle` is the delay of the second round.
    fn accept(&self, purge: Purge, bytes: usize, settle: Duration) {
        let queues = self.queues_of(&purge.entry);
        let now = Instant::now();
        let rounds = |queue: &usize| match self.queues[*queue].purges_at_once() {
            true => vec![now, now + settle],
            false => vec![now + settle],
        };
        let deliveries: Vec<_> = queues
            .iter()
            .flat_map(|queue| rounds(queue).into_iter().map(|due| (*queue, due)))
            .collect();
        let bytes = bytes + ENTRY_OVERHEAD;
        let pending = {
            let mut held = self.held();
            if held.bytes + bytes > MAX_HELD_BYTES {
                held.entries.remove(&purge.id);
                return;
            }
            let pending = Arc::new(Pending {
                left: AtomicUsize::new(deliveries.len()),
                purge,
                bytes,
            });
            let state = EntryState::Pending(pending.clone());
            held.entries.insert(pending.purge.id.clone(), state);
            held.bytes += bytes;
            pending
        };
        for (queue, due) in deliveries {
            self.queues[queue].push(due, pending.clone());
        }
    }

    /// Records the end of one delivery.
    fn confirm(&self, pending: &Pending) {
        if pending.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let id = &pending.purge.id;
        {
            let mut held = self.held();
            held.entries.remove(id);
            held.bytes -= pending.bytes;
        }
        // Fails only while the outbox is shutting down.
        let _ = self.finished.send(id.clone());
    }
}

async fn remove(store: Arc<Store>, mut finished: mpsc::UnboundedReceiver<OutboxId>) {
    stream::poll_fn(|context| finished.poll_recv(context))
        .for_each_concurrent(REMOVALS_AT_ONCE, |id| remove_entry(&store, id))
        .await;
}

/// If this fails, recovery finds the entry and delivers it once more.
async fn remove_entry(store: &Store, id: OutboxId) {
    if let Err(error) = store.delete(&Object::Outbox(id), &Condition::Any).await {
        tracing::debug!(%error, "a delivered purge cannot be removed from the outbox");
    }
}

fn age(at: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
