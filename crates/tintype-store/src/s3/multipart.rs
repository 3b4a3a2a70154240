//! Writes an object in parts, a few at a time, each read from the file as it is sent.

use std::sync::Arc;

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

use super::attributes::Write;
use super::bucket::{Bucket, Settled};
use super::client;
use super::failure::Failure;
use super::gate::TRY_EVERY;
use super::operation::Operation;
use super::payload::{Part, Payload, Progress, base64};
use super::put::{LARGEST_WHOLE, compare};
use crate::{Condition, Error, Meta};

const MOST_PARTS: u64 = 10_000;
/// Parts in flight for one object.
const PARALLEL: usize = 4;
/// Parts in flight for all objects: more would not be faster, and each needs memory.
pub(super) const PARTS_IN_FLIGHT: usize = 16;
/// A part that stalls is sent again, on another connection.
const MOST_SENDS: usize = 2;

impl Bucket {
    pub(super) async fn put_in_parts(
        self: &Arc<Self>,
        path: &str,
        content: &Payload,
        condition: &Condition,
        write: &Write,
    ) -> Result<Meta, Error> {
        // A conflict may consume an upload; then everything is sent once more.
        for _ in 0..2 {
            let mut upload = Upload::begin(self, path, write, None).await?;
            let size = part_size(content.len, condition);
            let parts = upload.send(content, size).await;
            let outcome = match parts {
                Ok(parts) => upload.complete(parts, content.len, condition, write).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(Some(meta)) => return Ok(meta),
                Ok(None) => {}
                Err(error) => {
                    upload.abort().await;
                    return Err(error);
                }
            }
        }
        Err(Error::unavailable(
            "writing an object",
            "the server aborted the upload",
        ))
    }
}

/// Neither too many parts nor, by chance, as many as the replaced version has: equal bytes in equal parts have an
/// equal ETag, and two writers could both succeed.
fn part_size(len: u64, condition: &Condition) -> u64 {
    let size = LARGEST_WHOLE.max(len.div_ceil(MOST_PARTS - 1));
    let parts = len.div_ceil(size).max(1);
    match condition {
        Condition::Match(etag) if etag.as_str().ends_with(&format!("-{parts}")) => {
            len.div_ceil(parts + 1).max(1)
        }
        _ => size,
    }
}

/// A multipart upload in progress. It is aborted when dropped unfinished, and swept after a crash.
pub(super) struct Upload {
    bucket: Arc<Bucket>,
    path: String,
    id: String,
    open: bool,
}

impl Upload {
    pub(super) async fn begin(
        bucket: &Arc<Bucket>,
        path: &str,
        write: &Write,
        content_type: Option<&str>,
    ) -> Result<Self, Error> {
        let operation = Operation::CreateMultipartUpload;
        // Declared here, or some servers refuse the checksums of parts at the end.
        let algorithm = (!bucket.md5).then_some(ChecksumAlgorithm::Crc32);
        let request = bucket
            .client
            .create_multipart_upload()
            .bucket(&bucket.name)
            .key(path)
            .set_metadata(Some(write.metadata()))
            .set_content_type(content_type.map(str::to_owned))
            .set_content_encoding(write.attributes.encoding.clone())
            .set_server_side_encryption(bucket.writing.encryption())
            .set_ssekms_key_id(bucket.writing.kms_key())
            .set_bucket_key_enabled(bucket.writing.bucket_key())
            .set_storage_class(bucket.storage_class(path))
            .set_checksum_algorithm(algorithm);
        let output = bucket.call(operation, path, request.send()).await?;
        let id = output
            .upload_id
            .ok_or_else(|| Failure::down(operation, "the response has no upload id"))?;
        Ok(Self {
            bucket: bucket.clone(),
            path: path.to_owned(),
            id,
            open: true,
        })
    }

    async fn send(&self, content: &Payload, size: u64) -> Result<Vec<CompletedPart>, Error> {
        let count = content.len.div_ceil(size).max(1);
        let parts = (0..count).map(|index| {
            let start = index * size;
            let part = content.part(start..content.len.min(start + size));
            self.send_part(index + 1, part)
        });
        stream::iter(parts).buffered(PARALLEL).try_collect().await
    }

