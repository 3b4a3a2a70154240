//! Metadata as stored in the container: the colour profile, orientation, and blocks with creator and copyright.

use std::io::Cursor;

use super::ifd::Tiff;
use super::rights::EncodedRights;
use super::{Rights, SetRights, keep};
use crate::limits::Limits;
use crate::spec::Metadata;

const ORIENTATION: u16 = 0x0112;

/// Raw blocks as stored, each already within its limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetadataBlocks {
    pub(crate) icc: Option<Vec<u8>>,
    /// From the TIFF byte order mark on.
    pub(crate) exif: Option<Vec<u8>>,
    pub(crate) xmp: Option<Vec<u8>>,
    /// Photoshop image resources, one of which is IPTC.
    pub(crate) photoshop: Option<Vec<u8>>,
    /// IPTC without Photoshop resources around it.
    pub(crate) iptc: Option<Vec<u8>>,
}

impl MetadataBlocks {
    /// 1..=8; 1 if the block is missing, broken or out of range.
    pub(crate) fn orientation(&self, limits: &Limits) -> u8 {
        let read = || {
            let mut tiff = Tiff::open(Cursor::new(self.exif.as_deref()?)).ok()?;
            let directory = tiff.exif(limits.max_directory_entries)?;
            tiff.number(&directory, ORIENTATION)
        };
        upright_or(read())
    }

    pub(crate) fn rights(&self, limits: &Limits) -> Rights {
        Rights::of(self, limits)
    }

    /// The metadata of a response; `set` overrides the rights of the file, unless its metadata is kept as it is.
    pub(crate) fn written(
        &self,
        metadata: Metadata,
        set: &SetRights,
        limits: &Limits,
    ) -> Option<EncodedRights> {
        match metadata {
            Metadata::None => None,
            Metadata::Copyright => set.over(self.rights(limits)).written(),
            Metadata::Keep => keep::written(self, set, limits),
        }
    }
}

pub(crate) fn upright_or(orientation: Option<u64>) -> u8 {
    orientation
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1)
}
