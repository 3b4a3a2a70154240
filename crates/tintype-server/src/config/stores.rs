//! The stores.

use tintype_store::StoreUrl;

use super::dev::Dev;
use super::option::options;
use super::read;
use super::reader::OptionReader;

options! {
    "Stores";

    /// Where originals are stored: file:///srv/media, file://./media or s3://bucket/location. `--dev` sets
    /// file://./media. Region, endpoint and credentials of S3 come from AWS's own variables: AWS_REGION,
    /// AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the task's role.
    STORE = "store", "";

    /// A separate store for variants. Without it they are under .tintype/ in the store.
    DERIVED_STORE = "derived_store", "";

    /// For staging and laptops: another store, such as production's, from which originals are read that `store`
    /// does not have. It is never written to: uploads, changes and deletes stay in `store`.
    FALLBACK_STORE = "fallback_store", "";

    /// How S3 encrypts new objects: AES256, or aws:kms with the id or ARN of a key (without one, the account's own
    /// key for S3) and, with s3_bucket_key = "1", a bucket key, which saves most requests to KMS. By default as the
    /// bucket is configured. A role needs kms:GenerateDataKey and kms:Decrypt for the key.
    S3_ENCRYPTION = "s3_encryption", "";
    S3_KMS_KEY = "s3_kms_key", "";
    S3_BUCKET_KEY = "s3_bucket_key", "0";

    /// The storage class of originals: STANDARD, STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR,
    /// REDUCED_REDUNDANCY or EXPRESS_ONEZONE, which can be read at once. By default as the bucket is configured.
    S3_STORAGE_CLASS = "s3_storage_class", "";

    /// 1: nothing is ever written to a store, and the API refuses every change. The folder need not be writable.
    READ_ONLY = "read_only", "0";
}

#[derive(Debug)]
pub struct StoreUrls {
    pub store: StoreUrl,
    pub derived_store: Option<StoreUrl>,
    /// Originals that `store` does not have are read from here.
    pub fallback_store: Option<StoreUrl>,
    pub read_only: bool,
}

impl StoreUrls {
    /// `None` if there is no store, which is a problem.
    pub(super) fn read(reader: &mut OptionReader, dev: Option<&Dev>) -> Option<Self> {
        let store = reader.optional(STORE, read::store_url);
        let name = STORE.variable();
        if !reader.is_configured(STORE) && !reader.problems.has_error(&name) {
            let fix = "set one, such as file:///srv/media, or use --dev";
            reader.problems.add(&name, "not set", fix);
        }
        let derived_store = reader.optional(DERIVED_STORE, read::store_url);
        let fallback_store = reader.optional(FALLBACK_STORE, read::store_url);
        let [store, derived_store] = reader.with_s3_writing([store, derived_store]);
        let read_only = reader.read(READ_ONLY, read::switch);
        Some(Self {
            store: made_for_dev(store?, dev),
            derived_store: derived_store.map(|store| made_for_dev(store, dev)),
            fallback_store,
            read_only,
        })
    }
}

/// Creates a missing folder in development only: elsewhere it may be a mount that was forgotten.
fn made_for_dev(mut store: StoreUrl, dev: Option<&Dev>) -> StoreUrl {
    if let StoreUrl::Disk(settings) = &mut store {
        settings.make = dev.is_some();
    }
    store
}
