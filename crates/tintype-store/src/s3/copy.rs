//! Copies within the bucket, without the bytes leaving it.
//!
//! Few servers enforce a condition on the destination of a copy, so a conditional copy is made in parts whose
//! completion has the condition, as are copies above S3's limit for one request.

use std::sync::Arc;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::MetadataDirective;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::attributes::{self, FoundObject, Write, quoted};
use super::bucket::{Bucket, Settled};
use super::client;
use super::failure::{Failure, FailureKind};
use super::multipart::{Upload, completed, part_number};
use super::operation::Operation;
use super::payload::Payload;
use crate::{Attributes, Condition, ETag, Error, Key, Meta, Object, WriteSource};

/// S3's limit for one request.
const LARGEST_WHOLE: u64 = 5 * 1024 * 1024 * 1024;
const PART: u64 = 512 * 1024 * 1024;
const PARALLEL: usize = 4;
/// Tries if the source is replaced meanwhile.
const MOST_TRIES: u32 = 3;

struct Original {
    path: String,
    /// The source's name as encoded for the header.
    name: String,
    found: FoundObject,
    content_type: Option<String>,
}

impl Bucket {
    pub(super) async fn copy(
        self: &Arc<Self>,
        from: &Key,
        to: &Key,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let from = self.path(&Object::Original(from.clone()))?;
        let to = self.path(&Object::Original(to.clone()))?;
        for _ in 0..MOST_TRIES {
            let original = self.original(&from).await?;
            let write = Write::new(attributes)?.keeping(&original.found);
            let copied = self.copy_original(&original, &to, condition, &write).await;
            match copied {
                Ok(Some(meta)) => return Ok(meta),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        let text = "the source was replaced again and again";
        Err(Error::unavailable("copying an object", text))
    }

    async fn original(&self, path: &str) -> Result<Original, Error> {
        let operation = Operation::HeadObject;
        let request = self.client.head_object().bucket(&self.name).key(path);
        let mut head: HeadObjectOutput = match self.call(operation, path, request.send()).await {
            Ok(head) => head,
            Err(failure) if failure.kind == FailureKind::NotFound => return Err(Error::NotFound),
            Err(failure) => return Err(failure.into()),
        };
        let content_type = head.content_type.take();
        let found = FoundObject::head(head).map_err(|text| Failure::down(operation, text))?;
        Ok(Original {
            name: source(&self.name, path),
            path: path.to_owned(),
            found,
            content_type,
        })
    }

    /// `None` if the source has changed.
    async fn copy_original(
        self: &Arc<Self>,
        original: &Original,
        to: &str,
        condition: &Condition,
        write: &Write,
    ) -> Result<Option<Meta>, Error> {
        let size = original.found.meta.size;
        if size == 0 {
            // A part cannot be copied from an empty object.
            let nothing = Payload::open(WriteSource::Bytes(Bytes::new())).await?;
            return self
                .put_whole(to, &nothing, condition, write)
                .await
                .map(Some);
        }
        let decided = self.decides_copy(condition).await?;
        if size <= LARGEST_WHOLE && (decided || !self.decides_completion(condition).await?) {
            let copied = self.copy_whole(original, to, condition, write, decided);
            copied.await
        } else {
            self.copy_in_parts(original, to, condition, write).await
        }
    }

    async fn copy_whole(
        &self,
        original: &Original,
        to: &str,
        condition: &Condition,
        write: &Write,
        decided: bool,
    ) -> Result<Option<Meta>, Error> {
        let _held = self.guard(to, condition, decided).await?;
        let attempt = || {
            self.copy_once(original, to, condition, write, decided)
                .boxed()
        };
        let etag = match self.settle(to, condition, write, true, attempt).await? {
            Settled::Done(Some(etag)) => etag,
            Settled::Ours(found) => return Ok(Some(found.meta)),
            Settled::Done(None) | Settled::Lost => return Ok(None),
        };
        Ok(Some(Meta {
            size: original.found.meta.size,
            etag,
            modified: attributes::now(),
            attributes: write.attributes.clone(),
        }))
    }

    /// `None` if the source has changed.
    async fn copy_once(
        &self,
        original: &Original,
        to: &str,
        condition: &Condition,
        write: &Write,
        decided: bool,
    ) -> Result<Option<ETag>, Failure> {
        let operation = Operation::CopyObject;
        // A server that does not enforce a condition may refuse it.
        let (absent, matching) = match decided {
            true => self.enforced.headers(condition),
            false => (None, None),
        };
        let request = self
            .client
            .copy_object()
            .bucket(&self.name)
            .key(to)
            .copy_source(&original.name)
            .copy_source_if_match(quoted(&original.found.meta.etag))
            .metadata_directive(MetadataDirective::Replace)
            .set_metadata(Some(write.metadata()))
            .set_content_type(original.content_type.clone())
            .set_content_encoding(write.attributes.encoding.clone())
            .set_server_side_encryption(self.writing.encryption())
            .set_ssekms_key_id(self.writing.kms_key())
            .set_bucket_key_enabled(self.writing.bucket_key())
            .set_storage_class(self.storage_class(to))
            .set_if_none_match(absent)
            .set_if_match(matching)
            .customize()
            .config_override(client::server_side());
        let output = match self.call_patiently(operation, to, request.send()).await {
            // Of the source or of the destination.
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::Precondition | FailureKind::NotFound
                ) =>
            {
                let source = self.stat(&original.path).await?;
                let same = |now: &FoundObject| now.meta.etag == original.found.meta.etag;
                return match source.as_ref().is_some_and(same) {
                    true => Err(failure),
                    false => Ok(None),
                };
            }
            output => output?,
        };
        let etag = output.copy_object_result.and_then(|result| result.e_tag);
        let etag = etag.ok_or_else(|| Failure::down(operation, "the response has no ETag"))?;
        Ok(Some(attributes::etag(&etag)))
    }

    async fn copy_in_parts(
        self: &Arc<Self>,
        original: &Original,
        to: &str,
        condition: &Condition,
        write: &Write,
    ) -> Result<Option<Meta>, Error> {
        // Decided at the completion; checking here saves copying what would be refused.
        if *condition != Condition::Any {
            let current = self.stat(to).await?.map(|found| found.meta);
            condition.check(|| Ok(current))?;
        }
        let size = original.found.meta.size;
        let content_type = original.content_type.as_deref();
        let mut upload = Upload::begin(self, to, write, content_type).await?;
        let parts = (0..size.div_ceil(PART)).map(|index| {
            let last = size.min((index + 1) * PART) - 1;
            self.copy_part(original, to, &upload, index + 1, index * PART, last)
        });
        let parts = stream::iter(parts).buffered(PARALLEL);
        let outcome = match parts.try_collect().await {
            Ok(parts) => upload.complete(parts, size, condition, write).await,
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::Precondition | FailureKind::NotFound
                ) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        };
        if !matches!(outcome, Ok(Some(_))) {
            upload.abort().await;
        }
        outcome
    }

    async fn copy_part(
        &self,
        original: &Original,
        to: &str,
        upload: &Upload,
        number: u64,
        start: u64,
        last: u64,
    ) -> Result<aws_sdk_s3::types::CompletedPart, Failure> {
        let operation = Operation::UploadPartCopy;
        let whole = last + 1 == original.found.meta.size && start == 0;
        let request = self
            .client
            .upload_part_copy()
            .bucket(&self.name)
            .key(to)
            .upload_id(upload.id())
            .part_number(part_number(number))
            .copy_source(&original.name)
            .copy_source_if_match(quoted(&original.found.meta.etag))
            .set_copy_source_range((!whole).then(|| format!("bytes={start}-{last}")))
            .customize()
            .config_override(client::server_side());
        let output = self.call_patiently(operation, "", request.send()).await?;
        let result = output.copy_part_result;
        let (etag, crc32) = result.map_or((None, None), |part| (part.e_tag, part.checksum_crc32));
        completed(operation, number, etag, crc32)
    }
}

/// The source's name as encoded for the header.
pub(super) fn source(bucket: &str, path: &str) -> String {
    format!("{bucket}/{}", utf8_percent_encode(path, HEADER))
}

/// Characters that the header takes unencoded.
const HEADER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
