//! The names of originals: which may be created, and which may be read.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{HexId, KeyHash};

/// tintype's own folder, beside the originals.
pub(crate) const RESERVED: &str = ".tintype";
/// S3's limit for a key is 1,024 bytes; the rest is for the location in front of it.
const MAX_KEY_BYTES: usize = 900;
/// The longest file name of all common file systems.
const MAX_SEGMENT_BYTES: usize = 255;
/// For names made by other programs: S3's own limit.
const MAX_EXISTING_BYTES: usize = 1_024;

/// The name of an original: relative, UTF-8, opaque, never normalised.
///
/// No constructor accepts a name that points outside the store or into tintype's own folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("key is empty")]
    Empty,
    #[error("key is {length} bytes, limit is {limit}")]
    TooLong { length: usize, limit: usize },
    #[error("a segment of the key is {length} bytes, limit is {limit}")]
    SegmentTooLong { length: usize, limit: usize },
    #[error("key starts with a slash")]
    LeadingSlash,
    #[error("key ends with a slash")]
    TrailingSlash,
    #[error("key has an empty segment")]
    EmptySegment,
    #[error("key has a segment that is {0:?}")]
    DotSegment(&'static str),
    #[error("key has a backslash")]
    Backslash,
    #[error("key has the control character U+{:04X}", u32::from(*.0))]
    ControlCharacter(char),
    #[error("keys under {RESERVED}/ are reserved")]
    Reserved,
}

impl Key {
    /// Parses a name for a new original: 1 to 900 bytes, segments of 1 to 255 bytes, no `.` or `..`, no control or
    /// bidi control character, no backslash, no leading or trailing slash, nothing under `.tintype/`. Names are
    /// refused, never repaired: the caller keeps them in a database.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong {
                length: text.len(),
                limit: MAX_KEY_BYTES,
            });
        }
        if text.starts_with('/') {
            return Err(KeyError::LeadingSlash);
        }
        if let Some(c) = text.chars().find(|&c| c.is_control() || is_bidi_control(c)) {
            return Err(KeyError::ControlCharacter(c));
        }
        if text.contains('\\') {
            return Err(KeyError::Backslash);
        }
        let key = Self::existing(text)?;
        for segment in text.split('/') {
            if segment.is_empty() {
                return Err(KeyError::EmptySegment);
            }
            if segment.len() > MAX_SEGMENT_BYTES {
                let length = segment.len();
                return Err(KeyError::SegmentTooLong {
                    length,
                    limit: MAX_SEGMENT_BYTES,
                });
            }
        }
        Ok(key)
    }

    /// Parses a name that an adopted folder or bucket may already have. Empty segments are allowed, since a bucket
    /// can have them (on disk no file has such a name); dot segments are not, since every client and proxy would
    /// take them for another path.
    pub fn existing(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > MAX_EXISTING_BYTES {
            return Err(KeyError::TooLong {
                length: text.len(),
                limit: MAX_EXISTING_BYTES,
            });
        }
        if text.contains('\0') {
            return Err(KeyError::ControlCharacter('\0'));
        }
        if text.ends_with('/') {
            return Err(KeyError::TrailingSlash);
        }
        for segment in text.split('/') {
            match segment {
                "." => return Err(KeyError::DotSegment(".")),
                ".." => return Err(KeyError::DotSegment("..")),
                _ => {}
            }
        }
        let first = text
            .split('/')
            .find(|segment| !segment.is_empty())
            .unwrap_or_default();
        // Case-insensitive, because some file systems are.
        if first.eq_ignore_ascii_case(RESERVED) {
            return Err(KeyError::Reserved);
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> KeyHash {
        HexId(Sha256::digest(self.0.as_bytes()).into())
    }

    /// The folders above, outermost first, each with its slash: `photos/`, `photos/2016/`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..=at])
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    pub fn starts_with(&self, prefix: &str) -> bool {
        self.0.starts_with(prefix)
    }
}

/// Characters that make a name look like another one.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Lenient, because stored data may name an adopted original.
impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::existing(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    //! Names are refused rather than repaired, and no name leaves the store.

    use super::*;

    fn check(text: &str, expected: Result<(), KeyError>) {
        assert_eq!(
            Key::parse(text).map(|key| assert_eq!(key.as_str(), text)),
            expected,
            "{text:?}"
        );
    }

    #[test]
    fn ordinary_and_foreign_names_are_kept_as_they_are() {
        for text in [
            "a",
            "photos/2016/lion.jpg",
            "Ünïcödé/Ленин/獅子.jpg",
            "e\u{301}.jpg",
            "with space/50% off?#&.png",
            "...",
            "a/..b/.hidden",
            "photos/.tintype/x",
            ".tintypes/x",
        ] {
            check(text, Ok(()));
        }
        check(&"a".repeat(255), Ok(()));
        check(
            &[
                "a".repeat(255),
                "b".repeat(255),
                "c".repeat(255),
                "d".repeat(132),
            ]
            .join("/"),
            Ok(()),
        );
    }

    #[test]
    fn a_new_name_that_breaks_a_rule_is_refused() {
        use KeyError::*;
        check("", Err(Empty));
        check("/a", Err(LeadingSlash));
        check("/", Err(LeadingSlash));
        check("a/", Err(TrailingSlash));
        check("a//b", Err(EmptySegment));
        check(".", Err(DotSegment(".")));
        check("a/./b", Err(DotSegment(".")));
        check("../a", Err(DotSegment("..")));
        check("a/..", Err(DotSegment("..")));
        check("a\\b", Err(Backslash));
        check("a\0b", Err(ControlCharacter('\0')));
        check("a\nb", Err(ControlCharacter('\n')));
        check("a\u{7f}", Err(ControlCharacter('\u{7f}')));
        check("a\u{85}", Err(ControlCharacter('\u{85}')));
        check("a\u{202e}gpj.exe", Err(ControlCharacter('\u{202e}')));
        check("a\u{2066}", Err(ControlCharacter('\u{2066}')));
        check(".tintype", Err(Reserved));
        check(".tintype/records/x.json", Err(Reserved));
        check(".TinType/x", Err(Reserved));
        check(
            &"a".repeat(256),
            Err(SegmentTooLong {
                length: 256,
                limit: 255,
            }),
        );
        check(&"a/".repeat(450).replace("a/a", "aaa"), Err(TrailingSlash));
        check(
            &"ab/".repeat(301)[..901],
            Err(TooLong {
                length: 901,
                limit: 900,
            }),
        );
    }

    #[test]
    fn an_odd_name_that_already_exists_stays_readable_but_never_leaves_the_store() {
        for text in [
            "a\\b",
            "a\nb",
            "a//b",
            "/a",
            "a\u{202e}b",
            &"x".repeat(1024),
        ] {
            assert_eq!(Key::existing(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "..",
            "a/../b",
            "./a",
            "a/",
            ".tintype/x",
            "/.tintype/x",
            "//.TINTYPE",
            "a\0",
        ] {
            assert!(Key::existing(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_knows_its_parts() {
        let key = Key::parse("photos/2016/lion.jpg").unwrap();
        assert_eq!(
            key.folders().collect::<Vec<_>>(),
            ["photos/", "photos/2016/"]
        );
        assert_eq!(key.file_name(), "lion.jpg");
        assert!(key.starts_with("photos/20"));
        assert_eq!(Key::parse("lion.jpg").unwrap().folders().count(), 0);
        assert_eq!(
            Key::parse("a").unwrap().hash().to_string(),
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
        );
    }
}
