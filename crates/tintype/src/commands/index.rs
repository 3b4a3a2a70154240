//! `tintype index`: records made ahead, for a store that was adopted.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use tintype_server::config::Config;
use tintype_server::config::granted::Granted;
use tintype_server::error::Error;
use tintype_server::records::Records;
use tintype_server::records::record::ADOPT_WHOLE_BYTES;
use tintype_server::service;
use tintype_store::{KeyHash, Kind, Listed, MAX_PAGE, Object, Store};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::support::{self, PROGRESS, Report, Telling};
use super::upkeep;
use crate::failure::Failure;

/// How often a picture is looked at whose colours the machine had no time for.
const ATTEMPTS: u32 = 5;

/// Make records ahead for originals that have none, and anew where one is damaged.
///
/// An original that was there before tintype gets its record on first use, which then takes longer.
/// This makes them all, hashes included. A record
/// that cannot be read is made anew as well; focal point, crops, embargo and meta that were in it are lost,
/// takedowns are not. First it tells how many there are and what that costs, and
/// asks. It can be interrupted and started again at any time, beside the service.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype index                      tells what it costs, and asks
  tintype index --prefix photos/2016/ --jobs 8 --yes --json

{PROGRESS}"))]
pub(crate) struct Arguments {
    /// Only keys that start with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Originals read at a time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Go on after this key
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// What it will cost. An original costs a GET for the record that is not there, a HEAD, a GET of its
/// bytes and a PUT. A large one gets its record from its first bytes; for the hash that is read again
/// twice, looked at, read whole and written again.
#[derive(Default)]
struct Plan {
    originals: u64,
    missing: u64,
    bytes: u64,
    lists: u64,
    gets: u64,
    heads: u64,
    puts: u64,
}

#[derive(Default)]
struct Totals {
    made: u64,
    mended: u64,
    bytes: u64,
    failed: u64,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = upkeep::load_to_change()?;
        let granted = Granted::detect(config.task_metadata.as_deref());
        support::run(async move {
            let stop = support::stop_on_signal()?;
            self.index(&config, &granted, stop).await
        })
    }

    async fn index(
        self,
        config: &Config,
        granted: &Granted,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        if let Some(reason) = &granted.unread {
            tracing::warn!(reason, "the limits of the task are not known");
        }
        let (store, records) = service::open_records(config, granted).await?;
        let known = Known::read(&store).await?;
        let plan = self.plan(&store, &known, &stop).await?;
        if stop.is_cancelled() {
            return Err(anyhow::Error::msg("interrupted before anything was done").into());
        }
        let report = Report::telling(&self.telling);
        report.line(&plan.json(), Some(&plan.words(store.is_shared())))?;
        if plan.originals == 0 {
            report.aside(&upkeep::nothing_found(&self.prefix, self.after.as_deref()))?;
        }
        if plan.missing > 0 && !self.yes {
            self.ask(&stop).await?;
        }
        let mut totals = Totals::default();
        report
            .progress()
            .found(usize::try_from(plan.missing).unwrap_or(usize::MAX));
        let (known, records) = (&known, &records);
        let work = upkeep::originals(store, self.prefix, self.after)
            .take_until(stop.cancelled())
            .map_ok(|listed| {
                let ticket = report.begin(Some(listed.key.as_str().to_owned()));
                async move {
                    let made = match known.has(&listed) {
                        true => mend(records, &listed).await,
                        false => make(records, &listed).await.map(|()| Done::Made),
                    };
                    Ok((ticket, listed, made))
                }
            })
            .try_buffer_unordered(usize::from(self.jobs));
        let mut work = std::pin::pin!(work);
        let mut broken = None;
        while let Some(done) = work.next().await {
            match done {
                Ok((ticket, listed, made)) => {
                    totals.take(&listed, made, &report)?;
                    report.end(ticket);
                }
                Err(error) => broken = Some(error),
            }
        }
        totals.tell(&report, stop.is_cancelled())?;
        if let Some(error) = broken {
            return Err(error.into());
        }
        totals.verdict(stop.is_cancelled(), &report)
    }

    async fn plan(
        &self,
        store: &Arc<Store>,
        known: &Known,
        stop: &CancellationToken,
    ) -> anyhow::Result<Plan> {
        let mut plan = Plan::default();
        let originals = upkeep::originals(store.clone(), self.prefix.clone(), self.after.clone());
        let mut originals = std::pin::pin!(originals.take_until(stop.cancelled()));
        while let Some(listed) = originals.try_next().await? {
            plan.add(&listed, known.has(&listed));
        }
        plan.lists = plan.originals.div_ceil(MAX_PAGE as u64).max(1);
        Ok(plan)
    }

    async fn ask(&self, stop: &CancellationToken) -> Result<(), Failure> {
        if self.telling.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal()
        {
            return Err(Failure::Usage(
                "nothing was done: nobody can be asked here; --yes goes on without asking"
                    .to_owned(),
            ));
        }
        write!(std::io::stderr(), "Go on? [y/N] ")?;
        // On a thread that nobody waits for: Ctrl-C is an answer as well.
        let (tell, answer) = oneshot::channel();
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = std::io::stdin().read_line(&mut answer);
            let _ = tell.send(read.map(|_| answer));
        });
        let answer = tokio::select! {
            () = stop.cancelled() => String::new(),
            answer = answer => answer.context("the answer cannot be read")??,
        };
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(anyhow::Error::msg("nothing was done").into()),
        }
    }
}

