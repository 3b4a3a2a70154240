//! Edits of an existing original: a change of its record, and everything that follows from it.

use jiff::Timestamp;
use tintype_store::{Condition, ContentHash, ETag, Key};

use crate::app::App;
use crate::error::Error;
use crate::http::respond::conditional::Tags;
use crate::invalidation::notice::{Actor, Cause};
use crate::invalidation::purge;
use crate::originals::current;
use crate::records::blocks::Block;
use crate::records::patch::{EditableFields, RecordPatch, RequestedState};
use crate::records::record::{Record, RecordView, State};
use crate::records::{MAX_ROUNDS, StoredRecord, WriteOutcome};

/// A record as the API shows it, with the ETag of that view.
pub(crate) struct TaggedView {
    pub view: RecordView,
    pub etag: ETag,
}

impl TaggedView {
    pub(crate) fn of(app: &App, key: &Key, stored: &StoredRecord) -> Self {
        let record = stored.record.clone();
        let block = app.blocks.of(key, record.sha256).as_deref().cloned();
        // A takedown changes the view of an original, but not its record.
        let etag = match &block {
            None => stored.etag.clone(),
            Some(block) => ETag::new(format!("{}-b{}", stored.etag, block.at.as_microsecond())),
        };
        let view = RecordView { record, block };
        Self { view, etag }
    }
}

/// Applies a patch to the record of an original, and purges caches. `if_match` refers to the view.
pub(crate) async fn edit(
    app: &App,
    key: &Key,
    if_match: Option<&Tags>,
    patch: &RecordPatch,
    actor: Actor<'_>,
) -> Result<TaggedView, Error> {
    let mut announced = None;
    for _ in 0..MAX_ROUNDS {
        let found = current::find_fresh(app, key).await?;
        let stored = found.ok_or_else(|| Error::no_original(key))?.stored;
        let current = TaggedView::of(app, key, &stored);
        if if_match.is_some_and(|wanted| !wanted.match_strongly(Some(current.etag.as_str()))) {
            return Err(Error::not_in_version("record"));
        }
        let before = EditableFields::of(&stored.record, current.view.block.as_ref());
        let change = Change::between(before, patch)?;
        let Some(change) = change else {
            return Ok(current);
        };
        if let (None, Some(cause)) = (&announced, change.cause()) {
            announced = Some(purge::announce(app, key, cause, actor).await?);
        }
        let sha256 = stored.record.sha256;
        change.take_down(app, key, sha256, actor).await?;
        let condition = Condition::Match(stored.etag.clone());
        let next = change.record(&stored.record);
        let WriteOutcome::Stored(stored) = app.records.write(next, &condition).await? else {
            continue;
        };
        change.follow(app, key, sha256, actor).await?;
        if let Some(announced) = announced {
            announced.made();
        }
        return Ok(TaggedView::of(app, key, &stored));
    }
    Err(Error::busy("record"))
}

/// The editable fields before and after.
struct Change {
    before: EditableFields,
    after: EditableFields,
}

impl Change {
    /// `None` if the patch changes nothing.
    fn between(before: EditableFields, patch: &RecordPatch) -> Result<Option<Self>, Error> {
        let after = patch.apply(&before)?;
        Ok((after != before).then_some(Self { before, after }))
    }

    fn is_of_state(&self) -> bool {
        self.after.state != self.before.state
    }

    /// Returns why caches are purged; `None` if nothing that they hold changes.
    fn cause(&self) -> Option<Cause> {
        let (before, after) = (&self.before, &self.after);
        if self.is_of_state() {
            return Some(Cause::State);
        }
        let is_seen = after.focal_point != before.focal_point
            || after.crops != before.crops
            || after.rights != before.rights;
        is_seen.then_some(Cause::Record)
    }

    /// Runs before the record is written.
    async fn take_down(
        &self,
        app: &App,
        key: &Key,
        sha256: Option<ContentHash>,
        actor: Actor<'_>,
    ) -> Result<(), Error> {
        match &self.after.state {
            RequestedState::Blocked { reason } if self.is_of_state() => {
                let block = Block {
                    reason: reason.clone(),
                    actor: actor.name.to_owned(),
                    at: Timestamp::now(),
                };
                purge::take_down(app, key, sha256, &block, actor).await
            }
            _ => Ok(()),
        }
    }

    fn record(&self, before: &Record) -> Record {
        let after = self.after.clone();
        Record {
            focal_point: after.focal_point,
            crops: after.crops,
            set_rights: after.rights,
            meta: after.meta,
            state: match after.state {
                RequestedState::Public => State::Public,
                RequestedState::Embargo { until } => State::Embargo { until },
                // Blocks are stored elsewhere; the state under a block stays as it was.
                RequestedState::Blocked { .. } => before.state.clone(),
            },
            ..before.clone()
        }
    }

    /// Runs after the record is written, so that a blocked original becomes visible only in its new state.
    async fn follow(
        &self,
        app: &App,
        key: &Key,
        sha256: Option<ContentHash>,
        actor: Actor<'_>,
    ) -> Result<(), Error> {
        if !self.is_of_state() {
            return Ok(());
        }
        let state = &self.after.state;
        if self.before.state.is_blocked() && !state.is_blocked() {
            purge::lift(app, key, sha256, actor).await?;
        }
        if *state != RequestedState::Public {
            purge::remove_variants(app, key).await?;
        }
        tracing::info!(
            key = key.as_str(),
            actor = actor.name,
            token = actor.token,
            ?state,
            "the state of {key} was changed"
        );
        Ok(())
    }
}
