//! `tintype sweep`: removes what nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::json;
use tintype_server::config::units;
use tintype_server::originals::idempotency;
use tintype_server::records::{self, FoundRecord};
use tintype_server::service::stores::Stores;
use tintype_store::{Condition, ETag, Error, KeyHash, Kind, Object, Own, Store};
use tokio_util::sync::CancellationToken;

use super::support::{self, PROGRESS, Report, Telling, Ticket};
use super::upkeep;
use crate::failure::Failure;

/// Variants of an earlier content may still be asked for by a replica that has not noticed, and are
/// worth nothing to anybody else.
const OUTDATED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Longer than any upload takes.
const UNFINISHED: Duration = Duration::from_secs(24 * 60 * 60);

/// Requests at a time.
const AT_ONCE: usize = 16;

/// In the log, beside the actors of the API.
const ACTOR: &str = "sweep";

/// Remove derived data without an original, and leftovers.
///
/// Goes: variants and records whose original is gone, variants older than a week that were made of an
/// earlier content, answers kept for Idempotency-Key for more than a day, and unfinished uploads of
/// more than a day. Stays: originals, takedowns, purges that are still to be delivered, and every
/// record with something that people said. May run at any time, beside the service.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype sweep --dry-run
  tintype sweep --json

{PROGRESS}
Of a sweep \"after\" is a path: variants come first, then records, then intents.

In a bucket it costs a LIST request for each 1,000 objects of tintype's own, a GET and a HEAD for
each original with variants and for each record, and two requests for each object removed."))]
pub(crate) struct Arguments {
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Also records of absent originals that hold a focal point, crops, a state or `meta`
    #[arg(long)]
    records: bool,
    /// What is younger is left alone: it may belong to an upload that is under way
    #[arg(long, default_value = "24h", value_parser = units::duration)]
    grace: Duration,
    /// Go on after this path, as the lines of --json have it
    #[arg(long, value_name = "PATH", value_parser = place)]
    after: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// The order of the walk. Variants come first, which are told by their records.
const KINDS: [Kind; 3] = [Kind::Variant, Kind::Record, Kind::Idem];

fn place(text: &str) -> Result<String, String> {
    match KINDS.iter().any(|kind| text.starts_with(&kind.folder())) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "not a path below one of {}",
            KINDS.map(Kind::folder).join(", ")
        )),
    }
}

/// What is known of the original that a variant or a record belongs to.
enum Fate {
    NoRecord,
    NoOriginal,
    /// What was made earlier is of another content.
    Current(SystemTime),
    /// The record is none, so that nothing is known of it. It gives way to one made anew.
    Damaged(ETag, String),
    /// The reason why it cannot be told. What belongs to it stays.
    Unknown(String),
}

struct Sweeper {
    stores: Stores,
    arguments: Arguments,
    report: Report,
    stop: CancellationToken,
    totals: BTreeMap<&'static str, (u64, u64)>,
    kept: u64,
    failed: u64,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = upkeep::load_to_change()?;
        support::run(async move {
            let stop = support::stop_on_signal()?;
            let mut sweeper = Sweeper {
                stores: Stores::open(&config).await?,
                report: Report::telling(&self.telling),
                arguments: self,
                stop,
                totals: BTreeMap::new(),
                kept: 0,
                failed: 0,
            };
            let swept = sweeper.sweep().await;
            sweeper.tell()?;
            swept?;
            sweeper.verdict()
        })
    }
}

impl Sweeper {
    async fn sweep(&mut self) -> anyhow::Result<()> {
        let begun = KINDS.iter().position(|kind| !self.is_before(*kind));
        for kind in KINDS.into_iter().skip(begun.unwrap_or_default()) {
            match kind {
                Kind::Variant => self.sweep_variants().await?,
                Kind::Record => self.sweep_records().await?,
                _ => self.sweep_intents().await?,
            }
        }
        if !self.arguments.dry_run && !self.stop.is_cancelled() {
            self.sweep_uploads().await?;
        }
        Ok(())
    }

    /// Whether the walk begins with a later kind.
    fn is_before(&self, kind: Kind) -> bool {
        let after = self.arguments.after.as_ref();
        after.is_some_and(|after| !after.starts_with(&kind.folder()))
    }

    fn pages(
        &self,
        store: &Arc<Store>,
        kind: Kind,
    ) -> impl Stream<Item = Result<Vec<Own>, Error>> + use<> {
        upkeep::own(store.clone(), kind, self.arguments.after.as_deref())
    }

    /// Everything of a page has been looked at.
    fn passed(&self, tickets: Vec<Ticket>) {
        tickets
            .into_iter()
            .for_each(|ticket| self.report.end(ticket));
    }

    fn begin(&self, page: &[Own]) -> Vec<Ticket> {
        let begin = |own: &Own| self.report.begin(Some(own.object.path()));
        page.iter().map(begin).collect()
    }

