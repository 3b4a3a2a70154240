//! The metadata that `meta_keep` copies: how the image was taken, what it shows, and who made it.
//!
//! Only fields known to be harmless are copied, by name. Never copied are locations (coordinates and names), serial
//! numbers and unique identifiers of cameras and images, owners, previews, maker notes, anything that describes the
//! pixels of the original, and its orientation, because responses are upright.

mod exif;
mod iptc;
mod xmp;

use super::metadata::MetadataBlocks;
use super::rights::{EncodedRights, SetRights};
use crate::limits::Limits;

/// Limit on each block: a JPEG segment holds little more. Fields that do not fit are omitted.
const MAX_BYTES: usize = 60_000;

/// Returns `None` if there is nothing to write. A block that the original lacks is written from its rights. Rights that
/// are set replace all of the original's, in every block.
pub(super) fn written(
    blocks: &MetadataBlocks,
    set: &SetRights,
    limits: &Limits,
) -> Option<EncodedRights> {
    let rights = set.over(blocks.rights(limits));
    let instead = (!set.is_empty()).then_some(&rights);
    let rights = rights.written();
    let exif = blocks.exif.as_deref();
    let exif = exif.and_then(|exif| exif::kept(exif, instead, limits));
    let xmp = blocks.xmp.as_deref();
    let xmp = xmp.and_then(|packet| xmp::kept(packet, instead));
    let iptc = iptc::kept(blocks.iptc.as_deref(), blocks.photoshop.as_deref(), instead);
    if exif.is_none() && xmp.is_none() && iptc.is_none() {
        return rights;
    }
    let (mut or_exif, mut or_xmp, mut or_iptc) = (None, Vec::new(), Vec::new());
    if let Some(rights) = rights {
        (or_exif, or_xmp, or_iptc) = (rights.exif, rights.xmp, rights.iptc);
    }
    Some(EncodedRights {
        exif: exif.or(or_exif),
        xmp: xmp.unwrap_or(or_xmp),
        iptc: iptc.unwrap_or(or_iptc),
    })
}
