//! How objects are written to S3: encryption and storage class.

use tintype_store::{S3Encryption, S3Writing, StoreUrl};

use super::option::ConfigOption;
use super::read;
use super::reader::OptionReader;
use super::stores::{S3_BUCKET_KEY, S3_ENCRYPTION, S3_KMS_KEY, S3_STORAGE_CLASS};

const OPTIONS: [ConfigOption; 4] = [S3_ENCRYPTION, S3_KMS_KEY, S3_BUCKET_KEY, S3_STORAGE_CLASS];

/// Classes from which an object can be read at once.
const STORAGE_CLASSES: [&str; 7] = [
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "REDUCED_REDUNDANCY",
    "EXPRESS_ONEZONE",
];

/// S3 takes ids, ARNs and aliases.
const MAX_KEY_BYTES: usize = 2_048;

impl OptionReader {
    /// The stores, with these settings where they are buckets.
    pub(super) fn with_s3_writing(
        &mut self,
        mut stores: [Option<StoreUrl>; 2],
    ) -> [Option<StoreUrl>; 2] {
        let writing = self.s3_writing();
        let mut has_bucket = false;
        for store in stores.iter_mut().flatten() {
            if let StoreUrl::S3(settings) = store {
                settings.writing = writing.clone();
                has_bucket = true;
            }
        }
        if !has_bucket && writing != S3Writing::default() {
            let set = OPTIONS.into_iter().find(|option| self.is_set(*option));
            let fix = "leave it out, or use a store s3://bucket/location";
            let option = set.unwrap_or(S3_ENCRYPTION);
            self.refuse(&[option], "set, but no store is a bucket", fix);
        }
        stores
    }

    fn s3_writing(&mut self) -> S3Writing {
        let encryption = self.optional(S3_ENCRYPTION, encryption);
        let key = self.optional(S3_KMS_KEY, kms_key);
        let bucket_key = self.optional(S3_BUCKET_KEY, read::switch);
        let storage_class = self.optional(S3_STORAGE_CLASS, storage_class);
        let bucket_key = bucket_key.unwrap_or_default();
        let encryption = match encryption {
            Some(S3Encryption::Kms { .. }) => Some(S3Encryption::Kms { key, bucket_key }),
            other => {
                for (option, is_set) in [(S3_KMS_KEY, key.is_some()), (S3_BUCKET_KEY, bucket_key)] {
                    if is_set {
                        let fix = "set s3_encryption = \"aws:kms\", or leave it out";
                        self.refuse(&[option], "set without aws:kms", fix);
                    }
                }
                other
            }
        };
        S3Writing {
            encryption,
            storage_class,
        }
    }

    fn is_set(&self, option: ConfigOption) -> bool {
        self.text(option).is_some_and(|text| text != "0")
    }
}

fn encryption(text: &str) -> Result<S3Encryption, String> {
    match text {
        "AES256" => Ok(S3Encryption::Aes256),
        "aws:kms" => Ok(S3Encryption::Kms {
            key: None,
            bucket_key: false,
        }),
        _ => Err(format!("{text:?} is neither AES256 nor aws:kms")),
    }
}

fn kms_key(text: &str) -> Result<String, String> {
    let is_key = text.len() <= MAX_KEY_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
    match is_key {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is not the id or ARN of a key")),
    }
}

fn storage_class(text: &str) -> Result<String, String> {
    if STORAGE_CLASSES.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(match text {
        "GLACIER" | "DEEP_ARCHIVE" => {
            format!("an object in {text} can be read only after it is restored, which takes hours")
        }
        _ => format!("{text:?} is none of {}", STORAGE_CLASSES.join(", ")),
    })
}
