//! A decoded frame in luma and chroma, and its conversion to RGB (H.273).

use heifer_hevc_dec::recon;

use super::apart::ReceivedPlane;
use super::av1;
use super::canvas::Sample;
use crate::probe::heif::Nclx;
use crate::spec::Size;

pub(super) struct YuvFrame {
    pub(super) size: Size,
    pub(super) bits: u32,
    /// Luma columns and rows per chroma sample; `None` for gray.
    pub(super) chroma: Option<(u32, u32)>,
    pub(super) matrix: u8,
    /// A matrix may be derived from them.
    pub(super) primaries: u8,
    pub(super) full_range: bool,
    pub(super) planes: YuvPlanes,
}

pub(super) enum YuvPlanes {
    Av1(re_rav1d::Picture),
    /// AV1 from another process.
    Received(Vec<ReceivedPlane>),
    Hevc {
        frame: recon::Frame,
        /// Top left of the visible area, in luma samples.
        left: u32,
        top: u32,
    },
}

impl YuvFrame {
    /// Colour description in the container takes precedence over the codec's.
    pub(super) fn describe(&mut self, nclx: Nclx) {
        self.matrix = nclx.matrix;
        self.primaries = nclx.primaries;
        self.full_range = nclx.full_range;
    }

    /// Reads the visible part of a row of a plane.
    pub(super) fn row(&self, plane: usize, y: u32, into: &mut Vec<u16>) {
        let (across, down) = match plane {
            0 => (1, 1),
            _ => self.chroma.unwrap_or((1, 1)),
        };
        let length = self.size.width.div_ceil(across) as usize;
        match &self.planes {
            YuvPlanes::Av1(picture) => av1::row(picture, plane, y, length, into),
            YuvPlanes::Received(planes) => planes[plane].row(y, length, into, self.bits),
            YuvPlanes::Hevc { frame, left, top } => {
                let stride = frame.widths[plane] as usize;
                let start = (y + top / down) as usize * stride + (left / across) as usize;
                into.clear();
                into.extend_from_slice(&frame.planes[plane][start..start + length]);
            }
        }
    }
}

/// Converts rows to colours, top to bottom. Chroma samples are centred on their luma samples and interpolated in
/// between.
pub(super) struct Converter<'a> {
    frame: &'a YuvFrame,
    channels: usize,
    most: i32,
    luma: Vec<u16>,
    /// Cb and Cr, upsampled to luma width and scaled by 16.
    chroma: [Vec<i32>; 2],
    /// For each of Cb and Cr, the nearest row and the next nearest.
    near: [Vec<u16>; 2],
    far: [Vec<u16>; 2],
    tall: Vec<i32>,
    scale: Scale,
}

/// Fraction bits of fixed-point numbers.
const FRACTION: u32 = 13;

/// Conversion factors for luma and chroma.
struct Scale {
    /// The luma factor, and the luma value of black.
    luma: i32,
    black: i32,
    /// 16 times the chroma value of gray.
    gray: i32,
    how: MatrixKind,
}

enum MatrixKind {
    Gray,
    /// The planes are green, blue and red.
    Identity,
    /// YCgCo, with this chroma factor.
    Lifted(i32),
    /// The factors Cr to red, Cb and Cr to green, Cb to blue.
    Weighted([i32; 4]),
}

impl Scale {
    fn new(frame: &YuvFrame, most: i32) -> Self {
        let one = f64::from(most) * f64::from(1 << FRACTION);
        let top = f64::from((1u32 << frame.bits) - 1);
        let step = f64::from(1u32 << (frame.bits - 8));
        let (luma, black, chroma) = match frame.full_range {
            true => (top, 0, top),
            false => (219.0 * step, 16 << (frame.bits - 8), 224.0 * step),
        };
        let fixed = |weight: f64| (weight * one / chroma / 16.0).round() as i32;
        let weighted = |(kr, kb): (f64, f64)| {
            let kg = 1.0 - kr - kb;
            let (red, blue) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
            MatrixKind::Weighted([
                fixed(red),
                fixed(-blue * kb / kg),
                fixed(-red * kr / kg),
                fixed(blue),
            ])
        };
        let how = match (frame.chroma, frame.matrix) {
            (None, _) => MatrixKind::Gray,
            (Some(_), 0) => MatrixKind::Identity,
            (Some(_), 8) => MatrixKind::Lifted(fixed(1.0)),
            (Some(_), 1) => weighted((0.2126, 0.0722)),
            (Some(_), 4) => weighted((0.30, 0.11)),
            (Some(_), 7) => weighted((0.212, 0.087)),
            (Some(_), 9 | 10) => weighted((0.2627, 0.0593)),
            (Some(_), 12 | 13) => weighted(weights(frame.primaries)),
            // BT.601, also for unspecified matrices.
            _ => weighted((0.299, 0.114)),
        };
        Self {
            luma: (one / luma).round() as i32,
            black,
            gray: 16 << (frame.bits - 1),
            how,
        }
    }
}

