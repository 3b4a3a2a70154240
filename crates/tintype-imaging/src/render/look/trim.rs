//! Finds where a uniform border ends: rows and columns at the edges that have the colour of the corners or are
//! transparent.
//!
//! Nothing is smoothed first, so that a thin line counts as content and the cut is exact to the pixel. Specks of dust
//! in the margin of a scan count as content too.

use super::super::Pixels;
use crate::spec::{Rect, Size};

/// Larger images are analysed at 1/2, 1/3, … of their size, which limits the precision of the cut accordingly.
const MOST_PIXELS: u64 = 4 * 1024 * 1024;

/// Returns the size at which a part is analysed.
pub(crate) fn size(part: Rect) -> Size {
    let reduced = |divisor: u32| {
        let side = |side: u32| side.div_ceil(divisor);
        Size::new(side(part.width), side(part.height))
    };
    let mut divisor = 1;
    while reduced(divisor).pixels() > MOST_PIXELS {
        divisor += 1;
    }
    reduced(divisor)
}

/// Returns `None` if there is no border, or nothing but border.
pub(super) fn content(pixels: &Pixels, tolerance: u8) -> Option<Rect> {
    let Size { width, height } = pixels.size;
    let channels = pixels.layout.channels();
    let (columns, rows) = (width as usize, height as usize);
    let pixel = |x: usize, y: usize| {
        let at = (y * columns + x) * channels;
        &pixels.samples[at..at + channels]
    };
    let is_alike = |one: &[u8], other: &[u8]| {
        let is_invisible = |pixel: &[u8]| {
            pixels.layout.has_alpha() && pixel.last().is_some_and(|alpha| *alpha <= tolerance)
        };
        is_invisible(one) && is_invisible(other)
            || one
                .iter()
                .zip(other)
                .all(|(a, b)| a.abs_diff(*b) <= tolerance)
    };
    let corners = [
        pixel(0, 0),
        pixel(columns - 1, 0),
        pixel(0, rows - 1),
        pixel(columns - 1, rows - 1),
    ];
    let votes = |corner: &&[u8]| {
        corners
            .iter()
            .filter(|other| is_alike(corner, other))
            .count()
    };
    // On a tie, the topmost and then leftmost corner.
    let border = corners.into_iter().rev().max_by_key(votes)?;

    let is_border = |x: usize, y: usize| is_alike(pixel(x, y), border);
    let is_row = |y: &usize| (0..columns).all(|x| is_border(x, *y));
    let top = (0..rows).find(|y| !is_row(y))?;
    let bottom = (top..rows).rev().find(|y| !is_row(y))?;
    let is_column = |x: &usize| (top..=bottom).all(|y| is_border(*x, y));
    let left = (0..columns).find(|x| !is_column(x))?;
    let right = (left..columns).rev().find(|x| !is_column(x))?;
    let part = Rect {
        x: left as u32,
        y: top as u32,
        width: (right - left + 1) as u32,
        height: (bottom - top + 1) as u32,
    };
    (Size::new(part.width, part.height) != pixels.size).then_some(part)
}

/// Maps a part of a reduced image to the `whole` that it shows: all pixels that contribute to the part.
pub(super) fn enlarged(part: Rect, reduced: Size, whole: Rect) -> Rect {
    let side = |start: u32, length: u32, reduced: u32, whole: u32| {
        let [start, length, reduced, whole] = [start, length, reduced, whole].map(u64::from);
        let first = start * whole / reduced;
        let end = ((start + length) * whole).div_ceil(reduced).min(whole);
        (first as u32, (end - first) as u32)
    };
    let (x, width) = side(part.x, part.width, reduced.width, whole.width);
    let (y, height) = side(part.y, part.height, reduced.height, whole.height);
    Rect {
        x: whole.x + x,
        y: whole.y + y,
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::pixels::Layout;
    use super::*;

    fn gray(rows: [&[u8; 5]; 4]) -> Pixels {
        let level = |letter: &u8| match letter {
            b'.' => 250,
            b',' => 244,
            _ => 20,
        };
        Pixels {
            size: Size::new(5, 4),
            layout: Layout::Gray,
            samples: rows.into_iter().flatten().map(level).collect(),
        }
    }

    fn check(rows: [&[u8; 5]; 4], expected: Option<(u32, u32, u32, u32)>) {
        let found = content(&gray(rows), 10);
        let found = found.map(|part| (part.x, part.y, part.width, part.height));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_left_touches_something_on_every_side() {
        check([b".....", b"..#..", b",....", b"....."], Some((2, 1, 1, 1)));
        check([b".....", b"..##.", b".#...", b"....."], Some((1, 1, 3, 2)));
        check([b"....#", b"....#", b"....#", b"....#"], Some((4, 0, 1, 4)));
        check([b"#....", b".....", b".....", b"....."], Some((0, 0, 1, 1)));
    }

    #[test]
    fn a_picture_without_a_border_or_of_nothing_else_is_left_alone() {
        check([b".....", b",.,.,", b".....", b"....."], None);
        check([b"#...#", b".....", b".....", b".#..."], None);
    }

    #[test]
    fn what_is_invisible_has_no_colour() {
        let mut pixels = Pixels {
            size: Size::new(3, 1),
            layout: Layout::GrayAlpha,
            samples: vec![0, 0, 90, 255, 255, 3],
        };
        let middle = Rect {
            x: 1,
            y: 0,
            width: 1,
            height: 1,
        };
        assert_eq!(content(&pixels, 10), Some(middle));
        pixels.samples[5] = 255;
        assert_eq!(content(&pixels, 10).map(|part| part.width), Some(2));
    }

    #[test]
    fn of_a_reduced_picture_every_pixel_with_a_share_stays() {
        let whole = Rect {
            x: 7,
            y: 9,
            width: 100,
            height: 31,
        };
        let part = Rect {
            x: 10,
            y: 0,
            width: 3,
            height: 2,
        };
        let expected = Rect {
            x: 7 + 30,
            y: 9,
            width: 9,
            height: 6,
        };
        assert_eq!(
            enlarged(part, Size::new(34, 11), whole),
            Rect {
                x: 7 + 29,
                width: 10,
                ..expected
            }
        );
    }
}
