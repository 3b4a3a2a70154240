//! How many threads and how much memory the service takes for itself.

use std::num::NonZeroUsize;

use super::Config;
use crate::granted::Granted;

/// Where neither the configuration nor the machine says how much there is.
const UNKNOWN_MEMORY: u64 = 1 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Pixel threads.
    pub workers: NonZeroUsize,
    /// For pixel work and hot variants together.
    pub memory_budget: u64,
    /// The part of it that holds hot variants.
    pub hot_cache_bytes: u64,
}

impl Resources {
    /// What pixel work may hold.
    pub fn pixel_bytes(&self) -> u64 {
        self.memory_budget.saturating_sub(self.hot_cache_bytes)
    }
}

impl Config {
    /// What is configured, or else what the machine grants.
    pub fn resources(&self, granted: &Granted) -> Resources {
        let granted_budget = || granted.memory_budget().unwrap_or(UNKNOWN_MEMORY);
        let (memory_budget, most_hot) = match self.memory_budget {
            Some(budget) => (budget, budget),
            // A small container with a large cache configured still has to render.
            None => (granted_budget(), granted_budget() / 2),
        };
        let hot_cache_bytes = self.hot_cache_bytes.unwrap_or(memory_budget / 4);
        Resources {
            workers: self.workers.unwrap_or(granted.cpus.value),
            memory_budget,
            hot_cache_bytes: hot_cache_bytes.min(most_hot),
        }
    }
}
