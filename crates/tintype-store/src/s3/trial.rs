//! Tests how the server really handles conditions, before anything depends on it.
//!
//! S3 decides `If-None-Match` and `If-Match` between concurrent writers. Other servers ignore them, or check first
//! and write later, which a single request does not reveal: so two writers race. What only large uploads and copies
//! need is tested before the first of them.

mod first_need;

use std::time::Duration;

use aws_sdk_s3::types::BucketVersioningStatus;
use futures_util::future::try_join_all;
use md5::{Digest, Md5};
use tokio::{join, try_join};

use super::attributes::{self, random};
use super::bucket::Bucket;
use super::enforced::Enforced;
use super::failure::{Failure, FailureKind};
use super::late::late;
use super::operation::Operation;
use super::payload::base64;
use crate::key::RESERVED;
use crate::{Condition, ETag};

pub(super) use first_need::{completions, copies};

/// Pause between the headers and the bytes of each writer in a race: a server that checks when the headers arrive
/// and writes when the bytes do has checked for all writers by then.
const GAP: Duration = Duration::from_millis(30);

/// The result of a test with a condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    Ignored,
    Refused,
}

/// Tests conditions and permissions, in three round trips and eight requests, and leaves nothing behind.
pub(super) async fn opening(bucket: &Bucket) -> Result<(Enforced, Vec<String>), Failure> {
    let trial = Trial::new(bucket)?;
    let (enforced, versioning) = join!(trial.conditions(), versioning(bucket));
    // Also after a failure; leftovers do no harm.
    let cleaned = trial.clean(&["created"]).await;
    let enforced = enforced?;
    cleaned?;
    let mut warnings = warnings(bucket, &enforced);
    warnings.extend(versioning);
    Ok((enforced, warnings))
}

struct Trial<'a> {
    bucket: &'a Bucket,
    id: String,
}

impl<'a> Trial<'a> {
    fn new(bucket: &'a Bucket) -> Result<Self, Failure> {
        let id =
            random().map_err(|error| Failure::down(Operation::PutObject, error.to_string()))?;
        Ok(Self { bucket, id })
    }

    fn name(&self, what: &str) -> String {
        let Self { bucket, id } = self;
        format!("{}{RESERVED}/probe/{id}-{what}", bucket.location)
    }

    async fn clean(&self, names: &[&str]) -> Result<(), Failure> {
        let names = names.iter().map(|what| self.name(what)).collect();
        self.bucket.delete_all(names).await
    }

    async fn conditions(&self) -> Result<Enforced, Failure> {
        let (create, ()) = try_join!(self.creating(), self.giving_up())?;
        let (replace, delete, ()) = try_join!(self.replacing(), self.deleting(), self.reading())?;
        let kept = |verdict| verdict == Verdict::Kept;
        Ok(Enforced {
            create: kept(create),
            // A server that does not decide between creators will not decide between writers that replace.
            replace: kept(replace) && kept(create),
            delete: kept(delete),
            refused: [create, replace, delete].contains(&Verdict::Refused),
        })
    }

    /// Two concurrent writers, of whom one may win.
    async fn creating(&self) -> Result<Verdict, Failure> {
        let absent = &Condition::Absent;
        let writers = ["one", "other"].map(async |writer| {
            let content = format!("by {writer}");
            verdict(self.put("created", content, absent, GAP).await)
        });
        let verdicts = try_join_all(writers).await?;
        if !verdicts.contains(&Verdict::Refused) {
            return Ok(match verdicts[..] {
                [Verdict::Ignored, Verdict::Ignored] => Verdict::Ignored,
                _ => Verdict::Kept,
            });
        }
        // The other tests need an object.
        self.put_at_once("created").await?;
        Ok(Verdict::Refused)
    }

    async fn replacing(&self) -> Result<Verdict, Failure> {
        let content = "replaced".to_owned();
        let wrong = wrong();
        let put = self.put("created", content, &wrong, Duration::ZERO);
        match verdict(put.await) {
            // The deleting test came first, and its condition was ignored.
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(Verdict::Kept),
            verdict => verdict,
        }
    }

    async fn deleting(&self) -> Result<Verdict, Failure> {
        let (bucket, name) = (self.bucket, self.name("created"));
        let (_, matching) = bucket.enforced.headers(&wrong());
        let request = bucket.client.delete_object().bucket(&bucket.name);
        let request = request.key(&name).set_if_match(matching);
        let deleted = bucket.call(Operation::DeleteObject, &name, request.send());
        verdict(deleted.await)
    }

