//! The only place that hands work to the blocking threads: file work only, never pixels.

use std::io;

use tokio::task::{JoinError, JoinHandle};

use crate::Error;

#[expect(
    clippy::disallowed_methods,
    reason = "file work blocks for as long as the disk does; pixel work has its own pool"
)]
pub(crate) fn spawn<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> JoinHandle<Result<T, Error>> {
    tokio::task::spawn_blocking(job)
}

/// A job that panicked, or that the runtime dropped on shutdown, has failed.
pub(crate) fn joined<T>(outcome: Result<Result<T, Error>, JoinError>) -> Result<T, Error> {
    outcome.unwrap_or_else(|error| {
        Err(Error::Unavailable {
            action: "running file work",
            source: io::Error::other(error),
        })
    })
}

/// Runs to its end even if the caller is cancelled, so that nothing is left half done.
pub(crate) async fn run<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    joined(spawn(job).await)
}
