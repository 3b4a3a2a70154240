//! Hashes bodies that are not kept.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tintype_store::{ContentHash, HexId};

/// Returns the length and the hash.
pub(crate) async fn sha256<E>(
    body: impl Stream<Item = Result<Bytes, E>>,
) -> Result<(u64, ContentHash), E> {
    let mut body = std::pin::pin!(body);
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        bytes += chunk.len() as u64;
        hash.update(&chunk);
    }
    Ok((bytes, HexId(hash.finalize().into())))
}
