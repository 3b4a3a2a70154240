//! Writes the record of an original that is being stored.

use std::sync::Arc;

use jiff::Timestamp;
use tintype_store::{Condition, ETag, Key, Meta, Object};

use super::{Placement, describes};
use crate::app::App;
use crate::error::Error;
use crate::invalidation::purge;
use crate::records::blocks::Block;
use crate::records::patch::{EditableFields, RequestedState};
use crate::records::record::{Record, State};
use crate::records::{FoundRecord, MAX_ROUNDS, StoredRecord, WriteOutcome};

/// The ETag in a record that was written before its original. No store makes an empty one, so the record describes
/// nothing until it is written again.
pub const AHEAD: &str = "";

impl Placement<'_> {
    /// Hides the existing original before a hidden one replaces a visible one. Returns the record that the new one
    /// will replace.
    pub(super) async fn hide_first(&self, app: &App) -> Result<Option<Arc<StoredRecord>>, Error> {
        let key = &self.wished;
        for _ in 0..MAX_ROUNDS {
            let Before {
                stored: existing,
                condition,
            } = before(app, key).await?;
            let record = existing.as_deref().map(|stored| &stored.record);
            let ahead = ahead_state(&self.fields_over(record)?.state);
            if ahead == State::Public || record.is_some_and(|record| record.state == ahead) {
                return Ok(existing);
            }
            let record = match record {
                Some(record) => Record {
                    state: ahead,
                    ..record.clone()
                },
                None => self.record_ahead(key, ahead),
            };
            if let WriteOutcome::Stored(stored) = app.records.write(record, &condition).await? {
                return Ok(Some(stored));
            }
        }
        Err(Error::busy("object"))
    }

    /// Writes the hiding record before a hidden original is created.
    pub(super) async fn write_ahead(
        &self,
        app: &App,
        key: &Key,
        said: &EditableFields,
    ) -> Result<Arc<StoredRecord>, Error> {
        let record = self.record_ahead(key, ahead_state(&said.state));
        let mut condition = Condition::Absent;
        for _ in 0..MAX_ROUNDS {
            let written = app.records.write(record.clone(), &condition).await?;
            if let WriteOutcome::Stored(stored) = written {
                return Ok(stored);
            }
            // A leftover of a deleted original, or another request is ahead under the same name.
            condition = match app.store.head(&Object::Record(key.hash())).await? {
                Some(meta) => Condition::Match(meta.etag),
                None => Condition::Absent,
            };
        }
        Err(Error::busy("object"))
    }

    /// Writes the record of an original that has just been stored. `expected` is the record that should be there
    /// now.
    pub(super) async fn commit(
        &self,
        app: &App,
        key: &Key,
        meta: &Meta,
        expected: Option<Arc<StoredRecord>>,
    ) -> Result<Arc<StoredRecord>, Error> {
        let mut current = Before::of(expected);
        for _ in 0..MAX_ROUNDS {
            let there = current.stored.as_deref().map(|stored| &stored.record);
            // A new original inherits nothing from former ones of its name, but keeps everything that was edited
            // since it became visible.
            let kept = there.filter(|record| self.conflict.replaces() || describes(record, meta));
            let said = self.fields_over(kept)?;
            let mut record = self.record(key, meta, kept);
            record.focal_point = said.focal_point;
            record.crops = said.crops;
            record.set_rights = said.rights;
            record.meta = said.meta;
            record.state = match said.state {
                RequestedState::Public => State::Public,
                RequestedState::Embargo { until } => State::Embargo { until },
                RequestedState::Blocked { reason } => {
                    let block = Block {
                        reason,
                        actor: self.caller.actor().name.to_owned(),
                        at: Timestamp::now(),
                    };
                    purge::take_down(app, key, self.sha256, &block, self.caller.actor()).await?;
                    State::Public
                }
            };
            let written = app.records.write(record.clone(), &current.condition);
            if let WriteOutcome::Stored(stored) = written.await? {
                if self.conflict.replaces() {
                    remove_old_variants(app, key).await;
                }
                return Ok(stored);
            }
            current = before(app, key).await?;
            let Some(other) = current.stored.as_deref() else {
                continue;
            };
            if other.record.etag.as_str() != AHEAD && !describes(&other.record, meta) {
                // A leftover record is replaced. That of a newer original stays, and ours is only returned.
                let now = app.store.head(&Object::Original(key.clone())).await?;
                if now.is_none_or(|now| now.etag != meta.etag) {
                    return Ok(Arc::new(StoredRecord::new(record, other.etag.clone())));
                }
            }
        }
        Err(Error::busy("object"))
    }

    /// For a replay: the record may have been changed since, or never have been written.
    pub(super) async fn commit_again(
        &self,
        app: &App,
        key: &Key,
        meta: &Meta,
    ) -> Result<Arc<StoredRecord>, Error> {
        match before(app, key).await?.stored {
            Some(stored) if describes(&stored.record, meta) => Ok(stored),
            existing => self.commit(app, key, meta, existing).await,
        }
    }

    /// The editable fields of an original that replaces another: the state stays, or becomes stricter; `meta`
    /// stays; focal point and crops are reset.
    fn fields_over(&self, existing: Option<&Record>) -> Result<EditableFields, Error> {
        let mut said = self.base.clone();
        if let Some(record) = existing {
            let before = EditableFields::of(record, None);
            said.state = stricter(said.state, before.state);
            if said.meta.is_empty() {
                said.meta = before.meta;
            }
        }
        self.patch.apply(&said)
    }

    fn record(&self, key: &Key, meta: &Meta, existing: Option<&Record>) -> Record {
        let modified = Timestamp::try_from(meta.modified).unwrap_or_else(|_| Timestamp::now());
        let created = self.created.or(existing.map(|record| record.created));
        Record {
            key: key.clone(),
            size: self.size,
            etag: meta.etag.clone(),
            sha256: self.sha256,
            encoding: self.facts.encoding.clone(),
            media_type: self.facts.media_type.clone(),
            created: created.unwrap_or(modified),
            modified,
            image: self.facts.image.clone(),
            rights: self.facts.rights.clone(),
            set_rights: Default::default(),
            focal_point: None,
            crops: Default::default(),
            state: State::Public,
            meta: Default::default(),
            // Storing the same bytes again must not revive variants purged before.
            purged: existing
                .filter(|record| record.sha256 == self.sha256)
                .and_then(|record| record.purged),
        }
    }

    fn record_ahead(&self, key: &Key, state: State) -> Record {
        let meta = Meta {
            size: self.size,
            etag: ETag::new(AHEAD),
            modified: Timestamp::now().into(),
            attributes: Default::default(),
        };
        Record {
            state,
            ..self.record(key, &meta, None)
        }
    }
}

