//! Blur, sharpen, gray. Integer arithmetic, so that every machine rounds alike.

mod line;

use std::time::Instant;

use line::{Bell, Line};

use super::Pixels;
use super::pixels::Layout;
use crate::Error;
use crate::limits::check_deadline;
use crate::spec::Resolved;

/// The radius of the unsharp mask, after a reduction: edges are one or two pixels wide.
const SHARPEN_SIGMA: f64 = 0.8;

pub(super) fn apply(
    mut pixels: Pixels,
    resolved: &Resolved,
    deadline: Instant,
) -> Result<Pixels, Error> {
    if resolved.gray {
        pixels = gray(&pixels);
    }
    if let Some(sigma) = resolved.blur {
        pixels = blur(&pixels, sigma.to_f64(), deadline)?;
    }
    if let Some(amount) = resolved
        .sharpen
        .map(|amount| amount.to_f64())
        .filter(|&amount| amount > 0.0)
    {
        pixels = sharpen(pixels, amount, deadline)?;
    }
    Ok(pixels)
}

/// Rec. 709 luma.
fn gray(pixels: &Pixels) -> Pixels {
    let luma = |r: u8, g: u8, b: u8| {
        ((13_933 * u32::from(r) + 46_871 * u32::from(g) + 4_732 * u32::from(b) + 32_768) >> 16)
            as u8
    };
    let (layout, samples) = match pixels.layout {
        Layout::Gray | Layout::GrayAlpha => return pixels.clone(),
        Layout::Rgb => (Layout::Gray, pixels.map(|[r, g, b, _]| [luma(r, g, b)])),
        Layout::Rgba => (
            Layout::GrayAlpha,
            pixels.map(|[r, g, b, a]| [luma(r, g, b), a]),
        ),
    };
    Pixels {
        size: pixels.size,
        layout,
        samples,
    }
}

pub(super) fn blur(pixels: &Pixels, sigma: f64, deadline: Instant) -> Result<Pixels, Error> {
    let samples = gaussian(pixels, sigma, deadline)?;
    Ok(unpremultiply(pixels, &samples))
}

/// Computes `p + amount * (p - blurred p)` on colour only.
fn sharpen(mut pixels: Pixels, amount: f64, deadline: Instant) -> Result<Pixels, Error> {
    // In 1/255 of a level, because rounding errors are multiplied by the amount.
    let blurred = gaussian(&pixels, SHARPEN_SIGMA, deadline)?;
    let amount = (amount * 256.0).round() as i64;
    let channels = pixels.layout.channels();
    let has_alpha = pixels.layout.has_alpha();
    let colours = channels - usize::from(has_alpha);
    let both = pixels.samples.chunks_exact_mut(channels);
    for (pixel, soft) in both.zip(blurred.chunks_exact(channels)) {
        // Colour is premultiplied, so it is divided by alpha.
        let alpha = if has_alpha {
            i64::from(soft[colours])
        } else {
            255 * 255
        };
        for (sample, &soft) in pixel[..colours].iter_mut().zip(soft) {
            let sharp = i64::from(*sample) * 255;
            let soft = i64::from(soft) * 255 * 255;
            let soft = soft.checked_div(alpha).unwrap_or(sharp);
            let value = sharp * 256 + (sharp - soft) * amount;
            *sample = ((value + 32_640).div_euclid(65_280)).clamp(0, 255) as u8;
        }
    }
    Ok(pixels)
}

/// Blurs rows, then columns; returns 1/255 of a level. Colour is premultiplied by alpha; edges repeat.
fn gaussian(pixels: &Pixels, sigma: f64, deadline: Instant) -> Result<Vec<u16>, Error> {
    let bell = Bell::new(sigma);
    let channels = pixels.layout.channels();
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    let mut samples = premultiply(pixels);
    let mut line = Line::default();
    // Per pass: number of lines, length of a line, step within a line, step between lines.
    let passes = [
        (height, width, channels, width * channels),
        (width, height, width * channels, channels),
    ];
    for (lines, length, step, between) in passes {
        for number in 0..lines {
            check_deadline(deadline)?;
            for channel in 0..channels {
                let start = number * between + channel;
                line.blur(&bell, (0..length).map(|at| samples[start + at * step]));
                for at in 0..length {
                    samples[start + at * step] = line.at(&bell, at);
                }
            }
        }
    }
    Ok(samples)
}

