//! Copies originals from a folder, a bucket or another tintype into a store.

mod attempt;
mod buffered;
mod endpoint;
mod fields;
mod item;
mod listing;
mod outcome;
mod remote;
mod skipped;
mod transfer;

use std::sync::Arc;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tintype_server::originals::spool::Spool;
use tintype_server::records::blocks::{self, Blocks};

pub use self::endpoint::Address;

use self::attempt::attempt;
use self::endpoint::Endpoint;
use self::listing::{ListingEntry, found};
use self::outcome::EntryResult;
use self::transfer::Transfer;
use crate::{Report, Summary};

#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub from: Address,
    pub to: Address,
    /// Tokens for FROM and TO, if they are services.
    pub tokens: [Option<String>; 2],
    /// Only names that start with this.
    pub prefix: String,
    /// Originals copied at the same time.
    pub jobs: usize,
    /// Report what would be done, and write nothing.
    pub dry_run: bool,
    /// Replace originals of the same name with other bytes.
    pub overwrite: bool,
    /// Copy the editable fields as well.
    pub records: bool,
    /// Read back what was written to TO.
    pub read_back: bool,
}

/// Copies originals, hashing each on the way. FROM is never written to.
pub fn import(
    options: ImportOptions,
    report: Report,
) -> BoxFuture<'static, anyhow::Result<Summary>> {
    Box::pin(async move { run(&options, &report).await })
}

async fn run(options: &ImportOptions, report: &Report) -> anyhow::Result<Summary> {
    let transfer = Arc::new(open(options).await?);
    report_skipped(options, report)?;
    let mut work = std::pin::pin!(
        found(
            transfer.clone(),
            options.prefix.clone(),
            report.stop().clone()
        )
        .inspect(|_| report.found(1))
        .map(|found| work(transfer.clone(), found))
        .buffer_unordered(options.jobs)
    );
    let mut broken: Option<anyhow::Error> = None;
    while let Some(done) = work.next().await {
        match done {
            Ok(done) => done.report_to(report)?,
            Err(error) => broken = Some(error.context("FROM could not be listed completely")),
        }
    }
    if outcome::is_empty(report) && broken.is_none() && !report.is_interrupted() {
        let place = match options.prefix.as_str() {
            "" => options.from.to_string(),
            prefix => format!("{} under {prefix:?}", options.from),
        };
        report.aside(&format!("nothing was found in {place}"))?;
    }
    Ok(outcome::summary(report).broken_by(broken))
}

async fn open(options: &ImportOptions) -> anyhow::Result<Transfer> {
    let [of_from, of_to] = options.tokens.each_ref().map(Option::as_deref);
    let from = Endpoint::source(&options.from, of_from).await?;
    let to = Endpoint::target(&options.to, of_to, options.dry_run).await?;
    let blocks = match &from {
        Endpoint::Store(store) if options.records => Some(Blocks::load(store.clone()).await?),
        _ => None,
    };
    let mut folder = None;
    if let Endpoint::Store(store) = &to {
        folder = store.spool_dir();
        // Before the originals that they block exist.
        if let Some(blocks) = blocks.as_ref().filter(|_| !options.dry_run) {
            blocks::carry_over(store, blocks.all()).await?;
        }
    }
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    Ok(Transfer {
        from,
        to,
        // The number of jobs limits it.
        spool: Spool::untried(folder, u64::MAX),
        blocks,
        records: options.records,
        overwrite: options.overwrite,
        dry_run: options.dry_run,
        read_back: options.read_back,
    })
}

fn report_skipped(options: &ImportOptions, report: &Report) -> std::io::Result<()> {
    let mut reported = Ok(());
    if let Some(folder) = options.from.folder() {
        skipped::find(folder, &options.prefix, &mut |path, reason| {
            let done = EntryResult::Skipped(path.to_string_lossy().into_owned(), reason);
            if reported.is_ok() {
                reported = done.report_to(report);
            }
        });
    }
    reported
}

/// Each on its own task, so that hashing uses all processors.
async fn work(
    transfer: Arc<Transfer>,
    found: anyhow::Result<ListingEntry>,
) -> anyhow::Result<EntryResult> {
    let item = match found? {
        ListingEntry::Skipped(name, reason) => return Ok(EntryResult::Skipped(name, reason)),
        ListingEntry::Original(item) => item,
    };
    let task = tokio::spawn(async move {
        let outcome = attempt(|| transfer.one(&item)).await;
        EntryResult::Original(item, outcome)
    });
    task.await.context("an import ended unexpectedly")
}
