//! Stores a new original, under the requested name or the next free one.

use std::sync::Arc;

use tintype_store::{Condition, Key, Meta, Object};

use super::{Conflict, Placed, Placement};
use crate::app::App;
use crate::error::{Code, Error};
use crate::originals::rename::{Candidates, MAX_ATTEMPTS, Suffixes};
use crate::records::StoredRecord;
use crate::records::patch::{EditableFields, RequestedState};

/// The name is taken; by this object, unless it is a folder.
struct Taken(Option<Meta>);

impl Placement<'_> {
    pub(super) async fn create(&self, app: &App) -> Result<Placed, Error> {
        let said = self.patch.apply(&self.base)?;
        let suffixes = self
            .idempotency
            .map_or(Suffixes::Random, |key| key.suffixes());
        let (max_length, attempts) = match self.conflict {
            Conflict::Rename { max_length } => (max_length, MAX_ATTEMPTS),
            _ => (None, 1),
        };
        let names = Candidates::new(self.wished.as_str(), max_length, suffixes);
        for attempt in 0..attempts {
            let key = Key::parse(&names.name(attempt)?)?;
            self.permit(&key)?;
            match self.create_at(app, &key, &said).await? {
                Ok((meta, ahead)) => {
                    let stored = self.commit(app, &key, &meta, ahead).await?;
                    return Ok(Placed::new(&key, true, false, &meta, stored));
                }
                Err(Taken(Some(meta))) if self.is_own(&meta)? => {
                    let stored = self.commit_again(app, &key, &meta).await?;
                    return Ok(Placed::new(&key, true, true, &meta, stored));
                }
                Err(Taken(_)) => {}
            }
        }
        let error = match self.conflict {
            Conflict::Absent => Error::new(Code::PreconditionFailed).detail("the key exists"),
            Conflict::Rename { .. } => {
                Error::new(Code::KeyExists).detail(format!("no free name in {attempts} attempts"))
            }
            _ => Error::new(Code::KeyExists),
        };
        Err(error.member("key", self.wished.as_str()))
    }

    /// Stores the original, with the record that was written ahead, if there is one.
    async fn create_at(
        &self,
        app: &App,
        key: &Key,
        said: &EditableFields,
    ) -> Result<Result<(Meta, Option<Arc<StoredRecord>>), Taken>, Error> {
        let mut ahead = None;
        if said.state != RequestedState::Public {
            // Checked before a record is written ahead: an adopted original without a record may have this name,
            // and must not be hidden by an upload that fails.
            if let Some(meta) = app.store.head(&Object::Original(key.clone())).await? {
                return Ok(Err(Taken(Some(meta))));
            }
            ahead = Some(self.write_ahead(app, key, said).await?);
        }
        match self.put(app, key, &Condition::Absent).await {
            Ok(meta) => Ok(Ok((meta, ahead))),
            Err(tintype_store::Error::Precondition { current }) => {
                Ok(Err(Taken(current.map(|meta| *meta))))
            }
            Err(tintype_store::Error::IsDirectory) => Ok(Err(Taken(None))),
            Err(error) => Err(error.into()),
        }
    }
}
