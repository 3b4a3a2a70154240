//! The sizes of the service on this machine, and their sources.

use std::fmt::Display;

use tintype_server::config::granted::Granted;
use tintype_server::config::{Config, Resources};

/// A figure and its source; `None` if it is configured.
pub(crate) struct Size {
    pub(crate) value: u64,
    from: Option<String>,
}

impl Size {
    fn new(value: u64, from: impl Display) -> Self {
        Self {
            value,
            from: Some(from.to_string()),
        }
    }

    fn or_set(value: u64, is_set: bool, otherwise: &str) -> Self {
        let from = (!is_set).then(|| otherwise.to_owned());
        Self { value, from }
    }

    /// `set` is the text for a configured figure.
    pub(crate) fn from<'a>(&'a self, set: &'a str) -> &'a str {
        self.from.as_deref().unwrap_or(set)
    }
}

pub(crate) struct Sizes {
    pub(crate) cpus: Size,
    /// `None` if unknown.
    pub(crate) memory: Option<Size>,
    pub(crate) workers: Size,
    pub(crate) memory_budget: Size,
    pub(crate) hot_cache_bytes: Size,
    pub(crate) max_connections: Size,
    /// In megapixels per format, as text.
    pub(crate) largest: String,
}

impl Sizes {
    pub(crate) fn of(config: &Config, granted: &Granted) -> Self {
        let resources = config.resources(granted);
        let largest = resources.largest(config.pictures.max_pixels);
        let Resources {
            workers,
            memory_budget,
            hot_cache_bytes,
            connections,
        } = resources;
        let cpus = &granted.cpus;
        let memory = granted.memory_bytes.as_ref();
        Self {
            cpus: Size::new(cpus.value.get() as u64, format_args!("from {}", cpus.from)),
            memory: memory
                .map(|memory| Size::new(memory.value, format_args!("from {}", memory.from))),
            workers: Size::or_set(
                workers.get() as u64,
                config.work.workers.is_some(),
                "one per cpu",
            ),
            memory_budget: Size::or_set(
                memory_budget,
                config.work.memory_budget.is_some(),
                "three quarters of memory",
            ),
            hot_cache_bytes: Size::or_set(
                hot_cache_bytes,
                config.work.hot_cache_bytes.is_some(),
                "a quarter of memory_budget",
            ),
            max_connections: Size::or_set(
                connections.get() as u64,
                connections == config.connections.max_connections,
                "what an eighth of memory_budget holds",
            ),
            largest,
        }
    }
}
