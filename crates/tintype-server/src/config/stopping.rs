//! How the service ends.

use std::time::Duration;

use super::option::options;
use super::reader::Reader;
use super::units;

options! {
    "Stopping";

    /// After SIGTERM: how long to serve on while balancers notice, and how long requests that are under
    /// way may take after that. Together less than the container's stop timeout (30 s is common, 120 s the most
    /// on Fargate). `--dev` does not wait.
    LAME_DUCK = "lame_duck", "15s";
    DRAIN = "drain", "10s";
}

#[derive(Debug)]
pub struct Stopping {
    /// How long to serve on after being told to stop, until balancers have noticed.
    pub lame_duck: Duration,
    /// How long requests under way may take after that.
    pub drain: Duration,
}

impl Stopping {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            lame_duck: reader.read(LAME_DUCK, units::duration),
            drain: reader.read(DRAIN, units::duration),
        }
    }
}
