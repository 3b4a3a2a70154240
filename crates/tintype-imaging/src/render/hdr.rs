//! Converts PQ and HLG (ITU-R BT.2100) to sRGB or Display P3: diffuse white, 203 cd/m2 according to BT.2408, becomes white, and
//! anything brighter is clipped.

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, Matrix3d, MatrixCoefficients,
    TransferCharacteristics,
};

use super::pixels::Layout;
const PQ: u8 = 16;
const HLG: u8 = 18;
const DIFFUSE_WHITE: f64 = 203.0;

pub(super) struct Hdr {
    /// Linear light of each 16-bit code; 1 is diffuse white.
    light: Vec<f32>,
    matrix: Matrix3d,
}

impl Hdr {
    /// Returns `None` if these code points (H.273) name no HDR curve. `target` has the curve of sRGB.
    pub(super) fn of(primaries: u8, transfer: u8, target: &ColorProfile) -> Option<Self> {
        let curve: fn(f64) -> f64 = match transfer {
            PQ => pq,
            HLG => hlg,
            _ => return None,
        };
        // The curve given here is not used: the matrix depends on the primaries only.
        let source = ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
            transfer_characteristics: TransferCharacteristics::Srgb,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        let light = (0..=u16::MAX)
            .map(|code| (curve(f64::from(code) / 65_535.0) / DIFFUSE_WHITE) as f32)
            .collect();
        Some(Self {
            light,
            matrix: source.transform_matrix(target),
        })
    }
}

/// Display light in cd/m2.
fn pq(code: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16_384.0, 2523.0 / 32.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 128.0, 2392.0 / 128.0);
    let power = code.powf(1.0 / m2);
    10_000.0 * ((power - c1).max(0.0) / (c2 - c3 * power)).powf(1.0 / m1)
}

/// Display light on a 1000 cd/m2 screen, with the system gamma applied per channel.
fn hlg(code: f64) -> f64 {
    let (a, b, c) = (0.178_832_77, 0.284_668_92, 0.559_910_73);
    let scene = if code <= 0.5 {
        code * code / 3.0
    } else {
        (((code - c) / a).exp() + b) / 12.0
    };
    1000.0 * scene.powf(1.2)
}

/// The layout of [`to_eight_bits`]'s output, which has no gray.
pub(super) fn layout(layout: Layout) -> Layout {
    if layout.has_alpha() {
        Layout::Rgba
    } else {
        Layout::Rgb
    }
}

pub(super) fn to_eight_bits(hdr: &Hdr, channels: usize, samples: &[u16]) -> Vec<u8> {
    let has_alpha = channels.is_multiple_of(2);
    let mut out = Vec::with_capacity(samples.len() / channels * 4);
    for pixel in samples.chunks_exact(channels) {
        let light = |at: usize| f64::from(hdr.light[usize::from(pixel[at])]);
        let light = if channels < 3 {
            [light(0); 3]
        } else {
            [light(0), light(1), light(2)]
        };
        for row in &hdr.matrix.v {
            let value = row[0] * light[0] + row[1] * light[1] + row[2] * light[2];
            out.push((encode(value) * 255.0).round() as u8);
        }
        if has_alpha {
            out.push((pixel[channels - 1] / 257) as u8);
        }
    }
    out
}

/// The sRGB transfer curve.
pub(super) fn encode(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    }
}
