//! WebP, GIF, BMP and TIFF through the `image` crate: pure Rust, the first frame or page.

use std::io::Cursor;
use std::time::Instant;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::{DynamicImage, ImageDecoder, ImageError};

use super::{Decoded, Layout, Samples};
use crate::Error;
use crate::limits::{DeadlineReader, Limits};
use crate::probe::{ColourSpace, Header, SourceFormat};
use crate::spec::Size;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
) -> Result<Decoded, Error> {
    if header.format == SourceFormat::Tiff
        && header.colour_space == ColourSpace::Cmyk
        && let Some(decoded) = cmyk_tiff(bytes, header, limits, deadline)
    {
        return Ok(decoded);
    }
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let image = match header.format {
        SourceFormat::Webp => WebPDecoder::new(reader).and_then(|decoder| read(decoder, limits)),
        SourceFormat::Gif => GifDecoder::new(reader).and_then(|decoder| read(decoder, limits)),
        SourceFormat::Bmp => BmpDecoder::new(reader).and_then(|decoder| read(decoder, limits)),
        SourceFormat::Tiff => TiffDecoder::new(reader).and_then(|decoder| read(decoder, limits)),
        other => return Err(Error::NotYetSupported(other.as_str())),
    };
    let image = image.map_err(|error| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        ImageError::Limits(_) => Error::OverLimit {
            what: "bytes of the decoded picture",
            is: limits.max_decoded_bytes + 1,
            limit: limits.max_decoded_bytes,
        },
        ImageError::Unsupported(error) => Error::unsupported(error.to_string()),
        other => Error::malformed(other.to_string()),
    })?;
    let size = Size::new(image.width(), image.height());
    if size != header.size {
        return Err(Error::malformed("its sizes disagree"));
    }
    let (layout, samples) = samples(image);
    Ok(Decoded {
        size,
        divisor: 1,
        layout,
        samples,
    })
}

/// Inks as they are: `image` would make RGB of them without the profile. `None` for forms that are
/// rarer than four interleaved samples of 8 bits, which go that way all the same.
fn cmyk_tiff(bytes: &[u8], header: &Header, limits: &Limits, deadline: Instant) -> Option<Decoded> {
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let mut tiff_limits = tiff::decoder::Limits::default();
    tiff_limits.decoding_buffer_size = limits.max_decoded_bytes as usize;
    tiff_limits.intermediate_buffer_size = limits.max_decoded_bytes as usize;
    let mut decoder = tiff::decoder::Decoder::new(reader)
        .ok()?
        .with_limits(tiff_limits);
    if decoder.colortype().ok()? != tiff::ColorType::CMYK(8) {
        return None;
    }
    let tiff::decoder::DecodingResult::U8(samples) = decoder.read_image().ok()? else {
        return None;
    };
    (samples.len() as u64 == header.size.pixels() * 4).then_some(Decoded {
        size: header.size,
        divisor: 1,
        layout: Layout::Cmyk,
        samples: Samples::Eight(samples),
    })
}

fn read(mut decoder: impl ImageDecoder, limits: &Limits) -> Result<DynamicImage, ImageError> {
    let mut image_limits = image::Limits::no_limits();
    image_limits.max_alloc = Some(limits.max_decoded_bytes);
    image_limits.max_image_width = Some(limits.max_side);
    image_limits.max_image_height = Some(limits.max_side);
    image_limits.check_dimensions(decoder.dimensions().0, decoder.dimensions().1)?;
    image_limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(image_limits)?;
    DynamicImage::from_decoder(decoder)
}

fn samples(image: DynamicImage) -> (Layout, Samples) {
    use Samples::{Eight, Sixteen};
    match image {
        DynamicImage::ImageLuma8(image) => (Layout::Gray, Eight(image.into_raw())),
        DynamicImage::ImageLumaA8(image) => (Layout::GrayAlpha, Eight(image.into_raw())),
        DynamicImage::ImageRgb8(image) => (Layout::Rgb, Eight(image.into_raw())),
        DynamicImage::ImageRgba8(image) => (Layout::Rgba, Eight(image.into_raw())),
        DynamicImage::ImageLuma16(image) => (Layout::Gray, Sixteen(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => (Layout::GrayAlpha, Sixteen(image.into_raw())),
        DynamicImage::ImageRgb16(image) => (Layout::Rgb, Sixteen(image.into_raw())),
        // Floating point is scaled to 16 bits.
        other => (Layout::Rgba, Sixteen(other.into_rgba16().into_raw())),
    }
}
