//! Finds the site whose rules map an old URL.

use super::site::{Site, Sites};
use crate::old_urls::{OldUrlRule, Translated, Unmapped};

/// The rule that matches a URL, and its result.
pub struct OldUrl<'a> {
    pub site: &'a Site,
    pub rule: &'a OldUrlRule,
    pub result: Result<Translated, Unmapped>,
}

impl Sites {
    /// The first rule that maps the URL; otherwise the first that matches it. `now` is in Unix seconds.
    pub fn old_url(&self, raw_path: &str, query: Option<&str>, now: u64) -> Option<OldUrl<'_>> {
        let mut refused = None;
        for site in self.iter() {
            for rule in &site.old_urls {
                let Some(result) = rule.translate(raw_path, query, &site.presets, now) else {
                    continue;
                };
                let result = result.and_then(|translated| self.of_site(site, translated));
                let found = OldUrl { site, rule, result };
                match found.result {
                    Ok(_) => return Some(found),
                    Err(_) => refused = refused.or(Some(found)),
                }
            }
        }
        refused
    }

    /// A rule applies to its own site only: its keys sign for no other.
    fn of_site(&self, site: &Site, translated: Translated) -> Result<Translated, Unmapped> {
        let of = self.of(&translated.key);
        match of.name == site.name {
            true => Ok(translated),
            false => {
                let reason = format!("the image belongs to the site {}", of.name);
                Err(Unmapped::Key(reason))
            }
        }
    }
}
