//! Reads and writes records.
//!
//! A loaded record is used for some seconds, and many requests for one that is not in memory make one read. While
//! the store is unavailable or slow, the last known record is used for up to [`STALE`], so that variants in memory
//! keep being served. An original without a current record (adopted, or changed by another program) gets one here.
//! If it cannot be stored, it is kept in memory.

pub mod blocks;
mod cached_record;
pub mod media_type;
pub mod patch;
pub mod probing;
mod pulse;
pub mod reason;
pub mod record;
pub mod stored_word;
pub mod unfinished;

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use tintype_store::{Attributes, Condition, ETag, Key, KeyHash, Meta, Object, Store, WriteSource};
use tokio::sync::mpsc;

use crate::error::{Code, Error};
use crate::originals::changing::Retries;
use crate::records::probing::Probing;
use crate::records::record::{Image, Record, short_hash};
use crate::records::unfinished::UnfinishedRecord;
use crate::workers::Priority;
use cached_record::CachedRecord;
use pulse::StorePulse;

/// Limit of a record's JSON; `meta` is limited far below this.
const MAX_RECORD_BYTES: u64 = 1024 * 1024;

/// Bounds the memory of the cache; a record with its share of the map is about 2 KiB.
const MAX_CACHED_RECORDS: u64 = 100_000;

/// How long a record is used while the store is unavailable. Nothing can be taken down through an unavailable store
/// either; known blocks stay in force.
pub const STALE: Duration = Duration::from_secs(3600);

/// How long after a failure the store is not queried again for the same record.
const PAUSE: Duration = Duration::from_secs(1);

/// Rounds of compare-and-swap on one record: more than any real contention needs.
pub const MAX_ROUNDS: u32 = 16;

/// A record and the ETag of its own object, for compare-and-swap.
#[derive(Debug)]
pub struct StoredRecord {
    pub record: Record,
    pub etag: ETag,
    read: Instant,
}

impl StoredRecord {
    pub(crate) fn new(record: Record, etag: ETag) -> Self {
        Self {
            record,
            etag,
            read: Instant::now(),
        }
    }

    pub fn is_older_than(&self, age: Duration) -> bool {
        self.read.elapsed() > age
    }
}

/// The result of a conditional write.
#[derive(Debug)]
pub enum WriteOutcome {
    Stored(Arc<StoredRecord>),
    /// Another process has written it first.
    Raced,
}

pub struct Records {
    store: Arc<Store>,
    probing: Arc<Probing>,
    cache: Cache<String, CachedRecord>,
    keep: Duration,
    pulse: StorePulse,
    /// Whether the store is read-only.
    is_read_only: bool,
    /// Derived records that cannot be stored, whatever the reason.
    derived: Cache<String, Arc<Record>>,
    /// Originals whose decoded facts were left out because of load, or whose hash was left out because they are
    /// large.
    unfinished: mpsc::Sender<UnfinishedRecord>,
}

impl Records {
    pub fn new(
        store: Arc<Store>,
        probing: Arc<Probing>,
        keep: Duration,
        unfinished: mpsc::Sender<UnfinishedRecord>,
    ) -> Self {
        let cache = Cache::builder()
            .max_capacity(MAX_CACHED_RECORDS)
            .time_to_live(keep.max(STALE))
            .build();
        Self {
            is_read_only: store.is_read_only(),
            derived: Cache::new(MAX_CACHED_RECORDS),
            store,
            probing,
            cache,
            keep,
            pulse: StorePulse::default(),
            unfinished,
        }
    }

    /// The record of an original, at most some seconds old while the store is available. `None` if there is no such
    /// original.
    pub async fn load(self: &Arc<Self>, key: &Key) -> Result<Option<Arc<StoredRecord>>, Error> {
        let now = Instant::now();
        match self.cache.get(key.as_str()).await {
            Some(known) if known.is_believed(now) => Ok(known.stored),
            known => self.refresh(key, now, known).await,
        }
    }

    /// The record as it is in the store now, if the store is available.
    pub async fn load_fresh(
        self: &Arc<Self>,
        key: &Key,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        let known = self.cache.get(key.as_str()).await;
        self.refresh(key, Instant::now() + self.keep, known).await
    }

