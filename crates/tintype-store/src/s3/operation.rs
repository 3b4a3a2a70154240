//! Every request that is ever sent to S3: what it counts as, and what a role needs to send it.

use crate::Counts;

/// One request; its name is S3's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
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
}

use Operation::*;

impl Operation {
    const ALL: [Self; 14] = [
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
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            AbortMultipartUpload => "AbortMultipartUpload",
            CompleteMultipartUpload => "CompleteMultipartUpload",
            CopyObject => "CopyObject",
            CreateMultipartUpload => "CreateMultipartUpload",
            DeleteObject => "DeleteObject",
            DeleteObjects => "DeleteObjects",
            GetBucketVersioning => "GetBucketVersioning",
            GetObject => "GetObject",
            HeadObject => "HeadObject",
            ListMultipartUploads => "ListMultipartUploads",
            ListObjectsV2 => "ListObjectsV2",
            PutObject => "PutObject",
            UploadPart => "UploadPart",
            UploadPartCopy => "UploadPartCopy",
        }
    }

    /// What a policy has to allow. A conditional write or delete needs to read as well.
    pub(super) fn actions(self) -> &'static [&'static str] {
        match self {
            AbortMultipartUpload => &["s3:AbortMultipartUpload"],
            CreateMultipartUpload | UploadPart => &["s3:PutObject"],
            CompleteMultipartUpload | CopyObject | PutObject | UploadPartCopy => {
                &["s3:PutObject", "s3:GetObject"]
            }
            DeleteObject => &["s3:DeleteObject", "s3:GetObject"],
            DeleteObjects => &["s3:DeleteObject"],
            GetBucketVersioning => &["s3:GetBucketVersioning"],
            GetObject | HeadObject => &["s3:GetObject"],
            ListMultipartUploads => &["s3:ListBucketMultipartUploads"],
            ListObjectsV2 => &["s3:ListBucket"],
        }
    }

    /// For messages: what is being done.
    pub(super) fn doing(self) -> &'static str {
        match self {
            AbortMultipartUpload => "giving up an upload",
            CompleteMultipartUpload | CreateMultipartUpload | PutObject | UploadPart => {
                "writing an object"
            }
            CopyObject | UploadPartCopy => "copying an object",
            DeleteObject | DeleteObjects => "deleting an object",
            GetBucketVersioning => "looking at the bucket's versioning",
            GetObject => "reading an object",
            HeadObject => "looking at an object",
            ListMultipartUploads => "listing unfinished uploads",
            ListObjectsV2 => "listing objects",
        }
    }

    /// Counts a request by the class that it is billed in.
    pub(super) fn count(self, counts: &Counts) {
        match self {
            GetBucketVersioning | GetObject => counts.get(),
            HeadObject => counts.head(),
            CompleteMultipartUpload
            | CopyObject
            | CreateMultipartUpload
            | PutObject
            | UploadPart
            | UploadPartCopy => counts.put(),
            AbortMultipartUpload | DeleteObject | DeleteObjects => counts.delete(),
            ListMultipartUploads | ListObjectsV2 => counts.list(),
        }
    }
}
