//! All options. `config/tintype.toml`, the reference, the help of `tintype config` and the check for unknown names
//! are made from their tables.

use std::sync::LazyLock;

use super::option::{ConfigOption, OptionGroup};
use super::{
    access, addresses, caching, connections, logging, pictures, purging, stopping, stores, uploads,
    work,
};

/// In the order of the reference.
pub(super) const GROUPS: [OptionGroup; 11] = [
    addresses::GROUP,
    stores::GROUP,
    access::GROUP,
    purging::GROUP,
    uploads::GROUP,
    pictures::GROUP,
    caching::GROUP,
    work::GROUP,
    connections::GROUP,
    stopping::GROUP,
    logging::GROUP,
];

/// The prefix of a site's keys. The default site has all keys that no other site claims.
pub(super) const PREFIX: ConfigOption = ConfigOption::new("prefix", "", &[]);

/// Every top-level option.
pub(super) static OPTIONS: LazyLock<Vec<ConfigOption>> = LazyLock::new(|| {
    let options = GROUPS.iter().flat_map(|group| group.options);
    options.copied().collect()
});

/// What a site's table may set besides `presets` and `old_urls`.
pub(super) static SITE_OPTIONS: LazyLock<Vec<ConfigOption>> = LazyLock::new(|| {
    let of_site = OPTIONS.iter().filter(|option| option.is_of_site);
    [PREFIX].iter().chain(of_site).copied().collect()
});
