//! The stored form of a variant: its bytes, followed by their length and digest (the seal).
//!
//! A truncated, emptied, corrupted or replaced variant is recognised when it is read, and made anew. The seal is in
//! the bytes rather than beside them because not every file system keeps attributes.

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// Digest of the bytes without the seal.
pub(super) type VariantDigest = [u8; 32];

/// The seal is a box of ISO media files that readers skip, so that a sealed AVIF is still a valid one; in all other
/// formats it is trailing data.
const LEN: usize = 56;
const TAG: &[u8; 12] = b"freetintype1";

pub(super) fn seal(bytes: &[u8], sum: &VariantDigest) -> Bytes {
    let mut sealed = BytesMut::with_capacity(bytes.len() + LEN);
    sealed.put_slice(bytes);
    sealed.put_slice(&trailer(bytes.len(), sum));
    sealed.freeze()
}

/// The bytes and their digest; `None` if they are damaged or were stored by a release that did not seal.
pub(super) fn open(sealed: &Bytes) -> Option<(Bytes, VariantDigest)> {
    let end = sealed.len().checked_sub(LEN).filter(|end| *end > 0)?;
    let bytes = sealed.slice(..end);
    let sum = sum(&bytes);
    (sealed[end..] == trailer(end, &sum)).then_some((bytes, sum))
}

pub(super) fn sum(bytes: &[u8]) -> VariantDigest {
    Sha256::digest(bytes).into()
}

fn trailer(len: usize, sum: &VariantDigest) -> [u8; LEN] {
    let mut trailer = [0; LEN];
    let mut rest = &mut trailer[..];
    rest.put_u32(LEN as u32);
    rest.put_slice(TAG);
    rest.put_u64(len as u64);
    rest.put_slice(sum);
    trailer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_intact_variants_are_opened() {
        let bytes = Bytes::from_static(b"a picture");
        let sealed = seal(&bytes, &sum(&bytes));
        assert_eq!(open(&sealed), Some((bytes.clone(), sum(&bytes))));
        for cut in 0..sealed.len() {
            assert_eq!(open(&sealed.slice(..cut)), None, "{cut}");
        }
        for at in 0..sealed.len() {
            let mut rotten = sealed.to_vec();
            rotten[at] ^= 1;
            assert_eq!(open(&rotten.into()), None, "{at}");
        }
        assert_eq!(open(&bytes), None, "never sealed");
        assert_eq!(
            open(&seal(b"", &sum(b""))),
            None,
            "an empty image is no image"
        );
    }
}
