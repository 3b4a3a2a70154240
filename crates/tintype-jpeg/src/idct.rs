//! Inverse DCTs of 8, 4, 2 and 1 points a side.
//!
//! The smaller ones use the lowest frequencies of the 8x8 block, which is an ideal low-pass and
//! down-sampling in one. All of them in `f32` without fused operations, so that every machine gives
//! the same bytes, and arranged in lanes that compilers turn into vector code.
#![allow(
    clippy::needless_range_loop,
    reason = "rows and lanes are indices of several arrays at once"
)]

/// The scale that the 8-point transform (Arai, Agui, Nakajima 1988) leaves to its inputs.
const AAN: [f32; 8] = [
    1.0,
    1.387_039_8,
    1.306_563,
    1.175_875_6,
    1.0,
    0.785_694_96,
    0.541_196_1,
    0.275_899_38,
];

/// Dequantisation factors for one component, in zigzag order, with the scale of the transform of
/// `side` points folded in.
pub(crate) fn factors(quantisation: &[u16; 64], side: usize) -> [f32; 64] {
    std::array::from_fn(|index| {
        let (row, column) = (ZIGZAG[index] / 8, ZIGZAG[index] % 8);
        let scale = match side {
            8 => AAN[row] * AAN[column] / 8.0,
            4 => 0.5,
            _ => 1.0 / 8.0,
        };
        f32::from(quantisation[index]) * scale
    })
}

/// Natural position of each coefficient in the order in which they are coded (T.81 figure 5).
pub(crate) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The last coefficient, in coding order, that a transform of `side` points uses.
pub(crate) const fn last_needed(side: usize) -> usize {
    match side {
        1 => 0,
        2 => 4,
        4 => 24,
        _ => 63,
    }
}

/// The one pixel of a block at 1/8.
#[inline(always)]
pub(crate) fn one(dc: f32) -> u8 {
    sample(dc)
}

/// Writes a block of `side` x `side` pixels into a plane. `coefficients` are dequantised and in
/// natural order, eight to a row.
#[inline(always)]
pub(crate) fn transform(
    coefficients: &[f32; 64],
    side: usize,
    plane: &mut [u8],
    at: usize,
    stride: usize,
) {
    match side {
        1 => plane[at] = sample(coefficients[0]),
        2 => {
            let [a, b, c, d] = [
                coefficients[0],
                coefficients[1],
                coefficients[8],
                coefficients[9],
            ];
            plane[at] = sample(a + b + c + d);
            plane[at + 1] = sample(a - b + c - d);
            plane[at + stride] = sample(a + b - c - d);
            plane[at + stride + 1] = sample(a - b - c + d);
        }
        4 => four(coefficients, plane, at, stride),
        _ => eight(coefficients, plane, at, stride),
    }
}

/// Fills a block that has no other coefficient than its first.
#[inline(always)]
pub(crate) fn fill(dc: f32, side: usize, plane: &mut [u8], at: usize, stride: usize) {
    // The 4-point transform has a gain of 1/4 on its first coefficient.
    let value = sample(if side == 4 { dc * 0.25 } else { dc });
    for row in 0..side {
        let start = at + row * stride;
        plane[start..start + side].fill(value);
    }
}

