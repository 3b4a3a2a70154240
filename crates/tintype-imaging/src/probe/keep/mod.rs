//! Metadata that goes along as a whole (`meta_keep`): what the original says of how it was taken, what it shows and
//! who made it.
//!
//! Kept is what is known to be harmless, by name; all else stays behind. Never kept are places (coordinates as well
//! as names), serial numbers and other numbers of a camera or a picture, owners, previews, maker notes, whatever
//! describes the pixels of the original, and its orientation: an answer is upright.

mod exif;
mod iptc;
mod xmp;

use super::metadata::Blocks;
use super::rights::{Rights, Written};
use crate::limits::Limits;

/// Of each block: a segment of JPEG holds little more. What does not fit is left out.
const MAX_BYTES: usize = 60_000;

/// `None` where there is nothing to say. A block that the original has not says its rights.
pub(super) fn written(blocks: &Blocks, rights: &Rights, limits: &Limits) -> Option<Written> {
    let rights = rights.written();
    let exif = blocks.exif.as_deref();
    let exif = exif.and_then(|exif| exif::kept(exif, limits));
    let xmp = blocks.xmp.as_deref().and_then(xmp::kept);
    let iptc = iptc::kept(blocks.iptc.as_deref(), blocks.photoshop.as_deref());
    if exif.is_none() && xmp.is_none() && iptc.is_none() {
        return rights;
    }
    let (mut or_exif, mut or_xmp, mut or_iptc) = (None, Vec::new(), Vec::new());
    if let Some(rights) = rights {
        (or_exif, or_xmp, or_iptc) = (rights.exif, rights.xmp, rights.iptc);
    }
    Some(Written {
        exif: exif.or(or_exif),
        xmp: xmp.unwrap_or(or_xmp),
        iptc: iptc.unwrap_or(or_iptc),
    })
}