/// The hashes of the keys that have a record, in order: 16 bytes each, which is enough to tell them
/// apart and keeps ten million in 160 MB.
struct Known(Vec<[u8; 16]>);

impl Known {
    async fn read(store: &Arc<Store>) -> Result<Self, tintype_store::Error> {
        let mut known = Vec::new();
        let mut pages = std::pin::pin!(upkeep::own(store.clone(), Kind::Record, None));
        while let Some(page) = pages.try_next().await? {
            known.extend(page.iter().filter_map(|own| match &own.object {
                Object::Record(owner) => Some(start(owner)),
                _ => None,
            }));
        }
        known.sort_unstable();
        Ok(Self(known))
    }

    fn has(&self, listed: &Listed) -> bool {
        self.0.binary_search(&start(&listed.key.hash())).is_ok()
    }
}

fn start(owner: &KeyHash) -> [u8; 16] {
    let mut start = [0; 16];
    start.copy_from_slice(&owner.0[..16]);
    start
}

impl Plan {
    fn add(&mut self, listed: &Listed, is_known: bool) {
        self.originals += 1;
        if is_known {
            // Whether its record is whole.
            self.gets += 1;
            return;
        }
        let is_large = u64::from(listed.size > ADOPT_WHOLE_BYTES);
        self.missing += 1;
        self.bytes += listed.size;
        self.gets += 2 + 3 * is_large;
        self.heads += 1 + is_large;
        self.puts += 1 + is_large;
    }

    fn json(&self) -> serde_json::Value {
        json!({"plan": {
            "originals": self.originals,
            "without_record": self.missing,
            "bytes": self.bytes,
            "requests": {"LIST": self.lists, "GET": self.gets, "HEAD": self.heads, "PUT": self.puts},
        }})
    }

    fn words(&self, is_billed: bool) -> String {
        let Self {
            originals,
            missing,
            bytes,
            lists,
            gets,
            heads,
            puts,
        } = self;
        let billed = match is_billed {
            true => "; a bucket's owner pays for each of them, and for bytes that leave its region",
            false => "",
        };
        format!(
            "{missing} of {originals} originals have no record. Making them reads {bytes} bytes; that, and seeing that the other records are whole, takes about {lists} LIST, {gets} GET, {heads} HEAD and {puts} PUT requests{billed}."
        )
    }
}

/// What came of one original.
enum Done {
    Made,
    Mended,
    /// Its record was there and whole.
    Sound,
}

async fn mend(records: &Records, listed: &Listed) -> Result<Done, Error> {
    Ok(match records.mend(&listed.key).await? {
        true => Done::Mended,
        false => Done::Sound,
    })
}

/// One record, with the hash and the decoded facts.
async fn make(records: &Arc<Records>, listed: &Listed) -> Result<(), Error> {
    for attempt in 0..ATTEMPTS {
        let stored = match attempt {
            0 => records.load(&listed.key).await?,
            _ => records.read(&listed.key).await?,
        };
        // Gone meanwhile, or all is known.
        if stored.is_none_or(|stored| records.unfinished_at(&stored.record).is_none()) {
            return Ok(());
        }
        records.fill_in(&listed.key).await?;
    }
    // What is still left out is filled in by the service.
    Ok(())
}

impl Totals {
    fn take(
        &mut self,
        listed: &Listed,
        made: Result<Done, Error>,
        report: &Report,
    ) -> std::io::Result<()> {
        let key = listed.key.as_str();
        if !matches!(made, Ok(Done::Sound)) {
            report.progress().did(key);
        }
        match made {
            Ok(Done::Sound) => Ok(()),
            Ok(Done::Mended) => {
                self.mended += 1;
                let words = "its record could not be read and was made anew; what people had said in it is lost";
                let line =
                    json!({"key": key, "bytes": listed.size, "result": "mended", "problem": words});
                report.line(&line, Some(&format!("{key}: {words}")))
            }
            Ok(Done::Made) => {
                self.made += 1;
                self.bytes += listed.size;
                let line = json!({"key": key, "bytes": listed.size, "result": "made"});
                report.line(&line, None)
            }
            Err(error) => {
                self.failed += 1;
                let reason = upkeep::reason(&error);
                let line = json!({"key": key, "result": "failed", "problem": reason});
                report.line(&line, Some(&format!("{key}: {reason}")))
            }
        }
    }

    fn tell(&self, report: &Report, is_interrupted: bool) -> std::io::Result<()> {
        let Self {
            made,
            mended,
            bytes,
            failed,
        } = self;
        let summary = json!({"summary": {
            "made": made, "mended": mended, "bytes": bytes, "failed": failed, "interrupted": is_interrupted,
            "after": report.after().filter(|_| is_interrupted),
        }});
        let words =
            format!("made {made} records of {bytes} bytes, mended {mended}, {failed} failed");
        report.summary(&summary, &words)
    }

    fn verdict(&self, is_interrupted: bool, report: &Report) -> Result<(), Failure> {
        let reason = match (self.failed, is_interrupted) {
            (0, false) => return Ok(()),
            (0, true) => report.interrupted(),
            (failed, _) => format!("{failed} records could not be made; run it again"),
        };
        Err(anyhow::Error::msg(reason).into())
    }
}
