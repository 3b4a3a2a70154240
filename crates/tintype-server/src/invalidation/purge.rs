//! Cache invalidation after an original changed: here, in other replicas, and in downstream caches.
//!
//! A variant is named by what it is made of, so none of ours is ever shown for another picture. What
//! has to be forgotten is what somebody else keeps under an address, and what is to be gone.
//!
//! | change | our variants | downstream caches are told |
//! |---|---|---|
//! | overwrite, delete, move away | removed | the key |
//! | focal point, crops, rights | kept: those that depend on it have other names now | the key |
//! | embargo, takedown, or their end | removed when it is hidden | the key; with a takedown also the content, wherever else it is |
//! | purge | removed, and made anew by every replica | the key, or the folder |
//! | `meta` | kept | nothing |
//!
//! How long it takes, as long as the store answers:
//! - the replica that made the change shows it at once;
//! - the others within `record_cache` (5 s), and a takedown within [`blocks::REFRESH`] (5 s);
//! - downstream caches are told at once and again one second after the longer of these two ([`settle`]),
//!   CloudFront only then, which needs some minutes itself;
//! - what a replica that died had still to tell is told within half a minute of a restart and by other
//!   replicas within three minutes, or one more where it had been trying in vain.
//!
//! Deliberately absent: files that are changed behind our back in a folder or bucket. They are noticed
//! when they are next read, but downstream caches are not told; a purge does.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tintype_store::{ContentHash, Key, Listed, MAX_PAGE};

use crate::app::App;
use crate::error::Error;
use crate::invalidation::notice::{Actor, Cause};
use crate::invalidation::outbox::{self, Announced};
use crate::records::blocks::{self, Block};

/// One purge goes through as many originals and then hands out a cursor, so that it ends within the patience of a
/// client and of a load balancer.
const MAX_ORIGINALS: usize = 10 * MAX_PAGE;

/// Originals purged at a time.
const AT_ONCE: usize = 16;

/// What a purge has done.
#[derive(Debug, Default)]
pub struct Purged {
    /// Originals gone through.
    pub originals: u64,
    /// Variants removed from the derived store.
    pub variants: u64,
    /// The kinds of purgers that are being told.
    pub purgers: BTreeSet<&'static str>,
    /// Where to go on; `None` when all is done.
    pub cursor: Option<String>,
}

/// When every replica is sure to show a change.
pub fn settle(record_cache: Duration) -> Duration {
    record_cache.max(blocks::REFRESH) + Duration::from_secs(1)
}

/// To be called before a change of an original is made, and told how it ended.
pub async fn announce(
    app: &App,
    key: &Key,
    cause: Cause,
    by: Actor<'_>,
) -> Result<Announced, Error> {
    let site = app.config.sites.of(key);
    app.outbox.announce_key(site, key, cause, by).await
}

/// Removes every variant of an original from memory and from the derived store; how many the store
/// had.
pub async fn forget(app: &App, key: &Key) -> Result<u64, Error> {
    let owner = key.hash();
    app.variants.forget(&owner);
    app.records.forget(key).await;
    Ok(app.derived.delete_prefix(&owner).await?)
}

/// The same, and gives variants new names, so that other replicas make theirs anew as well.
pub async fn renew(app: &App, key: &Key) -> Result<u64, Error> {
    app.records.mark_purged(key).await?;
    forget(app, key).await
}

/// Purges one original everywhere, because somebody asks for it.
pub async fn purge(app: &App, key: &Key, by: Actor<'_>) -> Result<Purged, Error> {
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

/// Purges all originals under a prefix, some ten thousand at a time, from `cursor` on.
///
/// Downstream caches are told of a folder by its tag, once; of a prefix that is no folder by the keys of each page,
/// because tags know whole names only.
pub async fn purge_prefix(
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

async fn renew_all(app: &App, originals: Vec<Listed>) -> Result<u64, Error> {
    stream::iter(originals)
        .map(|listed| async move { renew(app, &listed.key).await })
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, variants| Ok(sum + variants))
        .await
}

/// Takes a key and its content down.
pub async fn take_down(
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

/// Blocks a key and its content, and tells caches of the content, wherever else it is. Of the key they
/// are told by whoever changes it.
pub async fn block_content(
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

/// Lifts what [`take_down`] has blocked.
pub async fn lift(
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
