//! Walks through everything in a store, never holding more than a page.

use std::future::Future;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt, stream};
use tintype_store::{Error, ListedOriginal, MAX_PAGE, ObjectKind, OwnObject, Store};

/// All originals whose key starts with `prefix`, in byte order of the keys, starting behind `after`.
pub(crate) fn originals(
    store: Arc<Store>,
    prefix: String,
    after: Option<String>,
) -> impl Stream<Item = Result<ListedOriginal, Error>> {
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

/// All of tintype's own objects of one kind, a page at a time, in the order of their paths, starting behind
/// `after`.
pub(crate) fn own(
    store: Arc<Store>,
    kind: ObjectKind,
    after: Option<&str>,
) -> impl Stream<Item = Result<Vec<OwnObject>, Error>> + use<> {
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
    // `None` after the last page.
    stream::try_unfold(Some(after), move |cursor| {
        let next = cursor.map(&page);
        async move {
            let Some(next) = next else { return Ok(None) };
            let (found, cursor) = next.await?;
            Ok(Some((found, cursor.map(Some))))
        }
    })
}

/// The message for an empty walk: a prefix without any names is usually a mistake.
pub fn nothing_found(prefix: &str, after: Option<&str>) -> String {
    let place = match prefix {
        "" => "in the store".to_owned(),
        prefix => format!("under {prefix:?}"),
    };
    match after {
        None => format!("nothing was found {place}"),
        Some(after) => format!("nothing was found {place} after {after:?}"),
    }
}
