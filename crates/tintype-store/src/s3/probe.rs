//! What the server really does with conditions, found out by trying before anything depends on it.
//!
//! S3 decides `If-None-Match` and `If-Match` between writers at once. Other servers ignore them, or
//! look first and write then, which one request alone does not show: so writers race.

use std::time::Duration;

use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart,
};
use futures_util::future::{join_all, try_join_all};
use md5::{Digest, Md5};
use tokio::{join, try_join};

use super::attributes::{self, random};
use super::bucket::Bucket;
use super::content::base64;
use super::enforced::Enforced;
use super::failure::{Failure, Kind};
use super::late::late;
use super::operation::Operation;
use crate::key::RESERVED;
use crate::{Condition, ETag};

const ROUNDS: usize = 3;
const WRITERS: usize = 8;
/// Between the headers and the bytes of each writer of a race: who looks when the headers come, and
/// writes when the bytes do, has looked for all of them by then.
const GAP: Duration = Duration::from_millis(30);
const PART: &[u8] = b"part";

/// What a try with a condition that does not hold came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    Ignored,
    Refused,
}

/// Tries everything, in about five round trips, and leaves nothing behind.
pub(super) async fn probe(bucket: &Bucket) -> Result<(Enforced, Vec<String>), Failure> {
    let id = random().map_err(|error| Failure::down(Operation::PutObject, error.to_string()))?;
    let probe = Probe { bucket, id };
    let (enforced, versioning) = join!(probe.conditions(), versioning(bucket));
    // Also after a failure; what is left over does no harm.
    let cleaned = probe.clean().await;
    let enforced = enforced?;
    cleaned?;
    let mut warnings = warnings(bucket, &enforced);
    warnings.extend(versioning);
    Ok((enforced, warnings))
}

struct Probe<'a> {
    bucket: &'a Bucket,
    id: String,
}

