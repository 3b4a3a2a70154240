//! Luma, and chroma of half its size, to colours: as libwebp does it (`src/dsp/upsampling.c`, `src/dsp/yuv.h`), so
//! that pictures look as they do in browsers.

use image_webp::vp8::Frame;

pub(super) struct Planes<'a> {
    frame: &'a Frame,
    width: usize,
    /// Of luma; that of chroma is half as much.
    stride: usize,
    /// The chroma of one row: three parts of the nearer row of its plane and one of the other.
    mixed: [Vec<u16>; 2],
}

impl<'a> Planes<'a> {
    pub(super) fn new(frame: &'a Frame) -> Self {
        let width = usize::from(frame.width);
        let mixed = vec![0; width.div_ceil(2)];
        Self {
            frame,
            width,
            stride: width.next_multiple_of(16),
            mixed: [mixed.clone(), mixed],
        }
    }

    /// Each pixel of a row with where it stands in it.
    pub(super) fn row(&mut self, row: usize, mut set: impl FnMut(usize, [u8; 3])) {
        let rows = usize::from(self.frame.height).div_ceil(2);
        let near = row / 2;
        let far = match row % 2 {
            0 => near.saturating_sub(1),
            _ => (near + 1).min(rows - 1),
        };
        let stride = self.stride / 2;
        for (plane, mixed) in [&self.frame.ubuf, &self.frame.vbuf]
            .into_iter()
            .zip(&mut self.mixed)
        {
            let (near, far) = (&plane[near * stride..], &plane[far * stride..]);
            for ((mixed, near), far) in mixed.iter_mut().zip(near).zip(far) {
                *mixed = 3 * u16::from(*near) + u16::from(*far);
            }
        }
        let luma = &self.frame.ybuf[row * self.stride..][..self.width];
        let [u, v] = &self.mixed;
        let last = u.len() - 1;
        let chroma = |near: usize, far: usize| {
            let of = |mixed: &[u16]| (3 * mixed[near] + mixed[far] + 8) >> 4;
            (i32::from(of(u)), i32::from(of(v)))
        };
        for (near, pair) in luma.chunks(2).enumerate() {
            set(
                2 * near,
                colour(pair[0], chroma(near, near.saturating_sub(1))),
            );
            if let Some(luma) = pair.get(1) {
                set(
                    2 * near + 1,
                    colour(*luma, chroma(near, (near + 1).min(last))),
                );
            }
        }
    }
}

#[inline(always)]
fn colour(luma: u8, (u, v): (i32, i32)) -> [u8; 3] {
    let part = |value: i32, factor: i32| (value * factor) >> 8;
    let luma = part(i32::from(luma), 19_077);
    let sample = |value: i32| (value >> 6).clamp(0, 255) as u8;
    [
        sample(luma + part(v, 26_149) - 14_234),
        sample(luma - part(u, 6_419) - part(v, 13_320) + 8_708),
        sample(luma + part(u, 33_050) - 17_685),
    ]
}
