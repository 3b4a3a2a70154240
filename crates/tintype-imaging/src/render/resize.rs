//! Cuts and resizes in one pass: Lanczos3 over the samples as they are coded, like libvips. Alpha is
//! premultiplied on the way, so that what is invisible does not bleed into what is not.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

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
    match pixels.layout {
        Layout::Gray => resample_as::<U8>(pixels, size, options),
        Layout::Rgb => resample_as::<U8x3>(pixels, size, options),
        Layout::Rgba => resample_as::<U8x4>(pixels, size, options),
        // Rare enough to take the way of RGBA, rather than compile the resizer once more.
        Layout::GrayAlpha => {
            let samples = pixels.to_rgba();
            let rgba = Pixels {
                size: pixels.size,
                layout: Layout::Rgba,
                samples,
            };
            let mut resized = resample_as::<U8x4>(&rgba, size, options)?;
            resized.samples = resized.map(|[gray, _, _, alpha]| [gray, alpha]);
            resized.layout = Layout::GrayAlpha;
            Ok(resized)
        }
    }
}

/// The typed interface compiles the resizer for these pixels only, not for all that it knows.
fn resample_as<P: PixelTrait>(
    pixels: &Pixels,
    size: Size,
    options: &ResizeOptions,
) -> Result<Pixels, Error> {
    let failed =
        |error: &dyn std::fmt::Display| Error::internal(format!("resizing failed: {error}"));
    let source =
        TypedImageRef::<P>::from_buffer(pixels.size.width, pixels.size.height, &pixels.samples)
            .map_err(|error| failed(&error))?;
    let mut samples = vec![0; size.pixels() as usize * pixels.layout.channels()];
    let mut target = TypedImage::<P>::from_buffer(size.width, size.height, &mut samples)
        .map_err(|error| failed(&error))?;
    Resizer::new()
        .resize_typed(&source, &mut target, options)
        .map_err(|error| failed(&error))?;
    Ok(Pixels {
        size,
        layout: pixels.layout,
        samples,
    })
}