/// What red and blue contribute to luminance (H.273, equations 38 to 44).
fn weights(primaries: u8) -> (f64, f64) {
    // x and y of red, green, blue and white.
    let [red, green, blue, white] = match primaries {
        1 => [(0.64, 0.33), (0.3, 0.6), (0.15, 0.06), D65],
        4 => [(0.67, 0.33), (0.21, 0.71), (0.14, 0.08), C],
        5 => [(0.64, 0.33), (0.29, 0.6), (0.15, 0.06), D65],
        6 | 7 => [(0.63, 0.34), (0.31, 0.595), (0.155, 0.07), D65],
        8 => [(0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C],
        9 => [(0.708, 0.292), (0.17, 0.797), (0.131, 0.046), D65],
        11 => [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)],
        12 => [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65],
        22 => [(0.63, 0.34), (0.295, 0.605), (0.155, 0.077), D65],
        _ => return (0.299, 0.114),
    };
    let xyz = |(x, y): (f64, f64)| [x / y, 1.0, (1.0 - x - y) / y];
    let [red, green, blue, white] = [red, green, blue, white].map(xyz);
    // Cramer's rule: the primaries add up to white.
    let volume = |[a, b, c]: [f64; 3], [d, e, f]: [f64; 3], [g, h, i]: [f64; 3]| {
        a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)
    };
    let whole = volume(red, green, blue);
    (
        volume(white, green, blue) / whole,
        volume(red, green, white) / whole,
    )
}

const D65: (f64, f64) = (0.3127, 0.329);
const C: (f64, f64) = (0.31, 0.316);

impl<'a> Converter<'a> {
    /// Converts to samples of at most `most`: gray or RGB, with or without alpha.
    pub(super) fn new(frame: &'a YuvFrame, channels: usize, most: i32) -> Self {
        let width = frame.size.width as usize;
        let is_coloured = channels >= 3 && frame.chroma.is_some();
        let wide = || vec![0; if is_coloured { width } else { 0 }];
        Self {
            frame,
            channels,
            most,
            luma: Vec::with_capacity(width),
            chroma: [wide(), wide()],
            near: [Vec::new(), Vec::new()],
            far: [Vec::new(), Vec::new()],
            tall: Vec::new(),
            scale: Scale::new(frame, most),
        }
    }

