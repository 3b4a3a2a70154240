//! Draws the background behind transparency, and around an image that is smaller than its box.

use std::time::Instant;

use fast_image_resize::FilterType;

use super::pixels::Layout;
use super::{Pixels, colour, filter, resize};
use crate::Error;
use crate::geometry::largest_inside;
use crate::spec::{Background, Canvas, Format, Gamut, Resolved, Rgba, Size};

const TRANSPARENT: Rgba = Rgba {
    r: 0,
    g: 0,
    b: 0,
    a: 0,
};

/// Size at which the backdrop is blurred, in pixels: enough for something out of focus.
const BLURRED_SIDE: u32 = 96;
const BLURRED_SIGMA: f64 = 4.0;

pub(super) fn apply(
    pixels: Pixels,
    gamut: Gamut,
    resolved: &Resolved,
    deadline: Instant,
) -> Result<Pixels, Error> {
    let may_be_transparent = resolved.format != Format::Jpeg;
    let background = match resolved.background {
        Some(Background::Colour(colour)) if may_be_transparent => colour,
        Some(Background::Colour(colour)) => over(colour, Rgba::WHITE),
        None | Some(Background::Blur) if may_be_transparent => TRANSPARENT,
        None | Some(Background::Blur) => Rgba::WHITE,
    };
    let background = colour::of_srgb(background, gamut);
    let pixels = if pixels.layout.has_alpha() && background.a > 0 {
        flatten(&pixels, background)
    } else {
        pixels
    };
    let Some(canvas) = resolved.canvas else {
        return Ok(pixels);
    };
    if resolved.background == Some(Background::Blur) {
        let mut backdrop = backdrop(&pixels, canvas.size, deadline)?;
        put(&pixels.samples, pixels.size, &mut backdrop, canvas);
        return Ok(backdrop);
    }
    Ok(pad(&pixels, canvas, background))
}

/// Returns the centre of the image, blurred and enlarged to the size of the canvas.
fn backdrop(pixels: &Pixels, canvas: Size, deadline: Instant) -> Result<Pixels, Error> {
    let part = largest_inside(pixels.size, canvas);
    let channels = pixels.layout.channels();
    let rows = pixels
        .samples
        .chunks_exact(pixels.size.width as usize * channels);
    let (left, top) = (
        pixels.size.width - part.width,
        pixels.size.height - part.height,
    );
    let left = left as usize / 2 * channels;
    let width = part.width as usize * channels;
    let rows = rows.skip(top as usize / 2).take(part.height as usize);
    let middle = Pixels {
        size: part,
        layout: pixels.layout,
        samples: rows
            .flat_map(|row| &row[left..left + width])
            .copied()
            .collect(),
    };
    let longer = canvas.width.max(canvas.height);
    let side = |side: u32| (u64::from(side) * u64::from(BLURRED_SIDE)).div_ceil(u64::from(longer));
    let small = Size::new(side(canvas.width) as u32, side(canvas.height) as u32);
    let small = resize::whole(&middle, small, FilterType::Hamming)?;
    let small = filter::blur(&small, BLURRED_SIGMA, deadline)?;
    resize::whole(&small, canvas, FilterType::CatmullRom)
}

fn flatten(pixels: &Pixels, background: Rgba) -> Pixels {
    let samples = pixels.map(|[r, g, b, a]| {
        let Rgba { r, g, b, a } = over(Rgba { r, g, b, a }, background);
        [r, g, b, a]
    });
    Pixels {
        size: pixels.size,
        layout: Layout::Rgba,
        samples,
    }
    .without_idle_alpha()
}

/// Porter and Duff's "over", with straight alpha, rounded.
pub(super) fn over(top: Rgba, bottom: Rgba) -> Rgba {
    let (upper, lower) = (u32::from(top.a), u32::from(bottom.a));
    let below = lower * (255 - upper);
    let alpha = 255 * upper + below;
    if alpha == 0 {
        return TRANSPARENT;
    }
    let mix = |t: u8, b: u8| {
        ((u32::from(t) * 255 * upper + u32::from(b) * below + alpha / 2) / alpha) as u8
    };
    Rgba {
        r: mix(top.r, bottom.r),
        g: mix(top.g, bottom.g),
        b: mix(top.b, bottom.b),
        a: ((alpha + 127) / 255) as u8,
    }
}

fn pad(pixels: &Pixels, canvas: Canvas, background: Rgba) -> Pixels {
    let Rgba { r, g, b, a } = background;
    let size = canvas.size;
    let gray = matches!(pixels.layout, Layout::Gray) && r == g && g == b && a == 255;
    let (layout, fill, source) = if gray {
        (Layout::Gray, vec![r], pixels.samples.clone())
    } else if a == 255 && !pixels.layout.has_alpha() {
        (Layout::Rgb, vec![r, g, b], pixels.to_rgb())
    } else {
        (Layout::Rgba, vec![r, g, b, a], pixels.to_rgba())
    };
    let mut padded = Pixels {
        size,
        layout,
        samples: fill.repeat(size.pixels() as usize),
    };
    put(&source, pixels.size, &mut padded, canvas);
    padded
}

/// Copies an image onto the canvas. The samples are in the canvas's own layout.
fn put(source: &[u8], size: Size, onto: &mut Pixels, canvas: Canvas) {
    let channels = onto.layout.channels();
    let (stride, length) = (
        onto.size.width as usize * channels,
        size.width as usize * channels,
    );
    let left = canvas.x as usize * channels;
    let rows = onto.samples.chunks_exact_mut(stride);
    for (target, row) in rows
        .skip(canvas.y as usize)
        .zip(source.chunks_exact(length))
    {
        target[left..left + length].copy_from_slice(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_keeps_what_is_opaque_and_mixes_the_rest() {
        let red = Rgba {
            r: 255,
            g: 0,
            b: 0,
            a: 255,
        };
        assert_eq!(over(red, Rgba::WHITE), red);
        assert_eq!(over(TRANSPARENT, red), red);
        assert_eq!(over(TRANSPARENT, TRANSPARENT), TRANSPARENT);
        let half = Rgba { a: 128, ..red };
        assert_eq!(
            over(half, Rgba::WHITE),
            Rgba {
                r: 255,
                g: 127,
                b: 127,
                a: 255
            }
        );
        assert_eq!(over(half, TRANSPARENT), half);
    }
}