    async fn sweep_variants(&mut self) -> anyhow::Result<()> {
        let mut pages = std::pin::pin!(self.pages(&self.stores.derived, Kind::Variant));
        while let Some(page) = pages.try_next().await? {
            let begun = self.begin(&page);
            let page: Vec<_> = page.into_iter().filter(|own| self.is_old(own)).collect();
            let owners: BTreeSet<_> = page.iter().filter_map(owner).collect();
            let fates: BTreeMap<_, _> = stream::iter(owners)
                .map(async |owner| (owner, judge(&self.stores.store, &owner).await.0))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let mut victims = Vec::new();
            for own in page {
                match owner(&own).and_then(|owner| fates.get(&owner)) {
                    Some(Fate::NoRecord) => victims.push((own, "there is no record")),
                    Some(Fate::NoOriginal) => victims.push((own, "there is no original")),
                    Some(Fate::Current(since)) if is_outdated(&own, *since) => {
                        victims.push((own, "made of an earlier content"));
                    }
                    Some(Fate::Unknown(reason)) => self.fail(&own.object, reason)?,
                    Some(Fate::Current(_) | Fate::Damaged(..)) | None => {}
                }
            }
            self.remove("variants", victims).await?;
            self.passed(begun);
            if self.stop.is_cancelled() {
                break;
            }
        }
        Ok(())
    }

