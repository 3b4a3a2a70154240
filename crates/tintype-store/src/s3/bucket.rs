//! A bucket as all operations see it: names, the one door that requests go through, and what
//! conditions are worth there.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::attributes::{Found, Write};
use super::content::Progress;
use super::enforced::{Enforced, Late};
use super::failure::{Failure, Kind};
use super::gate::TRY_EVERY;
use super::health::{Errand, Health};
use super::hedge::Hedges;
use super::locks::{Held, Locks};
use super::operation::Operation;
use crate::url::S3Writing;
use crate::{Condition, Counts, Error, Object};

/// S3's limit for a name, in bytes.
const MAX_NAME_BYTES: usize = 1_024;
/// Answers that leave a conditional write open, before it is given up.
const MOST_TRIES: u32 = 5;

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) endpoint: String,
    /// Empty, or with a slash at its end.
    pub(super) location: String,
    pub(super) md5: bool,
    pub(super) writing: S3Writing,
    pub(super) enforced: Enforced,
    pub(super) late: Late,
    pub(super) counts: Arc<Counts>,
    pub(super) health: Arc<Health>,
    pub(super) hedges: Hedges,
    pub(super) locks: Locks,
    /// Parts on their way, of all uploads together: each keeps a thread and some buffers busy.
    pub(super) parts: Semaphore,
}

/// How a conditional write ended, short of an error.
pub(super) enum Settled<T> {
    Done(T),
    /// An earlier attempt had succeeded, and its answer was lost.
    Ours(Box<Found>),
    /// The multipart upload is gone, and nothing came of it.
    Lost,
}

impl Bucket {
    /// The whole name of an object; none when S3 has no names this long.
    pub(super) fn path(&self, object: &Object) -> Result<String, Error> {
        let path = format!("{}{}", self.location, object.path());
        if path.len() > MAX_NAME_BYTES {
            return Err(Error::KeyNotStorable);
        }
        Ok(path)
    }

    /// Sends one request of `place`, unless it is known not to be answered.
    ///
    /// Boxed before anything waits: the SDK's futures are tens of kilobytes, which would be part of
    /// every caller's, several times over.
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
        let errand = Errand { operation, place };
        async move {
            self.health.admit(errand)?;
            match self.health.attend(request).await {
                Some(outcome) => self.judge(errand, outcome),
                None => Err(Health::gone(operation)),
            }
        }
    }

    /// The same for one that takes the server long, and so tells nothing by being late.
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
        let errand = Errand { operation, place };
        async move {
            self.health.admit(errand)?;
            self.judge(errand, request.await)
        }
    }

    /// The same for one that moves many bytes: bounded by their progress instead of its time.
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
        let errand = Errand { operation, place };
        async move {
            self.health.admit(errand)?;
            match progress.watch(request).await {
                Some(outcome) => self.judge(errand, outcome),
                None => {
                    self.health.silent(errand);
                    Err(Failure::down(operation, "no byte moved any more"))
                }
            }
        }
    }

    fn judge<T, E>(
        &self,
        errand: Errand<'_>,
        outcome: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Failure>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let outcome = outcome.map_err(|error| Failure::new(errand.operation, &error));
        match &outcome {
            Err(failure) => match failure.kind {
                Kind::Down => self.health.silent(errand),
                Kind::Slow => self.health.slow(errand),
                Kind::Refused => self.health.refused(errand, &failure.text),
                _ => self.health.answered(errand),
            },
            Ok(_) => self.health.answered(errand),
        }
        outcome
    }

    pub(super) async fn look(&self, path: &str) -> Result<Option<Found>, Failure> {
        let request = self.client.head_object().bucket(&self.name).key(path);
        match self.call(Operation::HeadObject, path, request.send()).await {
            Ok(head) => match Found::head(head) {
                Ok(found) => Ok(Some(found)),
                Err(text) => Err(Failure::down(Operation::HeadObject, text)),
            },
            Err(Failure {
                kind: Kind::NotFound,
                ..
            }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Where the server does not decide every condition itself, keeps the other writers of this
    /// process away from a name.
    pub(super) async fn lock(&self, path: &str) -> Option<Held<'_>> {
        if self.enforced.all() && self.late.may_all() {
            return None;
        }
        Some(self.locks.hold(path).await)
    }

    /// The same, and looks whether the condition holds, where the server does not decide it.
    pub(super) async fn guard(
        &self,
        path: &str,
        condition: &Condition,
        enforced: bool,
    ) -> Result<Option<Held<'_>>, Error> {
        let held = self.lock(path).await;
        if !enforced && *condition != Condition::Any {
            let current = self.look(path).await?.map(|found| found.meta);
            condition.check(|| Ok(current))?;
        }
        Ok(held)
    }

    /// Repeats a conditional write until it is known how it ended. With `patient`, also where no
    /// answer came: for a write that cannot be sent again from its beginning.
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
                Kind::NotFound if *condition != Condition::Any => {
                    return Err(Error::Precondition { current: None });
                }
                Kind::Precondition | Kind::NoUpload => match self.look(path).await? {
                    Some(found) if write.made(&found) => return Ok(Settled::Ours(Box::new(found))),
                    Some(found) if *condition != Condition::Any => {
                        return Err(taken(found));
                    }
                    _ if failure.kind == Kind::NoUpload => return Ok(Settled::Lost),
                    // What was in the way has just gone.
                    None if *condition == Condition::Absent => last = Some(failure),
                    _ => return Err(Error::Precondition { current: None }),
                },
                Kind::Conflict => last = Some(failure),
                Kind::Down | Kind::Slow | Kind::Undone if patient => {
                    if failure.kind.is_away() {
                        tokio::time::sleep(TRY_EVERY).await;
                    }
                    match self.look(path).await {
                        Ok(Some(found)) if write.made(&found) => {
                            return Ok(Settled::Ours(Box::new(found)));
                        }
                        // Away also for those who look.
                        _ => last = Some(failure),
                    }
                }
                Kind::Altered => {
                    self.take_back(path, write).await;
                    return Err(failure.into());
                }
                _ => return Err(failure.into()),
            }
        }
        // Conflicts to the last: whoever won is there by now.
        match self.look(path).await? {
            Some(found) if write.made(&found) => Ok(Settled::Ours(Box::new(found))),
            Some(found) if *condition == Condition::Absent => Err(taken(found)),
            Some(found) if *condition != Condition::Match(found.meta.etag.clone()) => {
                Err(taken(found))
            }
            _ => Err(last.map_or(Error::Precondition { current: None }, Error::from)),
        }
    }
}

fn taken(found: Found) -> Error {
    Error::Precondition {
        current: Some(Box::new(found.meta)),
    }
}

/// Nothing before the first try, then a drawn time, so that rivals do not meet again.
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
