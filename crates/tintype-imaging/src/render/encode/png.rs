//! PNG, compressed quickly: variants are made while somebody waits.

use std::borrow::Cow;

use png::{BitDepth, ColorType, Compression, Encoder, Info};

use super::super::pixels::Layout;
use super::Pixels;
use crate::Error;

pub(super) fn encode(pixels: &Pixels, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut info = Info::with_size(pixels.size.width, pixels.size.height);
    info.exif_metadata = exif.map(|exif| Cow::Owned(exif.to_vec()));
    info.color_type = match pixels.layout {
        Layout::Gray => ColorType::Grayscale,
        Layout::GrayAlpha => ColorType::GrayscaleAlpha,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
    };
    info.bit_depth = BitDepth::Eight;
    let write = || {
        let mut encoder = Encoder::with_info(&mut bytes, info)?;
        encoder.set_compression(Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels.samples)?;
        writer.finish()
    };
    write().map_err(|error: png::EncodingError| {
        Error::internal(format!("PNG encoding failed: {error}"))
    })?;
    Ok(bytes)
}