/// Level shift, rounding and clamping.
#[inline(always)]
fn sample(value: f32) -> u8 {
    // Adding 2^23 leaves the rounded integer in the low bits of the number, which vectorises where
    // a saturating cast does not.
    ((value + 128.0).clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

fn four(coefficients: &[f32; 64], plane: &mut [u8], at: usize, stride: usize) {
    let row =
        |index: usize| -> [f32; 4] { std::array::from_fn(|lane| coefficients[index * 8 + lane]) };
    let columns = four_points([row(0), row(1), row(2), row(3)]);
    let rows = four_points(std::array::from_fn(|r| {
        std::array::from_fn(|c| columns[c][r])
    }));
    for y in 0..4 {
        let start = at + y * stride;
        let line: [u8; 4] = std::array::from_fn(|x| sample(rows[x][y]));
        plane[start..start + 4].copy_from_slice(&line);
    }
}

/// Four 4-point transforms side by side.
#[inline(always)]
fn four_points(input: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    // cos(pi/8)/sqrt 2 and sin(pi/8)/sqrt 2
    const C: f32 = 0.653_281_5;
    const S: f32 = 0.270_598_05;
    let mut output = [[0.0; 4]; 4];
    for lane in 0..4 {
        let (even, odd) = (input[0][lane] * 0.5, input[2][lane] * 0.5);
        let (a, b) = (even + odd, even - odd);
        let c = input[1][lane] * C + input[3][lane] * S;
        let d = input[1][lane] * S - input[3][lane] * C;
        output[0][lane] = a + c;
        output[1][lane] = b + d;
        output[2][lane] = b - d;
        output[3][lane] = a - c;
    }
    output
}

fn eight(coefficients: &[f32; 64], plane: &mut [u8], at: usize, stride: usize) {
    let mut block: [[f32; 8]; 8] =
        std::array::from_fn(|r| std::array::from_fn(|c| coefficients[r * 8 + c]));
    eight_points(&mut block);
    let mut turned: [[f32; 8]; 8] = std::array::from_fn(|r| std::array::from_fn(|c| block[c][r]));
    eight_points(&mut turned);
    for y in 0..8 {
        let start = at + y * stride;
        let line: [u8; 8] = std::array::from_fn(|x| sample(turned[x][y]));
        plane[start..start + 8].copy_from_slice(&line);
    }
}

/// Eight 8-point transforms side by side.
#[inline(always)]
fn eight_points(block: &mut [[f32; 8]; 8]) {
    for lane in 0..8 {
        let v: [f32; 8] = std::array::from_fn(|row| block[row][lane]);

        let (sum, difference) = (v[0] + v[4], v[0] - v[4]);
        let inner = v[2] + v[6];
        let outer = (v[2] - v[6]) * std::f32::consts::SQRT_2 - inner;
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
        let odd2 = (z11 - z13) * std::f32::consts::SQRT_2 - odd1;
        let odd3 = z5 - z12 * 1.082_392_2 - odd2;
        let odd = [odd0, odd1, odd2, odd3];

        for point in 0..4 {
            block[point][lane] = even[point] + odd[point];
            block[7 - point][lane] = even[point] - odd[point];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition (T.81 A.3.3), over `side` points, for coefficients of an 8x8 block.
    fn by_definition(coefficients: &[i32; 64], side: usize, x: usize, y: usize) -> f64 {
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

    #[test]
    fn every_size_agrees_with_the_definition() {
        let mut seed = 1u32;
        for _ in 0..200 {
            let coefficients: [i32; 64] = std::array::from_fn(|i| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 22) as i32 % 200 / (1 + i as i32 / 4) - 20
            });
            for side in [1, 2, 4, 8] {
                let factors = factors(&[1; 64], side);
                let mut scaled = [0.0; 64];
                for (index, natural) in ZIGZAG.iter().enumerate() {
                    scaled[*natural] = coefficients[*natural] as f32 * factors[index];
                }
                let mut plane = vec![0; side * side];
                transform(&scaled, side, &mut plane, 0, side);
                for y in 0..side {
                    for x in 0..side {
                        let expected = by_definition(&coefficients, side, x, y).clamp(0.0, 255.0);
                        let got = f64::from(plane[y * side + x]);
                        assert!(
                            (got - expected).abs() < 0.51,
                            "{side}: {got} for {expected}"
                        );
                    }
                }
                let mut only_dc = [0.0; 64];
                only_dc[0] = scaled[0];
                let (mut long, mut short) = (vec![0; side * side], vec![0; side * side]);
                transform(&only_dc, side, &mut long, 0, side);
                fill(scaled[0], side, &mut short, 0, side);
                assert_eq!(long, short);
            }
        }
    }
}
