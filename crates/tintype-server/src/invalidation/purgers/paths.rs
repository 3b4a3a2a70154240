//! What to purge, as paths, for caches without tags.

use std::collections::{BTreeSet, HashMap};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::invalidation::notice::PurgeEntry;
use crate::url::encode_text;

/// CloudFront wants "unsafe characters as defined in RFC 1738" encoded, and others as they are. If our URLs spell a
/// key differently, both spellings are sent, because it is not documented which of the two CloudFront compares.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'~')
    // Would be taken for a wildcard.
    .add(b'*');

/// How the URLs of a site begin, and which kinds there are.
#[derive(Clone, Debug)]
pub(crate) struct SitePaths {
    /// The path of the public URL: empty, or with a leading slash and no trailing one.
    pub base: String,
    /// Whether originals are under `/o/`.
    pub originals: bool,
}

#[derive(Debug)]
pub(crate) struct PathsBySite(HashMap<String, SitePaths>);

/// The paths of one purge or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PurgePaths {
    /// Prefixes: everything below is purged.
    pub(super) below: BTreeSet<String>,
    pub(super) exact: BTreeSet<String>,
}

impl PathsBySite {
    pub(crate) fn new(sites: impl Iterator<Item = (String, SitePaths)>) -> Self {
        Self(sites.collect())
    }

    pub(super) fn places<'a>(&self, entries: impl Iterator<Item = &'a PurgeEntry>) -> PurgePaths {
        let mut places = PurgePaths::default();
        for entry in entries {
            let sites = entry.sites.iter().filter_map(|site| self.0.get(site));
            for SitePaths { base, originals } in sites {
                if let Some(key) = &entry.key {
                    for key in spellings(key) {
                        places.below.insert(format!("{base}/t/{key}/"));
                        if *originals {
                            places.exact.insert(format!("{base}/o/{key}"));
                        }
                    }
                }
                if let Some(prefix) = &entry.prefix {
                    for prefix in spellings(prefix) {
                        places.below.insert(format!("{base}/t/{prefix}"));
                        if *originals {
                            places.below.insert(format!("{base}/o/{prefix}"));
                        }
                    }
                }
            }
        }
        places.simplify();
        places
    }
}

fn spellings(text: &str) -> BTreeSet<String> {
    let unsafe_only = utf8_percent_encode(text, UNSAFE).to_string();
    BTreeSet::from([encode_text(text), unsafe_only])
}

impl PurgePaths {
    /// Reduces the prefixes to the allowed number, each as deep as possible: if there are too many, neighbours are
    /// purged as well.
    pub(super) fn at_most(mut self, most: usize) -> Self {
        while self.below.len() > most {
            let mut parents: HashMap<&str, usize> = HashMap::new();
            for place in &self.below {
                *parents.entry(parent(place)).or_default() += 1;
            }
            // Picks the deepest folder that holds several of them, or else the deepest.
            let depth = |folder: &str| folder.matches('/').count();
            let folder = parents.iter().max_by_key(|(folder, members)| {
                (**members > 1, depth(folder), **members, **folder)
            });
            let Some(folder) = folder.map(|(folder, _)| (*folder).to_owned()) else {
                break;
            };
            self.below.insert(folder);
            self.simplify();
        }
        self
    }

    /// Drops what another prefix covers.
    fn simplify(&mut self) {
        let mut kept: Vec<String> = Vec::new();
        // In byte order, so that a prefix comes right before what it covers.
        for place in std::mem::take(&mut self.below) {
            if !kept.last().is_some_and(|last| place.starts_with(last)) {
                kept.push(place);
            }
        }
        self.below = kept.into_iter().collect();
        let below = &self.below;
        self.exact.retain(|path| {
            let before = below.range(..=path.clone()).next_back();
            !before.is_some_and(|place| path.starts_with(place))
        });
    }

    /// Appends `*` to every prefix.
    pub(super) fn into_paths(self) -> Vec<String> {
        let below = self.below.into_iter().map(|place| format!("{place}*"));
        below.chain(self.exact).collect()
    }
}

/// The folder that holds a place, with its slash; the outermost folder is its own parent.
fn parent(place: &str) -> &str {
    let inner = place.strip_suffix('/').unwrap_or(place);
    inner.rfind('/').map_or("/", |slash| &place[..=slash])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalidation::notice::Cause;

    fn paths() -> PathsBySite {
        let site = |base: &str, originals| SitePaths {
            base: base.to_owned(),
            originals,
        };
        let sites = [
            ("default".to_owned(), site("", true)),
            ("news".to_owned(), site("/media", false)),
        ];
        PathsBySite::new(sites.into_iter())
    }

    fn entry(site: &str, key: Option<&str>, prefix: Option<&str>) -> PurgeEntry {
        PurgeEntry {
            at: jiff::Timestamp::UNIX_EPOCH,
            cause: Cause::Purge,
            sites: vec![site.to_owned()],
            key: key.map(str::to_owned),
            prefix: prefix.map(str::to_owned),
            tags: Vec::new(),
            actor: String::new(),
            token: String::new(),
        }
    }

    #[track_caller]
    fn check(entries: &[PurgeEntry], expected: &[&str]) {
        let places = paths().places(entries.iter());
        assert_eq!(places.at_most(15).into_paths(), expected);
    }

    #[test]
    fn a_key_is_all_its_variants_and_its_original_where_that_is_public() {
        check(
            &[entry("default", Some("a/b.jpg"), None)],
            &["/t/a/b.jpg/*", "/o/a/b.jpg"],
        );
        check(
            &[entry("news", Some("news/ä b.jpg"), None)],
            &["/media/t/news/%C3%A4%20b.jpg/*"],
        );
        check(&[entry("elsewhere", Some("a.jpg"), None)], &[]);
    }

    #[test]
    fn a_key_with_odd_characters_is_named_in_both_spellings() {
        check(
            &[entry("news", Some("a+b.jpg"), None)],
            &["/media/t/a%2Bb.jpg/*", "/media/t/a+b.jpg/*"],
        );
        // Never as a wildcard.
        check(&[entry("news", Some("100*"), None)], &["/media/t/100%2A/*"]);
    }

    #[test]
    fn a_prefix_covers_the_keys_below_it() {
        let entries = [
            entry("default", Some("a/b.jpg"), None),
            entry("default", None, Some("a/")),
            entry("default", Some("ab.jpg"), None),
        ];
        check(&entries, &["/o/a/*", "/t/a/*", "/t/ab.jpg/*", "/o/ab.jpg"]);
        check(&[entry("news", None, Some(""))], &["/media/t/*"]);
    }

    #[test]
    fn too_many_become_their_folder_and_the_rest_stays_as_it_is() {
        let mut entries: Vec<_> = (0..15)
            .map(|n| entry("news", Some(&format!("news/2026/{n}.jpg")), None))
            .collect();
        entries.push(entry("news", Some("news/2025/a.jpg"), None));
        check(
            &entries,
            &["/media/t/news/2025/a.jpg/*", "/media/t/news/2026/*"],
        );
        let far_apart: Vec<_> = (0..40)
            .map(|n| entry("news", Some(&format!("{n}/{n}/{n}.jpg")), None))
            .collect();
        check(&far_apart, &["/media/t/*"]);
    }
}
