//! Forgetting what was made from an original: here, in other replicas, and in the caches in front.
//!
//! A variant is named by what it is made of, so none of ours is ever shown for another picture. What
//! has to be forgotten is what somebody else keeps under an address, and what is to be gone.
//!
//! | change | our variants | caches in front are told |
//! |---|---|---|
//! | overwrite, delete, move away | removed | the key |
//! | focal point, crops | kept: those that depend on it have other names now | the key |
//! | embargo, takedown, or their end | removed when it is hidden | the key; with a takedown also the content, wherever else it is |
//! | purge | removed, and made anew by every replica | the key, or the folder |
//! | `meta` | kept | nothing |
//!
//! How long it takes, as long as the store answers:
//! - the replica that made the change shows it at once;
//! - the others within `record_cache` (5 s), and a takedown within [`blocks::REFRESH`] (5 s);
//! - caches in front are told at once and again one second after the longer of these two ([`settle`]),
//!   CloudFront only then, which needs some minutes itself;
//! - what a replica that died had still to tell is told within half a minute of a restart and by other
//!   replicas within three minutes, or one more where it had been trying in vain.
//!
//! Deliberately absent: files that are changed behind our back in a folder or bucket. They are noticed
//! when they are next read, but caches in front are not told; a purge does.

use std::collections::BTreeSet;
use std::time::Duration;

use tintype_store::Key;

use crate::app::App;
use crate::error::Error;
use crate::invalidation::outbox::{Announced, By, Cause};
use crate::records::blocks::{self, Block};

/// What a purge has done.
#[derive(Debug, Default)]
pub struct Purged {
    /// Variants removed from the derived store.
    pub variants: u64,
    /// The kinds of purgers that are being told.
    pub purgers: BTreeSet<&'static str>,
}

/// When every replica is sure to show a change.
pub fn settle(record_cache: Duration) -> Duration {
    record_cache.max(blocks::REFRESH) + Duration::from_secs(1)
}

/// To be called before a change of an original is made, and told how it ended.
pub async fn announce(app: &App, key: &Key, cause: Cause, by: By<'_>) -> Result<Announced, Error> {
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
pub async fn purge(app: &App, key: &Key, by: By<'_>) -> Result<Purged, Error> {
    let announced = announce(app, key, Cause::Purge, by).await?;
    let purgers = announced.purgers();
    let variants = renew(app, key).await?;
    announced.made();
    tracing::info!(
        key = key.as_str(),
        actor = by.actor,
        token = by.token,
        variants,
        "{key} was purged"
    );
    Ok(Purged { variants, purgers })
}

/// Takes a key and its content down.
pub async fn take_down(
    app: &App,
    key: &Key,
    sha256: Option<&str>,
    block: &Block,
    by: By<'_>,
) -> Result<(), Error> {
    block_content(app, key, sha256, block, by).await?;
    tracing::info!(
        key = key.as_str(),
        actor = by.actor,
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
    sha256: Option<&str>,
    block: &Block,
    by: By<'_>,
) -> Result<(), Error> {
    let announced = app.outbox.announce_content(sha256, by).await?;
    app.blocks.add(key, sha256, block).await?;
    announced.made();
    Ok(())
}

/// Lifts what [`take_down`] has blocked.
pub async fn lift(app: &App, key: &Key, sha256: Option<&str>, by: By<'_>) -> Result<(), Error> {
    let announced = app.outbox.announce_content(sha256, by).await?;
    app.blocks.lift(key, sha256).await?;
    announced.made();
    tracing::info!(
        key = key.as_str(),
        actor = by.actor,
        token = by.token,
        "the takedown of {key} was lifted"
    );
    Ok(())
}
