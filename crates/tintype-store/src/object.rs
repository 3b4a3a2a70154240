//! Everything that is stored, and the only place that knows the paths.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Key;
use crate::key::RESERVED;

/// N bytes, written as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HexId<const N: usize>(pub [u8; N]);

/// SHA-256 of a key: names what belongs to an original, whatever characters its key has.
pub type KeyHash = HexId<32>;
/// SHA-256 of an original's stored bytes.
pub type ContentHash = HexId<32>;
/// Names one variant of an original; the server decides what it is a hash of.
pub type VariantId = HexId<16>;

impl<const N: usize> HexId<N> {
    /// Accepts exactly what [`fmt::Display`] writes; capitals are refused, so that an id has only one text.
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

    /// The first M bytes.
    pub fn first<const M: usize>(&self) -> HexId<M> {
        const { assert!(M <= N) };
        let mut bytes = [0; M];
        bytes.copy_from_slice(&self.0[..M]);
        HexId(bytes)
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

impl<const N: usize> Serialize for HexId<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for HexId<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("must be {} lower-case hex digits", 2 * N))
        })
    }
}

/// What a takedown blocks: a name, or bytes under any name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockId {
    Key(KeyHash),
    Sha256(ContentHash),
}

/// 1 to 64 characters of `a-z0-9-`; if it starts with a time, the outbox is read in that order.
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

/// Any stored object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The uploaded bytes, under their own plain name.
    Original(Key),
    /// The record of an original, as JSON.
    Record(KeyHash),
    /// One variant; may be deleted at any time.
    Variant(KeyHash, VariantId),
    /// A takedown, with its reason and actor, as JSON.
    Block(BlockId),
    /// Rewritten whenever blocks change, so that they need not be listed to find out that none did.
    BlocksMark,
    /// The intent and the response of a request with an idempotency key.
    Idem(HexId<32>),
    /// Marks an original as deleted here that still exists in the lower store.
    Tombstone(KeyHash),
    /// A purge that is still to be delivered.
    Outbox(OutboxId),
}

/// The kinds of objects that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    Tombstone,
    Record,
    /// In a folder per original; all other kinds are flat.
    Variant,
    Block,
    Idem,
    Outbox,
}

impl Object {
    /// Its path, relative to the location of the store.
    pub fn path(&self) -> String {
        match self {
            Self::Original(key) => key.as_str().to_owned(),
            Self::Record(key) => format!("{RESERVED}/records/{key}.json"),
            Self::Variant(key, id) => format!("{}{id}", Self::variants(key)),
            Self::Block(BlockId::Key(key)) => format!("{RESERVED}/blocks/key-{key}.json"),
            Self::Block(BlockId::Sha256(hash)) => format!("{RESERVED}/blocks/sha256-{hash}.json"),
            Self::BlocksMark => format!("{RESERVED}/blocks.json"),
            Self::Idem(id) => format!("{RESERVED}/idem/{id}.json"),
            Self::Tombstone(key) => format!("{RESERVED}/tombstones/{key}.json"),
            Self::Outbox(id) => format!("{RESERVED}/outbox/{}.json", id.as_str()),
        }
    }

    /// The folder of all variants of one original.
    pub(crate) fn variants(key: &KeyHash) -> String {
        format!("{RESERVED}/variants/{key}/")
    }

    /// Whether it can be made again from an original, so that nothing is lost with it.
    pub fn is_derived(&self) -> bool {
        matches!(self, Self::Variant(..))
    }
}

impl ObjectKind {
    /// The folder of this kind, relative to the location of the store, with a trailing slash.
    pub fn folder(self) -> String {
        let name = match self {
            Self::Record => "records",
            Self::Variant => "variants",
            Self::Block => "blocks",
            Self::Idem => "idem",
            Self::Outbox => "outbox",
            Self::Tombstone => "tombstones",
        };
        format!("{RESERVED}/{name}/")
    }

    /// The object of a file, by its name below [`ObjectKind::folder`]; `None` for files of other programs.
    pub(crate) fn object(self, name: &str) -> Option<Object> {
        if self == Self::Variant {
            let (original, id) = name.split_once('/')?;
            return Some(Object::Variant(HexId::parse(original)?, HexId::parse(id)?));
        }
        let stem = name.strip_suffix(".json")?;
        match self {
            Self::Variant => None,
            Self::Record => HexId::parse(stem).map(Object::Record),
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
            Self::Tombstone => HexId::parse(stem).map(Object::Tombstone),
            Self::Outbox => OutboxId::parse(stem).map(Object::Outbox),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_kind_of_object_is_found_by_its_path() {
        let id = HexId([7; 32]);
        for (kind, object) in [
            (ObjectKind::Block, Object::Block(BlockId::Key(id))),
            (ObjectKind::Block, Object::Block(BlockId::Sha256(id))),
            (ObjectKind::Idem, Object::Idem(id)),
            (ObjectKind::Tombstone, Object::Tombstone(id)),
            (ObjectKind::Record, Object::Record(id)),
            (ObjectKind::Variant, Object::Variant(id, HexId([1; 16]))),
            (
                ObjectKind::Outbox,
                Object::Outbox(OutboxId::parse("0193-a").unwrap()),
            ),
        ] {
            let path = object.path();
            assert_eq!(
                kind.object(path.strip_prefix(&kind.folder()).unwrap()),
                Some(object)
            );
        }
        assert_eq!(ObjectKind::Block.object("README"), None);
        assert_eq!(HexId::<2>::parse("0aFf"), None);
        assert_eq!(HexId::<2>::parse("0aff"), Some(HexId([10, 255])));
    }
}
