//! Multipart uploads that were never finished: invisible, and paid for.

use std::time::{Duration, SystemTime};

use super::attributes;
use super::bucket::Bucket;
use super::failure::{Failure, FailureKind};
use super::operation::Operation;
use crate::Error;

impl Bucket {
    /// Aborts uploads below our location that were begun longer ago than `older_than`; returns how many.
    pub(super) async fn sweep_uploads(&self, older_than: Duration) -> Result<u64, Error> {
        let operation = Operation::ListMultipartUploads;
        let (mut key_marker, mut id_marker) = (None, None);
        let mut swept = 0;
        loop {
            let request = self.client.list_multipart_uploads().bucket(&self.name);
            let request = request
                .prefix(&self.location)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker);
            let page = match self.call(operation, &self.location, request.send()).await {
                Err(failure) if failure.kind == FailureKind::Unsupported => {
                    let text = "this server cannot list unfinished uploads; let a lifecycle rule remove them";
                    return Err(Error::unavailable(operation.doing(), text));
                }
                page => page?,
            };
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else {
                    continue;
                };
                let age = SystemTime::now().duration_since(attributes::time(upload.initiated));
                if upload.initiated.is_some() && age.is_ok_and(|age| age >= older_than) {
                    self.abort(key, id).await?;
                    swept += 1;
                }
            }
            if page.is_truncated != Some(true) {
                return Ok(swept);
            }
            (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    /// An upload that has ended meanwhile is not a failure.
    pub(super) async fn abort(&self, path: &str, id: &str) -> Result<(), Failure> {
        let request = self.client.abort_multipart_upload();
        let request = request.bucket(&self.name).key(path).upload_id(id);
        let operation = Operation::AbortMultipartUpload;
        match self.call(operation, path, request.send()).await {
            Err(failure) if failure.kind != FailureKind::NoUpload => Err(failure),
            _ => Ok(()),
        }
    }
}