    async fn sweep_records(&mut self) -> anyhow::Result<()> {
        let mut pages = std::pin::pin!(self.pages(&self.stores.store, Kind::Record));
        while let Some(page) = pages.try_next().await? {
            if self.stop.is_cancelled() {
                break;
            }
            let begun = self.begin(&page);
            let judged: Vec<_> = stream::iter(page)
                .map(async |own| {
                    let Object::Record(owner) = &own.object else {
                        return (own, Fate::NoRecord, None);
                    };
                    let (fate, stored) = judge(&self.stores.store, owner).await;
                    (own, fate, stored)
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            for (own, fate, stored) in judged {
                match (fate, stored) {
                    // Also a young one: a record appears whole or not at all.
                    (Fate::Damaged(etag, reason), _) => {
                        let reason =
                            format!("it cannot be read, and is made anew on first use: {reason}");
                        let condition = Condition::Match(etag);
                        self.remove_one("damaged_records", &own, &reason, &condition)
                            .await?;
                    }
                    _ if !self.is_old(&own) => {}
                    (Fate::NoOriginal, Some(stored)) => {
                        if stored.record.is_said() && !self.arguments.records {
                            self.kept += 1;
                            continue;
                        }
                        // As it was judged: an upload under way has written it anew.
                        let condition = Condition::Match(stored.etag);
                        self.remove_one("records", &own, "there is no original", &condition)
                            .await?;
                    }
                    (Fate::Unknown(reason), _) => self.fail(&own.object, &reason)?,
                    _ => {}
                }
            }
            self.passed(begun);
        }
        Ok(())
    }

    async fn sweep_intents(&mut self) -> anyhow::Result<()> {
        let mut pages = std::pin::pin!(self.pages(&self.stores.store, Kind::Idem));
        while let Some(page) = pages.try_next().await? {
            let begun = self.begin(&page);
            for own in page {
                if self.stop.is_cancelled() {
                    return Ok(());
                }
                if age(own.modified) <= idempotency::KEPT {
                    continue;
                }
                // One that was written anew since the listing speaks for another day.
                let meta = self.stores.store.head(&own.object).await?;
                let expired = meta.filter(|meta| age(meta.modified) > idempotency::KEPT);
                if let Some(meta) = expired {
                    self.remove_one("intents", &own, "expired", &Condition::Match(meta.etag))
                        .await?;
                }
            }
            self.passed(begun);
        }
        Ok(())
    }

    async fn sweep_uploads(&mut self) -> anyhow::Result<()> {
        let Stores { store, derived } = &self.stores;
        let mut swept = store.sweep_uploads(UNFINISHED).await?;
        if !Arc::ptr_eq(store, derived) {
            swept += derived.sweep_uploads(UNFINISHED).await?;
        }
        self.totals.entry("uploads").or_default().0 += swept;
        Ok(())
    }

    fn is_old(&self, own: &Own) -> bool {
        age(own.modified) >= self.arguments.grace
    }

    /// Variants: whatever they are now, they can be made again.
    async fn remove(
        &mut self,
        what: &'static str,
        victims: Vec<(Own, &str)>,
    ) -> anyhow::Result<()> {
        let (derived, dry_run) = (&self.stores.derived, self.arguments.dry_run);
        let removed: Vec<_> = stream::iter(victims)
            .map(async |(own, reason)| {
                let removed = match dry_run {
                    true => Ok(true),
                    false => derived.delete(&own.object, &Condition::Any).await,
                };
                (own, reason, removed)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (own, reason, removed) in removed {
            self.removed(what, &own, reason, removed)?;
        }
        Ok(())
    }

    async fn remove_one(
        &mut self,
        what: &'static str,
        own: &Own,
        reason: &str,
        condition: &Condition,
    ) -> anyhow::Result<()> {
        let removed = match self.arguments.dry_run {
            true => Ok(true),
            false => self.stores.store.delete(&own.object, condition).await,
        };
        Ok(self.removed(what, own, reason, removed)?)
    }

    fn removed(
        &mut self,
        what: &'static str,
        own: &Own,
        reason: &str,
        removed: Result<bool, Error>,
    ) -> std::io::Result<()> {
        match removed {
            Ok(true) => {}
            // Gone, or in use again.
            Ok(false) | Err(Error::Precondition { .. }) => return Ok(()),
            Err(error) => return self.fail(&own.object, &error.to_string()),
        }
        let (count, bytes) = self.totals.entry(what).or_default();
        (*count, *bytes) = (*count + 1, *bytes + own.size);
        let (path, size) = (own.object.path(), own.size);
        let (result, words) = match self.arguments.dry_run {
            true => ("would-remove", "would remove"),
            false => ("removed", "removed"),
        };
        let line = json!({
            "path": path, "result": result, "bytes": size, "reason": reason, "actor": ACTOR,
        });
        self.report.line(
            &line,
            Some(&format!("{ACTOR} {words} {path}, {size} bytes: {reason}")),
        )
    }

    fn fail(&mut self, object: &Object, reason: &str) -> std::io::Result<()> {
        self.failed += 1;
        let path = object.path();
        let line = json!({"path": path, "result": "failed", "problem": reason});
        self.report
            .line(&line, Some(&format!("{path} was left alone: {reason}")))
    }

    fn tell(&self) -> std::io::Result<()> {
        let of = |what| self.totals.get(what).copied().unwrap_or_default();
        let bytes: u64 = self.totals.values().map(|(_, bytes)| bytes).sum();
        let (variants, records, intents) = (of("variants").0, of("records").0, of("intents").0);
        let damaged = of("damaged_records").0;
        // Only found out by giving them up.
        let uploads = (!self.arguments.dry_run).then(|| of("uploads").0);
        let summary = json!({"summary": {
            "dry_run": self.arguments.dry_run,
            "variants": variants,
            "records": records,
            "damaged_records": damaged,
            "intents": intents,
            "uploads": uploads,
            "bytes": bytes,
            "kept_records": self.kept,
            "failed": self.failed,
            "interrupted": self.stop.is_cancelled(),
            "after": self.report.after().filter(|_| self.stop.is_cancelled()),
        }});
        let verb = match self.arguments.dry_run {
            true => "would remove",
            false => "removed",
        };
        let uploads = uploads.map_or_else(
            || "unfinished uploads not counted".to_owned(),
            |uploads| format!("{uploads} unfinished uploads"),
        );
        let mut words = format!(
            "{verb} {variants} variants, {records} records, {damaged} damaged records, {intents} expired intents, {uploads}: {bytes} bytes"
        );
        if self.kept > 0 {
            words += &format!(
                "; kept {} records without an original for what people said in them (--records removes them)",
                self.kept
            );
        }
        self.report.summary(&summary, &words)
    }

    fn verdict(&self) -> Result<(), Failure> {
        let reason = match (self.failed, self.stop.is_cancelled()) {
            (0, false) => return Ok(()),
            (0, true) => self.report.interrupted(),
            (failed, _) => format!("{failed} could not be judged or removed"),
        };
        Err(Failure::Other(anyhow::Error::msg(reason)))
    }
}

fn owner(own: &Own) -> Option<KeyHash> {
    match own.object {
        Object::Variant(owner, _) => Some(owner),
        _ => None,
    }
}

/// Only a confirmed absence is one.
async fn judge(store: &Store, owner: &KeyHash) -> (Fate, Option<records::StoredRecord>) {
    let stored = match records::look(store, owner).await {
        Ok(FoundRecord::Stored(stored)) => *stored,
        Ok(FoundRecord::Nothing) => return (Fate::NoRecord, None),
        Ok(FoundRecord::Damaged { etag, reason }) => return (Fate::Damaged(etag, reason), None),
        Err(error) => return (Fate::Unknown(upkeep::reason(&error)), None),
    };
    let original = Object::Original(stored.record.key.clone());
    let fate = match store.head(&original).await {
        Ok(None) => Fate::NoOriginal,
        Ok(Some(_)) => {
            let since = stored.record.purged.unwrap_or(stored.record.modified);
            Fate::Current(since.max(stored.record.modified).into())
        }
        Err(error) => Fate::Unknown(error.to_string()),
    };
    (fate, Some(stored))
}

fn is_outdated(own: &Own, since: SystemTime) -> bool {
    own.modified < since && age(own.modified) >= OUTDATED
}

fn age(modified: SystemTime) -> Duration {
    let age = SystemTime::now().duration_since(modified);
    age.unwrap_or_default()
}
