//! How long something is believed or kept without asking again.

use std::time::Duration;

use super::option::options;
use super::reader::Reader;
use super::{read, units};

options! {
    "Caching";

    /// How long browsers and shared caches keep an answer whose address has no current version.
    MAX_AGE = "max_age", "60s";
    S_MAXAGE = "s_maxage", "1d";

    /// How long a record is believed without asking the store: the time that a change made through
    /// another replica may take to be seen.
    RECORD_CACHE = "record_cache", "5s";
}

#[derive(Debug)]
pub struct Caching {
    /// For addresses that are not pinned to a version.
    pub max_age: Duration,
    pub s_maxage: Duration,
    /// How long a record is believed without asking the store.
    pub record_cache: Duration,
}

impl Caching {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            max_age: reader.read(MAX_AGE, read::cache_time),
            s_maxage: reader.read(S_MAXAGE, read::cache_time),
            record_cache: reader.read(RECORD_CACHE, units::duration),
        }
    }
}
