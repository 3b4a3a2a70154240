//! Light in place of the samples of an image, for resizing: edges between dark and bright keep their weight, and stars
//! and grids do not fade. By the curve of sRGB whatever the profile, because both directions cancel out.

use std::sync::LazyLock;

use super::hdr::encode;
use super::pixels::Layout;

const MAX: f64 = u16::MAX as f64;

/// Maps the colours of pixels, not their alpha.
pub(super) fn map(samples: &mut [u16], layout: Layout, curve: &[u16]) {
    let colours = layout.channels() - usize::from(layout.has_alpha());
    for pixel in samples.chunks_exact_mut(layout.channels()) {
        for sample in &mut pixel[..colours] {
            *sample = curve[usize::from(*sample)];
        }
    }
}

pub(super) fn to_light() -> &'static [u16] {
    static CURVE: LazyLock<Vec<u16>> = LazyLock::new(|| sampled(decode));
    &CURVE
}

pub(super) fn from_light() -> &'static [u16] {
    static CURVE: LazyLock<Vec<u16>> = LazyLock::new(|| sampled(encode));
    &CURVE
}

fn sampled(curve: fn(f64) -> f64) -> Vec<u16> {
    let sample = |code: u16| (curve(f64::from(code) / MAX) * MAX).round() as u16;
    (0..=u16::MAX).map(sample).collect()
}

/// The inverse of [`encode`] (IEC 61966-2-1).
fn decode(code: f64) -> f64 {
    if code <= 0.040_45 {
        code / 12.92
    } else {
        ((code + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_survive_both_curves() {
        for sample in 0..=255_u16 {
            let light = to_light()[usize::from(sample * 257)];
            let again = from_light()[usize::from(light)];
            assert_eq!((u32::from(again) + 128) / 257, u32::from(sample));
        }
    }

    #[test]
    fn alpha_is_not_light() {
        let mut samples = [0x8000, 0x8000, 0x8000, 0x8000];
        map(&mut samples, Layout::Rgba, to_light());
        assert_eq!(samples, [14_028, 14_028, 14_028, 0x8000]);
    }
}
