//! Adapts `fast_image_resize` to our pixels.

use bytemuck::{cast_slice, cast_slice_mut};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4, U16, U16x3, U16x4};
use fast_image_resize::{FilterType, MulDiv, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::Pixels;
use super::pixels::Layout;
use crate::Error;
use crate::spec::Size;

/// Samples that can be resized. The typed interface compiles the resizer for these pixel types only.
pub(super) trait Sample: bytemuck::Pod + Default {
    type Gray: PixelTrait;
    type Rgb: PixelTrait;
    type Rgba: PixelTrait;

    /// Resizes rows of single samples across, in the fastest way.
    fn across(
        rows: Vec<Self>,
        source: Size,
        part: (f64, f64),
        width: u32,
    ) -> Result<Vec<Self>, Error>;
}

impl Sample for u8 {
    type Gray = U8;
    type Rgb = U8x3;
    type Rgba = U8x4;

    /// Columns are resized several times as fast as rows, with the same result, so rows are turned there and back.
    fn across(
        rows: Vec<u8>,
        source: Size,
        (left, length): (f64, f64),
        width: u32,
    ) -> Result<Vec<u8>, Error> {
        let part = Part {
            left: 0.0,
            top: left,
            width: f64::from(source.height),
            height: length,
        };
        let columns = transposed(&rows, source.width as usize);
        drop(rows);
        let (source, target) = (source.transposed(), Size::new(source.height, width));
        let mut resized = Vec::new();
        append(&columns, source, Layout::Gray, part, target, &mut resized)?;
        drop(columns);
        Ok(transposed(&resized, target.width as usize))
    }
}

impl Sample for u16 {
    type Gray = U16;
    type Rgb = U16x3;
    type Rgba = U16x4;

    fn across(
        rows: Vec<u16>,
        source: Size,
        part: (f64, f64),
        width: u32,
    ) -> Result<Vec<u16>, Error> {
        rows_across(&rows, source, Layout::Gray, part, width)
    }
}

/// A part of an image, in its pixels.
pub(super) struct Part {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Appends rows to `samples`: a part of an image of size `source`, resized to `target` with Lanczos3. Alpha is not
/// treated specially, and gray with alpha is not supported.
pub(super) fn append<S: Sample>(
    source_samples: &[S],
    source: Size,
    layout: Layout,
    part: Part,
    target: Size,
    samples: &mut Vec<S>,
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
    let end = begin + target.pixels() as usize * layout.channels();
    samples.resize(end, S::default());
    let (from, onto) = ((source_samples, source), (&mut samples[begin..], target));
    resample_as(layout, from, onto, &options)
}

/// Resizes rows across only. `part` is in pixels from their left.
pub(super) fn across<S: Sample>(
    rows: Vec<S>,
    source: Size,
    layout: Layout,
    part: (f64, f64),
    width: u32,
) -> Result<Vec<S>, Error> {
    match layout {
        Layout::Gray => S::across(rows, source, part, width),
        _ => rows_across(&rows, source, layout, part, width),
    }
}

fn rows_across<S: Sample>(
    rows: &[S],
    source: Size,
    layout: Layout,
    (left, length): (f64, f64),
    width: u32,
) -> Result<Vec<S>, Error> {
    let part = Part {
        left,
        top: 0.0,
        width: length,
        height: f64::from(source.height),
    };
    let target = Size::new(width, source.height);
    let mut resized = Vec::new();
    append(rows, source, layout, part, target, &mut resized)?;
    Ok(resized)
}

/// Turns rows of this width into columns.
fn transposed(samples: &[u8], width: usize) -> Vec<u8> {
    let height = samples.len() / width.max(1);
    let mut columns = vec![0; samples.len()];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            if top + TILE > height || left + TILE > width {
                for y in top..height.min(top + TILE) {
                    for x in left..width.min(left + TILE) {
                        columns[x * height + y] = samples[y * width + x];
                    }
                }
                continue;
            }
            let mut lines = [0; TILE];
            for (index, line) in lines.iter_mut().enumerate() {
                let bytes = samples[(top + index) * width + left..].first_chunk();
                *line = bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
            }
            // Samples of each 2x2, then such squares, then squares of those.
            swap::<1>(&mut lines, 0x00ff_00ff_00ff_00ff);
            swap::<2>(&mut lines, 0x0000_ffff_0000_ffff);
            swap::<4>(&mut lines, 0x0000_0000_ffff_ffff);
            for (index, line) in lines.iter().enumerate() {
                let to = &mut columns[(left + index) * height + top..][..TILE];
                to.copy_from_slice(&line.to_le_bytes());
            }
        }
    }
    columns
}

