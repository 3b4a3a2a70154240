//! The metadata of objects.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{ContentHash, Error, Key, Object};

/// Names one write of one object within one store. Opaque, without quotes; compare, never parse.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ETag(String);

impl ETag {
    /// From a header or a record. Any text is allowed: one that no store ever made matches nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ETag of a version in the lower store, marked as such.
    pub fn marked(&self) -> Self {
        Self(format!("{BELOW}{}", self.0))
    }

    /// The lower store's own ETag; `None` if it is not from there.
    pub fn below(&self) -> Option<Self> {
        self.0.strip_prefix(BELOW).map(Self::new)
    }
}

/// Prefix of ETags from an overlay's lower store. No store makes such ETags itself.
const BELOW: &str = "fallback-";

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What must hold at the moment of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Any,
    /// The object does not exist.
    Absent,
    /// The object exists, in this version.
    Match(ETag),
}

impl Condition {
    /// Calls `current` only if it has to.
    pub(crate) fn check(
        &self,
        current: impl FnOnce() -> Result<Option<Meta>, Error>,
    ) -> Result<(), Error> {
        let current = match self {
            Self::Any => return Ok(()),
            Self::Absent | Self::Match(_) => current()?,
        };
        let holds = match (self, &current) {
            (Self::Any, _) | (Self::Absent, None) => true,
            (Self::Match(etag), Some(meta)) => meta.etag == *etag,
            (Self::Absent, Some(_)) | (Self::Match(_), None) => false,
        };
        if holds {
            Ok(())
        } else {
            Err(Error::Precondition {
                current: current.map(Box::new),
            })
        }
    }
}

/// Attributes, which are stored with the bytes and appear together with them.
///
/// Each text is 1 to 256 printable ASCII characters without spaces, which every back end can store. An adopted file
/// has none, and neither has anything on a file system without extended attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Hash of the request's idempotency key, so that a replay finds its own object.
    pub idempotency: Option<String>,
    /// Random for every write, so that a writer recognises its own object after a lost response.
    pub nonce: Option<String>,
    pub sha256: Option<ContentHash>,
    /// The content coding of the bytes (RFC 9110, 8.4.1), such as `gzip`. Only other programs store objects with
    /// one; a copy keeps it.
    pub encoding: Option<String>,
}

impl Attributes {
    pub(crate) const MAX_BYTES: usize = 256;

    /// For a copy of an object with `source`: its bytes have the same coding.
    pub(crate) fn of_copy(&self, source: &Self) -> Self {
        Self {
            encoding: source.encoding.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value) in [
            ("idempotency", &self.idempotency),
            ("nonce", &self.nonce),
            ("encoding", &self.encoding),
        ] {
            let Some(value) = value else { continue };
            let printable = value.bytes().all(|b| b.is_ascii_graphic());
            if value.is_empty() || value.len() > Self::MAX_BYTES || !printable {
                return Err(Error::InvalidAttribute {
                    name,
                    limit: Self::MAX_BYTES,
                });
            }
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    pub size: u64,
    pub etag: ETag,
    pub modified: SystemTime,
    pub attributes: Attributes,
}

impl Meta {
    /// The bytes that a reader gets of this version, if it is the requested one.
    pub(crate) fn select(
        &self,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Range<u64>, Error> {
        if if_match.is_some_and(|etag| *etag != self.etag) {
            return Err(Error::Precondition {
                current: Some(Box::new(self.clone())),
            });
        }
        let Some(range) = range else {
            return Ok(0..self.size);
        };
        if range.start >= self.size || range.end <= range.start {
            return Err(Error::RangeNotSatisfiable { size: self.size });
        }
        Ok(range.start..range.end.min(self.size))
    }
}

/// Where the bytes of a write come from.
#[derive(Clone, Debug)]
pub enum WriteSource<'a> {
    Bytes(Bytes),
    /// A complete file that nobody writes to any more. The disk store links a file on its own file system into
    /// place instead of copying it; either way the caller remains responsible for removing the path.
    File {
        path: &'a Path,
        len: u64,
    },
}

impl WriteSource<'_> {
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An original in a listing: what is known without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOriginal {
    pub key: Key,
    pub size: u64,
    pub etag: ETag,
    pub modified: SystemTime,
}

/// One page of originals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginalPage {
    /// Folders, each with its path and trailing slash; only with a delimiter.
    pub dirs: Vec<String>,
    pub files: Vec<ListedOriginal>,
    /// Pass it back for the next page; `None` at the end.
    pub cursor: Option<String>,
}

/// One page of tintype's own objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    pub objects: Vec<Object>,
    pub cursor: Option<String>,
}

/// One of tintype's own objects, described without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnObject {
    pub object: Object,
    pub size: u64,
    pub modified: SystemTime,
}

/// One page of tintype's own objects with their sizes and times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    pub objects: Vec<OwnObject>,
    pub cursor: Option<String>,
}

impl From<Survey> for ObjectPage {
    fn from(survey: Survey) -> Self {
        let objects = survey.objects.into_iter().map(|own| own.object);
        Self {
            objects: objects.collect(),
            cursor: survey.cursor,
        }
    }
}
