//! Composes frames onto the canvas, as browsers show them.

use crate::decode::frames::{Disposal, Frame};
use crate::render::canvas::over;
use crate::spec::{Rgba, Size};

pub(super) struct Composed {
    size: Size,
    pixels: Vec<[u8; 4]>,
    /// How to dispose of the current frame.
    then: Option<(Part, Leave)>,
}

enum Leave {
    Clear,
    Restore(Vec<[u8; 4]>),
}

/// A rectangle of the canvas; may be empty.
#[derive(Clone, Copy)]
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Composed {
    pub(super) fn new(size: Size) -> Self {
        Self {
            size,
            pixels: vec![[0; 4]; size.pixels() as usize],
            then: None,
        }
    }

    /// Returns RGBA with straight alpha.
    pub(super) fn pixels(&self) -> &[[u8; 4]] {
        &self.pixels
    }

    pub(super) fn show(&mut self, frame: &Frame) {
        self.leave();
        let part = self.part(frame);
        self.then = match frame.disposal {
            Disposal::Keep => None,
            Disposal::Clear => Some((part, Leave::Clear)),
            Disposal::Restore => {
                let before = self
                    .rows(part)
                    .flat_map(|row| row.iter().copied())
                    .collect();
                Some((part, Leave::Restore(before)))
            }
        };
        let stride = frame.size.width as usize;
        let lines = frame.pixels.chunks_exact(stride.max(1));
        for (row, line) in self.rows(part).zip(lines) {
            match frame.is_blended {
                false => row.copy_from_slice(&line[..row.len()]),
                true => row
                    .iter_mut()
                    .zip(line)
                    .for_each(|(pixel, top)| blend(pixel, *top)),
            }
        }
    }

    fn leave(&mut self) {
        match self.then.take() {
            None => {}
            Some((part, Leave::Clear)) => self.rows(part).for_each(|row| row.fill([0; 4])),
            Some((part, Leave::Restore(before))) => {
                let lines = before.chunks_exact(part.width.max(1));
                for (row, line) in self.rows(part).zip(lines) {
                    row.copy_from_slice(line);
                }
            }
        }
    }

    /// Returns the part of the canvas that a frame covers.
    fn part(&self, frame: &Frame) -> Part {
        let inside = |start: u32, length: u32, whole: u32| {
            let start = start.min(whole);
            (start as usize, length.min(whole - start) as usize)
        };
        let (left, width) = inside(frame.left, frame.size.width, self.size.width);
        let (top, height) = inside(frame.top, frame.size.height, self.size.height);
        Part {
            left,
            top,
            width,
            height,
        }
    }

    fn rows(&mut self, part: Part) -> impl Iterator<Item = &mut [[u8; 4]]> {
        let Part {
            left,
            top,
            width,
            height,
        } = part;
        self.pixels
            .chunks_exact_mut(self.size.width as usize)
            .skip(top)
            .take(height)
            .map(move |row| &mut row[left..left + width])
    }
}

fn blend(pixel: &mut [u8; 4], top: [u8; 4]) {
    *pixel = match top {
        [.., 0] => return,
        [.., 255] => top,
        top => {
            let [top, bottom] = [top, *pixel].map(|[r, g, b, a]| Rgba { r, g, b, a });
            let Rgba { r, g, b, a } = over(top, bottom);
            [r, g, b, a]
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const NONE: [u8; 4] = [0; 4];

    fn frame(
        left: u32,
        width: u32,
        colour: [u8; 4],
        is_blended: bool,
        disposal: Disposal,
    ) -> Frame {
        Frame {
            left,
            top: 0,
            size: Size::new(width, 1),
            pixels: vec![colour; width as usize],
            is_blended,
            disposal,
            milliseconds: 0,
        }
    }

    /// Returns the canvas after each frame.
    fn shown<const N: usize>(frames: [Frame; N]) -> [Vec<[u8; 4]>; N] {
        let mut composed = Composed::new(Size::new(3, 1));
        frames.map(|frame| {
            composed.show(&frame);
            composed.pixels().to_vec()
        })
    }

    #[test]
    fn a_frame_stays_goes_or_gives_back_what_was_there() {
        for (disposal, last) in [
            (Disposal::Keep, [BLUE, BLUE, RED]),
            (Disposal::Clear, [NONE, NONE, RED]),
            (Disposal::Restore, [RED, RED, RED]),
        ] {
            let [first, second, third] = shown([
                frame(0, 3, RED, true, Disposal::Keep),
                frame(0, 2, BLUE, true, disposal),
                frame(2, 1, NONE, true, Disposal::Keep),
            ]);
            assert_eq!(first, [RED; 3]);
            assert_eq!(second, [BLUE, BLUE, RED]);
            assert_eq!(third, last, "{disposal:?}");
        }
    }

    #[test]
    fn what_is_seen_through_is_blended_or_takes_the_place() {
        let half = [0, 0, 255, 128];
        for (is_blended, expected) in [(true, [127, 0, 128, 255]), (false, half)] {
            let [_, second] = shown([
                frame(0, 3, RED, false, Disposal::Keep),
                frame(1, 1, half, is_blended, Disposal::Keep),
            ]);
            assert_eq!(second, [RED, expected, RED]);
        }
    }

    #[test]
    fn what_reaches_over_the_edge_is_cut_off() {
        let [first, second] = shown([
            frame(2, 4, RED, true, Disposal::Clear),
            frame(9, 1, BLUE, true, Disposal::Keep),
        ]);
        assert_eq!(first, [NONE, NONE, RED]);
        assert_eq!(second, [NONE; 3]);
    }
}
