//! A configuration file in a bucket, for containers into which no file can be mounted.

use std::error::Error as _;
use std::time::Duration;

use tintype_store::{Error, Key, Object, ReadOnlyStore, S3Settings, StoreUrl};

pub(super) const SCHEME: &str = "s3://";
/// Fits thousands of presets and sites.
const MAX_BYTES: u64 = 1024 * 1024;
/// Includes all retries. A task that cannot start had better end and be started anew.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads `s3://bucket/path/to/tintype.toml`, or returns what is wrong. Blocks, so asynchronous code must not call
/// it.
pub(super) fn read(url: &str) -> Result<String, String> {
    let StoreUrl::S3(place) = url.parse().map_err(|_| form())? else {
        return Err(form());
    };
    let (location, name) = place
        .location
        .rsplit_once('/')
        .unwrap_or(("", &place.location));
    let key = Key::existing(name).map_err(|_| form())?;
    let folder = S3Settings {
        location: location.to_owned(),
        ..place
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be set up: {error}"))?;
    runtime.block_on(async {
        let object = get(StoreUrl::S3(folder), Object::Original(key));
        match tokio::time::timeout(TIMEOUT, object).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(chain(&error)),
            Err(_) => Err(format!("no response in {} s", TIMEOUT.as_secs())),
        }
    })
}

async fn get(folder: StoreUrl, object: Object) -> Result<String, Error> {
    let reader = ReadOnlyStore::open(&folder).await?;
    let found = reader.get(&object, None, None).await?;
    let bytes = found
        .ok_or(Error::NotFound)?
        .body
        .into_bytes(MAX_BYTES)
        .await?;
    // The TOML parser finds what is not UTF-8, and names the line.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn form() -> String {
    format!("not written like {SCHEME}bucket/path/to/tintype.toml")
}

/// An error and its causes in one line.
fn chain(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
