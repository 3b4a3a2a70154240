//! Lists the originals of FROM.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use tintype_store::MAX_PAGE;
use tokio_util::sync::CancellationToken;

use super::attempt::attempt;
use super::endpoint::Endpoint;
use super::item::SourceItem;
use super::transfer::Transfer;

/// An entry of a listing.
pub(super) enum ListingEntry {
    Original(Box<SourceItem>),
    Skipped(String, String),
}

/// Everything in FROM, read a page at a time and only as fast as it is processed.
pub(super) fn found(
    transfer: Arc<Transfer>,
    prefix: String,
    stop: CancellationToken,
) -> impl Stream<Item = anyhow::Result<ListingEntry>> {
    let pages = stream::unfold(Some(None::<String>), move |cursor| {
        let (transfer, prefix) = (transfer.clone(), prefix.clone());
        async move {
            let cursor = cursor?;
            let page = attempt(|| transfer.page(&prefix, cursor.as_deref())).await;
            Some(match page {
                Ok((found, next)) => (found.into_iter().map(Ok).collect(), next.map(Some)),
                Err(error) => (vec![Err(error)], None),
            })
        }
    });
    pages
        .flat_map(|page: Vec<_>| stream::iter(page))
        .take_until(async move { stop.cancelled().await })
}

impl Transfer {
    async fn page(
        &self,
        prefix: &str,
        cursor: Option<&str>,
    ) -> anyhow::Result<(Vec<ListingEntry>, Option<String>)> {
        match &self.from {
            Endpoint::Service(remote) => {
                let page = remote.page(prefix, cursor, self.records).await?;
                let skipped = page.skipped.into_iter();
                let skipped =
                    skipped.map(|(name, error)| ListingEntry::Skipped(name, error.to_string()));
                let originals = page
                    .items
                    .into_iter()
                    .map(Box::new)
                    .map(ListingEntry::Original);
                Ok((originals.chain(skipped).collect(), page.cursor))
            }
            Endpoint::Store(store) => {
                let page = store.list(prefix, false, cursor, MAX_PAGE).await?;
                let originals = page.files.into_iter().map(|listed| {
                    ListingEntry::Original(Box::new(SourceItem {
                        key: listed.key,
                        size: listed.size,
                        etag: listed.etag,
                        sha256: None,
                        record: None,
                        block: None,
                    }))
                });
                Ok((originals.collect(), page.cursor))
            }
        }
    }
}
