//! PNG with the fewest bits per pixel that lose nothing: a palette, or gray. Photographs are compressed quickly,
//! because more effort hardly makes them smaller and somebody is waiting; drawings are compressed well.

use std::borrow::Cow;

use png::text_metadata::ITXtChunk;
use png::{BitDepth, ColorType, Compression, DeflateCompression, Encoder, Filter, Info};

use super::super::pixels::Layout;
use super::Pixels;
use super::palette::{Indexed, indexed};
use crate::Error;
use crate::probe::EncodedRights;

/// Deflate level, 1..=9, for palettes and drawings. Level 9 saves 2 % on a screenshot for three times the CPU time.
const DRAWN_LEVEL: u8 = 6;

/// Keyword of the text chunk that contains XMP.
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";

pub(super) fn encode(
    pixels: &Pixels,
    is_drawn: bool,
    rights: Option<&EncodedRights>,
) -> Result<Vec<u8>, Error> {
    let mut info = Info::with_size(pixels.size.width, pixels.size.height);
    let exif = rights.and_then(|rights| rights.exif.clone());
    info.exif_metadata = exif.map(Cow::Owned);
    if let Some(rights) = rights.filter(|rights| !rights.xmp.is_empty()) {
        let xmp = String::from_utf8_lossy(&rights.xmp);
        let chunk = ITXtChunk::new(XMP_KEYWORD, xmp);
        info.utf8_text.push(chunk);
    }
    let written = match indexed(pixels) {
        Some(Indexed {
            palette,
            alphas,
            bits,
            samples,
        }) => {
            info.color_type = ColorType::Indexed;
            info.bit_depth = match bits {
                1 => BitDepth::One,
                2 => BitDepth::Two,
                4 => BitDepth::Four,
                _ => BitDepth::Eight,
            };
            info.palette = Some(Cow::Owned(palette));
            info.trns = (!alphas.is_empty()).then_some(Cow::Owned(alphas));
            write(info, &samples, true)
        }
        None => {
            info.color_type = match pixels.layout {
                Layout::Gray => ColorType::Grayscale,
                Layout::GrayAlpha => ColorType::GrayscaleAlpha,
                Layout::Rgb => ColorType::Rgb,
                Layout::Rgba => ColorType::Rgba,
            };
            info.bit_depth = BitDepth::Eight;
            write(info, &pixels.samples, is_drawn)
        }
    };
    written.map_err(|error| Error::internal(format!("PNG encoding failed: {error}")))
}

fn write(
    info: Info<'static>,
    samples: &[u8],
    thoroughly: bool,
) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::with_info(&mut bytes, info)?;
    encoder.set_compression(Compression::Fast);
    if thoroughly {
        encoder.set_deflate_compression(DeflateCompression::Level(DRAWN_LEVEL));
        // Drawings repeat pixels rather than differences between them.
        encoder.set_filter(Filter::NoFilter);
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(samples)?;
    writer.finish()?;
    Ok(bytes)
}
