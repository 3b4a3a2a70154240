//! Threads, memory and queueing of pixel work.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::option::options;
use super::reader::OptionReader;
use super::{read, units};

options! {
    "Work and memory";

    /// For hot variants and pixel work together. By default three quarters of the container's memory.
    MEMORY_BUDGET = "memory_budget", "";

    /// The part of it for hot variants; by default a quarter. If the budget comes from the container, at most half.
    HOT_CACHE_BYTES = "hot_cache_bytes", "";

    /// Pixel threads; by default as many as the container has CPUs.
    WORKERS = "workers", "";

    /// How many requests may wait for a pixel thread, and for how long. Beyond either the response is 503.
    QUEUE = "queue", "64";
    QUEUE_WAIT = "queue_wait", "5s";

    /// How long one image may take, waiting included.
    RENDER_DEADLINE = "render_deadline", "15s";
}

#[derive(Debug)]
pub struct PixelWork {
    /// For these three see [`crate::config::Config::resources`].
    pub memory_budget: Option<u64>,
    pub hot_cache_bytes: Option<u64>,
    pub workers: Option<NonZeroUsize>,
    pub queue: usize,
    pub queue_wait: Duration,
    pub render_deadline: Duration,
}

impl PixelWork {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        let memory_budget = reader.optional(MEMORY_BUDGET, read::many_bytes(1024 * 1024));
        let hot_cache_bytes = reader.optional(HOT_CACHE_BYTES, units::bytes);
        if let (Some(budget), Some(hot)) = (memory_budget, hot_cache_bytes)
            && hot >= budget
        {
            let fix = format!("leave some of the {budget} bytes of memory_budget for pixel work");
            reader.refuse(&[HOT_CACHE_BYTES], "takes the whole memory budget", fix);
        }
        Self {
            memory_budget,
            hot_cache_bytes,
            workers: reader.optional(WORKERS, read::threads),
            queue: reader.read(QUEUE, read::count),
            queue_wait: reader.read(QUEUE_WAIT, read::time_limit),
            render_deadline: reader.read(RENDER_DEADLINE, read::network_time),
        }
    }
}
