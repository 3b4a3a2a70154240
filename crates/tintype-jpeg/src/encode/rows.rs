//! Converts rows of pixels to rows of components (JFIF 1.02, section 7), padded to whole MCUs by repeating the edge.

use fearless_simd::{Level, dispatch};

use super::{Samples, Sampling};

/// The samples of one row of MCUs.
pub(super) struct McuRow {
    /// By component; rows are `stride_of` samples apart.
    pub(super) planes: Vec<Vec<u8>>,
    sampling: Sampling,
    /// Width of the image, then width padded to whole MCUs.
    width: usize,
    stride: usize,
    /// Red, green and blue of two rows.
    apart: [[Vec<u8>; 3]; 2],
    level: Level,
}

impl McuRow {
    /// `side`: width and height of an MCU in pixels.
    pub(super) fn new(width: usize, side: usize, components: usize, level: Level) -> Self {
        let stride = width.next_multiple_of(side);
        let sampling = match side {
            16 => Sampling::Quarter,
            _ => Sampling::Full,
        };
        let size = |component: usize| match (component, sampling) {
            (0, _) | (_, Sampling::Full) => stride * side,
            _ => stride * side / 4,
        };
        let row = || std::array::from_fn(|_| vec![0; stride]);
        Self {
            planes: (0..components).map(|c| vec![0; size(c)]).collect(),
            sampling,
            width,
            stride,
            apart: [row(), row()],
            level,
        }
    }

    /// Samples from one row of a component to the next.
    pub(super) fn stride_of(&self, component: usize) -> usize {
        match (component, self.sampling) {
            (0, _) | (_, Sampling::Full) => self.stride,
            _ => self.stride / 2,
        }
    }

    /// Takes the pixel rows available for this row of MCUs; the last one is repeated for missing rows.
    pub(super) fn fill(&mut self, samples: Samples<'_>) {
        match samples {
            Samples::Gray(samples) => copy(samples, self.width, &mut self.planes[0], self.stride),
            Samples::YCbCr420 { luma, chroma } => {
                let width = self.width.div_ceil(2);
                copy(luma, self.width, &mut self.planes[0], self.stride);
                for (samples, plane) in chroma.into_iter().zip(&mut self.planes[1..]) {
                    copy(samples, width, plane, self.stride / 2);
                }
            }
            Samples::Rgb(samples) => {
                let lines = with_last_repeated(samples, 3 * self.width);
                dispatch!(self.level, _simd => self.fill_colour(lines));
            }
        }
    }

    #[inline(always)]
    fn fill_colour<'s>(&mut self, mut lines: impl Iterator<Item = &'s [u8]>) {
        let [luma, cb, cr] = self.planes.as_mut_slice() else {
            return;
        };
        let [one, two] = &mut self.apart;
        match self.sampling {
            Sampling::Full => {
                let outs = luma.chunks_exact_mut(self.stride);
                let outs = outs.zip(cb.chunks_exact_mut(self.stride));
                let outs = outs.zip(cr.chunks_exact_mut(self.stride));
                for (((luma, cb), cr), line) in outs.zip(lines) {
                    apart(line, self.width, one);
                    to_luma(one, luma);
                    to_chroma(one, cb, CB);
                    to_chroma(one, cr, CR);
                }
            }
            Sampling::Quarter => {
                let half = self.stride / 2;
                let mut lumas = luma.chunks_exact_mut(self.stride);
                let outs = cb.chunks_exact_mut(half).zip(cr.chunks_exact_mut(half));
                for (cb, cr) in outs {
                    for rows in [&mut *one, &mut *two] {
                        if let (Some(line), Some(luma)) = (lines.next(), lumas.next()) {
                            apart(line, self.width, rows);
                            to_luma(rows, luma);
                        }
                    }
                    to_quarter_chroma(one, two, cb, CB);
                    to_quarter_chroma(one, two, cr, CR);
                }
            }
        }
    }
}

fn copy(samples: &[u8], width: usize, plane: &mut [u8], stride: usize) {
    let lines = with_last_repeated(samples, width);
    for (out, line) in plane.chunks_exact_mut(stride).zip(lines) {
        out[..width].copy_from_slice(line);
        repeat_last(out, width);
    }
}

fn with_last_repeated(samples: &[u8], length: usize) -> impl Iterator<Item = &[u8]> {
    let lines = samples.chunks_exact(length);
    let last = &samples[samples.len() - length..];
    lines.chain(std::iter::repeat(last))
}

fn repeat_last(row: &mut [u8], width: usize) {
    let last = row[width - 1];
    row[width..].fill(last);
}

/// Splits a line into components: compilers vectorise this loop and the ones that follow it.
#[inline(always)]
fn apart(line: &[u8], width: usize, rows: &mut [Vec<u8>; 3]) {
    let [r, g, b] = rows;
    let outs = r[..width]
        .iter_mut()
        .zip(&mut g[..width])
        .zip(&mut b[..width]);
    for (((r, g), b), pixel) in outs.zip(line.chunks_exact(3)) {
        (*r, *g, *b) = (pixel[0], pixel[1], pixel[2]);
    }
    for row in rows {
        repeat_last(row, width);
    }
}

// 16.16 fixed point.
const CB: [i32; 3] = [-11_059, -21_709, 32_768];
const CR: [i32; 3] = [32_768, -27_439, -5_329];

#[inline(always)]
fn to_luma([r, g, b]: &[Vec<u8>; 3], luma: &mut [u8]) {
    for (((out, r), g), b) in luma.iter_mut().zip(r).zip(g).zip(b) {
        let sum = 19_595 * u32::from(*r) + 38_470 * u32::from(*g) + 7_471 * u32::from(*b);
        *out = ((sum + (1 << 15)) >> 16) as u8;
    }
}

#[inline(always)]
fn to_chroma([r, g, b]: &[Vec<u8>; 3], chroma: &mut [u8], by: [i32; 3]) {
    for (((out, r), g), b) in chroma.iter_mut().zip(r).zip(g).zip(b) {
        let sum = by[0] * i32::from(*r) + by[1] * i32::from(*g) + by[2] * i32::from(*b);
        // Rounding with a full half could reach 255.5 and overflow a byte; libjpeg adds slightly less.
        *out = ((sum + (128 << 16) + (1 << 15) - 1) >> 16) as u8;
    }
}

/// Converts the mean of four pixels.
#[inline(always)]
fn to_quarter_chroma(one: &[Vec<u8>; 3], two: &[Vec<u8>; 3], chroma: &mut [u8], by: [i32; 3]) {
    let [r1, g1, b1] = one.each_ref().map(|row| row.as_chunks::<2>().0);
    let [r2, g2, b2] = two.each_ref().map(|row| row.as_chunks::<2>().0);
    let four = |one: &[u8; 2], two: &[u8; 2]| {
        i32::from(one[0]) + i32::from(one[1]) + i32::from(two[0]) + i32::from(two[1])
    };
    let pixels = r1
        .iter()
        .zip(r2)
        .zip(g1.iter().zip(g2))
        .zip(b1.iter().zip(b2));
    for (out, (((r1, r2), (g1, g2)), (b1, b2))) in chroma.iter_mut().zip(pixels) {
        let sum = by[0] * four(r1, r2) + by[1] * four(g1, g2) + by[2] * four(b1, b2);
        *out = ((sum + (128 << 18) + (1 << 17) - 1) >> 18) as u8;
    }
}
