//! Originals that other programs write to in place: how often a request looks at one again.

use std::time::Duration;

use crate::error::Error;

/// The first look again is at once; all together take less than half a second, after which whoever
/// writes is not about to be done.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
];

/// Of one request, at one original.
#[derive(Default)]
pub(crate) struct Looks {
    again: usize,
}

impl Looks {
    /// Waits before the next look; an error after the last.
    pub(crate) async fn again(&mut self) -> Result<(), Error> {
        let pause = *PAUSES.get(self.again).ok_or_else(Error::changing)?;
        self.again += 1;
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