    /// Tests not a condition, but a permission that nothing else here needs.
    async fn reading(&self) -> Result<(), Failure> {
        let (bucket, name) = (self.bucket, self.name("created"));
        let request = bucket.client.get_object().bucket(&bucket.name).key(&name);
        let got = bucket.call(Operation::GetObject, &name, request.send());
        match got.await {
            Err(failure) if failure.kind != FailureKind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    /// The same. There is no such upload, which servers report in several ways; only a missing permission matters.
    async fn giving_up(&self) -> Result<(), Failure> {
        let (bucket, name) = (self.bucket, self.name("created"));
        let request = bucket.client.abort_multipart_upload();
        let request = request.bucket(&bucket.name).key(&name).upload_id("none");
        let operation = Operation::AbortMultipartUpload;
        match bucket.call(operation, &name, request.send()).await {
            Err(failure) if failure.is_denied() => Err(failure),
            _ => Ok(()),
        }
    }

    async fn put_at_once(&self, what: &str) -> Result<ETag, Failure> {
        let content = "existing".to_owned();
        self.put(what, content, &Condition::Any, Duration::ZERO)
            .await
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
        let name = self.name(what);
        let request = bucket.client.put_object().bucket(&bucket.name);
        let request = request
            .key(&name)
            .set_checksum_crc32(sum)
            .set_content_md5(md5)
            .set_server_side_encryption(bucket.writing.encryption())
            .set_ssekms_key_id(bucket.writing.kms_key())
            .set_bucket_key_enabled(bucket.writing.bucket_key())
            .set_if_none_match(absent)
            .set_if_match(matching)
            .body(late(content.into(), gap));
        let output = bucket.call(operation, &name, request.send()).await?;
        let etag = output.e_tag.as_deref().map(attributes::etag);
        etag.ok_or_else(|| Failure::down(operation, "the response has no ETag"))
    }
}

/// CRC32 or MD5, depending on what this server gets.
fn sums(bucket: &Bucket, bytes: &[u8]) -> (Option<String>, Option<String>) {
    match bucket.md5 {
        false => (Some(base64(&crc32fast::hash(bytes).to_be_bytes())), None),
        true => (None, Some(base64(&Md5::digest(bytes)))),
    }
}

/// A condition that never holds: no object has this ETag.
fn wrong() -> Condition {
    Condition::Match(ETag::new("00000000000000000000000000000000"))
}

fn verdict<T>(outcome: Result<T, Failure>) -> Result<Verdict, Failure> {
    match outcome {
        Ok(_) => Ok(Verdict::Ignored),
        Err(failure) => match failure.kind {
            FailureKind::Precondition | FailureKind::Conflict => Ok(Verdict::Kept),
            FailureKind::Unsupported => Ok(Verdict::Refused),
            _ => Err(failure),
        },
    }
}

/// A warning about the bucket; `None` if it is versioned.
async fn versioning(bucket: &Bucket) -> Option<String> {
    let (name, operation) = (&bucket.name, Operation::GetBucketVersioning);
    let request = bucket.client.get_bucket_versioning().bucket(name);
    match bucket.call(operation, "", request.send()).await {
        Ok(output) if output.status == Some(BucketVersioningStatus::Enabled) => None,
        Ok(_) => Some(format!(
            "bucket {name} is not versioned, so overwritten or deleted objects cannot be restored; turn versioning on"
        )),
        Err(failure) => {
            let why = failure.code.as_deref().unwrap_or("no such response");
            Some(format!(
                "whether bucket {name} is versioned is unknown ({why}); allow s3:GetBucketVersioning"
            ))
        }
    }
}

fn warnings(bucket: &Bucket, enforced: &Enforced) -> Vec<String> {
    let one = "one process of tintype enforces it among its own writers, but several may overwrite each other; run one replica, or use a server with conditional writes";
    let delete = "it may remove a version that another process has just written";
    [
        (enforced.create, "If-None-Match (create only)", one),
        (enforced.replace, "If-Match (replace one version)", one),
        (enforced.delete, "If-Match of a delete", delete),
    ]
    .into_iter()
    .filter(|(kept, ..)| !kept)
    .map(|(_, what, means)| warning(bucket, what, means))
    .collect()
}

fn warning(bucket: &Bucket, what: &str, means: &str) -> String {
    let endpoint = &bucket.endpoint;
    format!("S3 at {endpoint} does not decide {what} between concurrent writers: {means}")
}
