//! What all operations share: names, the single function through which requests go, and how conditions are
//! enforced.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::attributes::{FoundObject, Write};
use super::enforced::{Enforced, LazyAbilities};
use super::failure::{Failure, FailureKind};
use super::gate::TRY_EVERY;
use super::health::{Health, Target};
use super::hedge::Hedges;
use super::locks::{LockGuard, Locks};
use super::operation::Operation;
use super::payload::Progress;
use crate::url::S3Writing;
use crate::{Condition, Counts, Error, Object};

/// S3's limit for a name, in bytes.
const MAX_NAME_BYTES: usize = 1_024;
/// Inconclusive responses to a conditional write before it is abandoned.
const MOST_TRIES: u32 = 5;

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) endpoint: String,
    /// Empty, or with a trailing slash.
    pub(super) location: String,
    pub(super) md5: bool,
    pub(super) writing: S3Writing,
    pub(super) enforced: Enforced,
    pub(super) late: LazyAbilities,
    pub(super) counts: Arc<Counts>,
    pub(super) health: Arc<Health>,
    pub(super) hedges: Hedges,
    pub(super) locks: Locks,
    /// Limits the parts in flight of all uploads together: each occupies a thread and some buffers.
    pub(super) parts: Semaphore,
}

/// The result of a conditional write, if not an error.
pub(super) enum Settled<T> {
    Done(T),
    /// An earlier attempt had succeeded, and its response was lost.
    Ours(Box<FoundObject>),
    /// The multipart upload is gone, and did not create the object.
    Lost,
}

impl Bucket {
    /// The full name of an object; an error if it is too long for S3.
    pub(super) fn path(&self, object: &Object) -> Result<String, Error> {
        let path = format!("{}{}", self.location, object.path());
        if path.len() > MAX_NAME_BYTES {
            return Err(Error::KeyNotStorable);
        }
        Ok(path)
    }

    /// Sends a request concerning `place`, unless it is known not to get a response.
    ///
    /// Boxed before anything is awaited: the SDK's futures are tens of kilobytes, which would be part of every
    /// caller's, several times over.
    pub(super) fn call<T, E>(
        &self,
        operation: Operation,
        place: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> impl Future<Output = Result<T, Failure>> + Send
    where
        T: Send,
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let request = Box::pin(request);
        let target = Target { operation, place };
        async move {
            self.health.admit(target)?;
            match self.health.attend(request).await {
                Some(outcome) => self.judge(target, outcome),
                None => Err(Health::gone(operation)),
            }
        }
    }

    /// Sends a request that takes the server long, so that a late response means nothing.
    pub(super) fn call_patiently<T, E>(
        &self,
        operation: Operation,
        place: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> impl Future<Output = Result<T, Failure>> + Send
    where
        T: Send,
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let request = Box::pin(request);
        let target = Target { operation, place };
        async move {
            self.health.admit(target)?;
            self.judge(target, request.await)
        }
    }

    /// Sends a request that moves many bytes: limited by their progress instead of its time.
    pub(super) fn call_watched<T, E>(
        &self,
        operation: Operation,
        place: &str,
        progress: &Progress,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> impl Future<Output = Result<T, Failure>> + Send
    where
        T: Send,
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let request = Box::pin(request);
        let target = Target { operation, place };
        async move {
            self.health.admit(target)?;
            match progress.watch(request).await {
                Some(outcome) => self.judge(target, outcome),
                None => {
                    self.health.silent(target);
                    Err(Failure::down(operation, "the transfer stalled"))
                }
            }
        }
    }

    fn judge<T, E>(
        &self,
        target: Target<'_>,
        outcome: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Failure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let outcome = outcome.map_err(|error| Failure::new(target.operation, &error));
        match &outcome {
            Err(failure) => match failure.kind {
                FailureKind::Down => self.health.silent(target),
                FailureKind::Slow => self.health.slow(target),
                FailureKind::Refused => self.health.refused(target, &failure.text),
                _ => self.health.answered(target),
            },
            Ok(_) => self.health.answered(target),
        }
        outcome
    }

