//! Converts luma and half-resolution chroma to RGB as libwebp does (`src/dsp/upsampling.c`, `src/dsp/yuv.h`), so that
//! images look as they do in browsers.

use std::array;

use image_webp::vp8::Frame;

pub(super) struct RgbConverter<'a> {
    frame: &'a Frame,
    width: usize,
    /// Luma stride; chroma's is half of it.
    stride: usize,
    /// Chroma of one row, before upsampling to luma width.
    mixed: Vec<u16>,
    wide: [Vec<u8>; 2],
    terms: Terms,
}

/// Returns a row of luma and its rows of chroma.
pub(super) fn rows(frame: &Frame, row: usize) -> [&[u8]; 3] {
    let stride = usize::from(frame.width).next_multiple_of(16);
    let luma = row * stride..(row + 1) * stride;
    let chroma = row / 2 * (stride / 2)..(row / 2 + 1) * (stride / 2);
    [
        frame.ybuf.get(luma).unwrap_or_default(),
        frame.ubuf.get(chroma.clone()).unwrap_or_default(),
        frame.vbuf.get(chroma).unwrap_or_default(),
    ]
}

impl<'a> RgbConverter<'a> {
    pub(super) fn new(frame: &'a Frame) -> Self {
        let width = usize::from(frame.width);
        let chroma = width.div_ceil(2);
        Self {
            frame,
            width,
            stride: width.next_multiple_of(16),
            mixed: vec![0; chroma],
            wide: [vec![0; 2 * chroma], vec![0; 2 * chroma]],
            terms: Terms::new(),
        }
    }

    pub(super) fn row(&mut self, row: usize) -> impl Iterator<Item = [u8; 3]> + use<'_, 'a> {
        let rows = usize::from(self.frame.height).div_ceil(2);
        let near = row / 2;
        let far = match row % 2 {
            0 => near.saturating_sub(1),
            _ => (near + 1).min(rows - 1),
        };
        let stride = self.stride / 2;
        let planes = [&self.frame.ubuf, &self.frame.vbuf];
        for (plane, wide) in planes.into_iter().zip(&mut self.wide) {
            let (near, far) = (&plane[near * stride..], &plane[far * stride..]);
            for ((mixed, near), far) in self.mixed.iter_mut().zip(near).zip(far) {
                *mixed = 3 * u16::from(*near) + u16::from(*far);
            }
            widen(&self.mixed, wide);
        }
        let luma = &self.frame.ybuf[row * self.stride..][..self.width];
        let [u, v] = &self.wide;
        let colours = luma.iter().zip(u).zip(v);
        colours.map(|((y, u), v)| self.terms.colour(*y, *u, *v))
    }

    /// A row of the image at half size: luma is averaged, chroma is used as stored.
    pub(super) fn half_row(&self, row: usize) -> impl Iterator<Item = [u8; 3]> + use<'_, 'a> {
        let last = usize::from(self.frame.height) - 1;
        let line = |row: usize| &self.frame.ybuf[row.min(last) * self.stride..][..self.width];
        let pairs = line(2 * row).chunks(2).zip(line(2 * row + 1).chunks(2));
        let luma = pairs.map(|(above, below)| {
            let sum = |pair: &[u8]| u16::from(pair[0]) + u16::from(pair[pair.len() - 1]);
            ((sum(above) + sum(below) + 2) >> 2) as u8
        });
        let [u, v] =
            [&self.frame.ubuf, &self.frame.vbuf].map(|plane| &plane[row * self.stride / 2..]);
        luma.zip(u.iter().zip(v))
            .map(|(y, (u, v))| self.terms.colour(y, *u, *v))
    }
}

/// Each output sample is three parts of the nearer sample and one of the other.
fn widen(mixed: &[u16], wide: &mut [u8]) {
    let between = |near: u16, far: u16| ((3 * near + far + 8) >> 4) as u8;
    let ([first, inner @ .., last], Some(before), Some(after)) =
        (wide, mixed.first(), mixed.last())
    else {
        return;
    };
    (*first, *last) = (between(*before, *before), between(*after, *after));
    for (pair, two) in inner.as_chunks_mut().0.iter_mut().zip(mixed.windows(2)) {
        *pair = [between(two[0], two[1]), between(two[1], two[0])];
    }
}

/// The contribution of each luma and chroma value to a sample, scaled by 64.
struct Terms {
    y: [i32; 256],
    v_red: [i32; 256],
    u_green: [i32; 256],
    v_green: [i32; 256],
    u_blue: [i32; 256],
}

impl Terms {
    fn new() -> Self {
        let of = |factor: i32, offset: i32| {
            array::from_fn(|value| ((value as i32 * factor) >> 8) + offset)
        };
        Self {
            y: of(19_077, 0),
            v_red: of(26_149, -14_234),
            u_green: of(6_419, 0),
            v_green: of(13_320, -8_708),
            u_blue: of(33_050, -17_685),
        }
    }

    #[inline(always)]
    fn colour(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (y, u, v) = (self.y[usize::from(y)], usize::from(u), usize::from(v));
        let sample = |value: i32| (value >> 6).clamp(0, 255) as u8;
        [
            sample(y + self.v_red[v]),
            sample(y - self.u_green[u] - self.v_green[v]),
            sample(y + self.u_blue[u]),
        ]
    }
}
