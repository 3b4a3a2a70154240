//! Removes what is no longer needed.

mod fate;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tintype_server::originals::idempotency;
use tintype_server::service::stores::Stores;
use tintype_store::{Condition, Error, Object, ObjectKind, OwnObject, Store};

use self::fate::{Fate, age, is_outdated, judge, owner};
use crate::walk::Ticket;
use crate::{Report, Summary, stores};

/// Longer than any upload takes.
const UNFINISHED: Duration = Duration::from_secs(24 * 60 * 60);

/// Requests at the same time.
const AT_ONCE: usize = 16;

/// In the log, where the API has its actors.
const ACTOR: &str = "sweep";

#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// Only report what would be removed.
    pub dry_run: bool,
    /// Also records of missing originals that have editable fields.
    pub records: bool,
    /// Younger objects may belong to an upload in progress.
    pub grace: Duration,
    /// See [`place`].
    pub after: Option<String>,
}

/// Removes what is no longer needed.
pub fn sweep(
    stores: Stores,
    options: SweepOptions,
    report: Report,
) -> BoxFuture<'static, anyhow::Result<Summary>> {
    Box::pin(async move {
        let sweeper = Sweeper {
            stores,
            options,
            report,
        };
        let swept = sweeper.sweep().await;
        Ok(sweeper.summary().broken_by(swept.err()))
    })
}

/// Names of the counts in the summary.
const COUNTS: [&str; 8] = [
    "variants",
    "records",
    "damaged_records",
    "intents",
    "uploads",
    "bytes",
    "kept_records",
    "failed",
];

/// The order of the walk. Variants come first, because deciding about them needs the records.
const KINDS: [ObjectKind; 3] = [ObjectKind::Variant, ObjectKind::Record, ObjectKind::Idem];

/// Parses the path to continue after, which is one of tintype's own objects.
pub fn place(text: &str) -> Result<String, String> {
    match KINDS.iter().any(|kind| text.starts_with(&kind.folder())) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "not a path below one of {}",
            KINDS.map(ObjectKind::folder).join(", ")
        )),
    }
}

/// A variant to be removed.
struct Victim {
    own: OwnObject,
    reason: &'static str,
}

struct Sweeper {
    stores: Stores,
    options: SweepOptions,
    report: Report,
}

impl Sweeper {
    async fn sweep(&self) -> anyhow::Result<()> {
        let begun = KINDS.iter().position(|kind| !self.is_before(*kind));
        for kind in KINDS.into_iter().skip(begun.unwrap_or_default()) {
            match kind {
                ObjectKind::Variant => self.sweep_variants().await?,
                ObjectKind::Record => self.sweep_records().await?,
                _ => self.sweep_intents().await?,
            }
        }
        if !self.options.dry_run && !self.report.is_interrupted() {
            self.sweep_uploads().await?;
        }
        Ok(())
    }

    /// Whether the walk begins with a later kind.
    fn is_before(&self, kind: ObjectKind) -> bool {
        let after = self.options.after.as_ref();
        after.is_some_and(|after| !after.starts_with(&kind.folder()))
    }

    fn pages(
        &self,
        store: &Arc<Store>,
        kind: ObjectKind,
    ) -> impl Stream<Item = Result<Vec<OwnObject>, Error>> + use<> {
        stores::own(store.clone(), kind, self.options.after.as_deref())
    }

    /// Reports that all of a page was examined.
    fn passed(&self, tickets: Vec<Ticket>) {
        tickets
            .into_iter()
            .for_each(|ticket| self.report.end(ticket));
    }

    fn begin(&self, page: &[OwnObject]) -> Vec<Ticket> {
        let begin = |own: &OwnObject| self.report.begin(Some(own.object.path()));
        page.iter().map(begin).collect()
    }

