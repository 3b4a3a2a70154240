//! Merges two sorted listings.
//!
//! A cursor is the last name that was processed, in every store, so that one serves both. Beyond the end of a page
//! with a cursor nothing is known of its store, so entries of the other store from there on are left for the next
//! page.

use crate::{ListedOriginal, Object, ObjectKind, ObjectPage, OriginalPage};

enum Entry {
    Folder(String),
    File(ListedOriginal),
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Folder(name) => name,
            Self::File(listed) => listed.key.as_str(),
        }
    }
}

pub(super) fn pages(upper: OriginalPage, lower: OriginalPage, limit: usize) -> OriginalPage {
    let ends = [upper.cursor.clone(), lower.cursor.clone()];
    let merged = merge(entries(upper), entries(lower), ends, limit, Entry::name);
    let mut page = OriginalPage {
        cursor: merged.cursor,
        ..OriginalPage::default()
    };
    for entry in merged.entries {
        match entry {
            Entry::Folder(name) => page.dirs.push(name),
            Entry::File(listed) => page.files.push(listed),
        }
    }
    page
}

fn entries(page: OriginalPage) -> Vec<Entry> {
    let folders = page.dirs.into_iter().map(Entry::Folder);
    folders
        .chain(page.files.into_iter().map(Entry::File))
        .collect()
}

pub(super) fn objects(
    kind: ObjectKind,
    upper: ObjectPage,
    lower: ObjectPage,
    limit: usize,
) -> ObjectPage {
    let ends = [upper.cursor, lower.cursor];
    let folder = kind.folder().len();
    let named = |objects: Vec<Object>| -> Vec<(String, Object)> {
        let name = |object: &Object| object.path().split_off(folder);
        let named = objects.into_iter().map(|object| (name(&object), object));
        named.collect()
    };
    let (upper, lower) = (named(upper.objects), named(lower.objects));
    let merged = merge(upper, lower, ends, limit, |(name, _)| name);
    ObjectPage {
        objects: merged
            .entries
            .into_iter()
            .map(|(_, object)| object)
            .collect(),
        cursor: merged.cursor,
    }
}

struct Merged<T> {
    entries: Vec<T>,
    cursor: Option<String>,
}

/// Of two entries with the same name the upper one stays.
fn merge<T>(
    upper: Vec<T>,
    lower: Vec<T>,
    ends: [Option<String>; 2],
    limit: usize,
    name: impl Fn(&T) -> &str,
) -> Merged<T> {
    let horizon = ends
        .into_iter()
        .flatten()
        .min_by(|one, other| reach(one).cmp(&reach(other)));
    let mut entries: Vec<T> = upper.into_iter().chain(lower).collect();
    // Stable, so the upper one comes first and stays.
    entries.sort_by(|one, other| name(one).cmp(name(other)));
    entries.dedup_by(|one, other| name(one) == name(other));
    if let Some(horizon) = horizon.as_deref().map(reach) {
        entries.retain(|entry| name(entry) <= horizon.as_str());
    }
    let cursor = if entries.len() > limit {
        entries.truncate(limit);
        entries.last().map(|entry| name(entry).to_owned())
    } else {
        horizon
    };
    Merged { entries, cursor }
}

/// The last name that a cursor covers. A folder is covered as a whole.
fn reach(cursor: &str) -> String {
    match cursor.ends_with('/') {
        true => format!("{cursor}{}", char::MAX),
        false => cursor.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        upper: (&[&'static str], Option<&str>),
        lower: (&[&'static str], Option<&str>),
        expected: (&[&str], Option<&str>),
    ) {
        let ends = [upper.1, lower.1].map(|end| end.map(str::to_owned));
        let merged = merge(upper.0.to_vec(), lower.0.to_vec(), ends, 3, |name| name);
        assert_eq!(
            (merged.entries.as_slice(), merged.cursor.as_deref()),
            expected
        );
    }

    #[test]
    fn nothing_is_listed_beyond_what_both_have_listed() {
        check(
            (&["a", "c"], None),
            (&["b", "c"], None),
            (&["a", "b", "c"], None),
        );
        check(
            (&["a", "d"], Some("d")),
            (&["b"], None),
            (&["a", "b", "d"], Some("d")),
        );
        check(
            (&["a", "b"], Some("b")),
            (&["c"], None),
            (&["a", "b"], Some("b")),
        );
        check((&[], Some("b")), (&["c"], None), (&[], Some("b")));
        check(
            (&["a", "b"], None),
            (&["c", "d"], None),
            (&["a", "b", "c"], Some("c")),
        );
        check(
            (&["b/x"], Some("b/")),
            (&["b/y"], Some("b/y")),
            (&["b/x", "b/y"], Some("b/y")),
        );
        check(
            (&["b"], Some("b")),
            (&["a"], Some("a")),
            (&["a"], Some("a")),
        );
    }
}
