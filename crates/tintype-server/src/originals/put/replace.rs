//! Replaces the bytes under a key.

use tintype_store::{Condition, ETag, Meta, Object};

use super::{Conflict, Placed, Placement};
use crate::app::App;
use crate::error::Error;
use crate::invalidation::notice::Cause;
use crate::invalidation::outbox::Announced;
use crate::invalidation::purge;
use crate::originals::idempotency::{self, FoundIntent, IdempotencyKey, Intent};
use crate::records::MAX_ROUNDS;

impl Placement<'_> {
    pub(super) async fn replace(&self, app: &App) -> Result<Placed, Error> {
        let key = &self.wished;
        let mut is_taken = false;
        for _ in 0..MAX_ROUNDS {
            let before = app.store.head(&Object::Original(key.clone())).await?;
            let condition = unless_taken(self.condition(before.as_ref())?, is_taken);
            let announced = self.announce(app, before.is_some() || is_taken).await?;
            let existing = self.hide_first(app).await?;
            match self.put(app, key, &condition).await {
                Ok(meta) => {
                    let stored = self.commit(app, key, &meta, existing).await?;
                    if let Some(announced) = announced {
                        announced.made();
                    }
                    return Ok(Placed::new(key, before.is_none(), false, &meta, stored));
                }
                // Another request has just created it, so caches have to be purged.
                Err(tintype_store::Error::Precondition { current })
                    if condition == Condition::Absent =>
                {
                    is_taken = current.is_none();
                }
                Err(tintype_store::Error::Precondition { .. }) => {
                    return Err(Error::not_in_version("object"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::busy("object"))
    }

    /// No cache can hold an object that did not exist.
    async fn announce(&self, app: &App, replaces: bool) -> Result<Option<Announced>, Error> {
        if !replaces {
            return Ok(None);
        }
        let announced = purge::announce(app, &self.wished, Cause::Overwrite, self.caller.actor());
        announced.await.map(Some)
    }

    /// Like `replace`, for a request that may be repeated.
    pub(super) async fn replace_once(
        &self,
        app: &App,
        idempotency: &IdempotencyKey,
    ) -> Result<Placed, Error> {
        let key = &self.wished;
        let sha256 = self.sha256;
        // The intent that this very attempt wrote. As long as it has not been overwritten, whatever object is there
        // now was not made by this request.
        let mut mine: Option<ETag> = None;
        let mut is_taken = false;
        for _ in 0..MAX_ROUNDS {
            let current = app.store.head(&Object::Original(key.clone())).await?;
            let own = current
                .as_ref()
                .map_or(Ok(false), |meta| self.is_own(meta))?;
            let etag = current.as_ref().map(|meta| &meta.etag);
            let fresh = |condition| (Intent::new(key, sha256, etag), condition, true);
            let (intent, condition, first) = match mine.take() {
                Some(held) => fresh(Condition::Match(held)),
                None => match idempotency::find(&app.store, idempotency).await? {
                    FoundIntent::Nothing => fresh(Condition::Absent),
                    FoundIntent::Expired(held) => fresh(Condition::Match(held)),
                    FoundIntent::Intent(stored) => {
                        stored.intent.check(key, sha256)?;
                        if let Some(answer) = stored.intent.answer {
                            return Ok(Placed::remembered(key, answer));
                        }
                        (stored.intent, Condition::Match(stored.etag), false)
                    }
                },
            };
            if first && !own {
                self.condition(current.as_ref())?;
            } else if !own && intent.before.as_ref() != etag {
                return Err(Error::not_in_version("object")
                    .detail("the object was changed since this request was first made"));
            }
            // The intent of an older attempt is written again, which fences that attempt off in case it still runs.
            let written = idempotency::write(&app.store, idempotency, &intent, &condition).await?;
            let Some(held) = written else { continue };
            let (meta, stored) = match current.filter(|_| own) {
                Some(meta) => {
                    let stored = self.commit_again(app, key, &meta).await?;
                    (meta, stored)
                }
                None => {
                    let announced = self.announce(app, intent.before.is_some() || is_taken);
                    let announced = announced.await?;
                    let existing = self.hide_first(app).await?;
                    let condition = unless_taken(intent.condition(), is_taken);
                    match self.put(app, key, &condition).await {
                        Ok(meta) => {
                            let stored = self.commit(app, key, &meta, existing).await?;
                            if let Some(announced) = announced {
                                announced.made();
                            }
                            (meta, stored)
                        }
                        Err(tintype_store::Error::Precondition { current }) => {
                            is_taken = condition == Condition::Absent && current.is_none();
                            mine = Some(held).filter(|_| first);
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            let placed = Placed::new(key, intent.before.is_none(), own, &meta, stored);
            // If this fails, the object's own attribute still shows a replay that it was stored.
            let done = Intent {
                answer: Some(placed.answer(app)),
                ..intent
            };
            idempotency::write(&app.store, idempotency, &done, &Condition::Match(held)).await?;
            return Ok(placed);
        }
        Err(Error::busy("object"))
    }

    /// The condition under which the current object may be replaced.
    fn condition(&self, current: Option<&Meta>) -> Result<Condition, Error> {
        match (&self.conflict, current) {
            (Conflict::Overwrite, None) => Ok(Condition::Absent),
            (Conflict::Overwrite, Some(_)) => Ok(Condition::Any),
            (Conflict::Match(wanted), Some(meta))
                if wanted.match_strongly(Some(meta.etag.as_str())) =>
            {
                Ok(Condition::Match(meta.etag.clone()))
            }
            _ => Err(Error::not_in_version("object")),
        }
    }
}

/// A name can be taken by something that is not an object, such as a dangling link on disk. It is replaced too,
/// which only an unconditional write does.
fn unless_taken(condition: Condition, is_taken: bool) -> Condition {
    match condition {
        Condition::Absent if is_taken => Condition::Any,
        condition => condition,
    }
}
