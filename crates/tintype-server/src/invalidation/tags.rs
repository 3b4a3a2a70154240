//! Cache tags, by which a cache can purge every response made from one original, from one content, from one folder,
//! or with one preset.
//!
//! They are hashes, because a tag must not reveal the names of other files, and must be short.

use http::HeaderValue;
use tintype_store::{ContentHash, Key};

use crate::records::record::{Record, short_hash};

/// Below the smallest limit of the CDNs that read such headers.
const MAX_BYTES: usize = 1024;

pub(crate) fn of_key(key: &Key) -> String {
    format!("tt-{}", short_hash(key.as_str().as_bytes()))
}

/// The same under every key that has these bytes.
pub(crate) fn of_content(sha256: ContentHash) -> String {
    format!("tc-{}", short_hash(sha256.to_string().as_bytes()))
}

/// `path` has no trailing slash; empty means everything.
pub(crate) fn of_folder(path: &str) -> String {
    format!("tf-{}", short_hash(path.as_bytes()))
}

/// The tags of one response: its original, its content, its preset, and its parent folders. If there are too many,
/// folders in the middle are left out.
pub(crate) struct CacheTags(Vec<String>);

impl CacheTags {
    pub(crate) fn of(key: &Key, record: &Record, site: &str, preset: Option<&str>) -> Self {
        let mut tags = vec![of_key(key), of_folder("")];
        tags.extend(record.sha256.map(of_content));
        tags.extend(preset.map(|preset| format!("tp-{site}-{preset}")));
        let mut folder = key.as_str();
        let mut bytes: usize = tags.iter().map(|tag| tag.len() + 1).sum();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            let tag = of_folder(parent);
            bytes += tag.len() + 1;
            if bytes > MAX_BYTES {
                break;
            }
            tags.push(tag);
            folder = parent;
        }
        Self(tags)
    }

    pub(crate) fn separated_by(&self, separator: &str) -> HeaderValue {
        let text = self.0.join(separator);
        HeaderValue::try_from(text).expect("hex and names are visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &Key) -> Record {
        serde_json::from_value(serde_json::json!({
            "key": key, "size": 1, "etag": "e", "sha256": "ab".repeat(32), "type": "image/jpeg",
            "created": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
            "image": null, "focal_point": null,
        }))
        .unwrap()
    }

    #[test]
    fn a_response_is_tagged_by_original_content_preset_and_each_folder() {
        let key = Key::parse("a/b/c.jpg").unwrap();
        let tags = CacheTags::of(&key, &record(&key), "default", Some("card"));
        let hash = |text: &str| short_hash(text.as_bytes());
        let expected = [
            format!("tt-{}", hash("a/b/c.jpg")),
            format!("tf-{}", hash("")),
            format!("tc-{}", hash(&"ab".repeat(32))),
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
        let tags = CacheTags::of(&key, &record(&key), "default", None);
        assert!(tags.separated_by(",").len() <= MAX_BYTES);
        assert!(tags.0.contains(&of_folder("")), "everything can be purged");
    }
}
