//! All options. From their tables come `config/tintype.toml`, the reference, the help of `tintype config`, and what is
//! refused as unknown.

use std::sync::LazyLock;

use super::option::{Opt, OptionGroup};
use super::{
    access, addresses, caching, connections, logging, pictures, purging, stopping, stores, uploads,
    work,
};

/// In the order in which people read of them.
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

/// The keys of a site begin with this. The site of the flat options has all that no other claims.
pub(super) const PREFIX: Opt = Opt::new("prefix", "", &[]);

/// Every flat option.
pub(super) static OPTIONS: LazyLock<Vec<Opt>> = LazyLock::new(|| {
    let options = GROUPS.iter().flat_map(|group| group.options);
    options.copied().collect()
});

/// What a site's own table may hold besides `presets` and `old_urls`.
pub(super) static SITE_OPTIONS: LazyLock<Vec<Opt>> = LazyLock::new(|| {
    let of_site = OPTIONS.iter().filter(|option| option.is_of_site);
    [PREFIX].iter().chain(of_site).copied().collect()
});
