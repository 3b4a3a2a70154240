//! Cuts and resizes in one pass: Lanczos3 over the samples as they are coded, like libvips. Alpha is
//! premultiplied on the way, so that what is invisible does not bleed into what is not.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Pixels;
use super::pixels::Layout;
use crate::Error;
use crate::spec::{Rect, Size};

/// `crop` is in pixels of the original, of which `pixels` are 1/`divisor`.
pub(super) fn resize(
    pixels: Pixels,
    divisor: u32,
    crop: Rect,
    size: Size,
) -> Result<Pixels, Error> {
    let divisor = f64::from(divisor);
    let (left, top) = (f64::from(crop.x) / divisor, f64::from(crop.y) / divisor);
    let width = (f64::from(crop.width) / divisor).min(f64::from(pixels.size.width) - left);
    let height = (f64::from(crop.height) / divisor).min(f64::from(pixels.size.height) - top);
    let whole = crop.x == 0
        && crop.y == 0
        && width == f64::from(size.width)
        && height == f64::from(size.height);
    if whole && size == pixels.size {
        return Ok(pixels);
    }
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, width, height);
    resample(&pixels, size, &options)
}

/// The whole of it, for intermediate results.
pub(super) fn whole(pixels: &Pixels, size: Size, filter: FilterType) -> Result<Pixels, Error> {
    resample(
        pixels,
        size,
        &ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)),
    )
}

fn resample(pixels: &Pixels, size: Size, options: &ResizeOptions) -> Result<Pixels, Error> {
    let kind = match pixels.layout {
        Layout::Gray => PixelType::U8,
        Layout::GrayAlpha => PixelType::U8x2,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba => PixelType::U8x4,
    };
    let failed =
        |error: &dyn std::fmt::Display| Error::internal(format!("resizing failed: {error}"));
    let source = ImageRef::new(pixels.size.width, pixels.size.height, &pixels.samples, kind)
        .map_err(|error| failed(&error))?;
    let mut target = Image::new(size.width, size.height, kind);
    Resizer::new()
        .resize(&source, &mut target, options)
        .map_err(|error| failed(&error))?;
    Ok(Pixels {
        size,
        layout: pixels.layout,
        samples: target.into_vec(),
    })
}
