//! Inverse DCTs of 1 to 8 points a side over the lowest frequencies of the 8x8 block: an ideal low-pass filter and
//! downsampling in one.
//!
//! Each coefficient is added to its row as it is read, because most blocks have few; the columns follow once all have
//! been read. All arithmetic is in `f32` without fused operations, so that every machine produces the same bytes, and
//! is arranged in lanes that compilers vectorise.
#![allow(
    clippy::needless_range_loop,
    reason = "rows and lanes are indices of several arrays at once"
)]

use std::f32::consts::SQRT_2;

use crate::plane::Output;

/// The natural position of each coefficient in zigzag order (T.81 figure 5).
#[rustfmt::skip]
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The last coefficient, in zigzag order, that a transform of `side` points uses.
pub(crate) const fn last_needed(side: usize) -> usize {
    match side {
        1 => 0,
        2 => 4,
        3 => 12,
        4 => 24,
        5 => 40,
        6 => 51,
        7 => 59,
        _ => 63,
    }
}

/// The input scale of the 8-point column transform (Arai, Agui, Nakajima 1988).
pub(crate) const AAN: [f32; 8] = [
    1.0,
    1.387_039_8,
    1.306_563,
    1.175_875_6,
    1.0,
    0.785_694_96,
    0.541_196_1,
    0.275_899_38,
];

/// Dequantisation and row transform of one component, by zigzag index.
pub(crate) struct InverseFactors {
    across: Box<[[f32; 8]; 64]>,
    /// What the DC coefficient adds to each pixel.
    dc: f32,
}

impl InverseFactors {
    /// The factors of one component for each output.
    pub(crate) fn of_outputs(
        quantisation: &[u16; 64],
        outputs: &[Output],
        component: usize,
    ) -> Vec<Self> {
        let sides = outputs.iter().map(|output| output.planes[component].side);
        sides.map(|side| Self::new(quantisation, side)).collect()
    }

    fn new(quantisation: &[u16; 64], side: usize) -> Self {
        let mut across = Box::new([[0.0; 8]; 64]);
        for (index, lanes) in across.iter_mut().enumerate() {
            let (v, u) = (
                usize::from(ZIGZAG[index] / 8),
                usize::from(ZIGZAG[index] % 8),
            );
            if u >= side || v >= side {
                continue;
            }
            let down = f64::from(down_scale(side, v)) * f64::from(quantisation[index]);
            for (x, lane) in lanes.iter_mut().enumerate().take(side) {
                *lane = (wave(side, u, x) * down) as f32;
            }
        }
        let dc = f32::from(quantisation[0]) / 8.0;
        Self { across, dc }
    }
}

/// What coefficient `k` adds to pixel `at` of `side`, for an 8x8 block reduced to `side` pixels.
pub(crate) fn wave(side: usize, k: usize, at: usize) -> f64 {
    let n = side as f64;
    let norm = if k == 0 { 1.0 / 8.0f64 } else { 2.0 / 8.0f64 };
    let angle = (2.0 * at as f64 + 1.0) * k as f64 * std::f64::consts::PI / (2.0 * n);
    norm.sqrt() * angle.cos()
}

/// The scale that [`TransformedRows::write`] leaves out of the column transform.
fn down_scale(side: usize, v: usize) -> f32 {
    match side {
        8 => AAN[v] / 8.0f32.sqrt(),
        _ => 1.0,
    }
}

/// A block after its row transform.
pub(crate) struct TransformedRows<'f> {
    factors: &'f InverseFactors,
    rows: [[f32; 8]; 8],
    /// The last row that is not zero.
    last: usize,
    has_ac: bool,
    dc: f32,
}

impl<'f> TransformedRows<'f> {
    #[inline(always)]
    pub(crate) fn new(factors: &'f InverseFactors, dc: i32) -> Self {
        let mut rows = [[0.0; 8]; 8];
        let value = dc as f32;
        for lane in 0..8 {
            rows[0][lane] = value * factors.across[0][lane];
        }
        Self {
            factors,
            rows,
            last: 0,
            has_ac: false,
            dc: value * factors.dc,
        }
    }