    /// Reads the store, unless a concurrent call has just done so: an entry that is valid beyond `until` stays.
    /// Continues in the background, so that a known record can be returned if the store is slow.
    async fn refresh(
        self: &Arc<Self>,
        key: &Key,
        until: Instant,
        known: Option<CachedRecord>,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        let Some((last, known)) = known.and_then(|known| Some((known.last()?, known))) else {
            return self.look_up(key, until).await;
        };
        let (records, owned) = (self.clone(), key.clone());
        let asking = tokio::spawn(async move { records.look_up(&owned, until).await });
        match self.pulse.await_answer(asking).await {
            Some(Ok(answer)) => answer,
            Some(Err(panic)) => Err(Error::new(Code::Internal).cause(panic)),
            None => {
                known.believe_until(Instant::now() + PAUSE);
                Ok(Some(last))
            }
        }
    }

    /// One read at a time per key, and never during [`Self::remember`] or [`Self::invalidate`]: what was read before a
    /// change must not be cached after it.
    async fn look_up(&self, key: &Key, until: Instant) -> Result<Option<Arc<StoredRecord>>, Error> {
        let asking = self.cache.entry_by_ref(key.as_str());
        let outcome = asking
            .and_try_compute_with(|entry| async move {
                let known = entry.map(|entry| entry.into_value());
                if known.as_ref().is_some_and(|known| known.is_believed(until)) {
                    return Ok::<_, Error>(Op::Nop);
                }
                match self.read_or_derive(key).await {
                    Err(error) if error.is_of_store() => {
                        match error.is_store_away() {
                            true => self.pulse.missed(),
                            false => self.pulse.responded(),
                        }
                        let last = known.and_then(|known| known.last()).ok_or(error)?;
                        Ok(Op::Put(CachedRecord::new(Some(last), PAUSE)))
                    }
                    answer => {
                        self.pulse.responded();
                        Ok(Op::Put(self.known(answer?)))
                    }
                }
            })
            .await?;
        Ok(computed(outcome))
    }

    fn known(&self, stored: Option<Arc<StoredRecord>>) -> CachedRecord {
        CachedRecord::new(stored, self.keep)
    }

    /// The record of the current bytes, if the known one is of the version `outdated`. Concurrent calls derive it
    /// once.
    pub async fn renew(
        &self,
        key: &Key,
        outdated: &ETag,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        let entry = self.cache.entry_by_ref(key.as_str());
        let outcome = entry
            .and_try_compute_with(|entry| async move {
                let known = entry.and_then(|entry| entry.into_value().stored);
                if known.is_some_and(|known| known.record.etag != *outdated) {
                    return Ok::<_, Error>(Op::Nop);
                }
                let old = self.read(key).await?;
                let stored = match old {
                    // Another replica was first.
                    Some(old) if old.record.etag != *outdated => Some(old),
                    old => self.derive(key, old.as_deref(), Priority::Request).await?,
                };
                Ok(Op::Put(self.known(stored)))
            })
            .await?;
        Ok(computed(outcome))
    }

    /// Derives the record from the bytes anew, because they are not those that the record describes.
    pub async fn rederive(&self, key: &Key) -> Result<Option<Arc<StoredRecord>>, Error> {
        self.derive_anew(key, Priority::Request).await
    }

    async fn derive_anew(
        &self,
        key: &Key,
        priority: Priority,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        let old = self.read(key).await?;
        let derived = self.derive(key, old.as_deref(), priority).await;
        self.invalidate(key).await;
        let stored = derived?;
        self.remember(key, stored.clone()).await;
        Ok(stored)
    }

    async fn remember(&self, key: &Key, stored: Option<Arc<StoredRecord>>) {
        let entry = self.cache.entry_by_ref(key.as_str());
        let known = self.known(stored);
        entry.and_compute_with(|_| ready(Op::Put(known))).await;
    }

    pub async fn write(
        &self,
        record: Record,
        condition: &Condition,
    ) -> Result<WriteOutcome, Error> {
        let key = record.key.clone();
        let written = self.put(record, condition).await;
        // Whatever the result, the cached record may be outdated now.
        self.invalidate(&key).await;
        let written = written?;
        if let WriteOutcome::Stored(stored) = &written {
            self.remember(&key, Some(stored.clone())).await;
        }
        Ok(written)
    }

