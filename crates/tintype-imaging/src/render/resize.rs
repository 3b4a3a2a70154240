//! Adapts `fast_image_resize` to our pixels.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, MulDiv, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::Pixels;
use super::pixels::Layout;
use crate::Error;
use crate::spec::Size;

/// A part of an image, in its pixels.
pub(super) struct Part {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Appends rows to `samples`: a part of an image of size `source`, resized to `target` with Lanczos3. Alpha is not
/// treated specially, and gray with alpha is not supported.
pub(super) fn append(
    source_samples: &[u8],
    source: Size,
    layout: Layout,
    part: Part,
    target: Size,
    samples: &mut Vec<u8>,
) -> Result<(), Error> {
    let Part {
        left,
        top,
        width,
        height,
    } = part;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, width, height)
        .use_alpha(false);
    let begin = samples.len();
    samples.resize(begin + target.pixels() as usize * layout.channels(), 0);
    let (from, onto) = ((source_samples, source), (&mut samples[begin..], target));
    resample_as(layout, from, onto, &options)
}

/// Resizes the whole image, for intermediate results.
pub(super) fn whole(pixels: &Pixels, size: Size, filter: FilterType) -> Result<Pixels, Error> {
    // Rare enough to go through RGBA, rather than compile the resizer once more.
    if pixels.layout == Layout::GrayAlpha {
        let rgba = Pixels {
            size: pixels.size,
            layout: Layout::Rgba,
            samples: pixels.to_rgba(),
        };
        return Ok(whole(&rgba, size, filter)?.with_gray_alone());
    }
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    let mut samples = vec![0; size.pixels() as usize * pixels.layout.channels()];
    let (from, onto) = ((&pixels.samples[..], pixels.size), (&mut samples[..], size));
    resample_as(pixels.layout, from, onto, &options)?;
    Ok(Pixels {
        size,
        layout: pixels.layout,
        samples,
    })
}

fn resample_as(
    layout: Layout,
    from: (&[u8], Size),
    onto: (&mut [u8], Size),
    options: &ResizeOptions,
) -> Result<(), Error> {
    match layout {
        Layout::Gray => resample::<U8>(from, onto, options),
        Layout::Rgb => resample::<U8x3>(from, onto, options),
        Layout::Rgba => resample::<U8x4>(from, onto, options),
        Layout::GrayAlpha => Err(Error::internal("gray with alpha must be resized as RGBA")),
    }
}

/// The typed interface compiles the resizer for these pixel types only.
fn resample<P: PixelTrait>(
    (source, source_size): (&[u8], Size),
    (target, target_size): (&mut [u8], Size),
    options: &ResizeOptions,
) -> Result<(), Error> {
    let source = TypedImageRef::<P>::from_buffer(source_size.width, source_size.height, source)
        .map_err(|error| failed(&error))?;
    let mut target = TypedImage::<P>::from_buffer(target_size.width, target_size.height, target)
        .map_err(|error| failed(&error))?;
    Resizer::new()
        .resize_typed(&source, &mut target, options)
        .map_err(|error| failed(&error))
}

/// Premultiplies rows of RGBA.
pub(super) fn multiply_alpha(samples: &mut [u8], width: u32) -> Result<(), Error> {
    let mut image = rgba(samples, width)?;
    MulDiv::new()
        .multiply_alpha_inplace_typed(&mut image)
        .map_err(|error| failed(&error))
}

pub(super) fn divide_alpha(samples: &mut [u8], width: u32) -> Result<(), Error> {
    let mut image = rgba(samples, width)?;
    MulDiv::new()
        .divide_alpha_inplace_typed(&mut image)
        .map_err(|error| failed(&error))
}

fn rgba(samples: &mut [u8], width: u32) -> Result<TypedImage<'_, U8x4>, Error> {
    let height = (samples.len() / 4) as u32 / width.max(1);
    TypedImage::from_buffer(width, height, samples).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("resizing failed: {error}"))
}
