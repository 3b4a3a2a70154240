//! How the service stops.

use std::time::Duration;

use super::option::options;
use super::reader::OptionReader;
use super::units;

options! {
    "Stopping";

    /// After SIGTERM: how long to keep serving while load balancers notice, and how long running requests may take
    /// after that. Together they must be less than the container's stop timeout (30 s is common, 120 s the most on
    /// Fargate). `--dev` does not wait.
    LAME_DUCK = "lame_duck", "15s";
    DRAIN = "drain", "10s";
}

#[derive(Debug)]
pub struct Stopping {
    /// How long to keep serving after SIGTERM, until load balancers have noticed.
    pub lame_duck: Duration,
    /// How long running requests may take after that.
    pub drain: Duration,
}

impl Stopping {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        Self {
            lame_duck: reader.read(LAME_DUCK, units::duration),
            drain: reader.read(DRAIN, units::duration),
        }
    }
}
