//! Blur, sharpen, gray. Integer arithmetic, so that every machine rounds alike.

use std::time::Instant;

use fast_image_resize::FilterType;

use super::pixels::Layout;
use super::{Pixels, resize};
use crate::Error;
use crate::limits::check_deadline;
use crate::spec::{Resolved, Size};

/// A wider blur is made of a smaller picture: nobody can tell, and it costs no more.
const WIDEST_SIGMA: f64 = 6.0;

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

fn blur(pixels: &Pixels, sigma: f64, deadline: Instant) -> Result<Pixels, Error> {
    let divisor = (sigma / WIDEST_SIGMA).ceil().max(1.0);
    if divisor == 1.0 {
        return gaussian(pixels, sigma, deadline);
    }
    let side = |pixels: u32| ((f64::from(pixels) / divisor).ceil() as u32).max(1);
    let small = Size::new(side(pixels.size.width), side(pixels.size.height));
    let reduced = resize::whole(pixels, small, FilterType::Hamming)?;
    let blurred = gaussian(&reduced, sigma / divisor, deadline)?;
    resize::whole(&blurred, pixels.size, FilterType::CatmullRom)
}

/// Computes `p + amount * (p - blurred p)` on colour only.
fn sharpen(mut pixels: Pixels, amount: f64, deadline: Instant) -> Result<Pixels, Error> {
    let blurred = gaussian(&pixels, SHARPEN_SIGMA, deadline)?;
    let amount = (amount * 256.0).round() as i32;
    let channels = pixels.layout.channels();
    let colours = channels - usize::from(pixels.layout.has_alpha());
    for (at, (sample, soft)) in pixels.samples.iter_mut().zip(&blurred.samples).enumerate() {
        if at % channels < colours {
            let (sharp, soft) = (i32::from(*sample), i32::from(*soft));
            *sample = (sharp + (((sharp - soft) * amount + 128) >> 8)).clamp(0, 255) as u8;
        }
    }
    Ok(pixels)
}

/// Rows, then columns, by weights in 1/65536. Colour is weighted by alpha.
fn gaussian(pixels: &Pixels, sigma: f64, deadline: Instant) -> Result<Pixels, Error> {
    let weights = weights(sigma);
    let channels = pixels.layout.channels();
    let (width, height) = (pixels.size.width as usize, pixels.size.height as usize);
    let mut samples = premultiply(pixels);
    let mut line = Vec::new();
    // Along rows, then along columns: (how many lines, length, step in a line, step between lines).
    let passes = [
        (height, width, channels, width * channels),
        (width, height, width * channels, channels),
    ];
    for (lines, length, step, between) in passes {
        for number in 0..lines {
            check_deadline(deadline)?;
            for channel in 0..channels {
                let start = number * between + channel;
                line.clear();
                line.extend((0..length).map(|at| samples[start + at * step]));
                for at in 0..length {
                    samples[start + at * step] = convolve(&line, at, &weights);
                }
            }
        }
    }
    Ok(unpremultiply(pixels, &samples))
}

fn convolve(line: &[u16], at: usize, weights: &[u32]) -> u16 {
    let last = line.len() - 1;
    let mut sum = u64::from(weights[0]) * u64::from(line[at]);
    for (distance, &weight) in weights.iter().enumerate().skip(1) {
        // Edges repeat.
        let before = line[at.saturating_sub(distance)];
        let after = line[(at + distance).min(last)];
        sum += u64::from(weight) * (u64::from(before) + u64::from(after));
    }
    ((sum + 32_768) >> 16) as u16
}

/// The middle one and those to one side; all together are 65536.
fn weights(sigma: f64) -> Vec<u32> {
    let radius = (3.0 * sigma).ceil() as i32;
    let bell: Vec<f64> = (0..=radius)
        .map(|x| (-f64::from(x * x) / (2.0 * sigma * sigma)).exp())
        .collect();
    let total = 2.0 * bell.iter().sum::<f64>() - bell[0];
    let mut weights: Vec<u32> = bell
        .iter()
        .map(|weight| (weight / total * 65_536.0).round() as u32)
        .collect();
    let sides: u32 = 2 * weights[1..].iter().sum::<u32>();
    weights[0] = 65_536 - sides;
    weights
}

/// Multiplies colour by alpha (in 1/255), so that nothing is lost on the way back.
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
