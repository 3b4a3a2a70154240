//! JPEG XL: the codestream header, read by the decoder itself, and the boxes around it.

use std::io::{BufRead, Seek};

use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool};

use super::heif::box_head;
use super::read::ContainerReader;
use super::{ColourSpace, Colouring, Header, MetadataBlocks};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

/// Bytes to read at a time until the header is complete.
const STEP: u64 = 64 * 1024;
const SRGB: u8 = 13;
const BT709: u8 = 1;

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let image = head(reader, limits)?;
    let facts = image.image_header();
    // As decoded: upright.
    header.size = Size::new(image.width(), image.height());
    let format = image.pixel_format();
    header.has_alpha = format.has_alpha() && !format.has_black();
    header.colour_space = match (format.is_grayscale(), format.has_black()) {
        (true, _) => ColourSpace::Gray,
        (_, true) => ColourSpace::Cmyk,
        _ => ColourSpace::Rgb,
    };
    header.bits = match facts.metadata.bit_depth.bits_per_sample() {
        0..=8 => 8,
        _ if format.has_black() => 8,
        _ => 16,
    };
    header.interlaced = true;
    let icc = image.rendered_icc();
    let what = "bytes of the colour profile";
    Error::check(what, icc.len() as u64, limits.max_icc_bytes)?;
    let colouring = match image.rendered_cicp() {
        Some([BT709, SRGB, ..]) => Colouring::Srgb,
        Some([primaries, transfer @ (16 | 18), ..]) => Colouring::Cicp {
            primaries,
            transfer,
        },
        _ => Colouring::Profile,
    };
    let mut blocks = boxes(reader, limits)?;
    blocks.icc = Some(icc).filter(|icc| !icc.is_empty());
    Ok((blocks, colouring))
}

/// Reads no more of a file than its header.
fn head<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
) -> Result<JxlImage, Error> {
    let failed = |error| Error::malformed(format!("JPEG XL: {error}"));
    let mut state = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(limits.max_icc_bytes as usize * 16))
        .build_uninit();
    reader.seek(0)?;
    let mut pending = Vec::new();
    loop {
        let at = reader.position();
        Error::check("bytes of the header", at, 4 * limits.max_icc_bytes)?;
        let more = reader.vec(STEP.min(reader.left()))?;
        if more.is_empty() {
            return Err(Error::malformed("it ends too early"));
        }
        pending.extend(more);
        let taken = state.feed_bytes(&pending).map_err(failed)?;
        pending.drain(..taken);
        state = match state.try_init().map_err(failed)? {
            InitializeResult::Initialized(image) => return Ok(image),
            InitializeResult::NeedMoreData(state) => state,
        };
    }
}

/// Reads rights from the boxes, unless they are compressed.
fn boxes<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
) -> Result<MetadataBlocks, Error> {
    let mut blocks = MetadataBlocks::default();
    reader.seek(0)?;
    if !reader.peek(8)?.ends_with(b"JXL ") {
        return Ok(blocks);
    }
    let mut parts = 0;
    while reader.left() >= 8 {
        parts += 1;
        Error::check(
            "number of boxes",
            parts,
            u64::from(limits.max_metadata_parts),
        )?;
        let (kind, length) = box_head(reader)?;
        let end = reader.position().saturating_add(length);
        if end > reader.length() {
            break;
        }
        match &kind {
            b"Exif" => {
                Error::check("bytes of EXIF", length, limits.max_exif_bytes)?;
                let data = reader.vec(length)?;
                blocks.exif = super::heif::tiff_of(&data).map(<[u8]>::to_vec);
            }
            b"xml " => {
                Error::check("bytes of XMP", length, limits.max_xmp_bytes)?;
                blocks.xmp = Some(reader.vec(length)?);
            }
            _ => {}
        }
        reader.seek(end)?;
    }
    Ok(blocks)
}