/// Samples that fit into a 64-bit word.
const TILE: usize = 8;

/// Swaps the two off the diagonal of each four squares of `STEP` samples a side. `kept` has the bits of those on the left.
#[inline(always)]
fn swap<const STEP: usize>(lines: &mut [u64; TILE], kept: u64) {
    for upper in 0..TILE {
        if upper & STEP == 0 {
            let (a, b) = (lines[upper], lines[upper + STEP]);
            lines[upper] = a & kept | (b & kept) << (8 * STEP);
            lines[upper + STEP] = a >> (8 * STEP) & kept | b & !kept;
        }
    }
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
        let resized = whole(&rgba, size, filter)?;
        return Ok(Pixels {
            size,
            layout: Layout::GrayAlpha,
            samples: gray_alone(&resized.samples),
        });
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

/// Returns gray and alpha of RGBA whose colours are gray.
pub(super) fn gray_alone<S: Sample>(samples: &[S]) -> Vec<S> {
    let pixels = samples.as_chunks::<4>().0.iter();
    let gray = pixels.flat_map(|&[gray, _, _, alpha]| [gray, alpha]);
    gray.collect()
}

fn resample_as<S: Sample>(
    layout: Layout,
    from: (&[S], Size),
    onto: (&mut [S], Size),
    options: &ResizeOptions,
) -> Result<(), Error> {
    match layout {
        Layout::Gray => resample::<S, S::Gray>(from, onto, options),
        Layout::Rgb => resample::<S, S::Rgb>(from, onto, options),
        Layout::Rgba => resample::<S, S::Rgba>(from, onto, options),
        Layout::GrayAlpha => Err(Error::internal("gray with alpha must be resized as RGBA")),
    }
}

fn resample<S: Sample, P: PixelTrait>(
    (source, source_size): (&[S], Size),
    (target, target_size): (&mut [S], Size),
    options: &ResizeOptions,
) -> Result<(), Error> {
    let Size { width, height } = source_size;
    let source = TypedImageRef::<P>::from_buffer(width, height, cast_slice(source))
        .map_err(|error| failed(&error))?;
    let Size { width, height } = target_size;
    let mut target = TypedImage::<P>::from_buffer(width, height, cast_slice_mut(target))
        .map_err(|error| failed(&error))?;
    Resizer::new()
        .resize_typed(&source, &mut target, options)
        .map_err(|error| failed(&error))
}

/// Premultiplies rows of RGBA.
pub(super) fn multiply_alpha<S: Sample>(samples: &mut [S], width: u32) -> Result<(), Error> {
    MulDiv::new()
        .multiply_alpha_inplace_typed(&mut rgba(samples, width)?)
        .map_err(|error| failed(&error))
}

pub(super) fn divide_alpha<S: Sample>(samples: &mut [S], width: u32) -> Result<(), Error> {
    MulDiv::new()
        .divide_alpha_inplace_typed(&mut rgba(samples, width)?)
        .map_err(|error| failed(&error))
}

fn rgba<S: Sample>(samples: &mut [S], width: u32) -> Result<TypedImage<'_, S::Rgba>, Error> {
    let height = (samples.len() / 4) as u32 / width.max(1);
    TypedImage::from_buffer(width, height, cast_slice_mut(samples)).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("resizing failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for (width, height) in [(1, 1), (8, 8), (16, 24), (9, 31), (100, 7), (3, 50)] {
            let samples: Vec<u8> = (0..width * height).map(|at| (at * 7 / 3) as u8).collect();
            let columns = transposed(&samples, width);
            for (at, sample) in columns.iter().enumerate() {
                assert_eq!(*sample, samples[at % height * width + at / height]);
            }
        }
    }

    /// Enlarged and reduced, from a fraction of a sample on.
    #[test]
    fn columns_have_the_same_samples_as_rows() {
        let source = Size::new(157, 83);
        let samples: Vec<u8> = (0..source.pixels())
            .map(|at| (at as u32).wrapping_mul(0x9e37_79b9).to_be_bytes()[0])
            .collect();
        for (left, length, width) in [(0.0, 157.0, 40), (12.5, 120.0, 119), (3.25, 90.5, 201)] {
            let part = Part {
                left,
                top: 0.0,
                width: length,
                height: 83.0,
            };
            let (target, mut rows) = (Size::new(width, 83), Vec::new());
            append(&samples, source, Layout::Gray, part, target, &mut rows).unwrap();
            let columns = across(samples.clone(), source, Layout::Gray, (left, length), width);
            assert!(columns.unwrap() == rows, "{length} to {width}");
        }
    }
}
