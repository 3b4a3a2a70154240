//! Writes an object: in one request unless it is too large, otherwise in parts.

use std::sync::Arc;

use aws_sdk_s3::operation::put_object::PutObjectOutput;

use futures_util::FutureExt;

use super::attributes::{self, FoundObject, Write};
use super::bucket::{Bucket, Settled};
use super::client;
use super::failure::{Failure, FailureKind};
use super::operation::Operation;
use super::payload::{Payload, Progress, SMALL, base64};
use crate::{Attributes, Condition, ETag, Error, Meta, Object, WriteSource};

/// Above this size an object is sent in parts.
pub(super) const LARGEST_WHOLE: u64 = 16 * 1024 * 1024;

/// Sent along so that the server notices corruption on the way.
#[derive(Clone, Debug)]
pub(super) enum Checksum {
    Sha256(String),
    Crc32(String),
    Md5(String),
}

impl Bucket {
    pub(super) async fn put(
        self: &Arc<Self>,
        object: &Object,
        source: WriteSource<'_>,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let path = self.path(object)?;
        let content = Payload::open(source).await?;
        let write = Write::new(attributes)?;
        let outcome = if content.len > LARGEST_WHOLE || same(&content, condition).await? {
            self.put_in_parts(&path, &content, condition, &write).await
        } else {
            self.put_whole(&path, &content, condition, &write).await
        };
        match outcome {
            // A source that was changed meanwhile explains a body that was cut off.
            Err(error @ Error::Unavailable { .. }) => content.check().and(Err(error)),
            outcome => outcome,
        }
    }

    pub(super) async fn put_whole(
        &self,
        path: &str,
        content: &Payload,
        condition: &Condition,
        write: &Write,
    ) -> Result<Meta, Error> {
        let checksum = self.checksum(content, &write.attributes).await?;
        let _held = self.guard(path, condition, self.enforced.put(condition));
        let _held = _held.await?;
        let attempt = || {
            self.put_once(path, content, condition, write, &checksum)
                .boxed()
        };
        let settled = self.settle(path, condition, write, false, attempt).await?;
        match settled {
            Settled::Done(etag) => Ok(Meta {
                size: content.len,
                etag,
                modified: attributes::now(),
                attributes: write.attributes.clone(),
            }),
            Settled::Ours(found) => self.whole(path, *found, content.len, write).await,
            Settled::Lost => Err(Error::unavailable("writing an object", "no such upload")),
        }
    }

    async fn put_once(
        &self,
        path: &str,
        content: &Payload,
        condition: &Condition,
        write: &Write,
        checksum: &Checksum,
    ) -> Result<ETag, Failure> {
        let operation = Operation::PutObject;
        let progress = Progress::new();
        let body = content.whole().stream(&progress);
        let body = body.map_err(|error| Failure::down(operation, error.to_string()))?;
        let (absent, matching) = self.enforced.headers(condition);
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(path)
            .set_metadata(Some(write.metadata()))
            .set_content_encoding(write.attributes.encoding.clone())
            .set_server_side_encryption(self.writing.encryption())
            .set_ssekms_key_id(self.writing.kms_key())
            .set_bucket_key_enabled(self.writing.bucket_key())
            .set_storage_class(self.storage_class(path))
            .set_checksum_sha256(checksum.sha256())
            .set_checksum_crc32(checksum.crc32())
            .set_content_md5(checksum.md5())
            .set_if_none_match(absent)
            .set_if_match(matching)
            .body(body);
        let output = if content.len <= SMALL {
            self.call(operation, path, request.send()).await?
        } else {
            let request = request.customize().config_override(client::watched());
            self.call_watched(operation, path, &progress, request.send())
                .await?
        };
        stored(&output, checksum)
    }

    /// The object that a write has found to be its own, unless it differs from what was sent.
    pub(super) async fn whole(
        &self,
        path: &str,
        found: FoundObject,
        len: u64,
        write: &Write,
    ) -> Result<Meta, Error> {
        let size = found.meta.size;
        if size == len {
            return Ok(found.meta);
        }
        self.take_back(path, write).await;
        Err(Error::unavailable(
            "writing an object",
            format!("the server stored {size} bytes, but {len} were sent"),
        ))
    }

    /// Deletes the object of a write that differs from what was sent: a retry would find it, and take it for
    /// success.
    pub(super) async fn take_back(&self, path: &str, write: &Write) {
        let taken_back = async {
            let found = self.stat(path).await?;
            let Some(found) = found.filter(|found| write.made(found)) else {
                return Ok(());
            };
            let (_, matching) = self.enforced.headers(&Condition::Match(found.meta.etag));
            let request = self.client.delete_object().bucket(&self.name).key(path);
            let request = request.set_if_match(matching);
            self.call(Operation::DeleteObject, path, request.send())
                .await?;
            Ok::<_, Error>(())
        };
        if let Err(error) = taken_back.await {
            tracing::error!(path, %error, "a damaged object could not be deleted");
        }
    }

    /// The hash that is known already, or else the cheapest one.
    async fn checksum(
        &self,
        content: &Payload,
        attributes: &Attributes,
    ) -> Result<Checksum, Error> {
        let whole = content.whole();
        Ok(match attributes.sha256 {
            _ if self.md5 => Checksum::Md5(base64(&whole.md5().await?)),
            Some(sha256) => Checksum::Sha256(base64(&sha256.0)),
            None => Checksum::Crc32(base64(&whole.crc32().await?.to_be_bytes())),
        })
    }
}

impl Checksum {
    pub(super) fn sha256(&self) -> Option<String> {
        match self {
            Self::Sha256(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn crc32(&self) -> Option<String> {
        match self {
            Self::Crc32(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(super) fn md5(&self) -> Option<String> {
        match self {
            Self::Md5(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// Checks the checksum of the stored object, if the server returns one.
fn stored(output: &PutObjectOutput, checksum: &Checksum) -> Result<ETag, Failure> {
    compare(
        Operation::PutObject,
        output.checksum_sha256(),
        checksum.sha256().as_deref(),
    )?;
    compare(
        Operation::PutObject,
        output.checksum_crc32(),
        checksum.crc32().as_deref(),
    )?;
    match output.e_tag() {
        Some(etag) => Ok(attributes::etag(etag)),
        None => Err(Failure::down(
            Operation::PutObject,
            "the response has no ETag",
        )),
    }
}

pub(super) fn compare(
    operation: Operation,
    theirs: Option<&str>,
    ours: Option<&str>,
) -> Result<(), Failure> {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) if theirs != ours => Err(Failure {
            operation,
            kind: FailureKind::Altered,
            code: None,
            text: format!("the server stored bytes with checksum {theirs}, but {ours} was sent"),
        }),
        _ => Ok(()),
    }
}

/// Whether a plain write would keep the ETag that it replaces: most servers derive it from the bytes alone. Then
/// two writers replacing one version could both succeed, so such a write is sent in parts, whose ETags are made in
/// another way.
async fn same(content: &Payload, condition: &Condition) -> Result<bool, Error> {
    match condition {
        Condition::Match(etag) if etag.as_str().len() == 32 => {
            let md5 = crate::HexId(content.whole().md5().await?);
            Ok(etag.as_str() == md5.to_string())
        }
        _ => Ok(false),
    }
}