impl Probe<'_> {
    const REPLACED: [&'static str; ROUNDS] = ["replaced-0", "replaced-1", "replaced-2"];
    const DELETED: &'static str = "deleted";
    const COMPLETED: [&'static str; 2] = ["completed-absent", "completed-match"];
    const COPIED: [&'static str; 2] = ["copied-absent", "copied-match"];

    fn name(&self, what: &str) -> String {
        let Self { bucket, id } = self;
        format!("{}{RESERVED}/probe/{id}-{what}", bucket.location)
    }

    fn race(round: usize) -> String {
        format!("created-{round}")
    }

    fn existing() -> impl Iterator<Item = &'static str> {
        let names = Self::REPLACED.into_iter().chain([Self::DELETED]);
        names.chain(Self::COMPLETED).chain(Self::COPIED)
    }

    async fn clean(&self) -> Result<(), Failure> {
        let races = (0..ROUNDS).map(Self::race);
        let names = races.chain(Self::existing().map(str::to_owned));
        let names = names.map(|what| self.name(&what)).collect();
        self.bucket.delete_all(names).await
    }

    async fn conditions(&self) -> Result<Enforced, Failure> {
        let any = Condition::Any;
        let existing = Self::existing().map(|what| self.put_at_once(what, &any));
        let (create, etags) = try_join!(self.creating(), try_join_all(existing))?;
        let [absent, matching] = Self::COMPLETED;
        let wrong = wrong();
        let (replace, delete, complete_create, complete_replace, copy, ()) = try_join!(
            self.replacing(&etags),
            self.deleting(),
            self.complete(absent, &Condition::Absent),
            self.complete(matching, &wrong),
            self.copying(),
            self.reading(),
        )?;
        let verdicts = [create, replace, delete, complete_create, complete_replace];
        let kept = |verdict| verdict == Verdict::Kept;
        Ok(Enforced {
            create: kept(create),
            replace: kept(replace),
            delete: kept(delete),
            complete_create: kept(complete_create),
            complete_replace: kept(complete_replace),
            copy: kept(copy),
            refused: verdicts.contains(&Verdict::Refused),
        })
    }

    async fn creating(&self) -> Result<Verdict, Failure> {
        let names: Vec<_> = (0..ROUNDS).map(Self::race).collect();
        let rounds = names
            .iter()
            .map(|what| self.one_of_many(what, &Condition::Absent));
        let verdicts = try_join_all(rounds).await?;
        Ok(worst(&verdicts))
    }

    /// With the ETags of [`Self::REPLACED`].
    async fn replacing(&self, etags: &[ETag]) -> Result<Verdict, Failure> {
        let wrong = self.put_at_once(Self::REPLACED[0], &wrong()).await;
        let wrong = verdict(wrong)?;
        if wrong != Verdict::Kept {
            return Ok(wrong);
        }
        let versions: Vec<_> = etags.iter().cloned().map(Condition::Match).collect();
        let rounds = Self::REPLACED.into_iter().zip(&versions);
        let rounds = rounds.map(|(what, version)| self.one_of_many(what, version));
        Ok(worst(&try_join_all(rounds).await?))
    }

    /// Many writers at once under one condition, of whom one may win.
    async fn one_of_many(&self, what: &str, condition: &Condition) -> Result<Verdict, Failure> {
        let writers = (0..WRITERS).map(|writer| {
            let content = format!("{what} {writer}");
            self.put(what, content, condition, GAP)
        });
        let mut winners = 0;
        for outcome in join_all(writers).await {
            match verdict(outcome)? {
                Verdict::Refused => return Ok(Verdict::Refused),
                Verdict::Ignored => winners += 1,
                Verdict::Kept => {}
            }
        }
        Ok(match winners {
            1 => Verdict::Kept,
            _ => Verdict::Ignored,
        })
    }

    /// Not a condition, but the one right that nothing else here needs.
    async fn reading(&self) -> Result<(), Failure> {
        let bucket = self.bucket;
        let request = bucket.client.get_object().bucket(&bucket.name);
        let request = request.key(self.name(Self::COMPLETED[0]));
        let output = bucket.call(Operation::GetObject, request.send());
        output.await.map(|_| ())
    }

    async fn deleting(&self) -> Result<Verdict, Failure> {
        let bucket = self.bucket;
        let (_, matching) = bucket.enforced.headers(&wrong());
        let request = bucket.client.delete_object().bucket(&bucket.name);
        let request = request.key(self.name(Self::DELETED)).set_if_match(matching);
        verdict(bucket.call(Operation::DeleteObject, request.send()).await)
    }

    async fn complete(&self, what: &str, condition: &Condition) -> Result<Verdict, Failure> {
        let (bucket, name) = (self.bucket, self.name(what));
        // As real uploads do it: some servers refuse sums that were not named here.
        let (sum, md5) = sums(bucket, PART);
        let algorithm = sum.as_ref().map(|_| ChecksumAlgorithm::Crc32);
        let request = bucket.client.create_multipart_upload();
        let request = request.bucket(&bucket.name).key(&name);
        let request = request.set_checksum_algorithm(algorithm);
        let created = bucket.call(Operation::CreateMultipartUpload, request.send());
        let id = created.await?.upload_id.unwrap_or_default();

        let request = bucket.client.upload_part();
        let request = request.bucket(&bucket.name).key(&name).upload_id(&id);
        let request = request
            .part_number(1)
            .set_checksum_crc32(sum.clone())
            .set_content_md5(md5)
            .body(PART.to_vec().into());
        let part = bucket.call(Operation::UploadPart, request.send()).await?;
        let part = CompletedPart::builder()
            .part_number(1)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(sum)
            .build();

        let (absent, matching) = bucket.enforced.headers(condition);
        let request = bucket.client.complete_multipart_upload();
        let request = request.bucket(&bucket.name).key(&name).upload_id(&id);
        let request = request
            .multipart_upload(CompletedMultipartUpload::builder().parts(part).build())
            .set_if_none_match(absent)
            .set_if_match(matching);
        let completed = bucket.call(Operation::CompleteMultipartUpload, request.send());
        let verdict = verdict(completed.await)?;
        if verdict != Verdict::Ignored {
            bucket.abort(&name, &id).await?;
        }
        Ok(verdict)
    }

    async fn copying(&self) -> Result<Verdict, Failure> {
        let [absent, matching] = Self::COPIED;
        let wrong = wrong();
        let (absent, matching) = try_join!(
            self.copy(absent, &Condition::Absent),
            self.copy(matching, &wrong)
        )?;
        Ok(worst(&[absent, matching]))
    }

    async fn copy(&self, what: &str, condition: &Condition) -> Result<Verdict, Failure> {
        let bucket = self.bucket;
        let (absent, matching) = bucket.enforced.headers(condition);
        // What is deleted in the meantime where conditions are ignored would be no source.
        let source = self.name(Self::COMPLETED[0]);
        let source = super::copy::source(&bucket.name, &source);
        let request = bucket.client.copy_object().bucket(&bucket.name);
        let request = request
            .key(self.name(what))
            .copy_source(source)
            .set_if_none_match(absent)
            .set_if_match(matching);
        verdict(bucket.call(Operation::CopyObject, request.send()).await)
    }

    async fn put_at_once(&self, what: &str, condition: &Condition) -> Result<ETag, Failure> {
        let content = "existing".to_owned();
        self.put(what, content, condition, Duration::ZERO).await
    }

    async fn put(
        &self,
        what: &str,
        content: String,
        condition: &Condition,
        gap: Duration,
    ) -> Result<ETag, Failure> {
        let (bucket, operation) = (self.bucket, Operation::PutObject);
        let (absent, matching) = bucket.enforced.headers(condition);
        let (sum, md5) = sums(bucket, content.as_bytes());
        let request = bucket.client.put_object().bucket(&bucket.name);
        let request = request
            .key(self.name(what))
            .set_checksum_crc32(sum)
            .set_content_md5(md5)
            .set_if_none_match(absent)
            .set_if_match(matching)
            .body(late(content.into(), gap));
        let output = bucket.call(operation, request.send()).await?;
        let etag = output.e_tag.as_deref().map(attributes::etag);
        etag.ok_or_else(|| Failure::down(operation, "the answer has no ETag"))
    }
}

/// CRC32 or MD5, whichever this server is sent.
fn sums(bucket: &Bucket, bytes: &[u8]) -> (Option<String>, Option<String>) {
    match bucket.md5 {
        false => (Some(base64(&crc32fast::hash(bytes).to_be_bytes())), None),
        true => (None, Some(base64(&Md5::digest(bytes)))),
    }
}

/// Quick in passing: the answer to "what is there" is never this.
fn wrong() -> Condition {
    Condition::Match(ETag::new("00000000000000000000000000000000"))
}

fn verdict<T>(outcome: Result<T, Failure>) -> Result<Verdict, Failure> {
    match outcome {
        Ok(_) => Ok(Verdict::Ignored),
        Err(failure) => match failure.kind {
            Kind::Precondition | Kind::Conflict => Ok(Verdict::Kept),
            Kind::Unsupported => Ok(Verdict::Refused),
            _ => Err(failure),
        },
    }
}

fn worst(verdicts: &[Verdict]) -> Verdict {
    let worse = [Verdict::Refused, Verdict::Ignored];
    let worst = worse.into_iter().find(|worse| verdicts.contains(worse));
    worst.unwrap_or(Verdict::Kept)
}

/// What an operator should know about the bucket; nothing when it is versioned.
async fn versioning(bucket: &Bucket) -> Option<String> {
    let name = &bucket.name;
    let request = bucket.client.get_bucket_versioning().bucket(name);
    match bucket
        .call(Operation::GetBucketVersioning, request.send())
        .await
    {
        Ok(output) if output.status == Some(BucketVersioningStatus::Enabled) => None,
        Ok(_) => Some(format!(
            "bucket {name} is not versioned, so what is overwritten or deleted is gone; turn versioning on"
        )),
        Err(failure) => {
            let why = failure.code.as_deref().unwrap_or("no such answer");
            Some(format!(
                "whether bucket {name} is versioned cannot be told ({why}); allow s3:GetBucketVersioning"
            ))
        }
    }
}

fn warnings(bucket: &Bucket, enforced: &Enforced) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |kept: bool, what: &str, means: &str| {
        if !kept {
            let endpoint = &bucket.endpoint;
            warnings.push(format!(
                "S3 at {endpoint} does not decide {what} between writers at once: {means}"
            ));
        }
    };
    let one = "one process of tintype keeps it among its own writers, several may overwrite each other; run one replica, or a server with conditional writes";
    warn(enforced.create, "If-None-Match (create only)", one);
    warn(enforced.replace, "If-Match (replace one version)", one);
    let parts = "above 16 MiB, one process of tintype keeps it among its own writers, several may overwrite each other";
    if enforced.create {
        warn(
            enforced.complete_create,
            "If-None-Match of an upload in parts",
            parts,
        );
    }
    if enforced.replace {
        warn(
            enforced.complete_replace,
            "If-Match of an upload in parts",
            parts,
        );
    }
    warn(
        enforced.delete,
        "If-Match of a delete",
        "it may remove a version that another process has just written",
    );
    warnings
}
