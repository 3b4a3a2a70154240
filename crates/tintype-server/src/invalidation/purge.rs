//! Cache invalidation after an original changed: here, in other replicas, and in downstream caches.
//!
//! A variant is named by what it is made of, so our own are never served for another image. What must be
//! invalidated is what others cache under a URL, and what must not be served any more.
//!
//! | change | our variants | purged downstream |
//! |---|---|---|
//! | overwrite, delete, move away | removed | the key |
//! | focal point, crops, rights | kept: those that depend on it have other names now | the key |
//! | embargo, takedown, or their end | removed when it is hidden | the key; with a takedown also the content, wherever else it is |
//! | purge | removed, and made anew by every replica | the key, or the folder |
//! | `meta` | kept | nothing |
//!
//! How long it takes while the store is available:
//! - the replica that made the change serves it at once;
//! - the others within `record_cache` (5 s), and a takedown within [`blocks::REFRESH`] (5 s);
//! - downstream caches are purged at once and again one second after the longer of these two ([`settle_time`]),
//!   CloudFront only then, which needs some minutes itself;
//! - purges left by a replica that died are delivered within half a minute of a restart, and by other replicas
//!   within three minutes, or one more if it had been retrying.
//!
//! Deliberately absent: files that other programs change in a folder or bucket. They are noticed at the next read,
//! but downstream caches are not purged; an explicit purge does that.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tintype_store::{ContentHash, Key, ListedOriginal, MAX_PAGE};

use crate::app::App;
use crate::error::Error;
use crate::invalidation::notice::{Actor, Cause};
use crate::invalidation::outbox::{self, Announced};
use crate::records::blocks::{self, Block};

/// One call purges at most this many originals and returns a cursor, so that it ends before clients and load
/// balancers time out.
const MAX_ORIGINALS: usize = 10 * MAX_PAGE;

/// Originals purged at the same time.
const AT_ONCE: usize = 16;

/// The result of a purge.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// Originals processed.
    pub originals: u64,
    /// Variants removed from the derived store.
    pub variants: u64,
    /// The kinds of purgers that are called.
    pub purgers: BTreeSet<&'static str>,
    /// Where to continue; `None` when all is done.
    pub cursor: Option<String>,
}

/// How long until every replica is sure to serve a change.
pub(crate) fn settle_time(record_cache: Duration) -> Duration {
    record_cache.max(blocks::REFRESH) + Duration::from_secs(1)
}

/// Must be called before an original is changed, and told how the change ended.
pub(crate) async fn announce(
    app: &App,
    key: &Key,
    cause: Cause,
    by: Actor<'_>,
) -> Result<Announced, Error> {
    let site = app.config.sites.of(key);
    app.outbox.announce_key(site, key, cause, by).await
}

/// Removes every variant of an original from memory and from the derived store; returns how many the store had.
pub(crate) async fn remove_variants(app: &App, key: &Key) -> Result<u64, Error> {
    let owner = key.hash();
    app.variants.evict(&owner);
    app.records.invalidate(key).await;
    Ok(app.derived.delete_prefix(&owner).await?)
}

/// Does the same and gives variants new names, so that other replicas make theirs anew as well.
pub(crate) async fn renew(app: &App, key: &Key) -> Result<u64, Error> {
    app.records.mark_purged(key).await?;
    remove_variants(app, key).await
}

/// Purges one original everywhere, on explicit request.
pub(crate) async fn purge(app: &App, key: &Key, by: Actor<'_>) -> Result<Purged, Error> {
    let announced = announce(app, key, Cause::Purge, by).await?;
    let purgers = announced.purgers();
    let variants = renew(app, key).await?;
    announced.made();
    tracing::info!(
        key = key.as_str(),
        actor = by.name,
        token = by.token,
        variants,
        "{key} was purged"
    );
    Ok(Purged {
        originals: 1,
        variants,
        purgers,
        cursor: None,
    })
}

/// Purges all originals under a prefix, some ten thousand per call, starting at `cursor`.
///
/// Downstream caches are purged of a folder by its tag, once; of a prefix that is not a folder by the keys of each
/// page, because tags stand for whole names only.
pub(crate) async fn purge_prefix(
    app: &App,
    prefix: &str,
    cursor: Option<String>,
    by: Actor<'_>,
) -> Result<Purged, Error> {
    let mut done = Purged {
        cursor,
        ..Purged::default()
    };
    let mut folder = match outbox::folder(prefix) {
        Some(_) => Some(app.outbox.announce_prefix(prefix, [].iter(), by).await?),
        None => None,
    };
    for _ in 0..MAX_ORIGINALS / MAX_PAGE {
        let cursor = done.cursor.take();
        let page = app
            .store
            .list(prefix, false, cursor.as_deref(), MAX_PAGE)
            .await?;
        let keys = match folder {
            Some(_) => None,
            None => {
                let keys = page.files.iter().map(|listed| &listed.key);
                Some(app.outbox.announce_prefix(prefix, keys, by).await?)
            }
        };
        if let Some(announced) = folder.as_ref().or(keys.as_ref()) {
            done.purgers.extend(announced.purgers());
        }
        done.originals += page.files.len() as u64;
        done.variants += renew_all(app, page.files).await?;
        if let Some(keys) = keys {
            keys.made();
        }
        done.cursor = page.cursor;
        if done.cursor.is_none() {
            break;
        }
    }
    if let Some(folder) = folder.take() {
        folder.made();
    }
    tracing::info!(
        prefix,
        actor = by.name,
        token = by.token,
        originals = done.originals,
        variants = done.variants,
        "{} originals under {prefix:?} were purged",
        done.originals
    );
    Ok(done)
}

async fn renew_all(app: &App, originals: Vec<ListedOriginal>) -> Result<u64, Error> {
    stream::iter(originals)
        .map(|listed| async move { renew(app, &listed.key).await })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, variants| Ok(sum + variants))
        .await
}

/// Takes a key and its content down.
pub(crate) async fn take_down(
    app: &App,
    key: &Key,
    sha256: Option<ContentHash>,
    block: &Block,
    by: Actor<'_>,
) -> Result<(), Error> {
    block_content(app, key, sha256, block, by).await?;
    tracing::info!(
        key = key.as_str(),
        actor = by.name,
        token = by.token,
        "{key} was taken down"
    );
    Ok(())
}

/// Blocks a key and its content, and purges the content under all its keys. Whoever changes the key purges that.
pub(crate) async fn block_content(
    app: &App,
    key: &Key,
    sha256: Option<ContentHash>,
    block: &Block,
    by: Actor<'_>,
) -> Result<(), Error> {
    let announced = app.outbox.announce_content(sha256, by).await?;
    app.blocks.add(key, sha256, block).await?;
    announced.made();
    Ok(())
}

/// Lifts the block of [`take_down`].
pub(crate) async fn lift(
    app: &App,
    key: &Key,
    sha256: Option<ContentHash>,
    by: Actor<'_>,
) -> Result<(), Error> {
    let announced = app.outbox.announce_content(sha256, by).await?;
    app.blocks.lift(key, sha256).await?;
    announced.made();
    tracing::info!(
        key = key.as_str(),
        actor = by.name,
        token = by.token,
        "the takedown of {key} was lifted"
    );
    Ok(())
}
