//! What the commands that go through many originals share.

mod progress;
mod report;
mod walk;

pub(crate) use progress::Progress;
pub(crate) use report::{PROGRESS, Report, Telling};
pub(crate) use walk::Ticket;

use std::io::Write;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Runs the work of a command. Log lines, such as the warnings of a store, go to standard error.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
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
    runtime.block_on(work)
}

/// Cancelled by the first SIGINT or SIGTERM, so that what is under way can be finished; the second
/// one ends the process.
pub(crate) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
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
                "Stopping: finishing what is under way. Ctrl-C once more stops at once."
            );
        }
    });
    Ok(stop)
}

/// An error and its causes, in one line.
pub(super) fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
