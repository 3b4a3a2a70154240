//! A bucket of Amazon S3, or of a server that speaks its protocol.
//!
//! Originals are `{location}/{key}` under their plain names, with tintype's own objects beside them under
//! `{location}/.tintype/`; [`Attributes`] are object metadata. So a bucket can be adopted as it is, and used
//! without tintype again.
//!
//! Guarantees:
//! - A write is done when the server has confirmed it. A checksum is sent ahead of the bytes and compared with that
//!   of the response; above 16 MiB the bytes are sent in parts, four at a time, and the result is checked. An
//!   object that differs from what was sent is deleted again. An upload that is cut off leaves nothing visible.
//! - Conditions are decided by the server (`If-None-Match`, `If-Match`), so any number of processes agree. Every
//!   write carries a nonce, so that a write that was sent twice is recognised and reported once.
//! - Only a confirmed 404 means that there is no object.
//! - A body has the announced length and, read as a whole, the right checksum, or it is an error. One that is cut
//!   off is resumed where it stopped, if the object still is the same.
//! - If the server is unavailable, an operation ends within about two seconds: connections have one second,
//!   attempts of small requests another, three attempts two; larger bodies may take as long as bytes move, and
//!   listings five seconds. What fails is limited to one request a second, and nothing else is: an object that does
//!   not respond, a folder where the server asks to slow down, a kind of operation of which most fail. If the
//!   server responds to nothing at all, a probe finds out once a second whether it is back, and all other requests
//!   fail at once.
//! - Permanent refusals of the server (permissions, keys, archived objects) are told apart from temporary failures.
//!
//! Lesser guarantees: whether the server enforces conditions is tested when the store is opened, with writers that
//! race; if it does not, the writers of one process are serialised and check first, and [`crate::Store::warnings`]
//! says so. An ETag is made of the bytes alone on most servers: an unconditional overwrite with equal bytes keeps
//! it (one with `If-Match` is sent in another form, which changes it). Times are whole seconds, and that of a fresh
//! write is this machine's.
//!
//! Requests per operation, without retries: `put` 1, `get` 1, `head` 1, `list` 1, or 2 if the page has to get past
//! `.tintype/`. `delete` 2, because S3 does not say what was there. A refused `put` 2: the current object is read.
//! `put` in parts 3 and one for each part. `copy` 2, with a condition 4, and one more for each 512 MiB. Deleting
//! variants 2 for each 1,000. Opening 9, in five round trips; 10 more before the first conditional upload in parts,
//! and 5 before the first such copy.
//!
//! Permissions, least privilege: `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject` and `s3:AbortMultipartUpload` on
//! `{location}/*`; `s3:ListBucket`, `s3:ListBucketMultipartUploads` and `s3:GetBucketVersioning` on the bucket. The
//! task role in `deploy/ecs/tintype.yaml` has that policy; the table in `operation` says which request needs what.
//!
//! Configuration is AWS's own: `AWS_REGION`, `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_S3` (which also means that the
//! bucket's name goes into the path), `AWS_PROFILE`, keys, container and instance roles, which are renewed before
//! they expire. `AWS_REQUEST_CHECKSUM_CALCULATION=when_required` sends `Content-MD5` instead of the newer
//! checksums, for servers that refuse those. Encryption and the storage class of originals are
//! [`crate::S3Writing`].
//!
//! Deliberately absent: versions, tags and lifecycle rules, which are up to the bucket's owner; presigned URLs;
//! encryption with keys from the client.

mod attributes;
mod bucket;
mod client;
mod copy;
mod delete;
mod enforced;
mod failure;
mod gate;
mod get;
mod health;
mod hedge;
mod late;
mod list;
mod locks;
mod multipart;
mod object_breakers;
mod open;
mod operation;
mod operation_breaker;
mod payload;
mod probe;
mod put;
mod sweep;
mod trial;
mod writing;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::url::S3Settings;
use crate::{
    Attributes, Breakers, Condition, Counts, ETag, Error, Get, Key, KeyHash, Meta, Object,
    ObjectKind, OriginalPage, Survey, WriteSource,
};
use bucket::Bucket;

/// A store in a bucket. Long operations are boxed, so that futures of [`crate::Store`] stay as small as the disk's.
#[derive(Debug)]
pub struct S3 {
    bucket: Arc<Bucket>,
    warnings: Vec<String>,
}

impl S3 {
    pub(crate) async fn open(settings: &S3Settings, writable: bool) -> Result<Self, Error> {
        let (bucket, warnings) = open::open(settings, writable).boxed().await?;
        Ok(Self {
            bucket: Arc::new(bucket),
            warnings,
        })
    }

    pub(crate) async fn put(
        &self,
        object: &Object,
        source: WriteSource<'_>,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let put = self.bucket.put(object, source, condition, attributes);
        put.boxed().await
    }

    pub(crate) async fn head(&self, object: &Object) -> Result<Option<Meta>, Error> {
        // A name that is too long for S3 has no object.
        let Ok(path) = self.bucket.path(object) else {
            return Ok(None);
        };
        Ok(self.bucket.stat(&path).await?.map(|found| found.meta))
    }

    pub(crate) async fn get(
        &self,
        object: &Object,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Option<Get>, Error> {
        self.bucket.get(object, range, if_match).boxed().await
    }

    pub(crate) async fn delete(
        &self,
        object: &Object,
        condition: &Condition,
    ) -> Result<bool, Error> {
        self.bucket.delete(object, condition).boxed().await
    }

    pub(crate) async fn delete_variants(&self, original: &KeyHash) -> Result<u64, Error> {
        self.bucket.delete_variants(original).await
    }

    pub(crate) async fn copy(
        &self,
        from: &Key,
        to: &Key,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let copy = self.bucket.copy(from, to, condition, attributes);
        copy.boxed().await
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        delimiter: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OriginalPage, Error> {
        self.bucket.list(prefix, delimiter, cursor, limit).await
    }

    pub(crate) async fn survey(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Survey, Error> {
        self.bucket.survey(kind, cursor, limit).await
    }

    pub(crate) async fn check(&self) -> Result<(), Error> {
        Ok(self.bucket.check().await?)
    }

    pub(crate) fn check_writes(&self) -> Result<(), Error> {
        Ok(self.bucket.health.check_writes()?)
    }

    pub(crate) async fn sweep_uploads(&self, older_than: Duration) -> Result<u64, Error> {
        let trials = self.bucket.sweep_trials(older_than).await?;
        Ok(trials + self.bucket.sweep_uploads(older_than).await?)
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let late = self.bucket.late.warnings(&self.bucket);
        self.warnings.iter().cloned().chain(late).collect()
    }

    pub(crate) fn breakers(&self) -> Breakers {
        self.bucket.health.breakers()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.bucket.counts
    }
}