/// Multiplies colour by alpha, in 1/255 of a level, so that nothing is lost when it is divided again.
fn premultiply(pixels: &Pixels) -> Vec<u16> {
    let channels = pixels.layout.channels();
    if !pixels.layout.has_alpha() {
        return pixels
            .samples
            .iter()
            .map(|&sample| u16::from(sample) * 255)
            .collect();
    }
    let pixel = |pixel: &[u8]| {
        let alpha = u16::from(pixel[channels - 1]);
        let mut out = [0; 4];
        for (out, &sample) in out.iter_mut().zip(pixel) {
            *out = u16::from(sample) * alpha;
        }
        out[channels - 1] = alpha * 255;
        out
    };
    pixels
        .samples
        .chunks_exact(channels)
        .flat_map(|p| pixel(p).into_iter().take(channels))
        .collect()
}

fn unpremultiply(pixels: &Pixels, samples: &[u16]) -> Pixels {
    let channels = pixels.layout.channels();
    let samples = if pixels.layout.has_alpha() {
        let pixel = |pixel: &[u16]| {
            let alpha = u32::from(pixel[channels - 1]);
            let mut out = [0; 4];
            for (out, &sample) in out.iter_mut().zip(pixel) {
                *out = (u32::from(sample) * 255 + alpha / 2)
                    .checked_div(alpha)
                    .unwrap_or(0)
                    .min(255) as u8;
            }
            out[channels - 1] = ((alpha + 127) / 255) as u8;
            out
        };
        samples
            .chunks_exact(channels)
            .flat_map(|p| pixel(p).into_iter().take(channels))
            .collect()
    } else {
        samples
            .iter()
            .map(|&sample| ((sample + 127) / 255) as u8)
            .collect()
    };
    Pixels {
        size: pixels.size,
        layout: pixels.layout,
        samples,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::spec::Size;

    /// Compares noise and a full-contrast step with the same filter in floating point.
    #[test]
    fn the_strongest_sharpening_is_off_by_a_rounding() {
        let deadline = Instant::now() + Duration::from_secs(60);
        let size = Size::new(48, 32);
        let noise = |at: u32| match at % 48 {
            0..16 => (at.wrapping_mul(2_654_435_761) >> 24) as u8,
            16..30 => 90 + (at % 7) as u8,
            _ => 160 + (at / 48 % 3) as u8,
        };
        let gray: Vec<u8> = (0..48 * 32).map(noise).collect();
        let bell = |off: i32| (-f64::from(off * off) / (2.0 * SHARPEN_SIGMA * SHARPEN_SIGMA)).exp();
        let total: f64 = (-6..=6).map(bell).sum();
        let soft = |x: i32, y: i32| {
            let value = |dx: i32, dy: i32| {
                let (x, y) = ((x + dx).clamp(0, 47), (y + dy).clamp(0, 31));
                f64::from(gray[(y * 48 + x) as usize]) * bell(dx) * bell(dy)
            };
            let rows = (-6..=6).map(|dy| (-6..=6).map(|dx| value(dx, dy)).sum::<f64>());
            rows.sum::<f64>() / (total * total)
        };
        for amount in [0.5, 3.0, 10.0] {
            for layout in [Layout::Gray, Layout::GrayAlpha] {
                let opaque = |sample: &u8| match layout {
                    Layout::Gray => vec![*sample],
                    _ => vec![*sample, 255],
                };
                let pixels = Pixels {
                    size,
                    layout,
                    samples: gray.iter().flat_map(opaque).collect(),
                };
                let sharp = sharpen(pixels, amount, deadline).unwrap();
                let sharp = sharp.samples.iter().step_by(layout.channels());
                for (at, found) in sharp.enumerate() {
                    let (x, y) = (at as i32 % 48, at as i32 / 48);
                    let sample = f64::from(gray[at]);
                    let expected = sample + amount * (sample - soft(x, y));
                    let off = (f64::from(*found) - expected.clamp(0.0, 255.0)).abs();
                    assert!(off <= 1.0, "{amount}: {found}, not {expected} at {x},{y}");
                }
            }
        }
    }

    #[test]
    fn a_blur_keeps_what_is_even_and_spreads_what_is_not() {
        let deadline = Instant::now() + Duration::from_secs(60);
        for sigma in [0.3, 2.0, 20.0, 100.0] {
            let even = Pixels {
                size: Size::new(40, 30),
                layout: Layout::Gray,
                samples: vec![200; 1200],
            };
            let blurred = blur(&even, sigma, deadline).unwrap();
            assert!(
                blurred.samples.iter().all(|&sample| sample == 200),
                "sigma {sigma}"
            );
        }
        let mut dot = Pixels {
            size: Size::new(31, 31),
            layout: Layout::Gray,
            samples: vec![0; 961],
        };
        dot.samples[15 * 31 + 15] = 255;
        let blurred = blur(&dot, 2.0, deadline).unwrap();
        // The peak of a two-dimensional bell: 255 / (2 pi sigma^2).
        assert_eq!(blurred.samples[15 * 31 + 15], 10);
    }
}