/// The record that is replaced. A damaged one is replaced, and nothing of it is kept.
struct Before {
    stored: Option<Arc<StoredRecord>>,
    condition: Condition,
}

impl Before {
    fn of(stored: Option<Arc<StoredRecord>>) -> Self {
        let condition = match &stored {
            Some(stored) => Condition::Match(stored.etag.clone()),
            None => Condition::Absent,
        };
        Self { stored, condition }
    }
}

async fn before(app: &App, key: &Key) -> Result<Before, Error> {
    Ok(match app.records.inspect(key).await? {
        FoundRecord::Nothing => Before::of(None),
        FoundRecord::Stored(stored) => Before::of(Some(Arc::from(stored))),
        FoundRecord::Damaged { etag, reason } => {
            tracing::warn!(
                key = key.as_str(),
                reason,
                "replacing the damaged record of {key}"
            );
            Before {
                stored: None,
                condition: Condition::Match(etag),
            }
        }
    })
}

/// How an original is hidden until its own record is there. A takedown needs the original's final key, which is
/// certain only afterwards; until then an embargo without an end stands in.
fn ahead_state(wanted: &RequestedState) -> State {
    match wanted {
        RequestedState::Public => State::Public,
        RequestedState::Embargo { until } => State::Embargo { until: *until },
        RequestedState::Blocked { .. } => State::Embargo {
            until: Timestamp::MAX,
        },
    }
}

fn stricter(one: RequestedState, other: RequestedState) -> RequestedState {
    use RequestedState::*;
    match (one, other) {
        (Blocked { reason }, _) | (_, Blocked { reason }) => Blocked { reason },
        (Embargo { until: a }, Embargo { until: b }) => Embargo { until: a.max(b) },
        (Embargo { until }, Public) | (Public, Embargo { until }) => Embargo { until },
        (Public, Public) => Public,
    }
}

/// Variants are named by their content, so leftovers are never served for the new original; they only take space.
async fn remove_old_variants(app: &App, key: &Key) {
    if let Err(error) = purge::remove_variants(app, key).await {
        tracing::warn!(%error, "variants of a replaced original were not removed");
    }
}
