//! Through the `image` crate, whole: animated WebP.

use std::io::Cursor;
use std::time::Instant;

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError};

use super::{Band, Layout, Samples};
use crate::Error;
use crate::limits::{DeadlineReader, Limits};
use crate::probe::{Header, SourceFormat};
use crate::spec::Size;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
) -> Result<Band<'static>, Error> {
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let image = match header.format {
        SourceFormat::Webp => WebPDecoder::new(reader).and_then(|decoder| read(decoder, limits)),
        other => return Err(Error::NotYetSupported(other.as_str())),
    };
    let image = image.map_err(|error| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        ImageError::Limits(_) => limits.too_many_decoded_bytes(),
        ImageError::Unsupported(error) => Error::unsupported(error.to_string()),
        other => Error::malformed(other.to_string()),
    })?;
    let size = Size::new(image.width(), image.height());
    if size != header.size {
        return Err(Error::malformed("its sizes disagree"));
    }
    let (layout, samples) = samples(image);
    Ok(Band {
        size,
        divisor: 1,
        plane: None,
        layout,
        samples,
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

fn samples(image: DynamicImage) -> (Layout, Samples<'static>) {
    use Samples::{Eight, Sixteen};
    match image {
        DynamicImage::ImageLuma8(image) => (Layout::Gray, Eight(image.into_raw().into())),
        DynamicImage::ImageLumaA8(image) => (Layout::GrayAlpha, Eight(image.into_raw().into())),
        DynamicImage::ImageRgb8(image) => (Layout::Rgb, Eight(image.into_raw().into())),
        DynamicImage::ImageRgba8(image) => (Layout::Rgba, Eight(image.into_raw().into())),
        DynamicImage::ImageLuma16(image) => (Layout::Gray, Sixteen(image.into_raw().into())),
        DynamicImage::ImageLumaA16(image) => (Layout::GrayAlpha, Sixteen(image.into_raw().into())),
        DynamicImage::ImageRgb16(image) => (Layout::Rgb, Sixteen(image.into_raw().into())),
        // It has no others.
        other => (Layout::Rgba, Sixteen(other.into_rgba16().into_raw().into())),
    }
}
