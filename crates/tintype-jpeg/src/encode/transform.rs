//! The forward DCT and quantisation (T.81 A.3.3, A.3.4).
//!
//! Uses `f32` without fused operations, like the inverse, so that every machine produces the same bytes. Columns go
//! through the fast 8-point transform (Arai, Agui, Nakajima 1988), eight columns side by side; rows are computed from
//! the definition, adding each sample to all coefficients of its row.

#![allow(
    clippy::needless_range_loop,
    reason = "rows and lanes are indices of several arrays at once"
)]

use crate::idct::{AAN, wave};

/// Transform and quantisation factors of one quantisation table.
pub(super) struct ForwardFactors {
    /// What a sample of a column contributes to each coefficient of its row.
    across: [[f32; 8]; 8],
    /// By row and column: the scale that the column transform leaves, and the quantisation step.
    scale: [[f32; 8]; 8],
}

impl ForwardFactors {
    /// `table` is in natural order.
    pub(super) fn new(table: &[u8; 64]) -> Self {
        // The transform is orthonormal, so forward and inverse share their weights.
        let across = |x: usize| std::array::from_fn(|u| wave(8, u, x) as f32);
        let scale = |v: usize| {
            std::array::from_fn(|u| {
                let step = f64::from(table[8 * v + u]);
                (1.0 / (f64::from(AAN[v]) * 8.0f64.sqrt() * step)) as f32
            })
        };
        Self {
            across: std::array::from_fn(across),
            scale: std::array::from_fn(scale),
        }
    }

    /// Transforms one block and returns its quantised coefficients in natural order.
    #[inline(always)]
    pub(super) fn quantised(&self, samples: &[u8], stride: usize) -> [i16; 64] {
        let mut rows = [[0.0f32; 8]; 8];
        for (y, row) in rows.iter_mut().enumerate() {
            let line = &samples[y * stride..][..8];
            for (value, &sample) in row.iter_mut().zip(line) {
                *value = f32::from(sample) - 128.0;
            }
        }
        let rows = down(&rows);
        let mut quantised = [0; 64];
        for (v, out) in quantised.chunks_exact_mut(8).enumerate() {
            let mut sums = [0.0f32; 8];
            for x in 0..8 {
                for u in 0..8 {
                    sums[u] += rows[v][x] * self.across[x][u];
                }
            }
            for u in 0..8 {
                out[u] = rounded(sums[u] * self.scale[v][u]);
            }
        }
        quantised
    }
}

/// Rounds by adding a number so large that the fraction is lost; unlike a cast, this vectorises.
#[inline(always)]
fn rounded(value: f32) -> i16 {
    const ROOM: f32 = 12_582_912.0;
    ((value + ROOM).to_bits() as i32 - ROOM.to_bits() as i32) as i16
}

#[inline(always)]
fn down(rows: &[[f32; 8]; 8]) -> [[f32; 8]; 8] {
    let mut out = [[0.0; 8]; 8];
    for lane in 0..8 {
        let at = |row: usize| rows[row][lane];
        let (sum0, difference0) = (at(0) + at(7), at(0) - at(7));
        let (sum1, difference1) = (at(1) + at(6), at(1) - at(6));
        let (sum2, difference2) = (at(2) + at(5), at(2) - at(5));
        let (sum3, difference3) = (at(3) + at(4), at(3) - at(4));

        let (outer, inner) = (sum0 + sum3, sum1 + sum2);
        out[0][lane] = outer + inner;
        out[4][lane] = outer - inner;
        let (outer, inner) = (sum0 - sum3, sum1 - sum2);
        let turned = (outer + inner) * 0.707_106_77;
        out[2][lane] = outer + turned;
        out[6][lane] = outer - turned;

        let one = difference3 + difference2;
        let two = difference2 + difference1;
        let three = difference1 + difference0;
        let z5 = (one - three) * 0.382_683_43;
        let z2 = one * 0.541_196_1 + z5;
        let z4 = three * 1.306_563 + z5;
        let z3 = two * 0.707_106_77;
        let (z11, z13) = (difference0 + z3, difference0 - z3);
        out[5][lane] = z13 + z2;
        out[3][lane] = z13 - z2;
        out[1][lane] = z11 + z4;
        out[7][lane] = z11 - z4;
    }
    out
}
