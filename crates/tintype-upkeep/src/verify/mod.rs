//! Checks whether the originals still are what was uploaded.

mod check;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::json;
use tintype_store::{Error, KeyHash, ObjectKind, Store};

use self::check::{Checked, Finding, original, record};
use crate::walk::Ticket;
use crate::{Report, Summary, stores};

/// Names of the counts in the summary.
const COUNTS: [&str; 10] = [
    "originals",
    "bytes",
    "missing",
    "changed",
    "unreadable",
    "bad_records",
    "stale",
    "no_record",
    "not_hashed",
    "packed",
];

#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Only keys that start with this.
    pub prefix: String,
    /// Originals read at the same time.
    pub jobs: usize,
    /// A key, or the path of a record: those come after all originals.
    pub after: Option<String>,
}

/// Reads every original and compares it with its record. Changes nothing.
pub fn verify(
    store: Arc<Store>,
    options: VerifyOptions,
    report: Report,
) -> BoxFuture<'static, anyhow::Result<Summary>> {
    Box::pin(async move {
        let verifier = Verifier {
            store,
            options,
            report,
        };
        verifier.run().await
    })
}

struct Verifier {
    store: Arc<Store>,
    options: VerifyOptions,
    report: Report,
}

type Checking = Result<(Ticket, Option<Checked>), Error>;

impl Verifier {
    async fn run(self) -> anyhow::Result<Summary> {
        let report = &self.report;
        let after = self.options.after.as_deref();
        let are_done = after.is_some_and(|after| after.starts_with(&ObjectKind::Record.folder()));
        let mut bad_records = HashSet::new();
        let mut broken = None;
        if !are_done {
            broken = self.take(self.originals(), &mut bad_records).await?;
        }
        let of_records = self.take(self.records(), &mut bad_records).await?;
        let broken = of_records.or(broken);
        let found = report.counted("originals");
        if found == 0 && !are_done && broken.is_none() && !report.is_interrupted() {
            report.aside(&stores::nothing_found(&self.options.prefix, after))?;
        }
        let broken = broken.map(|error| {
            anyhow::Error::new(error).context("the store could not be read completely")
        });
        Ok(summary(report).broken_by(broken))
    }

    fn originals(&self) -> impl Stream<Item = Checking> {
        let VerifyOptions {
            prefix,
            jobs,
            after,
        } = self.options.clone();
        stores::originals(self.store.clone(), prefix, after)
            .take_until(self.report.stop().cancelled())
            .inspect_ok(|_| self.report.found(1))
            .map_ok(|listed| {
                let ticket = self.report.begin(Some(listed.key.as_str().to_owned()));
                let checking = original(self.store.clone(), listed, self.report.stop().clone());
                async move { Ok((ticket, checking.await?)) }
            })
            .try_buffer_unordered(jobs)
    }

    fn records(&self) -> impl Stream<Item = Checking> {
        let VerifyOptions {
            prefix,
            jobs,
            after,
        } = &self.options;
        stores::own(self.store.clone(), ObjectKind::Record, after.as_deref())
            .take_until(self.report.stop().cancelled())
            .map_ok(|page| stream::iter(page.into_iter().map(Ok)))
            .try_flatten()
            .map_ok(move |own| {
                let ticket = self.report.begin(Some(own.object.path()));
                let checking = record(self.store.clone(), own, prefix);
                async move { Ok((ticket, checking.await?)) }
            })
            .try_buffer_unordered(*jobs)
    }

    /// Returns what kept the walk from its end.
    async fn take(
        &self,
        walk: impl Stream<Item = Checking>,
        bad_records: &mut HashSet<KeyHash>,
    ) -> io::Result<Option<Error>> {
        let mut walk = std::pin::pin!(walk);
        let mut broken = None;
        while let Some(checked) = walk.next().await {
            match checked {
                // Interrupted work does not count as done.
                Ok((_, None)) if self.report.is_interrupted() => {}
                Ok((ticket, checked)) => {
                    if let Some(checked) = checked {
                        report_result(checked, bad_records, &self.report)?;
                    }
                    self.report.end(ticket);
                }
                Err(error) => broken = Some(error),
            }
        }
        Ok(broken)
    }
}

/// A damaged record is found through its original and by itself, but reported once.
fn report_result(
    checked: Checked,
    bad_records: &mut HashSet<KeyHash>,
    report: &Report,
) -> io::Result<()> {
    let key = checked.key.as_str();
    if let Some(Finding::BadRecord(owner, _)) = &checked.finding
        && !bad_records.insert(*owner)
    {
        return Ok(());
    }
    if !matches!(checked.finding, Some(Finding::Missing)) {
        report.count("originals", 1);
        report.did(key);
    }
    report.count("bytes", checked.bytes);
    let Some(finding) = checked.finding else {
        return Ok(());
    };
    let (name, count, words) = match &finding {
        Finding::Missing => ("missing", "missing", "there is a record, but no original"),
        Finding::Changed => ("changed", "changed", "not the bytes that were uploaded"),
        Finding::Unreadable(reason) => ("unreadable", "unreadable", reason.as_str()),
        Finding::BadRecord(_, reason) => ("bad-record", "bad_records", reason.as_str()),
        Finding::Stale => ("stale", "stale", "the record describes an earlier version"),
        Finding::NoRecord => ("no-record", "no_record", "never used"),
        Finding::NotHashed => (
            "not-hashed",
            "not_hashed",
            "the record has no hash to compare with",
        ),
        Finding::Packed(encoding) => ("packed", "packed", encoding.as_str()),
    };
    report.count(count, 1);
    let line = json!({"key": key, "finding": name, "problem": words});
    report.line(&line, Some(&format!("{name}: {key}: {words}")))
}

fn summary(report: &Report) -> Summary {
    let [
        originals,
        bytes,
        missing,
        changed,
        unreadable,
        bad_records,
        stale,
        no_record,
        not_hashed,
        packed,
    ] = COUNTS.map(|name| report.counted(name));
    let words = format!(
        "{originals} originals, {bytes} bytes read: {missing} missing, {changed} changed, {unreadable} unreadable, {bad_records} with a damaged record; {stale} stale, {no_record} without a record, {not_hashed} without a hash, {packed} content-encoded"
    );
    let failure = match (missing + changed + unreadable, bad_records) {
        (0, 0) => None,
        (0, records) => Some(format!(
            "{records} records are damaged, but no original; tintype index rebuilds them"
        )),
        (damaged, _) => Some(format!(
            "{damaged} originals are damaged; restore them from a backup"
        )),
    };
    let interrupted = format!("{}; nothing was damaged so far", report.how_to_go_on());
    report.summary(report.counts_of_walk(&COUNTS), words, failure, interrupted)
}
