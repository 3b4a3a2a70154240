//! Taking an original away, with its record and its variants. Takedowns stay.

use tintype_store::{Condition, Key, Object};

use crate::app::App;
use crate::error::{Code, Error};
use crate::placement::Conflict;
use crate::purge;

pub(super) async fn remove(app: &App, key: &Key, if_match: Option<&Conflict>) -> Result<(), Error> {
    // Before the original goes: the record of another one that takes the name meanwhile has another
    // ETag, and stays.
    let record = Object::Record(key.hash());
    let record_etag = app.store.head(&record).await?.map(|meta| meta.etag);

    let original = Object::Original(key.clone());
    let condition = match if_match {
        None => Condition::Any,
        Some(wanted) => {
            let current = app.store.head(&original).await?;
            match (wanted, current) {
                (Conflict::Existing, Some(meta)) => Condition::Match(meta.etag),
                (Conflict::Match(etags), Some(meta)) if etags.contains(&meta.etag) => {
                    Condition::Match(meta.etag)
                }
                _ => return Err(changed()),
            }
        }
    };
    match app.store.delete(&original, &condition).await {
        Ok(_) => {}
        Err(tintype_store::Error::Precondition { .. }) if condition != Condition::Any => {
            return Err(changed());
        }
        // A folder is no original, so there is none under this name.
        Err(tintype_store::Error::IsDirectory | tintype_store::Error::Precondition { .. }) => {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(etag) = record_etag {
        match app.store.delete(&record, &Condition::Match(etag)).await {
            Ok(_) | Err(tintype_store::Error::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    app.records.forget(key).await;
    purge::purge(app, key).await
}

fn changed() -> Error {
    Error::new(Code::PreconditionFailed).detail("the object is not in the version asked for")
}
