//! Purge tags: the names under which a CDN can drop every answer made from one original, from one
//! folder, or by one preset.
//!
//! Hashes, because a tag must not tell a stranger the names of other files, and must be short.

use http::HeaderValue;
use tintype_store::Key;

use crate::record::short_hash;

/// Below the smallest limit of the CDNs that read such headers.
const MAX_BYTES: usize = 1024;

/// `tt-…` for the original, `tp-…` for a preset, `tf-…` for each parent folder, nearest first.
pub(super) struct Tags(Vec<String>);

impl Tags {
    pub(super) fn of(key: &Key, site: &str, preset: Option<&str>) -> Self {
        let mut tags = vec![format!("tt-{}", short_hash(key.as_str().as_bytes()))];
        tags.extend(preset.map(|preset| format!("tp-{site}-{preset}")));
        let mut folder = key.as_str();
        let mut bytes: usize = tags.iter().map(|tag| tag.len() + 1).sum();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            let tag = format!("tf-{}", short_hash(parent.as_bytes()));
            bytes += tag.len() + 1;
            if bytes > MAX_BYTES {
                break;
            }
            tags.push(tag);
            folder = parent;
        }
        Self(tags)
    }

    pub(super) fn separated_by(&self, separator: &str) -> HeaderValue {
        let text = self.0.join(separator);
        HeaderValue::try_from(text).expect("hex and names are visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_tagged_by_original_preset_and_each_folder() {
        let key = Key::parse("a/b/c.jpg").unwrap();
        let tags = Tags::of(&key, "default", Some("card"));
        let hash = |text: &str| short_hash(text.as_bytes());
        let expected = [
            format!("tt-{}", hash("a/b/c.jpg")),
            String::from("tp-default-card"),
            format!("tf-{}", hash("a/b")),
            format!("tf-{}", hash("a")),
        ];
        assert_eq!(tags.0, expected);
        assert_eq!(tags.separated_by(" "), expected.join(" "));
    }

    #[test]
    fn many_folders_do_not_break_the_limit() {
        let key = Key::parse(&format!("{}x.jpg", "d/".repeat(300))).unwrap();
        assert!(Tags::of(&key, "default", None).separated_by(",").len() <= MAX_BYTES);
    }
}
