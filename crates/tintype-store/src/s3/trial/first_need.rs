//! Abilities that only multipart uploads and conditional copies need, tested before the first of them.

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use tokio::try_join;

use super::super::copy;
use super::{Trial, Verdict, sums, verdict, warning, wrong};
use crate::Condition;
use crate::s3::bucket::Bucket;
use crate::s3::enforced::Completions;
use crate::s3::failure::Failure;
use crate::s3::operation::Operation;

const PART: &[u8] = b"part";

/// Costs ten requests.
pub(in crate::s3) async fn completions(bucket: &Bucket) -> Result<Completions, Failure> {
    let trial = Trial::new(bucket)?;
    trial.put_at_once("completed").await?;
    let verdicts = async {
        // One after the other: the second uses what the first leaves.
        let create = trial.complete("completed", &Condition::Absent).await?;
        Ok((create, trial.complete("completed", &wrong()).await?))
    };
    let verdicts = verdicts.await;
    let cleaned = trial.clean(&["completed"]).await;
    let (create, replace) = verdicts?;
    cleaned?;
    Ok(Completions {
        create: create == Verdict::Kept,
        replace: replace == Verdict::Kept,
    })
}

/// Whether the server decides the condition on the destination of a copy; costs five requests.
pub(in crate::s3) async fn copies(bucket: &Bucket) -> Result<bool, Failure> {
    let trial = Trial::new(bucket)?;
    try_join!(trial.put_at_once("source"), trial.put_at_once("copied"))?;
    let wrong = wrong();
    let verdicts = try_join!(trial.copy(&Condition::Absent), trial.copy(&wrong));
    let cleaned = trial.clean(&["source", "copied"]).await;
    let (absent, matching) = verdicts?;
    cleaned?;
    Ok(absent == Verdict::Kept && matching == Verdict::Kept)
}

impl Completions {
    pub(in crate::s3) fn warnings(&self, bucket: &Bucket) -> Vec<String> {
        let means = "above 16 MiB, one process of tintype enforces it among its own writers, but several may overwrite each other";
        [
            (self.create, "If-None-Match of a multipart upload"),
            (self.replace, "If-Match of a multipart upload"),
        ]
        .into_iter()
        .filter(|(kept, _)| !kept)
        .map(|(_, what)| warning(bucket, what, means))
        .collect()
    }
}

impl Trial<'_> {
    async fn complete(&self, what: &str, condition: &Condition) -> Result<Verdict, Failure> {
        let (bucket, name) = (self.bucket, self.name(what));
        // As in real uploads: some servers refuse checksums that were not declared here.
        let (sum, md5) = sums(bucket, PART);
        let algorithm = sum.as_ref().map(|_| ChecksumAlgorithm::Crc32);
        let request = bucket.client.create_multipart_upload();
        let request = request.bucket(&bucket.name).key(&name);
        let request = request
            .set_checksum_algorithm(algorithm)
            .set_server_side_encryption(bucket.writing.encryption())
            .set_ssekms_key_id(bucket.writing.kms_key())
            .set_bucket_key_enabled(bucket.writing.bucket_key());
        let operation = Operation::CreateMultipartUpload;
        let created = bucket.call(operation, &name, request.send()).await?;
        let id = created.upload_id.unwrap_or_default();

        let request = bucket.client.upload_part();
        let request = request.bucket(&bucket.name).key(&name).upload_id(&id);
        let request = request
            .part_number(1)
            .set_checksum_crc32(sum.clone())
            .set_content_md5(md5)
            .body(PART.to_vec().into());
        let part = bucket.call(Operation::UploadPart, &name, request.send());
        let part = part.await?;
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
        let operation = Operation::CompleteMultipartUpload;
        let completed = bucket.call(operation, &name, request.send());
        let verdict = verdict(completed.await)?;
        if verdict != Verdict::Ignored {
            bucket.abort(&name, &id).await?;
        }
        Ok(verdict)
    }

    async fn copy(&self, condition: &Condition) -> Result<Verdict, Failure> {
        let (bucket, name) = (self.bucket, self.name("copied"));
        let (absent, matching) = bucket.enforced.headers(condition);
        let request = bucket.client.copy_object().bucket(&bucket.name);
        let request = request
            .key(&name)
            .copy_source(copy::source(&bucket.name, &self.name("source")))
            .set_server_side_encryption(bucket.writing.encryption())
            .set_ssekms_key_id(bucket.writing.kms_key())
            .set_bucket_key_enabled(bucket.writing.bucket_key())
            .set_if_none_match(absent)
            .set_if_match(matching);
        let copied = bucket.call(Operation::CopyObject, &name, request.send());
        verdict(copied.await)
    }
}