    async fn send_part(&self, number: u64, part: Part) -> Result<CompletedPart, Error> {
        let turn = self.bucket.parts.acquire().await;
        let _turn = turn.expect("the semaphore is never closed");
        let (crc32, md5) = if self.bucket.md5 {
            (None, Some(base64(&part.md5().await?)))
        } else {
            (Some(base64(&part.crc32().await?.to_be_bytes())), None)
        };
        let mut sends = 1;
        loop {
            match self.send_once(number, &part, &crc32, &md5).await {
                Err(failure) if failure.kind.is_away() && sends < MOST_SENDS => {
                    sends += 1;
                    tokio::time::sleep(TRY_EVERY).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn send_once(
        &self,
        number: u64,
        part: &Part,
        crc32: &Option<String>,
        md5: &Option<String>,
    ) -> Result<CompletedPart, Failure> {
        let operation = Operation::UploadPart;
        let bucket = &self.bucket;
        let progress = Progress::new();
        let body = part.stream(&progress);
        let body = body.map_err(|error| Failure::down(operation, error.to_string()))?;
        let request = bucket
            .client
            .upload_part()
            .bucket(&bucket.name)
            .key(&self.path)
            .upload_id(&self.id)
            .part_number(part_number(number))
            .set_checksum_crc32(crc32.clone())
            .set_content_md5(md5.clone())
            .body(body)
            .customize()
            .config_override(client::watched());
        let output = bucket
            .call_watched(operation, "", &progress, request.send())
            .await?;
        compare(operation, output.checksum_crc32(), crc32.as_deref())?;
        completed(operation, number, output.e_tag, crc32.clone())
    }

    /// `None` if the upload is gone and did not create the object.
    pub(super) async fn complete(
        &mut self,
        parts: Vec<CompletedPart>,
        len: u64,
        condition: &Condition,
        write: &Write,
    ) -> Result<Option<Meta>, Error> {
        let bucket = self.bucket.clone();
        let decided = bucket.decides_completion(condition).await?;
        let _held = bucket.guard(&self.path, condition, decided).await?;
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let attempt = || self.complete_once(&upload, condition, decided).boxed();
        let settled = bucket.settle(&self.path, condition, write, true, attempt);
        let settled = settled.await?;
        self.open = false;
        match settled {
            Settled::Lost => Ok(None),
            Settled::Ours(found) => bucket.whole(&self.path, *found, len, write).await.map(Some),
            // The response has no size, and a server may report a false success.
            Settled::Done(etag) => match bucket.stat(&self.path).await? {
                Some(found) if write.made(&found) || found.meta.etag.as_str() == etag => {
                    bucket.whole(&self.path, found, len, write).await.map(Some)
                }
                // Another writer's object by now; ours was there in between.
                Some(_) => Ok(Some(Meta {
                    size: len,
                    etag: crate::ETag::new(etag),
                    modified: super::attributes::now(),
                    attributes: write.attributes.clone(),
                })),
                None => Err(Error::unavailable(
                    "writing an object",
                    "the server said that the upload was complete, but there is no object",
                )),
            },
        }
    }

    async fn complete_once(
        &self,
        upload: &CompletedMultipartUpload,
        condition: &Condition,
        decided: bool,
    ) -> Result<String, Failure> {
        let operation = Operation::CompleteMultipartUpload;
        let bucket = &self.bucket;
        // A server that does not enforce a condition may refuse it.
        let (absent, matching) = match decided {
            true => bucket.enforced.headers(condition),
            false => (None, None),
        };
        let request = bucket
            .client
            .complete_multipart_upload()
            .bucket(&bucket.name)
            .key(&self.path)
            .upload_id(&self.id)
            .multipart_upload(upload.clone())
            .set_if_none_match(absent)
            .set_if_match(matching)
            .customize()
            .config_override(client::server_side());
        let output = bucket
            .call_patiently(operation, &self.path, request.send())
            .await?;
        match output.e_tag {
            Some(etag) => Ok(super::attributes::etag(&etag).to_string()),
            None => Err(Failure::down(operation, "the response has no ETag")),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Best effort: what is left is swept.
    pub(super) async fn abort(mut self) {
        self.open = false;
        abort(&self.bucket, &self.path, &self.id).await;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        // The caller was cancelled in the middle.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (bucket, path, id) = (self.bucket.clone(), self.path.clone(), self.id.clone());
            runtime.spawn(async move { abort(&bucket, &path, &id).await });
        }
    }
}

async fn abort(bucket: &Bucket, path: &str, id: &str) {
    if let Err(failure) = bucket.abort(path, id).await {
        tracing::warn!(error = failure.text, "an upload could not be aborted");
    }
}

pub(super) fn completed(
    operation: Operation,
    number: u64,
    etag: Option<String>,
    crc32: Option<String>,
) -> Result<CompletedPart, Failure> {
    let etag = etag.ok_or_else(|| Failure::down(operation, "the response has no ETag"))?;
    Ok(CompletedPart::builder()
        .part_number(part_number(number))
        .e_tag(etag)
        .set_checksum_crc32(crc32)
        .build())
}

pub(super) fn part_number(number: u64) -> i32 {
    i32::try_from(number).expect("part sizes keep their number to 10,000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ETag;

    #[test]
    fn parts_are_never_too_many_and_never_as_many_as_before() {
        const MIB: u64 = 1024 * 1024;
        let parts = |len: u64, condition: &Condition| len.div_ceil(part_size(len, condition));
        for (len, count) in [
            (0, 0),
            (1, 1),
            (17 * MIB, 2),
            (5_120 * MIB, 320),
            (5_000_000 * MIB, 9_999),
        ] {
            assert_eq!(parts(len, &Condition::Any), count, "{len}");
        }
        let replaced = Condition::Match(ETag::new("0-2"));
        assert_eq!(parts(17 * MIB, &replaced), 3);
        assert_eq!(parts(40 * MIB, &replaced), 3);
        assert!(part_size(17 * MIB, &replaced) > 5 * MIB, "S3's smallest");
    }
}