    async fn sweep_variants(&self) -> anyhow::Result<()> {
        let mut pages = std::pin::pin!(self.pages(&self.stores.derived, ObjectKind::Variant));
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
                let reason = match owner(&own).and_then(|owner| fates.get(&owner)) {
                    Some(Fate::NoRecord) => "there is no record",
                    Some(Fate::NoOriginal) => "there is no original",
                    Some(Fate::Current(since)) if is_outdated(&own, *since) => {
                        "made of older content"
                    }
                    Some(Fate::Unknown(reason)) => {
                        self.fail(&own.object, reason)?;
                        continue;
                    }
                    Some(Fate::Current(_) | Fate::Damaged(..)) | None => continue,
                };
                victims.push(Victim { own, reason });
            }
            self.remove("variants", victims).await?;
            self.passed(begun);
            if self.report.is_interrupted() {
                break;
            }
        }
        Ok(())
    }

    async fn sweep_records(&self) -> anyhow::Result<()> {
        let mut pages = std::pin::pin!(self.pages(&self.stores.store, ObjectKind::Record));
        while let Some(page) = pages.try_next().await? {
            if self.report.is_interrupted() {
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
                    // Even a young one: a record appears whole or not at all.
                    (Fate::Damaged(etag, reason), _) => {
                        let reason = format!(
                            "it cannot be read, and will be made anew on first use: {reason}"
                        );
                        let condition = Condition::Match(etag);
                        self.remove_one("damaged_records", &own, &reason, &condition)
                            .await?;
                    }
                    _ if !self.is_old(&own) => {}
                    (Fate::NoOriginal, Some(stored)) => {
                        if stored.record.is_said() && !self.options.records {
                            self.report.count("kept_records", 1);
                            continue;
                        }
                        // Only in the version that was examined: an upload in progress may have rewritten it.
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

    async fn sweep_intents(&self) -> anyhow::Result<()> {
        let mut pages = std::pin::pin!(self.pages(&self.stores.store, ObjectKind::Idem));
        while let Some(page) = pages.try_next().await? {
            let begun = self.begin(&page);
            for own in page {
                if self.report.is_interrupted() {
                    return Ok(());
                }
                if age(own.modified) <= idempotency::KEPT {
                    continue;
                }
                // If it was rewritten since the listing, it is valid for another day.
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

    async fn sweep_uploads(&self) -> anyhow::Result<()> {
        let Stores { store, derived } = &self.stores;
        let mut swept = store.sweep_uploads(UNFINISHED).await?;
        if !Arc::ptr_eq(store, derived) {
            swept += derived.sweep_uploads(UNFINISHED).await?;
        }
        self.report.count("uploads", swept);
        Ok(())
    }

    fn is_old(&self, own: &OwnObject) -> bool {
        age(own.modified) >= self.options.grace
    }

    /// Removes variants, whatever they are now: they can be made again.
    async fn remove(&self, what: &'static str, victims: Vec<Victim>) -> anyhow::Result<()> {
        let (derived, dry_run) = (&self.stores.derived, self.options.dry_run);
        let removed: Vec<_> = stream::iter(victims)
            .map(async |victim: Victim| {
                let removed = match dry_run {
                    true => Ok(true),
                    false => derived.delete(&victim.own.object, &Condition::Any).await,
                };
                (victim, removed)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (Victim { own, reason }, removed) in removed {
            self.removed(what, &own, reason, removed)?;
        }
        Ok(())
    }

    async fn remove_one(
        &self,
        what: &'static str,
        own: &OwnObject,
        reason: &str,
        condition: &Condition,
    ) -> anyhow::Result<()> {
        let removed = match self.options.dry_run {
            true => Ok(true),
            false => self.stores.store.delete(&own.object, condition).await,
        };
        Ok(self.removed(what, own, reason, removed)?)
    }

    fn removed(
        &self,
        what: &'static str,
        own: &OwnObject,
        reason: &str,
        removed: Result<bool, Error>,
    ) -> io::Result<()> {
        match removed {
            Ok(true) => {}
            // Deleted, or in use again.
            Ok(false) | Err(Error::Precondition { .. }) => return Ok(()),
            Err(error) => return self.fail(&own.object, &error.to_string()),
        }
        self.report.count(what, 1);
        self.report.count("bytes", own.size);
        let (path, size) = (own.object.path(), own.size);
        let (result, words) = match self.options.dry_run {
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

    fn fail(&self, object: &Object, reason: &str) -> io::Result<()> {
        let path = object.path();
        let words = format!("{path} was kept: {reason}");
        self.report.failed(json!({ "path": path }), reason, &words)
    }

    fn summary(&self) -> Summary {
        let (report, dry_run) = (&self.report, self.options.dry_run);
        let [
            variants,
            records,
            damaged,
            intents,
            uploads,
            bytes,
            kept,
            failed,
        ] = COUNTS.map(|name| report.counted(name));
        let mut counts = report.counts_of_walk(&COUNTS);
        counts.insert("dry_run".to_owned(), dry_run.into());
        let verb = match dry_run {
            true => "would remove",
            false => "removed",
        };
        let uploads = match dry_run {
            // Found out only by aborting them.
            true => {
                counts.insert("uploads".to_owned(), Value::Null);
                "unfinished uploads not counted".to_owned()
            }
            false => format!("{uploads} unfinished uploads"),
        };
        let mut words = format!(
            "{verb} {variants} variants, {records} records, {damaged} damaged records, {intents} expired intents, {uploads}: {bytes} bytes"
        );
        if kept > 0 {
            words += &format!(
                "; kept {kept} records without an original because of their editable fields (--records removes them)"
            );
        }
        let failure = (failed > 0).then(|| format!("{failed} could not be checked or removed"));
        report.summary(counts, words, failure, report.how_to_go_on())
    }
}
