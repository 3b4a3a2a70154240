//! One run of a command that processes many originals.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tintype_server::config::units;
use tintype_upkeep::{Event, Report, Summary};
use tokio_util::sync::CancellationToken;

use super::console::Console;
use crate::failure::Failure;

/// Output options of commands that walk through a store.
#[derive(Args)]
pub(crate) struct OutputOptions {
    /// Lines of JSON on standard output: one for each finding or action, the progress every ten seconds, and a
    /// summary
    #[arg(long)]
    pub(crate) json: bool,
    /// With --json: the interval of progress lines
    #[arg(long, default_value = "10s", value_parser = units::duration, value_name = "TIME")]
    every: Duration,
}

/// Help for commands that report progress.
pub(crate) const PROGRESS: &str = "\
With --json a line reports the progress every ten seconds:
  {\"progress\": {\"done\": 1200, \"seconds\": 30, \"after\": \"photos/2016/lion.jpg\"}}
To continue an interrupted run, pass the last `after` as --after; its summary has it as well.";

pub(crate) struct Session {
    console: Arc<Console>,
    stop: CancellationToken,
    /// The interval of progress lines.
    every: Option<Duration>,
}

/// Runs the work of a command, prints its result, and fails if it did not succeed. Log lines, such as the warnings
/// of a store, go to standard error.
pub(crate) fn run(
    json: bool,
    work: impl AsyncFnOnce(Session) -> Result<Summary, Failure>,
) -> Result<(), Failure> {
    run_reporting(json, None, work)
}

/// Does the same for a command that reports progress.
pub(crate) fn walk(
    output: &OutputOptions,
    work: impl AsyncFnOnce(Session) -> Result<Summary, Failure>,
) -> Result<(), Failure> {
    let every = Some(output.every).filter(|every| output.json && !every.is_zero());
    run_reporting(output.json, every, work)
}

fn run_reporting(
    json: bool,
    every: Option<Duration>,
    work: impl AsyncFnOnce(Session) -> Result<Summary, Failure>,
) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .without_time()
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be set up")?;
    let console = Arc::new(Console::new(json));
    let summary = runtime.block_on(async {
        let session = Session {
            console: console.clone(),
            stop: stop_on_signal()?,
            every,
        };
        work(session).await
    })?;
    console.sum_up(&summary)?;
    Ok(summary.verdict?)
}

impl Session {
    pub(crate) fn report(&self) -> Report {
        let console = self.console.clone();
        let listener = Arc::new(move |event: Event<'_>| console.show(event));
        let report = Report::new(listener, self.stop.clone());
        match self.every {
            Some(every) => report.ticking(every),
            None => report,
        }
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Cancelled by the first SIGINT or SIGTERM, so that work in progress can be finished; the second one ends the
/// process.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
            if again {
                std::process::exit(1);
            }
            stopping.cancel();
            let _ = writeln!(
                std::io::stderr().lock(),
                "Stopping: finishing work in progress. Press Ctrl-C again to stop at once."
            );
        }
    });
    Ok(stop)
}
