//! The guarantees of every store, in one suite that each back end runs unchanged.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conditions;
mod contents;
mod listing;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tintype_store::{
    Attributes, BlockId, CHUNK_BYTES, Condition, ETag, Error, HexId, Key, Meta, Object, ObjectKind,
    OutboxId, Overlay, S3Access, S3Settings, Store, StoreUrl, WriteSource,
};
use tintype_testing::{ACCESS_KEY, BUCKET, Conditions, Faulty, Moto, REGION, S3sFs, SECRET_KEY};

use conditions::*;
use contents::*;
use listing::*;

/// Some servers have lower limits than S3.
struct Limits {
    /// The longest key that is tested, in bytes.
    longest_key: usize,
}

/// The limits of disk, memory and S3.
const NONE: Limits = Limits { longest_key: 255 };

async fn conforms(store: &Store, limits: &Limits) {
    reads_back_what_was_written(store, limits).await;
    creates_a_name_once(store).await;
    replaces_and_deletes_the_version_that_was_meant(store).await;
    keeps_attributes_with_the_bytes(store).await;
    serves_ranges(store).await;
    streams_in_bounded_chunks(store).await;
    takes_files_as_well_as_bytes(store).await;
    copies(store).await;
    lists_originals_in_the_order_of_their_bytes(store).await;
    finds_its_own_objects_by_kind(store).await;
    surveys_records_and_variants(store).await;
    deletes_the_variants_of_one_original(store).await;
    one_of_many_creators_wins(store).await;
    store.check().await.unwrap();
}

#[tokio::test]
async fn memory_conforms() {
    let store = Store::open(&StoreUrl::Memory).await.unwrap();
    conforms(&store, &NONE).await;
    counts_what_it_is_asked(&store).await;
}

#[tokio::test]
async fn disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreUrl::disk(folder.path())).await.unwrap();
    conforms(&store, &NONE).await;
    counts_what_it_is_asked(&store).await;
}

async fn bucket(endpoint: String) -> Store {
    let mut settings = S3Settings::new(BUCKET, "some/where").unwrap();
    settings.access = Some(S3Access {
        endpoint,
        region: REGION.into(),
        access_key: ACCESS_KEY.into(),
        secret_key: SECRET_KEY.into(),
    });
    Store::open(&StoreUrl::S3(settings)).await.unwrap()
}

/// s3s-fs, or the server that `TINTYPE_TEST_S3` names as `s3://bucket/location` together with AWS's own variables,
/// as `tests/garage` does. Both verify signatures and checksums. Neither decides conditions between concurrent
/// writers, so the store decides the race, for one process; moto decides it itself.
#[tokio::test]
async fn a_server_that_verifies_signatures_conforms() {
    // s3s-fs keeps attributes in a file with the key in its name, in base64.
    let limits = Limits { longest_key: 100 };
    let s3s_fs;
    #[expect(
        clippy::disallowed_methods,
        reason = "for runs by hand, not configuration"
    )]
    let store = match std::env::var("TINTYPE_TEST_S3") {
        Ok(url) => Store::open(&url.parse().unwrap()).await.unwrap(),
        Err(_) => {
            s3s_fs = S3sFs::start();
            bucket(s3s_fs.endpoint()).await
        }
    };
    for warning in store.warnings() {
        println!("{warning}");
    }
    conforms(&store, &limits).await;
}

/// Decides conditions between concurrent writers.
#[tokio::test]
async fn moto_conforms() {
    let server = Moto::start();
    conforms(&bucket(server.endpoint()).await, &NONE).await;
}

/// Decides, ignores or refuses conditions, like servers other than AWS's.
#[tokio::test]
async fn a_bucket_conforms_also_where_conditions_are_not_kept() {
    for conditions in [Conditions::Kept, Conditions::Ignored, Conditions::Refused] {
        let server = Faulty::start();
        server.conditions(conditions);
        conforms(&bucket(server.endpoint()).await, &NONE).await;
    }
}

#[tokio::test]
async fn an_overlay_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let lower = Store::open(&StoreUrl::Memory).await.unwrap();
    let upper = Store::open(&StoreUrl::disk(folder.path())).await.unwrap();
    let store = Store::Overlay(Overlay::new(upper, lower.into()));
    conforms(&store, &NONE).await;
    counts_what_it_is_asked(&store).await;
}

fn original(key: &str) -> Object {
    Object::Original(Key::parse(key).unwrap())
}

async fn put(
    store: &Store,
    object: &Object,
    bytes: &[u8],
    condition: Condition,
) -> Result<ETag, Error> {
    let source = WriteSource::Bytes(Bytes::copy_from_slice(bytes));
    store
        .put(object, source, &condition, &Attributes::default())
        .await
        .map(|meta| meta.etag)
}

async fn read(store: &Store, object: &Object) -> Option<Bytes> {
    let get = store.get(object, None, None).await.unwrap()?;
    Some(get.body.into_bytes(u64::MAX).await.unwrap())
}

/// The version in a failed precondition; panics on any other outcome.
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Option<ETag> {
    match outcome {
        Err(Error::Precondition { current }) => current.map(|meta| meta.etag),
        other => panic!("expected a failed precondition, got {other:?}"),
    }
}

/// All metadata of an object but its time.
fn lasting(meta: &Meta) -> (u64, &ETag, &Attributes) {
    (meta.size, &meta.etag, &meta.attributes)
}

/// A bucket reports the time of a write only when the object is read, in whole seconds.
fn assert_near(one: SystemTime, other: SystemTime) {
    let (early, late) = (one.min(other), one.max(other));
    assert!(late.duration_since(early).unwrap() <= Duration::from_secs(5));
}

async fn counts_what_it_is_asked(store: &Store) {
    let counts = || {
        let counts = store.counts();
        [
            counts.gets(),
            counts.heads(),
            counts.puts(),
            counts.deletes(),
            counts.lists(),
        ]
    };
    let before = counts();
    let object = original("counted");
    put(store, &object, b"1", Condition::Absent).await.unwrap();
    refused(put(store, &object, b"2", Condition::Absent).await);
    store.head(&object).await.unwrap();
    read(store, &object).await.unwrap();
    store.list("", false, None, 1).await.unwrap();
    store.delete(&object, &Condition::Any).await.unwrap();
    let asked: Vec<_> = counts()
        .iter()
        .zip(before)
        .map(|(now, then)| now - then)
        .collect();
    assert_eq!(asked, [1, 1, 2, 1, 1]);
}