    /// Adds a coefficient by its zigzag index.
    #[inline(always)]
    pub(crate) fn add(&mut self, index: usize, value: i16) {
        let across = &self.factors.across[index & 63];
        let row = usize::from(ZIGZAG[index & 63] / 8) & 7;
        let value = f32::from(value);
        for lane in 0..8 {
            self.rows[row][lane] += value * across[lane];
        }
        self.last = self.last.max(row);
        self.has_ac = true;
    }

    /// Transforms the columns, and writes `SIDE` x `SIDE` pixels into a plane.
    #[inline(always)]
    pub(crate) fn write<const SIDE: usize>(&self, plane: &mut [u8], at: usize, stride: usize) {
        if !self.has_ac || SIDE == 1 {
            fill::<SIDE>(self.dc, plane, at, stride);
            return;
        }
        let pixels = match SIDE {
            8 if self.last < 4 => eight_points(&self.rows, true),
            8 => eight_points(&self.rows, false),
            _ => points::<SIDE>(&self.rows),
        };
        for y in 0..SIDE {
            let start = at + y * stride;
            let line: [u8; 8] = std::array::from_fn(|x| sample(pixels[y][x]));
            plane[start..start + SIDE].copy_from_slice(&line[..SIDE]);
        }
    }
}

/// Fills a block that has only a DC coefficient.
#[inline(always)]
fn fill<const SIDE: usize>(dc: f32, plane: &mut [u8], at: usize, stride: usize) {
    let value = sample(dc);
    for row in 0..SIDE {
        let start = at + row * stride;
        plane[start..start + SIDE].fill(value);
    }
}

