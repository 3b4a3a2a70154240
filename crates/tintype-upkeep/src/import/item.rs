//! An original on its way, as either end has it.

use tintype_server::records::blocks::Block;
use tintype_server::records::record::Record;
use tintype_store::{ContentHash, ETag, Key};

/// An original of FROM, as it was listed.
pub(super) struct Item {
    pub(super) key: Key,
    pub(super) size: u64,
    pub(super) etag: ETag,
    /// Where a service tells it.
    pub(super) sha256: Option<ContentHash>,
    pub(super) record: Option<Record>,
    pub(super) block: Option<Block>,
}

/// What TO has under a name.
pub(super) struct There {
    pub(super) size: u64,
    pub(super) etag: ETag,
    /// As in `Repr-Digest`; `None`: it has not been hashed.
    pub(super) digest: Option<String>,
    /// Of which version it is a copy.
    pub(super) mark: Option<String>,
}
