//! How many threads, how much memory and how many connections the service takes for itself.

use std::num::NonZeroUsize;

use tintype_imaging::memory;
use tintype_imaging::probe::SourceFormat;

use super::Config;
use crate::config::granted::Granted;
use crate::http::CONNECTION_BYTES;

/// Where neither the configuration nor the machine says how much there is.
const UNKNOWN_MEMORY: u64 = 1 << 30;

/// The part of the memory budget that connections may take.
const CONNECTIONS_SHARE: u64 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Pixel threads.
    pub workers: NonZeroUsize,
    /// For pixel work and hot variants together.
    pub memory_budget: u64,
    /// The part of it that holds hot variants.
    pub hot_cache_bytes: u64,
    /// Connections of clients, each of which may be one that does not read.
    pub connections: NonZeroUsize,
}

impl Resources {
    /// What pixel work may hold.
    pub fn pixel_bytes(&self) -> u64 {
        let others = self.hot_cache_bytes + self.connection_bytes();
        self.memory_budget.saturating_sub(others)
    }

    /// The largest ordinary pictures of each format that can be rendered, in whole megapixels; for people.
    pub fn largest(&self, max_pixels: u64) -> String {
        let largest = SourceFormat::ALL.map(|format| {
            let pixels = memory::largest(format, self.pixel_bytes(), max_pixels);
            format!("{format} {}", pixels / 1_000_000)
        });
        largest.join(", ")
    }

    fn connection_bytes(&self) -> u64 {
        self.connections.get() as u64 * CONNECTION_BYTES
    }
}

impl Config {
    /// What is configured, or else what the machine grants.
    pub fn resources(&self, granted: &Granted) -> Resources {
        let granted_budget = || granted.memory_budget().unwrap_or(UNKNOWN_MEMORY);
        let (memory_budget, most_hot) = match self.work.memory_budget {
            Some(budget) => (budget, budget),
            // A small container with a large cache configured still has to render.
            None => (granted_budget(), granted_budget() / 2),
        };
        let hot_cache_bytes = self.work.hot_cache_bytes.unwrap_or(memory_budget / 4);
        let connections = memory_budget / CONNECTIONS_SHARE / CONNECTION_BYTES;
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        let connections = NonZeroUsize::new(connections).unwrap_or(NonZeroUsize::MIN);
        Resources {
            workers: self.work.workers.unwrap_or(granted.cpus.value),
            memory_budget,
            hot_cache_bytes: hot_cache_bytes.min(most_hot),
            connections: self.connections.max_connections.min(connections),
        }
    }
}
