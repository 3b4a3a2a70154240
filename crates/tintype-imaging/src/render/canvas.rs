//! What shows through transparency, and around a picture that is smaller than its box.

use super::Pixels;
use super::pixels::Layout;
use crate::spec::{Canvas, Format, Resolved, Rgba};

const TRANSPARENT: Rgba = Rgba {
    r: 0,
    g: 0,
    b: 0,
    a: 0,
};

pub(super) fn apply(pixels: Pixels, resolved: &Resolved) -> Pixels {
    let may_be_transparent = resolved.format != Format::Jpeg;
    let background = match resolved.background {
        Some(background) if may_be_transparent => background,
        Some(background) => over(background, Rgba::WHITE),
        None if may_be_transparent => TRANSPARENT,
        None => Rgba::WHITE,
    };
    let pixels = if pixels.layout.has_alpha() && background.a > 0 {
        flatten(&pixels, background)
    } else {
        pixels
    };
    match resolved.canvas {
        Some(canvas) => pad(&pixels, canvas, background),
        None => pixels,
    }
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
    let channels = layout.channels();
    let mut samples = fill.repeat(size.pixels() as usize);
    let (stride, length) = (
        size.width as usize * channels,
        pixels.size.width as usize * channels,
    );
    let left = canvas.x as usize * channels;
    let rows = samples.chunks_exact_mut(stride).skip(canvas.y as usize);
    for (target, row) in rows.zip(source.chunks_exact(length)) {
        target[left..left + length].copy_from_slice(row);
    }
    Pixels {
        size,
        layout,
        samples,
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
