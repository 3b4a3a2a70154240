//! Inspects responses as images, with decoders that tests trust for small, well-formed files.

use image::{ImageFormat, RgbaImage};

#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub format: &'static str,
    pub width: u32,
    pub height: u32,
}

/// Format by content, and size by header.
pub fn kind(bytes: &[u8]) -> Kind {
    let (format, (width, height)) = if bytes.starts_with(&[0xff, 0xd8]) {
        let frame = tintype_jpeg::read_frame(bytes).unwrap();
        ("jpeg", (frame.width, frame.height))
    } else if bytes.starts_with(b"\x89PNG") {
        ("png", dimensions(bytes, ImageFormat::Png))
    } else if bytes.starts_with(b"RIFF") {
        ("webp", dimensions(bytes, ImageFormat::WebP))
    } else if bytes.get(4..12) == Some(b"ftypavif") {
        ("avif", avif_dimensions(bytes))
    } else {
        panic!(
            "not a picture: {:?}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
        )
    };
    Kind {
        format,
        width,
        height,
    }
}

/// All pixels of a PNG.
pub fn png(bytes: &[u8]) -> RgbaImage {
    image::load_from_memory_with_format(bytes, ImageFormat::Png)
        .unwrap()
        .to_rgba8()
}

fn dimensions(bytes: &[u8], format: ImageFormat) -> (u32, u32) {
    image::ImageReader::with_format(std::io::Cursor::new(bytes), format)
        .into_dimensions()
        .unwrap()
}

/// Reads the `ispe` box: version and flags, width, height.
fn avif_dimensions(bytes: &[u8]) -> (u32, u32) {
    let at = bytes
        .windows(4)
        .position(|window| window == b"ispe")
        .unwrap()
        + 8;
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(at), number(at + 4))
}
