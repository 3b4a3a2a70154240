//! Originals from a folder, a bucket or another tintype into a store.

mod held;
mod odd;
mod place;
mod remote;
mod said;
mod tell;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, stream};
use tintype_server::originals::spool::Spool;
use tintype_server::records::blocks::{self, Block, Blocks};
use tintype_server::records::record::Record;
use tintype_store::{ContentHash, ETag, Key, MAX_PAGE};
use tokio_util::sync::CancellationToken;

pub use self::place::Address;

use self::place::Place;
use self::tell::Done;
use self::transfer::Transfer;
use crate::client::Refused;
use crate::{Report, Summary};

/// Looks at one original, or at one page of a listing, before it is given up.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Clone, Debug)]
pub struct Options {
    pub from: Address,
    pub to: Address,
    /// For services: of FROM, and of TO.
    pub tokens: [Option<String>; 2],
    /// Only names that start with this.
    pub prefix: String,
    /// Originals copied at a time.
    pub jobs: usize,
    /// Say what would be done, and write nothing.
    pub dry_run: bool,
    /// Replace what has the same name and other bytes.
    pub overwrite: bool,
    /// With what was said of the originals.
    pub records: bool,
    /// Read what was written to TO again.
    pub read_back: bool,
}

/// Copies originals, each hashed on its way. FROM is never written to.
pub fn import(options: Options, report: Report) -> BoxFuture<'static, anyhow::Result<Summary>> {
    Box::pin(async move { run(&options, &report).await })
}

/// An original of FROM, as it was listed.
struct Item {
    key: Key,
    size: u64,
    etag: ETag,
    /// Where a service tells it.
    sha256: Option<ContentHash>,
    record: Option<Record>,
    block: Option<Block>,
}

/// What TO has under a name.
struct There {
    size: u64,
    etag: ETag,
    /// As in `Repr-Digest`; `None`: it has not been hashed.
    digest: Option<String>,
    /// Of which version it is a copy.
    mark: Option<String>,
}

/// What a listing brings.
enum Found {
    Original(Box<Item>),
    Odd(String, String),
}

async fn run(options: &Options, report: &Report) -> anyhow::Result<Summary> {
    let transfer = Arc::new(open(options).await?);
    tell_odd(options, report)?;
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
            Ok(done) => done.tell(report)?,
            Err(error) => broken = Some(error.context("FROM cannot be listed to its end")),
        }
    }
    if tell::is_empty(report) && broken.is_none() && !report.is_interrupted() {
        let place = match options.prefix.as_str() {
            "" => options.from.to_string(),
            prefix => format!("{} under {prefix:?}", options.from),
        };
        report.aside(&format!("nothing was found in {place}"))?;
    }
    Ok(tell::summary(report).broken_by(broken))
}

async fn open(options: &Options) -> anyhow::Result<Transfer> {
    let [of_from, of_to] = options.tokens.each_ref().map(Option::as_deref);
    let from = Place::source(&options.from, of_from).await?;
    let to = Place::target(&options.to, of_to, options.dry_run).await?;
    let blocks = match &from {
        Place::Store(store) if options.records => Some(Blocks::load(store.clone()).await?),
        _ => None,
    };
    let mut folder = None;
    if let Place::Store(store) = &to {
        folder = store.spool_dir();
        // Before anything that they are about is there.
        if let Some(blocks) = blocks.as_ref().filter(|_| !options.dry_run) {
            blocks::carry_over(store, blocks.all()).await?;
        }
    }
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    Ok(Transfer {
        from,
        to,
        // The number of jobs bounds it.
        spool: Spool::untried(folder, u64::MAX),
        blocks,
        records: options.records,
        overwrite: options.overwrite,
        dry_run: options.dry_run,
        read_back: options.read_back,
    })
}

fn tell_odd(options: &Options, report: &Report) -> std::io::Result<()> {
    let mut told = Ok(());
    if let Some(folder) = options.from.folder() {
        odd::find(folder, &options.prefix, &mut |path, reason| {
            let done = Done::Odd(path.to_string_lossy().into_owned(), reason);
            if told.is_ok() {
                told = done.tell(report);
            }
        });
    }
    told
}

/// Everything in FROM, a page at a time and no further ahead than it is worked on.
fn found(
    transfer: Arc<Transfer>,
    prefix: String,
    stop: CancellationToken,
) -> impl Stream<Item = anyhow::Result<Found>> {
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
    ) -> anyhow::Result<(Vec<Found>, Option<String>)> {
        match &self.from {
            Place::Service(remote) => {
                let page = remote.page(prefix, cursor, self.records).await?;
                let odd = page.odd.into_iter();
                let odd = odd.map(|(name, error)| Found::Odd(name, error.to_string()));
                let originals = page.items.into_iter().map(Box::new).map(Found::Original);
                Ok((originals.chain(odd).collect(), page.cursor))
            }
            Place::Store(store) => {
                let page = store.list(prefix, false, cursor, MAX_PAGE).await?;
                let originals = page.files.into_iter().map(|listed| {
                    Found::Original(Box::new(Item {
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

/// Each on a task of its own, so that hashing takes as many processors as there are.
async fn work(transfer: Arc<Transfer>, found: anyhow::Result<Found>) -> anyhow::Result<Done> {
    let item = match found? {
        Found::Odd(name, reason) => return Ok(Done::Odd(name, reason)),
        Found::Original(item) => item,
    };
    let task = tokio::spawn(async move {
        let outcome = attempt(|| transfer.one(&item)).await;
        Done::Original(item, outcome)
    });
    task.await.context("an import ended unexpectedly")
}

/// Tries again what may succeed a moment later.
async fn attempt<T, F>(what: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match what().await {
            Err(error) if is_transient(&error) => {}
            outcome => return outcome,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    what().await
}

fn is_transient(error: &anyhow::Error) -> bool {
    use tintype_store::Error as Stored;
    error.chain().any(|cause| {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return refused.is_transient();
        }
        let stored = cause.downcast_ref::<Stored>();
        let is_away = stored.is_some_and(|error| {
            matches!(
                error,
                Stored::Unavailable { .. } | Stored::Precondition { .. }
            )
        });
        is_away || cause.is::<reqwest::Error>() || cause.is::<said::Raced>()
    })
}
