//! Better formats, made in the background after a response in another format.
//!
//! No request waits for these, so they run at the lowest priority in a bounded queue; if the queue is full, the
//! next request tries again. Once made, such a variant is like any other: in memory here, in the store for other
//! replicas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::future;
use moka::sync::Cache;
use tintype_imaging::spec::Resolved;
use tintype_store::{Key, in_background};

use super::render::{cost_of, expected, render_variant};
use super::{VariantName, Variants, sealed};
use crate::error::Error;
use crate::records::StoredRecord;
use crate::records::record::Record;
use crate::variants::formats::{self, DeferralReason};
use crate::workers::Priority;

/// How soon this process notices a variant that another replica has made.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How soon a failed variant is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Bounds the memory of both caches: an entry is some hundred bytes.
const MAX_NAMES: u64 = 10_000;

/// Deadlines in place of one: requests that use the CPUs can slow background work down a lot.
const DEADLINES: u32 = 20;

pub(super) struct BackgroundRenders {
    /// Whether the store has the variant.
    looked_up: future::Cache<VariantName, bool>,
    /// Queued, running, or tried.
    begun: Cache<VariantName, ()>,
}

impl Default for BackgroundRenders {
    fn default() -> Self {
        Self {
            looked_up: future::Cache::builder()
                .max_capacity(MAX_NAMES)
                .time_to_live(LOOK_AGAIN)
                .build(),
            begun: Cache::builder()
                .max_capacity(MAX_NAMES)
                .time_to_live(TRY_AGAIN)
                .build(),
        }
    }
}

impl Variants {
    /// Returns which of the choices to send in place of the first, unless that has been made already.
    pub fn deferral(
        &self,
        record: &Record,
        choices: &[Resolved],
    ) -> Option<(usize, DeferralReason)> {
        let [best, _, ..] = choices else { return None };
        let costs: Option<Vec<_>> = choices
            .iter()
            .map(|resolved| expected(record, resolved))
            .collect();
        if best.animated {
            // An animation may take as long as any other image, but must not use up the deadline.
            let most = self.config.work.render_deadline / 2;
            let is_long = costs?.first()?.total() > most;
            return is_long.then_some((1, DeferralReason::Dear));
        }
        let wait = self.pool.expected_wait(&cost_of(record, best)?);
        formats::deferral(&costs?, self.config.pictures.format_budget, wait)
    }

    /// Returns whether the variant exists already. Concurrent calls make one request to the store.
    pub async fn is_made(&self, name: VariantName, key: &Key, stored: &StoredRecord) -> bool {
        if self.in_memory(&name).is_some() {
            return true;
        }
        let look = async { self.read_stored(&name, key, &stored.record).await.is_some() };
        self.background.looked_up.get_with(name, look).await
    }

    /// Makes the variant in the background, unless that has begun already.
    pub fn make_later(
        self: &Arc<Self>,
        name: VariantName,
        key: &Key,
        stored: &Arc<StoredRecord>,
        resolved: Resolved,
    ) {
        if !self.background.begun.entry(name).or_insert(()).is_fresh() {
            return;
        }
        let (variants, key, stored) = (self.clone(), key.clone(), stored.clone());
        tokio::spawn(async move {
            let making = variants.make_in_background(name, &key, &stored, resolved);
            let result = match in_background(making).await {
                Ok(()) => "made",
                Err(error) if error.is_overload() => {
                    variants.background.begun.invalidate(&name);
                    "refused"
                }
                Err(error) => {
                    tracing::debug!(%error, "a better format could not be made");
                    "failed"
                }
            };
            variants.metrics.format_made_later(result);
        });
    }

    async fn make_in_background(
        self: &Arc<Self>,
        name: VariantName,
        key: &Key,
        stored: &Arc<StoredRecord>,
        resolved: Resolved,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINES * self.config.work.render_deadline;
        let rendered =
            render_variant(self, key, stored, resolved, Priority::Background, deadline).await?;
        let (rendered, _) = rendered;
        let bytes = Bytes::from(rendered.bytes);
        let sum = sealed::sum(&bytes);
        let variant = self.keep(&name, key, &stored.record, (bytes, sum), rendered.format);
        self.write(name, &variant).await;
        self.background.looked_up.insert(name, true).await;
        Ok(())
    }
}
