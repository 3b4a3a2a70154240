//! JPEG by our own encoder, with Huffman tables fitted to the image.
//!
//! A photograph below quality 90 is 4:2:0, with mozjpeg's quantisation tables tuned for MS-SSIM: 5 to 7 % fewer bytes
//! than libjpeg's for the same score and CPU time (25 photographs at 320, 640 and 1200 pixels, SSIMULACRA2). Also
//! measured: the tables of Klein, Silverstein and Carney save 8 %, but cost 8 points on a photograph that was a JPEG of
//! this very size before; trellis quantisation (`mozjpeg-rs`) saves 8 % for 3.9 times the CPU time.
//!
//! One interleaved scan, so that a reader needs only a row of blocks at a time. Progressive, an option of the
//! configuration, is 2 to 4 % smaller for three times the CPU time of encoding, and takes readers as much longer too.

use tintype_jpeg::{BaseTables, Encoding, Samples, Sampling};

use super::super::pixels::Layout;
use super::{Extras, Pixels};
use crate::Error;
use crate::spec::Size;

/// From this quality on, users expect sharp colour edges (libjpeg's users draw the line there too).
const FULL_CHROMA_QUALITY: u8 = 90;

/// Prefixes of the segments for EXIF, XMP, Photoshop resources and colour profiles.
const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

/// The most that a segment can hold.
const MAX_SEGMENT: usize = 65_533;

pub(super) fn encode(
    pixels: &Pixels,
    quality: u8,
    is_drawn: bool,
    progressive: bool,
    extras: &Extras<'_>,
) -> Result<Vec<u8>, Error> {
    let samples = match pixels.layout {
        Layout::Gray => Samples::Gray(&pixels.samples),
        Layout::Rgb => Samples::Rgb(&pixels.samples),
        Layout::GrayAlpha | Layout::Rgba => {
            return Err(Error::internal("transparency was not flattened"));
        }
    };
    let sampling = match is_drawn || !has_quarter_chroma(quality) {
        true => Sampling::Full,
        false => Sampling::Quarter,
    };
    write(samples, pixels.size, sampling, quality, progressive, extras)
}

/// Encodes luma, and chroma at half the size.
pub(super) fn encode_planes(
    [luma, cb, cr]: &[Pixels; 3],
    quality: u8,
    progressive: bool,
    extras: &Extras<'_>,
) -> Result<Vec<u8>, Error> {
    let chroma = [&*cb.samples, &cr.samples];
    let is_gray = |samples: &[u8]| samples.iter().all(|&sample| sample == 128);
    let samples = match chroma.into_iter().all(is_gray) {
        true => Samples::Gray(&luma.samples),
        false => Samples::YCbCr420 {
            luma: &luma.samples,
            chroma,
        },
    };
    let sampling = Sampling::Quarter;
    write(samples, luma.size, sampling, quality, progressive, extras)
}

/// Subsampled chroma would wash out thin coloured lines and letters, and shows at a high quality.
pub(super) const fn has_quarter_chroma(quality: u8) -> bool {
    quality < FULL_CHROMA_QUALITY
}

fn write(
    samples: Samples<'_>,
    size: Size,
    sampling: Sampling,
    quality: u8,
    progressive: bool,
    extras: &Extras<'_>,
) -> Result<Vec<u8>, Error> {
    let (tables, quality) = match sampling {
        Sampling::Full => (BaseTables::Standard, quality),
        // One less looks like libjpeg's tables at the given quality.
        Sampling::Quarter => (BaseTables::MsSsim, quality.saturating_sub(1)),
    };
    let segments =
        segments(extras).ok_or_else(|| Error::internal("a colour profile is too large"))?;
    let encoding = Encoding {
        quality,
        tables,
        sampling,
        progressive,
        segments: &segments,
    };
    tintype_jpeg::encode(samples, size.width, size.height, &encoding)
        .map_err(|error| Error::internal(format!("JPEG encoding failed: {error}")))
}

/// Returns the application segments and their numbers. A large profile is divided into numbered chunks; `None` if 255
/// are not enough for it.
pub(in crate::render) fn segments(extras: &Extras<'_>) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut segments = Vec::new();
    if let Some(rights) = extras.rights {
        let exif = rights.exif.as_ref().map(|exif| (1, [EXIF, exif].concat()));
        let some = |number, front: &[u8], block: &Vec<u8>| {
            (!block.is_empty()).then(|| (number, [front, block].concat()))
        };
        let xmp = some(1, XMP, &rights.xmp);
        let iptc = some(13, PHOTOSHOP, &rights.iptc);
        segments.extend([exif, xmp, iptc].into_iter().flatten());
    }
    let chunks = extras
        .icc
        .unwrap_or_default()
        .chunks(MAX_SEGMENT - ICC.len() - 2);
    let count = u8::try_from(chunks.len()).ok()?;
    for (number, chunk) in (1..=count).zip(chunks) {
        segments.push((2, [ICC, &[number, count], chunk].concat()));
    }
    Some(segments)
}
