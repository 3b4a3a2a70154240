//! Deletes an original with its record and its variants. Takedowns stay.

use tintype_store::{Condition, Key, Object};

use crate::app::App;
use crate::error::Error;
use crate::http::respond::conditional::Tags;
use crate::invalidation::notice::{Actor, Cause};
use crate::invalidation::purge;

/// The result of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// Nothing has the key now.
    Gone,
    /// The original is not in the requested version, and stays.
    Changed,
}

pub(crate) async fn remove(
    app: &App,
    key: &Key,
    if_match: Option<&Tags>,
    cause: Cause,
    by: Actor<'_>,
) -> Result<Removed, Error> {
    // Before the original is deleted: if another one takes the name meanwhile, its record has another ETag, and
    // stays.
    let record = Object::Record(key.hash());
    let record_etag = app.store.head(&record).await?.map(|meta| meta.etag);

    let original = Object::Original(key.clone());
    let condition = match if_match {
        None => Condition::Any,
        Some(wanted) => {
            let current = app.store.head(&original).await?.map(|meta| meta.etag);
            match current {
                Some(etag) if wanted.match_strongly(Some(etag.as_str())) => Condition::Match(etag),
                _ => return Ok(Removed::Changed),
            }
        }
    };
    let announced = purge::announce(app, key, cause, by).await?;
    let was_there = match app.store.delete(&original, &condition).await {
        Ok(was_there) => was_there,
        Err(tintype_store::Error::Precondition { .. }) if condition != Condition::Any => {
            announced.withdraw().await;
            return Ok(Removed::Changed);
        }
        // A folder is not an original, so there is none under this name.
        Err(tintype_store::Error::IsDirectory | tintype_store::Error::Precondition { .. }) => {
            announced.withdraw().await;
            return Ok(Removed::Gone);
        }
        Err(error) => return Err(error.into()),
    };
    let had_record = record_etag.is_some();
    if let Some(etag) = record_etag {
        match app.store.delete(&record, &Condition::Match(etag)).await {
            Ok(_) | Err(tintype_store::Error::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    purge::remove_variants(app, key).await?;
    // A bucket does not always report whether something was there; a disk does.
    if was_there || had_record {
        announced.made();
        tracing::info!(
            key = key.as_str(),
            actor = by.name,
            token = by.token,
            cause = cause.as_str(),
            "{key} was deleted"
        );
    } else {
        announced.withdraw().await;
    }
    Ok(Removed::Gone)
}
