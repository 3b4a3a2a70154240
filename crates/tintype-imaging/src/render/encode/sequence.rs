//! Sequences of frames, each encoded only where it differs from the one before.

use std::time::Instant;

use super::super::Pixels;
use super::super::pixels::Layout;
use crate::Error;
use crate::probe::EncodedRights;
use crate::spec::{Rect, Size};

/// Writes an animation.
pub(in crate::render) trait Sequence {
    /// Adds a whole composed frame, shown for this long.
    fn add(&mut self, frame: &Pixels, milliseconds: u32, deadline: Instant) -> Result<(), Error>;

    fn finish(self: Box<Self>, rights: Option<&EncodedRights>) -> Result<Vec<u8>, Error>;
}

/// Returns the smallest rectangle that contains all differences between two images of this size. It is one pixel if
/// they are equal, because a frame cannot be empty.
pub(super) fn changed(before: &[[u8; 4]], after: &[[u8; 4]], size: Size) -> Rect {
    let width = size.width as usize;
    let (mut left, mut right) = (width, 0);
    let (mut top, mut bottom) = (None, 0);
    let rows = before.chunks_exact(width).zip(after.chunks_exact(width));
    for (y, (before, after)) in rows.enumerate().filter(|(_, (a, b))| a != b) {
        let is_other = |x: &usize| before[*x] != after[*x];
        left = left.min((0..width).find(is_other).unwrap_or(width));
        right = right.max((0..width).rfind(is_other).map_or(0, |x| x + 1));
        top.get_or_insert(y);
        bottom = y + 1;
    }
    let Some(top) = top else {
        return Rect {
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        };
    };
    Rect {
        x: left as u32,
        y: top as u32,
        width: (right - left) as u32,
        height: (bottom - top) as u32,
    }
}

/// Yields the pixels of a part of an image of this width.
pub(super) fn part(pixels: &[[u8; 4]], width: u32, part: Rect) -> impl Iterator<Item = [u8; 4]> {
    let rows = pixels.chunks_exact(width as usize).skip(part.y as usize);
    let columns = part.x as usize..(part.x + part.width) as usize;
    rows.take(part.height as usize)
        .flat_map(move |row| row[columns.clone()].iter().copied())
}

pub(super) fn rgba(pixels: &Pixels) -> Vec<[u8; 4]> {
    let channels = pixels.layout.channels();
    let mut rgba = Vec::with_capacity(pixels.size.pixels() as usize);
    rgba.extend(
        pixels
            .samples
            .chunks_exact(channels)
            .map(|pixel| match *pixel {
                [gray] => [gray, gray, gray, 255],
                [gray, alpha] => [gray, gray, gray, alpha],
                [r, g, b] => [r, g, b, 255],
                _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
            }),
    );
    rgba
}

pub(super) fn of_rgba(pixels: impl Iterator<Item = [u8; 4]>, size: Size) -> Pixels {
    let mut samples = Vec::with_capacity(4 * size.pixels() as usize);
    pixels.for_each(|pixel| samples.extend(pixel));
    Pixels {
        size,
        layout: Layout::Rgba,
        samples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_found_and_cut_out() {
        let size = Size::new(5, 4);
        let before = vec![[0; 4]; 20];
        let mut after = before.clone();
        assert_eq!(changed(&before, &after, size).width, 1);
        (after[6], after[13]) = ([1; 4], [2; 4]);
        let rect = changed(&before, &after, size);
        assert_eq!((rect.x, rect.y, rect.width, rect.height), (1, 1, 3, 2));
        let cut: Vec<u8> = part(&after, 5, rect).map(|pixel| pixel[0]).collect();
        assert_eq!(cut, [1, 0, 0, 0, 0, 2]);
    }
}
