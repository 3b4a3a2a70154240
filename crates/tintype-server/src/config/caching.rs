//! How long cached data is trusted or kept.

use std::time::Duration;

use super::option::options;
use super::reader::OptionReader;
use super::{read, units};

options! {
    "Caching";

    /// How long browsers and shared caches keep a response whose URL has no current version.
    MAX_AGE = "max_age", "60s";
    S_MAXAGE = "s_maxage", "1d";

    /// How long a cached record is used without asking the store: the longest time until a change through another
    /// replica is seen.
    RECORD_CACHE = "record_cache", "5s";
}

#[derive(Debug)]
pub struct Caching {
    /// For URLs that are not pinned to a version.
    pub max_age: Duration,
    pub s_maxage: Duration,
    /// How long a cached record is used without asking the store.
    pub record_cache: Duration,
}

impl Caching {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        Self {
            max_age: reader.read(MAX_AGE, read::cache_time),
            s_maxage: reader.read(S_MAXAGE, read::cache_time),
            record_cache: reader.read(RECORD_CACHE, units::duration),
        }
    }
}
