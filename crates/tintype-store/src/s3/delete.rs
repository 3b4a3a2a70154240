//! Deletes objects. Reads them first, because S3 does not say whether there was anything.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::bucket::Bucket;
use super::failure::{Failure, FailureKind};
use super::operation::Operation;
use crate::{Condition, Error, KeyHash, Object};

/// S3's limit for one request.
const BATCH: usize = 1_000;

impl Bucket {
    pub(super) async fn delete(
        &self,
        object: &Object,
        condition: &Condition,
    ) -> Result<bool, Error> {
        // A name that is too long for S3 has no object.
        let Ok(path) = self.path(object) else {
            return condition.check(|| Ok(None)).map(|()| false);
        };
        let _held = self.lock(&path).await;
        let current = self.stat(&path).await?.map(|found| found.meta);
        let there = current.is_some();
        condition.check(|| Ok(current))?;
        if !there {
            return Ok(false);
        }
        let (_, matching) = self.enforced.headers(condition);
        let request = self.client.delete_object().bucket(&self.name).key(&path);
        let request = request.set_if_match(matching);
        match self
            .call(Operation::DeleteObject, &path, request.send())
            .await
        {
            Ok(_) => Ok(true),
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::Precondition | FailureKind::NotFound | FailureKind::Conflict
                ) =>
            {
                let current = self.stat(&path).await?.map(|found| Box::new(found.meta));
                match current {
                    // It existed a moment ago and no longer does, as requested.
                    None => Ok(true),
                    current => Err(Error::Precondition { current }),
                }
            }
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn delete_variants(&self, original: &KeyHash) -> Result<u64, Error> {
        let mut deleted = 0;
        loop {
            let (names, more) = self.variants(original, BATCH).await?;
            deleted += names.len() as u64;
            self.delete_all(names).await?;
            if !more {
                return Ok(deleted);
            }
        }
    }

    /// Deletes at most [`BATCH`] full names.
    pub(super) async fn delete_all(&self, names: Vec<String>) -> Result<(), Failure> {
        if names.is_empty() {
            return Ok(());
        }
        let operation = Operation::DeleteObjects;
        let objects = names
            .into_iter()
            .filter_map(|name| ObjectIdentifier::builder().key(name).build().ok());
        let delete = Delete::builder()
            .set_objects(Some(objects.collect()))
            .quiet(true)
            .build()
            .map_err(|error| Failure::down(operation, error.to_string()))?;
        let request = self.client.delete_objects();
        let request = request.bucket(&self.name).delete(delete);
        let output = self.call(operation, "", request.send()).await?;
        match output.errors().first() {
            None => Ok(()),
            Some(error) => {
                let text =
                    [error.code(), error.key(), error.message()].map(Option::unwrap_or_default);
                Err(Failure {
                    operation,
                    kind: FailureKind::Refused,
                    code: error.code().map(str::to_owned),
                    text: format!("DeleteObjects: {}", text.join(" ")),
                })
            }
        }
    }
}
