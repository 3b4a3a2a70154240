//! Recognises the S3 operation of a request.

use std::collections::BTreeMap;

use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::BUCKET;

/// Named as in S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateMultipartUpload,
    DeleteObject,
    DeleteObjects,
    GetBucketVersioning,
    GetObject,
    HeadObject,
    ListMultipartUploads,
    ListObjectsV2,
    PutObject,
    UploadPart,
    UploadPartCopy,
    /// Not implemented here.
    Unknown,
}

pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) query: BTreeMap<String, String>,
}

impl Call {
    pub(super) fn read(request: &Parts) -> Self {
        let path = decoded(request.uri.path().trim_start_matches('/'));
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let query: BTreeMap<_, _> = request
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        Self {
            operation: operation(request, key, &query),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query,
        }
    }

    /// Empty if absent, as S3 treats it.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(super) fn is_elsewhere(&self) -> bool {
        self.bucket != BUCKET
    }
}

fn operation(request: &Parts, key: &str, query: &BTreeMap<String, String>) -> Operation {
    use Operation::*;
    let asks = |name: &str| query.contains_key(name);
    let copies = request.headers.contains_key("x-amz-copy-source");
    match (&request.method, key) {
        (&Method::GET, "") if asks("versioning") => GetBucketVersioning,
        (&Method::GET, "") if asks("uploads") => ListMultipartUploads,
        (&Method::GET, "") if asks("list-type") => ListObjectsV2,
        (&Method::POST, "") if asks("delete") => DeleteObjects,
        (_, "") => Unknown,
        (&Method::GET, _) => GetObject,
        (&Method::HEAD, _) => HeadObject,
        (&Method::PUT, _) if asks("uploadId") && copies => UploadPartCopy,
        (&Method::PUT, _) if asks("uploadId") => UploadPart,
        (&Method::PUT, _) if copies => CopyObject,
        (&Method::PUT, _) => PutObject,
        (&Method::POST, _) if asks("uploads") => CreateMultipartUpload,
        (&Method::POST, _) if asks("uploadId") => CompleteMultipartUpload,
        (&Method::DELETE, _) if asks("uploadId") => AbortMultipartUpload,
        (&Method::DELETE, _) => DeleteObject,
        _ => Unknown,
    }
}

pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}