    /// Leaves the cache to the caller, which may be about to change it.
    async fn put(&self, record: Record, condition: &Condition) -> Result<WriteOutcome, Error> {
        let written = put(&self.store, record, condition).await?;
        if let WriteOutcome::Stored(stored) = &written {
            self.note_unfinished(stored);
        }
        Ok(written)
    }

    pub async fn invalidate(&self, key: &Key) {
        let entry = self.cache.entry_by_ref(key.as_str());
        entry.and_compute_with(|_| ready(Op::Remove)).await;
    }

    /// Gives the variants of an original new names, if it has a record.
    pub async fn mark_purged(&self, key: &Key) -> Result<(), Error> {
        for _ in 0..MAX_ROUNDS {
            let Some(stored) = self.read(key).await? else {
                return Ok(());
            };
            let record = Record {
                purged: Some(Timestamp::now()),
                ..stored.record.clone()
            };
            let condition = Condition::Match(stored.etag.clone());
            if let WriteOutcome::Stored(_) = self.write(record, &condition).await? {
                return Ok(());
            }
        }
        Err(Error::busy("record"))
    }

    /// Adds what was left out when the original was uploaded or adopted, in the background. Returns when more may
    /// be added.
    pub async fn fill_in(&self, key: &Key) -> Result<Option<Timestamp>, Error> {
        let unfinished = |stored: &StoredRecord| self.unfinished_at(&stored.record);
        if self.is_read_only {
            let derived = self.derive_anew(key, Priority::Background).await?;
            return Ok(derived.as_deref().and_then(unfinished));
        }
        let Some(stored) = self.read(key).await? else {
            return Ok(None);
        };
        let now = Timestamp::now();
        match unfinished(&stored) {
            Some(at) if at <= now => {}
            later => return Ok(later),
        }
        let Some(meta) = self.store.head(&Object::Original(key.clone())).await? else {
            return Ok(None);
        };
        if meta.etag != stored.record.etag {
            let derived = self.derive_anew(key, Priority::Background).await?;
            return Ok(derived.as_deref().and_then(unfinished));
        }
        let mut record = stored.record.clone();
        if record.sha256.is_none() {
            record.sha256 = Some(self.probing.hash(key, &meta.etag).await?);
        }
        if self.probing.next_look(&record).is_some_and(|at| at <= now) {
            let before = record.image.as_ref();
            let adopted = self
                .probing
                .adopt(key, &meta, before, Priority::Background)
                .await?;
            record.encoding = adopted.encoding;
            record.media_type = adopted.media_type;
            record.image = adopted.image;
            record.rights = adopted.rights;
        }
        let condition = Condition::Match(stored.etag.clone());
        match self.write(record, &condition).await? {
            WriteOutcome::Stored(stored) => Ok(unfinished(&stored)),
            // The process that was first has recorded what is left to do.
            WriteOutcome::Raced => Ok(None),
        }
    }

    /// When the bytes may show more than the record has. On a read-only store a hash does not count: it could not be
    /// stored, and would be computed again and again.
    pub fn unfinished_at(&self, record: &Record) -> Option<Timestamp> {
        match self.is_read_only {
            true => self.probing.next_look(record),
            false => record.unfinished(self.probing.limits()),
        }
    }

    fn note_unfinished(&self, stored: &StoredRecord) {
        if let Some(at) = self.unfinished_at(&stored.record) {
            let key = stored.record.key.clone();
            // If the list is full, the next load of the record adds it.
            let _ = self.unfinished.try_send(UnfinishedRecord { at, key });
        }
    }

    async fn read_or_derive(&self, key: &Key) -> Result<Option<Arc<StoredRecord>>, Error> {
        match self.read(key).await? {
            Some(stored) => {
                if !self.is_read_only || !self.derived.contains_key(key.as_str()) {
                    self.note_unfinished(&stored);
                }
                Ok(Some(stored))
            }
            None => self.derive(key, None, Priority::Request).await,
        }
    }

    /// Only a confirmed absence means that there is no record: an unreadable one is an error, because taking it for
    /// "public" would publish an original under embargo.
    pub async fn read(&self, key: &Key) -> Result<Option<Arc<StoredRecord>>, Error> {
        let stored = read(&self.store, &key.hash()).await?;
        Ok(stored.map(Arc::new))
    }

    /// Reads a record for rewriting it.
    pub async fn inspect(&self, key: &Key) -> Result<FoundRecord, Error> {
        inspect(&self.store, &key.hash()).await
    }