    /// Writes as much of a row as fits into `out`, opaque.
    pub(super) fn row<S: Sample>(&mut self, y: u32, out: &mut [S]) {
        self.frame.row(0, y, &mut self.luma);
        let is_gray = self.channels < 3 || self.frame.chroma.is_none();
        if !is_gray {
            for plane in 0..2 {
                self.chroma(plane, y);
            }
        }
        let most = self.most;
        let (times, black) = (self.scale.luma, self.scale.black);
        let luma = |sample: u16| (i32::from(sample) - black) * times;
        let round =
            |value: i32| S::of(((value + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, most));
        let opaque = S::of(most);
        if is_gray {
            for (pixel, sample) in out.chunks_exact_mut(self.channels).zip(&self.luma) {
                let gray = round(luma(*sample));
                let colours = self.channels - usize::from(self.channels.is_multiple_of(2));
                pixel.fill(opaque);
                pixel[..colours].fill(gray);
            }
            return;
        }
        let middle = self.scale.gray;
        let [blue, red] = &self.chroma;
        let samples = self.luma.iter().zip(blue.iter().zip(red));
        let samples = samples.map(|(y, (b, r))| (*y, b - middle, r - middle));
        match self.scale.how {
            MatrixKind::Weighted([r_r, b_g, r_g, b_b]) => {
                fill(out, self.channels, opaque, samples, |(y, b, r)| {
                    let y = luma(y);
                    [
                        round(y + r_r * r),
                        round(y + b_g * b + r_g * r),
                        round(y + b_b * b),
                    ]
                })
            }
            MatrixKind::Lifted(times) => fill(out, self.channels, opaque, samples, |(y, g, o)| {
                let (y, g, o) = (luma(y), times * g, times * o);
                [round(y - g + o), round(y + g), round(y - g - o)]
            }),
            MatrixKind::Identity | MatrixKind::Gray => {
                fill(out, self.channels, opaque, samples, |(g, b, r)| {
                    let plain = |sample: i32| round(luma(((sample + middle) / 16) as u16));
                    [plain(r), round(luma(g)), plain(b)]
                })
            }
        }
    }

    /// Upsamples a row of chroma to luma width.
    fn chroma(&mut self, plane: usize, y: u32) {
        let (across, down) = self.frame.chroma.unwrap_or((1, 1));
        let last = self.frame.size.height.div_ceil(down) - 1;
        let near = (y / down).min(last);
        self.frame.row(plane + 1, near, &mut self.near[plane]);
        if (across, down) == (1, 1) {
            for (to, from) in self.chroma[plane].iter_mut().zip(&self.near[plane]) {
                *to = 16 * i32::from(*from);
            }
            return;
        }
        // `tall` is scaled by four.
        self.tall.clear();
        if down == 2 {
            let far = match y % 2 {
                0 => near.saturating_sub(1),
                _ => (near + 1).min(last),
            };
            self.frame.row(plane + 1, far, &mut self.far[plane]);
            let pairs = self.near[plane].iter().zip(&self.far[plane]);
            let between = pairs.map(|(near, far)| 3 * i32::from(*near) + i32::from(*far));
            self.tall.extend(between);
        } else {
            let four = self.near[plane].iter().map(|near| 4 * i32::from(*near));
            self.tall.extend(four);
        }
        widen(&self.tall, &mut self.chroma[plane]);
    }
}

/// Doubles the width, and scales values by four.
fn widen(from: &[i32], to: &mut [i32]) {
    let (Some(first), Some(last)) = (from.first(), to.last_mut()) else {
        return;
    };
    *last = 4 * from[from.len() - 1];
    let width = to.len();
    to[0] = 4 * first;
    if width > 1 {
        let inner = to[1..].chunks_exact_mut(2);
        for (pair, [left, right]) in inner.zip(from.array_windows()) {
            pair[0] = 3 * left + right;
            pair[1] = left + 3 * right;
        }
    }
}

fn fill<S: Sample, T>(
    out: &mut [S],
    channels: usize,
    opaque: S,
    samples: impl Iterator<Item = T>,
    colour: impl Fn(T) -> [S; 3],
) {
    if channels == 3 {
        let (pixels, _) = out.as_chunks_mut::<3>();
        for (pixel, sample) in pixels.iter_mut().zip(samples) {
            *pixel = colour(sample);
        }
    } else {
        let (pixels, _) = out.as_chunks_mut::<4>();
        for (pixel, sample) in pixels.iter_mut().zip(samples) {
            let [r, g, b] = colour(sample);
            *pixel = [r, g, b, opaque];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::weights;

    /// H.273 gives those of BT.709, BT.2020 and NTSC itself, rounded.
    #[test]
    fn weights_follow_from_primaries() {
        for (primaries, (red, blue)) in [
            (1, (0.2126, 0.0722)),
            (9, (0.2627, 0.0593)),
            (12, (0.2290, 0.0793)),
            (4, (0.299, 0.114)),
            (2, (0.299, 0.114)),
        ] {
            let (kr, kb) = weights(primaries);
            assert!(
                (kr - red).abs() < 1e-3 && (kb - blue).abs() < 1e-3,
                "{primaries}: {kr} {kb}"
            );
        }
    }
}
