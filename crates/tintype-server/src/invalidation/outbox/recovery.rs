//! Recovery of entries whose writers are gone.
//!
//! A process that holds entries for long keeps rewriting an object of its own, its heartbeat. Old entries whose
//! writer's heartbeat is old or missing are delivered by any process that finds them; if two find the same, both
//! deliver it, which does no harm. A process that has just looked leaves a mark, so that a hundred processes do not
//! list the outbox a hundred times.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tintype_store::{Attributes, Condition, MAX_PAGE, Object, ObjectKind, OutboxId, WriteSource};

use super::name::{self, ObjectName, WriterId};
use super::purger_queue::with_jitter;
use super::{EntryState, GIVE_UP, MAX_ENTRY_BYTES, OutboxState, age, remove_entry};
use crate::error::Error;
use crate::invalidation::notice::{Purge, PurgeEntry};

/// How often the heartbeat is written while it is needed.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// A writer with an older heartbeat is gone.
const GONE: Duration = Duration::from_secs(90);

/// Pages of the outbox that one look reads: far more than processes can hold.
const MAX_PAGES: usize = 100;

/// Runs for as long as the outbox lives.
pub(super) async fn run(shared: Arc<OutboxState>) {
    let timing = shared.timing;
    // Not before everything that was there at the start is old enough.
    let mut next_look = Instant::now() + timing.takeover + with_jitter(timing.takeover / 4);
    let mut last_beat: Option<Instant> = None;
    // Always after a start: what this process left behind earlier must not wait for another process's turn.
    let mut is_first = true;
    loop {
        tokio::time::sleep(timing.takeover / 6).await;
        heartbeat(&shared, &mut last_beat).await;
        if Instant::now() < next_look {
            continue;
        }
        next_look = Instant::now() + 2 * with_jitter(timing.look);
        let must_look = std::mem::take(&mut is_first) || is_due(&shared).await;
        if must_look && let Err(error) = deliver_leftovers(&shared).await {
            tracing::warn!(%error, "the outbox cannot be searched for purges that other processes left behind");
        }
    }
}

async fn heartbeat(shared: &OutboxState, last: &mut Option<Instant>) {
    let oldest = shared.held().entries.values().next().map(EntryState::at);
    let is_old = oldest.is_some_and(|at| age(at) > shared.timing.takeover / 2);
    let heartbeat = Object::Outbox(shared.writer.heartbeat());
    let outcome = match last {
        Some(when) if is_old && when.elapsed() < HEARTBEAT => return,
        None if !is_old => return,
        _ if is_old => {
            *last = Some(Instant::now());
            let source = WriteSource::Bytes("{}".into());
            let attributes = Attributes::default();
            let put = shared
                .store
                .put(&heartbeat, source, &Condition::Any, &attributes);
            put.await.map(drop)
        }
        _ => {
            *last = None;
            shared
                .store
                .delete(&heartbeat, &Condition::Any)
                .await
                .map(drop)
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "the heartbeat cannot be written; other processes may deliver purges that are still held here");
    }
}

/// Whether no process has looked recently.
pub(super) async fn is_due(shared: &OutboxState) -> bool {
    match shared.store.head(&Object::Outbox(name::last_look())).await {
        Ok(Some(meta)) => meta.modified.elapsed().unwrap_or_default() >= shared.timing.look / 2,
        Ok(None) | Err(_) => true,
    }
}

pub(super) async fn deliver_leftovers(shared: &OutboxState) -> Result<(), Error> {
    let now = SystemTime::now();
    let (looked, mark) = (
        Object::Outbox(name::last_look()),
        WriteSource::Bytes("{}".into()),
    );
    let (any, attributes) = (Condition::Any, Attributes::default());
    shared.store.put(&looked, mark, &any, &attributes).await?;
    let mut gone = BTreeMap::from([(shared.writer.clone(), true)]);
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = shared
            .store
            .list_kind(ObjectKind::Outbox, cursor.as_deref(), MAX_PAGE)
            .await?;
        for object in page.objects {
            let Object::Outbox(id) = object else { continue };
            match ObjectName::parse(&id) {
                Some(ObjectName::PurgeEntry { writer, at }) => {
                    let age = now.duration_since(at).unwrap_or_default();
                    let is_held = shared.held().entries.contains_key(&id);
                    if is_held || age < shared.timing.takeover {
                        continue;
                    }
                    if is_gone(shared, &mut gone, writer).await? {
                        if !shared.has_room() {
                            return Ok(());
                        }
                        take_over(shared, id, age).await?;
                    }
                }
                Some(ObjectName::Heartbeat(writer)) => {
                    let others = writer != shared.writer;
                    let is_over = others && is_gone(shared, &mut gone, writer).await?;
                    if is_over {
                        remove_entry(&shared.store, id).await;
                    }
                }
                None => {}
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// Checks each writer once.
async fn is_gone(
    shared: &OutboxState,
    known: &mut BTreeMap<WriterId, bool>,
    writer: WriterId,
) -> Result<bool, Error> {
    if let Some(gone) = known.get(&writer) {
        return Ok(*gone);
    }
    let heartbeat = shared
        .store
        .head(&Object::Outbox(writer.heartbeat()))
        .await?;
    let age = |meta: tintype_store::Meta| meta.modified.elapsed().unwrap_or_default();
    let gone = heartbeat.is_none_or(|meta| age(meta) > GONE);
    known.insert(writer, gone);
    Ok(gone)
}

async fn take_over(shared: &OutboxState, id: OutboxId, age: Duration) -> Result<(), Error> {
    let object = Object::Outbox(id.clone());
    let Some(got) = shared.store.get(&object, None, None).await? else {
        return Ok(());
    };
    let json = got
        .body
        .into_bytes(MAX_ENTRY_BYTES)
        .await
        .unwrap_or_default();
    let entry = serde_json::from_slice::<PurgeEntry>(&json).ok();
    match entry.filter(|entry| !shared.queues_of(entry).is_empty()) {
        Some(entry) => {
            tracing::info!(
                key = entry.key,
                prefix = entry.prefix,
                cause = entry.cause.as_str(),
                age_s = age.as_secs(),
                "delivering a purge that another process left behind"
            );
            shared.accept(Purge { id, entry }, json.len(), shared.timing.settle);
        }
        // Left for replicas of another version or configuration, as long as there may be some.
        None if age < GIVE_UP => {}
        None => remove_entry(&shared.store, id).await,
    }
    Ok(())
}
