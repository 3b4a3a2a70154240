//! The labels of families. Every value is a fixed word or the name of a site.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

/// Defines label sets with their fields.
macro_rules! labels {
    ($($name:ident { $($field:ident: $type:ty),+ })+) => {
        $(
            #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
            pub(super) struct $name {
                $(pub(super) $field: $type,)+
            }
        )+
    };
}

labels! {
    Request { route: &'static str, method: &'static str, status: u16 }
    Route { route: &'static str }
    Site { site: String }
    SiteStatus { site: String, class: &'static str }
    Stage { stage: &'static str }
    CacheEvent { tier: &'static str, event: &'static str }
    Reason { reason: &'static str }
    Outcome { result: &'static str }
    StorageRequest { op: &'static str, result: &'static str }
    Event { event: &'static str }
    Purges { purger: &'static str, result: &'static str }
    Build { version: &'static str, avif: &'static str }
    Kind { kind: &'static str }
    Disk { disk: &'static str }
    Listener { listener: &'static str }
    Breaker { store: &'static str, of: &'static str }
}

/// The label of sites without their own series.
pub(super) const OTHER_SITES: &str = "(other)";

/// Counters per site, found without a lock and without a new label.
pub(super) type BySite<T> = std::collections::HashMap<Arc<str>, T>;
