//! What the service does with a given amount of memory, by its own arithmetic.

use std::num::NonZeroUsize;
use std::path::Path;

use super::formats::{bytes, grouped};
use super::page::Page;
use crate::config::granted::{Granted, Limit, LimitSource};
use crate::config::{Config, Dev};

const MIB: u64 = 1024 * 1024;

pub(super) fn write(page: &mut Page) {
    page.section("sizing", "Sizing");
    page.prose(include_str!("prose/sizing.md"));
    let sizes = [512, 1024, 2048, 4096, 8192];
    let rows = sizes
        .into_iter()
        .filter_map(|mebibytes| row(mebibytes * MIB));
    let head = [
        "memory",
        "`memory_budget`",
        "`hot_cache_bytes`",
        "`max_connections`",
        "largest images in megapixels",
    ];
    page.table(head, rows.collect());
}

/// With every option at its default.
fn row(memory_bytes: u64) -> Option<[String; 5]> {
    let nothing = Path::new("/nonexistent/tintype.toml");
    let config = Config::load([], nothing, Some(&Dev::default()))
        .ok()?
        .config;
    let limit = Limit {
        value: memory_bytes,
        from: LimitSource::Machine,
    };
    let granted = Granted {
        cpus: Limit {
            value: NonZeroUsize::MIN,
            from: LimitSource::Machine,
        },
        memory_bytes: Some(limit),
        unread: None,
    };
    let resources = config.resources(&granted);
    Some([
        bytes(memory_bytes),
        bytes(resources.memory_budget),
        bytes(resources.hot_cache_bytes),
        grouped(resources.connections.get() as u64),
        resources.largest(config.pictures.max_pixels),
    ])
}
