//! The names of everything that is stored, and the one place that turns them into paths.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// tintype's own folder, beside the originals.
pub(crate) const RESERVED: &str = ".tintype";
/// 1,024 bytes is S3's limit for a key; the rest is for the location in front of it.
const MAX_KEY_BYTES: usize = 900;
/// The longest file name of every common file system.
const MAX_SEGMENT_BYTES: usize = 255;
/// For names that we did not make: S3's own limit.
const MAX_EXISTING_BYTES: usize = 1_024;

/// The name of an original: relative, UTF-8, opaque, never normalised.
///
/// Neither constructor lets a name point outside the store or into tintype's own folder.
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
    /// A name that may be created: 1 to 900 bytes, segments of 1 to 255 bytes, no `.` or `..`, no
    /// control or bidi control character, no backslash, no leading or trailing slash, nothing under
    /// `.tintype/`. Refused, never repaired: the caller keeps the name in a database.
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

    /// A name that an adopted folder or bucket may already have. Empty segments are allowed, since
    /// a bucket can have them (on disk nothing has such a name); dot segments are not, since every
    /// client and proxy would take them for another path.
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
        // In any case of letters, because some file systems do not tell them apart.
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

/// Characters that make a name read differently from what it is.
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

/// Leniently, because what is read back may name an adopted original.
impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::existing(&text).map_err(serde::de::Error::custom)
    }
}

/// N bytes, written as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexId<const N: usize>(pub [u8; N]);

/// SHA-256 of a key: names what belongs to an original, whatever characters its key has.
pub type KeyHash = HexId<32>;
/// Names one rendering of an original; what it is a hash of is the server's business.
pub type VariantId = HexId<16>;

impl<const N: usize> HexId<N> {
    /// Exactly what [`fmt::Display`] writes; capitals are not accepted, so one id has one text.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * N {
            return None;
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl<const N: usize> fmt::Display for HexId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for HexId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a takedown is about: a name, or bytes whatever their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockId {
    Key(KeyHash),
    Sha256(HexId<32>),
}

/// 1 to 64 characters of `a-z0-9-`; start it with a time and the outbox is read in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId(String);

impl OutboxId {
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Everything that is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The uploaded bytes, under their own plain name.
    Original(Key),
    /// What is known of an original, as JSON.
    Record(KeyHash),
    /// One rendering; may be deleted at any time.
    Variant(KeyHash, VariantId),
    /// A takedown, with its reason and actor, as JSON.
    Block(BlockId),
    /// The intent and the answer of a request with an idempotency key.
    Idem(HexId<32>),
    /// A purge that is still to be delivered.
    Outbox(OutboxId),
}

/// The kinds of object that are looked for rather than known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Block,
    Idem,
    Outbox,
}

impl Object {
    /// Where it is, below the location of the store.
    pub fn path(&self) -> String {
        match self {
            Self::Original(key) => key.as_str().to_owned(),
            Self::Record(key) => format!("{RESERVED}/records/{key}.json"),
            Self::Variant(key, id) => format!("{}{id}", Self::variants(key)),
            Self::Block(BlockId::Key(key)) => format!("{RESERVED}/blocks/key-{key}.json"),
            Self::Block(BlockId::Sha256(hash)) => format!("{RESERVED}/blocks/sha256-{hash}.json"),
            Self::Idem(id) => format!("{RESERVED}/idem/{id}.json"),
            Self::Outbox(id) => format!("{RESERVED}/outbox/{}.json", id.as_str()),
        }
    }

    /// The folder of all variants of one original.
    pub(crate) fn variants(key: &KeyHash) -> String {
        format!("{RESERVED}/variants/{key}/")
    }

    /// Whether it can be made again from an original, so that losing it loses nothing.
    pub fn is_derived(&self) -> bool {
        matches!(self, Self::Variant(..))
    }
}

impl Kind {
    /// The folder that holds this kind, flat.
    pub(crate) fn folder(self) -> String {
        let name = match self {
            Self::Block => "blocks",
            Self::Idem => "idem",
            Self::Outbox => "outbox",
        };
        format!("{RESERVED}/{name}/")
    }

    /// The object that a file of [`Kind::folder`] is; strangers' files are none.
    pub(crate) fn object(self, file_name: &str) -> Option<Object> {
        let stem = file_name.strip_suffix(".json")?;
        match self {
            Self::Block => {
                let (about, hash) = stem.split_once('-')?;
                let hash = HexId::parse(hash)?;
                match about {
                    "key" => Some(Object::Block(BlockId::Key(hash))),
                    "sha256" => Some(Object::Block(BlockId::Sha256(hash))),
                    _ => None,
                }
            }
            Self::Idem => HexId::parse(stem).map(Object::Idem),
            Self::Outbox => OutboxId::parse(stem).map(Object::Outbox),
        }
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

    #[test]
    fn every_object_that_is_looked_for_is_found_by_the_path_it_has() {
        let id = HexId([7; 32]);
        for (kind, object) in [
            (Kind::Block, Object::Block(BlockId::Key(id))),
            (Kind::Block, Object::Block(BlockId::Sha256(id))),
            (Kind::Idem, Object::Idem(id)),
            (
                Kind::Outbox,
                Object::Outbox(OutboxId::parse("0193-a").unwrap()),
            ),
        ] {
            let path = object.path();
            assert_eq!(
                kind.object(path.strip_prefix(&kind.folder()).unwrap()),
                Some(object)
            );
        }
        assert_eq!(Kind::Block.object("README"), None);
        assert_eq!(HexId::<2>::parse("0aFf"), None);
        assert_eq!(HexId::<2>::parse("0aff"), Some(HexId([10, 255])));
    }
}
