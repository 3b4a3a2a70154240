//! Sites: key prefixes with keys, presets and policies of their own, so that several projects share
//! one service. Flat options make the site `default`, which has the empty prefix.

use tintype_store::Key;

use crate::url::{Originals, Presets, SigningKey, Unsigned};

#[derive(Debug)]
pub struct Site {
    pub name: String,
    pub prefix: String,
    /// The first signs, all verify.
    pub signing_keys: Vec<SigningKey>,
    pub ticket_keys: Vec<SigningKey>,
    pub presets: Presets,
    /// What clients put before `/t/` and `/o/`, without a trailing slash.
    pub public_url: Option<String>,
    pub originals: Originals,
    pub unsigned: Unsigned,
}

#[derive(Debug)]
pub struct Sites {
    /// Longest prefix first; the last one is `default`.
    sites: Vec<Site>,
}

impl Sites {
    pub(super) fn new(mut sites: Vec<Site>) -> Self {
        sites.sort_by_key(|site| std::cmp::Reverse(site.prefix.len()));
        Self { sites }
    }

    /// The site that a key belongs to: the longest prefix wins.
    pub fn of(&self, key: &Key) -> &Site {
        let found = self
            .sites
            .iter()
            .find(|site| key.as_str().starts_with(&site.prefix));
        found.expect("the default site has the empty prefix")
    }

    pub fn named(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Site> {
        self.sites.iter()
    }
}
