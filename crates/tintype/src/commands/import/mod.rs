//! `tintype import`: originals from a folder, a bucket or another tintype into a store.

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
use clap::Args;
use futures_util::{Stream, StreamExt, stream};
use tintype_server::records::blocks::Block;
use tintype_server::records::record::Record;
use tintype_store::{ContentHash, ETag, Key, MAX_PAGE};
use tokio_util::sync::CancellationToken;

use self::place::{Address, Place};
use self::remote::Refused;
use self::said::Blocks;
use self::tell::{Done, Totals};
use self::transfer::Transfer;
use super::support::{self, Report};
use crate::failure::Failure;

/// Looks at one original, or at one page of a listing, before it is given up.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// Copy originals from a folder, a bucket or another tintype.
///
/// FROM and TO are a folder, file:///path, s3://bucket/location, or the address of a tintype service.
/// Originals keep their names, and what was said of them in a tintype (focal point, crops, state, meta,
/// takedowns) comes along. Every copy is hashed on its way and compared with what was written. What another
/// program has stored in FROM packed with gzip (Content-Encoding) is unpacked.
///
/// Run it again and it goes on where it was: what is there already is skipped. A name that something
/// else has is a conflict, which is told and left alone. FROM is never written to.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype import /srv/old/media /srv/media --dry-run
  tintype import s3://old-bucket/media s3://new-bucket
  TINTYPE_IMPORT_TOKEN=tt_… tintype import https://media.example.org ./media --prefix photos/
  tintype import ./media https://media.example.org --token-to tt_… --json

A bucket is reached by AWS's own variables (AWS_REGION, AWS_ENDPOINT_URL, …). Of a service the token
needs the scopes read and list (FROM), or read and write, with replace for --overwrite and takedown
for what is blocked (TO).

Exits with 1 when anything was not imported: a conflict, an odd name, a failure, or an interruption.")]
pub(crate) struct Arguments {
    from: Address,
    to: Address,
    /// Only names that start with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Originals copied at a time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace what has the same name and other bytes
    #[arg(long)]
    overwrite: bool,
    /// Bytes alone, without what was said of them
    #[arg(long)]
    no_records: bool,
    /// Do not read back what was written to TO; a service compares by itself
    #[arg(long)]
    no_read_back: bool,
    /// One line of JSON for each original, and one for the sum
    #[arg(long)]
    json: bool,
    /// Token of the service; better given by the variable, which no list of processes shows
    #[arg(long, env = "TINTYPE_IMPORT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Token of TO, where both are services [default: --token]
    #[arg(long, env = "TINTYPE_IMPORT_TOKEN_TO", hide_env_values = true)]
    token_to: Option<String>,
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

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if self.from.overlaps(&self.to) {
            return Err(Failure::Usage(
                "FROM and TO are one place, or one lies in the other".to_owned(),
            ));
        }
        support::run(self.import())
    }

    async fn import(self) -> Result<(), Failure> {
        let stop = support::stop_on_signal()?;
        let report = Report::new(self.json);
        let transfer = Arc::new(self.open().await?);
        let mut totals = Totals::default();
        self.tell_odd(&report, &mut totals)?;

        let mut work = std::pin::pin!(
            found(transfer.clone(), self.prefix.clone(), stop.clone())
                .inspect(|_| report.progress().found(1))
                .map(|found| work(transfer.clone(), found))
                .buffer_unordered(usize::from(self.jobs))
        );
        let mut broken: Option<anyhow::Error> = None;
        while let Some(done) = work.next().await {
            match done {
                Ok(done) => done.tell(&report, &mut totals)?,
                Err(error) => broken = Some(error),
            }
        }
        if totals.is_empty() && broken.is_none() && !stop.is_cancelled() {
            let place = match self.prefix.as_str() {
                "" => self.from.to_string(),
                prefix => format!("{} under {prefix:?}", self.from),
            };
            report.aside(&format!("nothing was found in {place}"))?;
        }
        totals.tell(&report, stop.is_cancelled())?;
        if let Some(error) = broken {
            return Err(error.context("FROM cannot be listed to its end").into());
        }
        totals.verdict(stop.is_cancelled())
    }

    async fn open(&self) -> anyhow::Result<Transfer> {
        let token_to = self.token_to.as_deref().or(self.token.as_deref());
        let from = Place::source(&self.from, self.token.as_deref()).await?;
        let to = Place::target(&self.to, token_to, self.dry_run).await?;
        let blocks = match &from {
            Place::Store(store) if !self.no_records => Blocks::read(store).await?,
            _ => Blocks::default(),
        };
        // Before anything that they are about is there.
        if let Place::Store(store) = &to
            && !self.dry_run
        {
            blocks.write(store).await?;
        }
        Ok(Transfer {
            from,
            to,
            blocks,
            records: !self.no_records,
            overwrite: self.overwrite,
            dry_run: self.dry_run,
            read_back: !self.no_read_back,
        })
    }

    fn tell_odd(&self, report: &Report, totals: &mut Totals) -> std::io::Result<()> {
        let mut told = Ok(());
        if let Some(folder) = self.from.folder() {
            odd::find(folder, &self.prefix, &mut |path, reason| {
                let done = Done::Odd(path.to_string_lossy().into_owned(), reason);
                if told.is_ok() {
                    told = done.tell(report, totals);
                }
            });
        }
        told
    }
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
        is_away || cause.is::<reqwest::Error>()
    })
}
