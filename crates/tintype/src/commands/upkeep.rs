//! What the commands that look after a store share: the stores of the configuration, and walks
//! through everything in them that never hold more than a page.

use std::future::Future;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt, stream};
use tintype_server::config::Config;
use tintype_store::{Error, Key, Kind, Listed, MAX_PAGE, Own, Store, StoreUrl};

use super::load_for_tools;
use crate::failure::Failure;

/// The configuration of the service, whose store has to be there already: a command that was started
/// in the wrong folder must not make one, find it empty and be content.
pub(super) fn load() -> Result<Config, Failure> {
    let config = load_for_tools()?;
    if let StoreUrl::Disk(settings) = &config.store
        && !settings.root.is_dir()
    {
        return Err(Failure::Usage(format!(
            "TINTYPE_STORE: {} is no folder; name the store of the service",
            settings.root.display()
        )));
    }
    Ok(config)
}

/// The same for a command that changes something.
pub(super) fn load_to_change() -> Result<Config, Failure> {
    let config = load()?;
    if config.read_only {
        return Err(Failure::Usage(
            "TINTYPE_READ_ONLY: this command writes to the store; unset it to go on".to_owned(),
        ));
    }
    Ok(config)
}

/// Every original whose key starts with `prefix`, in the order of the keys' bytes, `after` one.
pub(super) fn originals(
    store: Arc<Store>,
    prefix: String,
    after: Option<String>,
) -> impl Stream<Item = Result<Listed, Error>> {
    items(after, move |cursor| {
        let (store, prefix) = (store.clone(), prefix.clone());
        async move {
            let page = store
                .list(&prefix, false, cursor.as_deref(), MAX_PAGE)
                .await?;
            Ok((page.files, page.cursor))
        }
    })
}

/// Everything of one kind that is tintype's own, a page at a time, in the order of their paths, `after`
/// one.
pub(super) fn own(
    store: Arc<Store>,
    kind: Kind,
    after: Option<&str>,
) -> impl Stream<Item = Result<Vec<Own>, Error>> + use<> {
    let after = after.and_then(|after| after.strip_prefix(&kind.folder()));
    pages(after.map(str::to_owned), move |cursor| {
        let store = store.clone();
        async move {
            let page = store.survey(kind, cursor.as_deref(), MAX_PAGE).await?;
            Ok((page.objects, page.cursor))
        }
    })
}

fn items<T, F>(
    after: Option<String>,
    page: impl Fn(Option<String>) -> F,
) -> impl Stream<Item = Result<T, Error>>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), Error>>,
{
    pages(after, page)
        .map_ok(|page| stream::iter(page.into_iter().map(Ok)))
        .try_flatten()
}

fn pages<T, F>(
    after: Option<String>,
    page: impl Fn(Option<String>) -> F,
) -> impl Stream<Item = Result<Vec<T>, Error>>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), Error>>,
{
    // `None`: the last page has been read.
    stream::try_unfold(Some(after), move |cursor| {
        let next = cursor.map(&page);
        async move {
            let Some(next) = next else { return Ok(None) };
            let (found, cursor) = next.await?;
            Ok(Some((found, cursor.map(Some))))
        }
    })
}

/// What lies under none of the names of this store is more often a slip than a fact.
pub(super) fn nothing_found(prefix: &str, after: Option<&str>) -> String {
    let place = match prefix {
        "" => "in the store".to_owned(),
        prefix => format!("under {prefix:?}"),
    };
    match after {
        None => format!("nothing was found {place}"),
        Some(after) => format!("nothing was found {place} after {after:?}"),
    }
}

/// A key on the command line, not percent-encoded.
pub(super) fn key(text: &str) -> Result<Key, String> {
    Key::existing(text).map_err(|error| error.to_string())
}

/// An error with its causes, in one line.
pub(super) fn reason(error: &tintype_server::error::Error) -> String {
    match error.cause_text() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