    /// Rebuilds the record of an original if it is damaged; returns whether it was. Editable fields in it are lost.
    /// Takedowns are not: they are stored elsewhere.
    pub async fn repair(&self, key: &Key) -> Result<bool, Error> {
        let FoundRecord::Damaged { etag, .. } = self.inspect(key).await? else {
            return Ok(false);
        };
        let condition = Condition::Match(etag);
        let object = Object::Record(key.hash());
        if self
            .store
            .head(&Object::Original(key.clone()))
            .await?
            .is_none()
        {
            return Ok(self.store.delete(&object, &condition).await?);
        }
        let derived = self.derive_over(key, &condition, Priority::Background);
        let derived = derived.await;
        self.invalidate(key).await;
        derived.map(|_| true)
    }

    /// Derives a record from the bytes and stores it. Does not change the cache.
    async fn derive(
        &self,
        key: &Key,
        old: Option<&StoredRecord>,
        priority: Priority,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        let Some(mut record) = self.of_bytes(key, old, priority).await? else {
            return Ok(None);
        };
        let condition = match old {
            None => Condition::Absent,
            Some(old) => {
                record.created = old.record.created;
                record.state = old.record.state.clone();
                record.meta = old.record.meta.clone();
                if record.sha256 == old.record.sha256 {
                    record.focal_point = old.record.focal_point;
                    record.crops = old.record.crops.clone();
                    record.set_rights = old.record.set_rights.clone();
                    record.purged = old.record.purged;
                }
                Condition::Match(old.etag.clone())
            }
        };
        self.keep(key, record, &condition).await
    }

    /// Replaces a record that cannot be read in the same way.
    async fn derive_over(
        &self,
        key: &Key,
        condition: &Condition,
        priority: Priority,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        match self.of_bytes(key, None, priority).await? {
            Some(record) => self.keep(key, record, condition).await,
            None => Ok(None),
        }
    }

    /// For an original that is being written to: waits until it no longer changes. `old` may have the reasons why
    /// facts are missing.
    async fn of_bytes(
        &self,
        key: &Key,
        old: Option<&StoredRecord>,
        priority: Priority,
    ) -> Result<Option<Record>, Error> {
        let mut retries = Retries::default();
        loop {
            let Some(meta) = self.store.head(&Object::Original(key.clone())).await? else {
                return Ok(None);
            };
            let before = old.filter(|old| old.record.etag == meta.etag);
            let before = before.and_then(|old| old.record.image.as_ref());
            match self.adopt(key, &meta, before, priority).await {
                Err(error) if error.is_outdated() => retries.again().await?,
                adopted => return adopted.map(Some),
            }
        }
    }

