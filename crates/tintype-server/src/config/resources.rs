//! Threads, memory and connections that the service uses.

use std::num::NonZeroUsize;

use tintype_imaging::memory;
use tintype_imaging::probe::SourceFormat;

use super::Config;
use crate::config::granted::Granted;
use crate::http::CONNECTION_BYTES;

/// Used if neither the configuration nor the machine reports the memory.
const UNKNOWN_MEMORY: u64 = 1 << 30;

/// The memory budget divided by this is what connections may take.
const CONNECTIONS_SHARE: u64 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Pixel threads.
    pub workers: NonZeroUsize,
    /// For pixel work and hot variants together.
    pub memory_budget: u64,
    /// The part of it for hot variants.
    pub hot_cache_bytes: u64,
    /// Client connections; each may be a client that does not read.
    pub connections: NonZeroUsize,
}

impl Resources {
    /// Memory for pixel work.
    pub fn pixel_bytes(&self) -> u64 {
        let others = self.hot_cache_bytes + self.connection_bytes();
        self.memory_budget.saturating_sub(others)
    }

    /// The largest ordinary images that can be rendered per format, in whole megapixels, as text.
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
    /// The configured values, or defaults from what the machine grants.
    pub fn resources(&self, granted: &Granted) -> Resources {
        let granted_budget = || granted.memory_budget().unwrap_or(UNKNOWN_MEMORY);
        let (memory_budget, most_hot) = match self.work.memory_budget {
            Some(budget) => (budget, budget),
            // A small container with a large configured cache must still render.
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
