//! An original in transit, as seen from either end.

use tintype_server::records::blocks::Block;
use tintype_server::records::record::Record;
use tintype_store::{ContentHash, ETag, Key};

/// An original of FROM, as listed.
pub(super) struct SourceItem {
    pub(super) key: Key,
    pub(super) size: u64,
    pub(super) etag: ETag,
    /// If a service reports it.
    pub(super) sha256: Option<ContentHash>,
    pub(super) record: Option<Record>,
    pub(super) block: Option<Block>,
}

/// The object in TO under a name.
pub(super) struct TargetObject {
    pub(super) size: u64,
    pub(super) etag: ETag,
    /// As in `Repr-Digest`; `None` if it has not been hashed.
    pub(super) digest: Option<String>,
    /// The version that it is a copy of.
    pub(super) mark: Option<String>,
}
