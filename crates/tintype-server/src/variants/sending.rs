//! Streams a variant to one client.
//!
//! Small variants are sent whole. Of a larger one, a client that stops reading holds only a chunk: the variant is
//! released (unless the hot cache has it anyway) and fetched again when the client goes on. Otherwise slow clients
//! would decide how much memory variants take.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tintype_store::{Expiring, Key, LEAST_CHUNK_BYTES, Share};

use super::{Variant, VariantName, Variants};
use crate::records::StoredRecord;

/// What the kernel usually takes in one write.
const SMALL: usize = 64 * 1024;

/// Where to find a variant again.
pub(crate) struct VariantLocation<'a> {
    pub name: &'a VariantName,
    pub key: &'a Key,
    pub stored: &'a Arc<StoredRecord>,
}

/// The bytes of a range, which lies within the variant.
pub(crate) fn body(
    variants: &Arc<Variants>,
    location: &VariantLocation<'_>,
    variant: &Arc<Variant>,
    range: Range<u64>,
) -> Body {
    // A variant's length fits into usize.
    let range = range.start as usize..range.end as usize;
    if variant.bytes.len() <= SMALL {
        return Body::from(variant.bytes.slice(range));
    }
    if range.len() <= LEAST_CHUNK_BYTES {
        return Body::from(Bytes::copy_from_slice(&variant.bytes[range]));
    }
    // The hot cache has no other reference.
    let held = Expiring::new(|variant: &Arc<Variant>| Arc::strong_count(variant) == 1);
    let sending = Sending {
        variants: variants.clone(),
        name: *location.name,
        key: location.key.clone(),
        stored: location.stored.clone(),
        len: variant.bytes.len(),
        left: range,
        first: Some(variant.clone()),
        held,
        share: Share::take(),
    };
    Body::from_stream(sending.chunks())
}

struct Sending {
    variants: Arc<Variants>,
    name: VariantName,
    key: Key,
    stored: Arc<StoredRecord>,
    /// Length of the variant.
    len: usize,
    left: Range<usize>,
    /// Sent at once, so not held by `Expiring` yet.
    first: Option<Arc<Variant>>,
    held: Expiring<Arc<Variant>>,
    share: Share,
}

impl Sending {
    fn chunks(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(self, async |mut sending| {
            let chunk = sending.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, sending)))
        })
    }

    async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let at_hand = self.first.take().or_else(|| self.held.take());
        let variant = match at_hand {
            Some(variant) => variant,
            None => self.again().await?,
        };
        let end = self.left.end.min(self.left.start + self.share.bytes());
        // A slice would keep the whole variant alive.
        let chunk = Bytes::copy_from_slice(&variant.bytes[self.left.start..end]);
        self.left.start = end;
        if !self.left.is_empty() {
            self.held.put(variant);
        }
        Ok(Some(chunk))
    }

    /// Fetches the variant again; a name always stands for the same bytes. It is not rendered again: the client
    /// that lost it has to retry, and then queues like everyone else.
    async fn again(&self) -> io::Result<Arc<Variant>> {
        let found = match self.variants.in_memory(&self.name) {
            Some(variant) => Some(variant),
            None => {
                let record = &self.stored.record;
                self.variants
                    .read_stored(&self.name, &self.key, record)
                    .await
            }
        };
        found
            .filter(|variant| variant.bytes.len() == self.len)
            .ok_or_else(|| io::Error::other("the variant was dropped while the client paused"))
    }
}
