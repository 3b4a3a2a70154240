//! The store in a bucket, beyond the common guarantees: failures on the way and at the server, costs, and messages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// What an operation costs in requests.
mod counts;
/// AWS's own variables.
mod environment;
/// A wrong set-up is reported when the store is opened.
mod opening;
/// The server goes away and comes back.
mod outage;
/// Servers that do not enforce conditions.
mod probing;
/// Responses that are cut off, stall, are late or differ from what was stored.
mod reads;
/// Many processes on one bucket.
mod replicas;
/// Conflicts, lost responses, lies, and multipart uploads.
mod writes;

use std::io::Write;

use bytes::Bytes;
use tempfile::NamedTempFile;
use tintype_store::{
    Attributes, Condition, ETag, Error, Key, Meta, Object, S3Access, S3Settings, Store, StoreUrl,
    WriteSource,
};
use tintype_testing::{ACCESS_KEY, BUCKET, Faulty, REGION, SECRET_KEY};

const MIB: usize = 1024 * 1024;

fn settings(endpoint: &str) -> S3Settings {
    let mut settings = S3Settings::new(BUCKET, "our/place").unwrap();
    settings.access = Some(S3Access {
        endpoint: endpoint.to_owned(),
        region: REGION.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
    });
    settings
}

async fn open(endpoint: &str) -> Store {
    let url = StoreUrl::S3(settings(endpoint));
    Store::open(&url).await.unwrap()
}

/// A store in a scripted bucket, with the requests for opening it not counted.
async fn faulty() -> (Faulty, Store) {
    let server = Faulty::start();
    let store = open(&server.endpoint()).await;
    server.take_counts();
    (server, store)
}

fn original(key: &str) -> Object {
    Object::Original(Key::parse(key).unwrap())
}

async fn put(
    store: &Store,
    key: &str,
    bytes: impl Into<Bytes>,
    condition: &Condition,
) -> Result<Meta, Error> {
    let (source, none) = (WriteSource::Bytes(bytes.into()), Attributes::default());
    store.put(&original(key), source, condition, &none).await
}

async fn put_file(
    store: &Store,
    key: &str,
    file: &NamedTempFile,
    condition: &Condition,
) -> Result<Meta, Error> {
    let len = file.as_file().metadata().unwrap().len();
    let path = file.path();
    let (source, none) = (WriteSource::File { path, len }, Attributes::default());
    store.put(&original(key), source, condition, &none).await
}

async fn read(store: &Store, key: &str) -> Result<Bytes, Error> {
    let get = store.get(&original(key), None, None).await?.unwrap();
    get.body.into_bytes(u64::MAX).await
}

/// Bytes without repeating parts.
fn bytes(len: usize) -> Bytes {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(next).collect()
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The version in a failed precondition; panics on any other outcome.
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Option<ETag> {
    match outcome {
        Err(Error::Precondition { current }) => current.map(|meta| meta.etag),
        other => panic!("expected a failed precondition, got {other:?}"),
    }
}

/// A refusal that only a change of permissions, keys or the like ends.
fn denied<T>(outcome: Result<T, Error>) {
    match outcome {
        Err(Error::Refused { .. }) => {}
        Err(error) => panic!("expected a refusal, got {error:?}"),
        Ok(_) => panic!("expected a refusal, got a success"),
    }
}

fn unavailable<T>(outcome: Result<T, Error>) {
    match outcome {
        Err(Error::Unavailable { .. }) => {}
        Err(error) => panic!("expected an unavailable store, got {error:?}"),
        Ok(_) => panic!("expected an unavailable store, got a success"),
    }
}