    /// Keeps a record in the store, or in memory if the store cannot be written to.
    async fn keep(
        &self,
        key: &Key,
        record: Record,
        condition: &Condition,
    ) -> Result<Option<Arc<StoredRecord>>, Error> {
        if self.is_read_only {
            let stored = unwritten(record)?;
            self.note_unfinished(&stored);
            return Ok(Some(stored));
        }
        match self.put(record.clone(), condition).await {
            Ok(WriteOutcome::Stored(stored)) => Ok(Some(stored)),
            // The other process's record counts.
            Ok(WriteOutcome::Raced) => self.read(key).await,
            // A store that cannot be written to can still be read.
            Err(error) if error.is_of_store() => {
                // Logged once, and tried again with every refresh.
                if !self.derived.contains_key(record.key.as_str()) {
                    let cause = error.cause_text();
                    tracing::warn!(key = key.as_str(), %error, cause, "the record of {key} cannot be stored and is kept in memory");
                }
                self.keep_derived(&record).await;
                unwritten(record).map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// Derives the record of an original that has none. Reading its bytes at each lookup of the record would cost
    /// more than everything else.
    async fn adopt(
        &self,
        key: &Key,
        meta: &Meta,
        before: Option<&Image>,
        priority: Priority,
    ) -> Result<Record, Error> {
        let kept = self.derived.get(key.as_str()).await;
        let kept = kept.filter(|kept| kept.etag == meta.etag);
        if let Some(kept) = &kept
            && (self.probing.next_look(kept)).is_none_or(|at| at > Timestamp::now())
        {
            return Ok((**kept).clone());
        }
        let before = kept.as_ref().map_or(before, |kept| kept.image.as_ref());
        let record = self.probing.adopt(key, meta, before, priority).await?;
        if self.is_read_only {
            self.keep_derived(&record).await;
        }
        Ok(record)
    }

    async fn keep_derived(&self, record: &Record) {
        let kept = Arc::new(record.clone());
        self.derived.insert(record.key.to_string(), kept).await;
    }
}

/// A record that is only in memory.
fn unwritten(record: Record) -> Result<Arc<StoredRecord>, Error> {
    let json =
        serde_json::to_vec(&record).map_err(|error| Error::new(Code::Internal).cause(error))?;
    Ok(Arc::new(StoredRecord::new(
        record,
        ETag::new(short_hash(&json).to_string()),
    )))
}

fn computed(outcome: CompResult<String, CachedRecord>) -> Option<Arc<StoredRecord>> {
    match outcome {
        CompResult::Inserted(entry)
        | CompResult::ReplacedWith(entry)
        | CompResult::Unchanged(entry) => entry.into_value().stored,
        CompResult::StillNone(_) | CompResult::Removed(_) => None,
    }
}

/// What was found in place of a record.
#[derive(Debug)]
pub enum FoundRecord {
    Nothing,
    Stored(Box<StoredRecord>),
    /// Something that is not a record: truncated, empty, or written by another program.
    Damaged {
        etag: ETag,
        reason: String,
    },
}

/// Reads a record by the hash of its key alone, without a cache.
pub async fn read(store: &Store, owner: &KeyHash) -> Result<Option<StoredRecord>, Error> {
    match inspect(store, owner).await? {
        FoundRecord::Nothing => Ok(None),
        FoundRecord::Stored(stored) => Ok(Some(*stored)),
        FoundRecord::Damaged { reason, .. } => {
            let path = Object::Record(*owner).path();
            Err(Error::new(Code::RecordDamaged)
                .detail(format!("the record {path} cannot be read; the original itself may be intact. Overwrite it, or run `tintype index`"))
                .member("record", path.as_str())
                .cause(format!("{path}: {reason}")))
        }
    }
}

/// Does the same, but a damaged record is not an error.
pub async fn inspect(store: &Store, owner: &KeyHash) -> Result<FoundRecord, Error> {
    let Some(got) = store.get(&Object::Record(*owner), None, None).await? else {
        return Ok(FoundRecord::Nothing);
    };
    let etag = got.meta.etag.clone();
    let damaged = |etag, reason| Ok(FoundRecord::Damaged { etag, reason });
    let bytes = match got.body.into_bytes(MAX_RECORD_BYTES).await {
        Err(error @ tintype_store::Error::TooLarge { .. }) => {
            return damaged(etag, error.to_string());
        }
        bytes => bytes?,
    };
    let mut record: Record = match serde_json::from_slice(&bytes) {
        Ok(record) => record,
        Err(error) => return damaged(etag, error.to_string()),
    };
    // The fallback store's record has the ETag that the original has there.
    if etag.below().is_some() && !record.etag.as_str().is_empty() {
        record.etag = record.etag.marked();
    }
    Ok(FoundRecord::Stored(Box::new(StoredRecord::new(
        record, etag,
    ))))
}

/// Writes a record, without a cache.
pub async fn put(
    store: &Store,
    record: Record,
    condition: &Condition,
) -> Result<WriteOutcome, Error> {
    let bytes =
        serde_json::to_vec(&record).map_err(|error| Error::new(Code::Internal).cause(error))?;
    if bytes.len() as u64 > MAX_RECORD_BYTES {
        return Err(Error::new(Code::InvalidRequest).detail(format!(
            "the record is {} bytes, limit is {MAX_RECORD_BYTES}",
            bytes.len()
        )));
    }
    let (object, source) = (
        Object::Record(record.key.hash()),
        WriteSource::Bytes(bytes.into()),
    );
    let nothing = Attributes::default();
    match store.put(&object, source, condition, &nothing).await {
        Ok(meta) => Ok(WriteOutcome::Stored(Arc::new(StoredRecord::new(
            record, meta.etag,
        )))),
        Err(tintype_store::Error::Precondition { .. }) => Ok(WriteOutcome::Raced),
        Err(error) => Err(error.into()),
    }
}
