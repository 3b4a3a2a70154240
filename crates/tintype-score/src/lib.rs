//! Scores the visual quality of an encoded image, in agreement with human perception.
//!
//! This is a separate crate because benches and tests both use it; nothing that is shipped does.
//!
//! Deliberately absent: transparency and animation.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement of a file that cannot be read has failed"
)]

use std::io::Cursor;

use image::{ImageFormat, ImageReader};
use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};
use tintype_jpeg::{Colour, Scale};

/// 8-bit sRGB, interleaved.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Decodes a PNG, JPEG, WebP or AVIF as this workspace writes them. Returns `None` for an AVIF in a build without
    /// libaom, because rav1e cannot decode.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0xff, 0xd8, ..] => jpeg(bytes),
            [b'R', b'I', b'F', b'F', ..] => raster(bytes, ImageFormat::WebP),
            [0x89, b'P', b'N', b'G', ..] => raster(bytes, ImageFormat::Png),
            _ => return avif(bytes),
        })
    }

    /// Returns the SSIMULACRA2 score of `encoded` against this image: 100 is identical, 90 visually lossless, 70 good,
    /// 50 fair.
    pub fn score(&self, encoded: &Self) -> f64 {
        compute_frame_ssimulacra2(self.rgb(), encoded.rgb()).unwrap()
    }

    fn rgb(&self) -> Rgb {
        let (pixels, _) = self.rgb.as_chunks::<3>();
        let pixels = pixels
            .iter()
            .map(|pixel| pixel.map(|sample| f32::from(sample) / 255.0))
            .collect();
        Rgb::new(
            pixels,
            self.width,
            self.height,
            TransferCharacteristic::SRGB,
            ColorPrimaries::BT709,
        )
        .unwrap()
    }
}

fn jpeg(bytes: &[u8]) -> Picture {
    let limits = tintype_jpeg::Limits {
        max_pixels: u64::MAX,
        max_scans: u32::MAX,
    };
    let picture = tintype_jpeg::decode(bytes, Scale::FULL, &limits, &|| true).unwrap();
    let rgb = match picture.colour {
        Colour::Gray => picture.samples.iter().flat_map(|&gray| [gray; 3]).collect(),
        Colour::Rgb | Colour::Cmyk => picture.samples,
    };
    Picture {
        width: picture.width as usize,
        height: picture.height as usize,
        rgb,
    }
}

fn raster(bytes: &[u8], format: ImageFormat) -> Picture {
    let image = ImageReader::with_format(Cursor::new(bytes), format)
        .decode()
        .unwrap()
        .into_rgb8();
    Picture {
        width: image.width() as usize,
        height: image.height() as usize,
        rgb: image.into_raw(),
    }
}

fn avif(bytes: &[u8]) -> Option<Picture> {
    let (width, height, rgb) = tintype_avif::decode(bytes)?;
    Some(Picture {
        width: width as usize,
        height: height as usize,
        rgb,
    })
}
