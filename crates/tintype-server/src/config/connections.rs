//! Client connections and their timeouts.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::option::options;
use super::reader::OptionReader;
use super::{read, units};

options! {
    "Connections";

    /// Connections at the same time; fewer if an eighth of the memory budget cannot hold them, at the 32 KiB that a
    /// client takes which does not read. An API with a separate address has a quarter of them.
    MAX_CONNECTIONS = "max_connections", "4096";

    /// How long a client may take to send the head of a request.
    HEADER_TIMEOUT = "header_timeout", "10s";

    /// How long a client may pause while it sends a body or reads a response. What it transfers extends that time,
    /// at the given bytes per second. So a phone may be slow for as long as it likes, and offline for a minute.
    BODY_TIMEOUT = "body_timeout", "90s";
    BODY_MIN_RATE = "body_min_rate", "1KiB";
    WRITE_TIMEOUT = "write_timeout", "90s";
    WRITE_MIN_RATE = "write_min_rate", "1KiB";

    /// How long an idle connection is kept. It must be longer than the load balancer's (60 s is common), so that
    /// the balancer is the one that closes first.
    IDLE_TIMEOUT = "idle_timeout", "75s";
}

#[derive(Debug)]
pub struct Connections {
    /// The maximum; see [`crate::config::Config::resources`].
    pub max_connections: NonZeroUsize,
    pub header_timeout: Duration,
    /// For these four see [`crate::http::Pace`]. The rates are in bytes a second.
    pub body_timeout: Duration,
    pub body_min_rate: u64,
    pub write_timeout: Duration,
    pub write_min_rate: u64,
    pub idle_timeout: Duration,
}

impl Connections {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        Self {
            max_connections: reader.read(MAX_CONNECTIONS, read::connections),
            header_timeout: reader.read(HEADER_TIMEOUT, read::network_time),
            body_timeout: reader.read(BODY_TIMEOUT, read::network_time),
            body_min_rate: reader.read(BODY_MIN_RATE, units::bytes),
            write_timeout: reader.read(WRITE_TIMEOUT, read::network_time),
            write_min_rate: reader.read(WRITE_MIN_RATE, units::bytes),
            idle_timeout: reader.read(IDLE_TIMEOUT, read::network_time),
        }
    }
}
