//! Options of writes to S3: encryption, and the storage class of originals.

use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};

use super::bucket::Bucket;
use crate::key::RESERVED;
use crate::url::{S3Encryption, S3Writing};

impl S3Writing {
    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        self.encryption.as_ref().map(|encryption| match encryption {
            S3Encryption::Aes256 => ServerSideEncryption::Aes256,
            S3Encryption::Kms { .. } => ServerSideEncryption::AwsKms,
        })
    }

    pub(super) fn kms_key(&self) -> Option<String> {
        match &self.encryption {
            Some(S3Encryption::Kms { key, .. }) => key.clone(),
            _ => None,
        }
    }

    pub(super) fn bucket_key(&self) -> Option<bool> {
        match &self.encryption {
            Some(S3Encryption::Kms { bucket_key, .. }) => bucket_key.then_some(true),
            _ => None,
        }
    }
}

impl Bucket {
    /// By the full name of an object.
    pub(super) fn storage_class(&self, path: &str) -> Option<StorageClass> {
        let class = self.writing.storage_class.as_deref()?;
        let name = path.strip_prefix(&self.location).unwrap_or(path);
        let is_own = name
            .strip_prefix(RESERVED)
            .is_some_and(|rest| rest.starts_with('/'));
        (!is_own).then(|| StorageClass::from(class))
    }
}
