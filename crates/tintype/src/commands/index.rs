//! `tintype index`: creates records in advance, for an adopted store.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use clap::Args;
use tintype_server::config::granted::Granted;
use tintype_upkeep::index::{Index, IndexOptions};
use tintype_upkeep::stores::nothing_found;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::support::{self, OutputOptions, PROGRESS};
use crate::failure::Failure;

/// Create records for originals that have none, and rebuild damaged ones.
///
/// An original that was there before tintype gets its record on first use, which then takes longer.
/// This makes them all, hashes included. A record
/// that cannot be read is made anew as well; focal point, crops, rights, embargo and meta
/// that were in it are lost, takedowns are not. First it tells how many there are and what that costs, and
/// asks. It can be interrupted and started again at any time, beside the service.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype index                      reports what it costs, and asks
  tintype index --prefix photos/2016/ --jobs 8 --yes --json

{PROGRESS}"))]
pub(crate) struct Arguments {
    /// Only keys that start with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Originals read at the same time
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Continue after this key
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = support::load_to_change()?;
        let granted = Granted::detect(config.task_metadata.as_deref());
        let options = IndexOptions {
            prefix: self.prefix.clone(),
            jobs: usize::from(self.jobs),
            after: self.after.clone(),
        };
        support::walk(&self.output, async |session| {
            let stop = session.stop();
            let index = Index::open(&config, &granted, options).await?;
            let plan = index.plan(stop).await?;
            if stop.is_cancelled() {
                return Err(anyhow::Error::msg("interrupted before anything was done").into());
            }
            let report = session.report();
            report.line(&plan.json(), Some(&plan.words()))?;
            if plan.originals == 0 {
                report.aside(&nothing_found(&self.prefix, self.after.as_deref()))?;
            }
            if plan.missing > 0 && !self.yes {
                self.ask(stop).await?;
            }
            Ok(index.make(&plan, report).await?)
        })
    }

    async fn ask(&self, stop: &CancellationToken) -> Result<(), Failure> {
        if self.output.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Failure::Usage(
                "nothing was done: there is no terminal to ask on; --yes continues without asking"
                    .to_owned(),
            ));
        }
        write!(std::io::stderr(), "Go on? [y/N] ")?;
        // On a thread that is not joined: Ctrl-C is an answer as well.
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
