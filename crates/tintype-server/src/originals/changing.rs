//! Originals that other programs change in place: how often a request reads one again.

use std::time::Duration;

use crate::error::Error;

/// The first retry is immediate; all together take less than half a second, after which the writer is not about to
/// finish.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
];

/// Retries of one request for one original.
#[derive(Default)]
pub(crate) struct Retries {
    again: usize,
}

impl Retries {
    /// Pauses before the next retry; an error after the last.
    pub(crate) async fn again(&mut self) -> Result<(), Error> {
        let pause = *PAUSES.get(self.again).ok_or_else(Error::changing)?;
        self.again += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