    pub(super) async fn stat(&self, path: &str) -> Result<Option<FoundObject>, Failure> {
        let request = self.client.head_object().bucket(&self.name).key(path);
        match self.call(Operation::HeadObject, path, request.send()).await {
            Ok(head) => match FoundObject::head(head) {
                Ok(found) => Ok(Some(found)),
                Err(text) => Err(Failure::down(Operation::HeadObject, text)),
            },
            Err(Failure {
                kind: FailureKind::NotFound,
                ..
            }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Locks a name against other writers of this process, if the server does not decide every condition itself.
    pub(super) async fn lock(&self, path: &str) -> Option<LockGuard<'_>> {
        if self.enforced.all() && self.late.may_all() {
            return None;
        }
        Some(self.locks.hold(path).await)
    }

    /// Locks a name and checks the condition, if the server does not decide it.
    pub(super) async fn guard(
        &self,
        path: &str,
        condition: &Condition,
        enforced: bool,
    ) -> Result<Option<LockGuard<'_>>, Error> {
        let held = self.lock(path).await;
        if !enforced && *condition != Condition::Any {
            let current = self.stat(path).await?.map(|found| found.meta);
            condition.check(|| Ok(current))?;
        }
        Ok(held)
    }

    /// Repeats a conditional write until its outcome is known. With `patient`, also if there was no response: for a
    /// write that cannot be sent again from its beginning.
    pub(super) async fn settle<'a, T>(
        &self,
        path: &str,
        condition: &Condition,
        write: &Write,
        patient: bool,
        attempt: impl Fn() -> BoxFuture<'a, Result<T, Failure>>,
    ) -> Result<Settled<T>, Error> {
        let mut last = None;
        for tries in 0..MOST_TRIES {
            pause(tries).await?;
            let failure = match attempt().await {
                Ok(done) => return Ok(Settled::Done(done)),
                Err(failure) => failure,
            };
            match failure.kind {
                FailureKind::NotFound if *condition != Condition::Any => {
                    return Err(Error::Precondition { current: None });
                }
                FailureKind::Precondition | FailureKind::NoUpload => match self.stat(path).await? {
                    Some(found) if write.made(&found) => return Ok(Settled::Ours(Box::new(found))),
                    Some(found) if *condition != Condition::Any => {
                        return Err(taken(found));
                    }
                    _ if failure.kind == FailureKind::NoUpload => return Ok(Settled::Lost),
                    // The object in the way has just been deleted.
                    None if *condition == Condition::Absent => last = Some(failure),
                    _ => return Err(Error::Precondition { current: None }),
                },
                FailureKind::Conflict => last = Some(failure),
                FailureKind::Down | FailureKind::Slow | FailureKind::Undone if patient => {
                    if failure.kind.is_away() {
                        tokio::time::sleep(TRY_EVERY).await;
                    }
                    match self.stat(path).await {
                        Ok(Some(found)) if write.made(&found) => {
                            return Ok(Settled::Ours(Box::new(found)));
                        }
                        // Reads do not get a response either.
                        _ => last = Some(failure),
                    }
                }
                FailureKind::Altered => {
                    self.take_back(path, write).await;
                    return Err(failure.into());
                }
                _ => return Err(failure.into()),
            }
        }
        // Conflicts to the end: the winner's object is there by now.
        match self.stat(path).await? {
            Some(found) if write.made(&found) => Ok(Settled::Ours(Box::new(found))),
            Some(found) if *condition == Condition::Absent => Err(taken(found)),
            Some(found) if *condition != Condition::Match(found.meta.etag.clone()) => {
                Err(taken(found))
            }
            _ => Err(last.map_or(Error::Precondition { current: None }, Error::from)),
        }
    }
}

fn taken(found: FoundObject) -> Error {
    Error::Precondition {
        current: Some(Box::new(found.meta)),
    }
}

/// Waits not at all before the first try, then for a random time, so that rivals do not collide again.
async fn pause(tries: u32) -> Result<(), Error> {
    if tries > 0 {
        let mut byte = [0];
        getrandom::fill(&mut byte)
            .map_err(|error| Error::unavailable("drawing a pause", error.to_string()))?;
        let most = Duration::from_millis(25 << tries.min(4));
        tokio::time::sleep(most * u32::from(byte[0]) / 255).await;
    }
    Ok(())
}