/// Applies level shift, rounding and clamping.
#[inline(always)]
fn sample(value: f32) -> u8 {
    // Adding 2^23 leaves the rounded integer in the low bits, which vectorises where a saturating cast does not.
    ((value + 128.0).clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

/// Eight 8-point transforms side by side. `half`: the second half of the inputs is zero.
#[inline(always)]
fn eight_points(rows: &[[f32; 8]; 8], half: bool) -> [[f32; 8]; 8] {
    let mut points = [[0.0; 8]; 8];
    for lane in 0..8 {
        let v: [f32; 8] = std::array::from_fn(|row| {
            if half && row > 3 {
                0.0
            } else {
                rows[row][lane]
            }
        });

        let (sum, difference) = (v[0] + v[4], v[0] - v[4]);
        let inner = v[2] + v[6];
        let outer = (v[2] - v[6]) * SQRT_2 - inner;
        let even = [
            sum + inner,
            difference + outer,
            difference - outer,
            sum - inner,
        ];

        let (z13, z10, z11, z12) = (v[5] + v[3], v[5] - v[3], v[1] + v[7], v[1] - v[7]);
        let odd0 = z11 + z13;
        let z5 = (z10 + z12) * 1.847_759;
        let odd1 = z5 - z10 * 2.613_126 - odd0;
        let odd2 = (z11 - z13) * SQRT_2 - odd1;
        let odd3 = z5 - z12 * 1.082_392_2 - odd2;
        let odd = [odd0, odd1, odd2, odd3];

        for point in 0..4 {
            points[point][lane] = even[point] + odd[point];
            points[7 - point][lane] = even[point] - odd[point];
        }
    }
    points
}

/// Transforms of fewer points, from the definition: the first half, and the other half by symmetry.
#[inline(always)]
fn points<const SIDE: usize>(rows: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let waves = const { waves(SIDE) };
    let mut points = [[0.0; 8]; 8];
    for y in 0..SIDE.div_ceil(2) {
        for lane in 0..if SIDE > 4 { 8 } else { 4 } {
            let (mut even, mut odd) = (0.0, 0.0);
            for v in 0..SIDE {
                let part = rows[v][lane] * waves[v][y];
                if v % 2 == 0 {
                    even += part;
                } else {
                    odd += part;
                }
            }
            points[SIDE - 1 - y][lane] = even - odd;
            points[y][lane] = even + odd;
        }
    }
    points
}

/// [`wave`] for the points of the first half, as a constant: cosines of (2 y + 1) k pi / 2 n.
const fn waves(side: usize) -> [[f32; 4]; 8] {
    let mut waves = [[0.0; 4]; 8];
    let mut k = 0;
    while k < side {
        let mut y = 0;
        while y < side.div_ceil(2) {
            let cosine = cosine((2 * y + 1) * k, 2 * side);
            waves[k][y] = (cosine * if k == 0 { 0.353_553_390_593_273_8 } else { 0.5 }) as f32;
            y += 1;
        }
        k += 1;
    }
    waves
}

/// The cosine of a fraction of pi, by its series: `f64::cos` is not const.
const fn cosine(over: usize, under: usize) -> f64 {
    let angle = (over % (2 * under)) as f64 / under as f64 * std::f64::consts::PI;
    // Shifted by pi to where the series converges fast.
    let angle = angle - std::f64::consts::PI;
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while n < 30.0 {
        term *= -angle * angle / (n * (n + 1.0));
        sum += term;
        n += 2.0;
    }
    -sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition (T.81 A.3.3), over `side` points, for coefficients of an 8x8 block.
    fn by_definition(coefficients: &[i16; 64], side: usize, x: usize, y: usize) -> f64 {
        let n = side as f64;
        let norm = |k: usize| {
            if k == 0 {
                (1.0 / n).sqrt()
            } else {
                (2.0 / n).sqrt()
            }
        };
        let wave = |k: usize, at: usize| {
            norm(k) * ((2.0 * at as f64 + 1.0) * k as f64 * std::f64::consts::PI / (2.0 * n)).cos()
        };
        let mut sum = 0.0;
        for v in 0..side {
            for u in 0..side {
                sum += f64::from(coefficients[v * 8 + u]) * wave(u, x) * wave(v, y);
            }
        }
        sum * n / 8.0 + 128.0
    }

    fn check<const SIDE: usize>(coefficients: &[i16; 64]) {
        let factors = InverseFactors::new(&[1; 64], SIDE);
        let mut rows = TransformedRows::new(&factors, i32::from(coefficients[0]));
        for index in 1..=last_needed(SIDE) {
            match coefficients[usize::from(ZIGZAG[index])] {
                0 => {}
                value => rows.add(index, value),
            }
        }
        let mut plane = vec![0; SIDE * SIDE];
        rows.write::<SIDE>(&mut plane, 0, SIDE);
        for y in 0..SIDE {
            for x in 0..SIDE {
                let expected = by_definition(coefficients, SIDE, x, y).clamp(0.0, 255.0);
                let got = f64::from(plane[y * SIDE + x]);
                assert!(
                    (got - expected).abs() < 0.51,
                    "{SIDE}: {got} for {expected}"
                );
            }
        }
    }

    #[test]
    fn every_size_agrees_with_the_definition() {
        let mut seed = 1u32;
        for kept in [1, 5, 20, 64].repeat(50) {
            let mut coefficients: [i16; 64] = std::array::from_fn(|i| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((seed >> 22) as i32 % 200 / (1 + i as i32 / 4) - 20) as i16
            });
            for index in kept..64 {
                coefficients[usize::from(ZIGZAG[index])] = 0;
            }
            check::<1>(&coefficients);
            check::<2>(&coefficients);
            check::<3>(&coefficients);
            check::<4>(&coefficients);
            check::<5>(&coefficients);
            check::<6>(&coefficients);
            check::<7>(&coefficients);
            check::<8>(&coefficients);
        }
    }
}
