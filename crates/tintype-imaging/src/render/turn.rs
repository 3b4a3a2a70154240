//! The eight orientations of an image: optionally transposed, then mirrored in either direction.

use super::Pixels;
use crate::spec::{Flip, Rect, Rotate, Size};

/// Transposes first, then mirrors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    transpose: bool,
    /// Left to right.
    horizontal: bool,
    /// Top to bottom.
    vertical: bool,
}

impl Turn {
    const fn new(transpose: bool, horizontal: bool, vertical: bool) -> Self {
        Self {
            transpose,
            horizontal,
            vertical,
        }
    }

    /// The turn that makes an image with this EXIF orientation upright.
    pub(crate) const fn of_orientation(orientation: u8) -> Self {
        match orientation {
            2 => Self::new(false, true, false),
            3 => Self::new(false, true, true),
            4 => Self::new(false, false, true),
            5 => Self::new(true, false, false),
            6 => Self::new(true, true, false),
            7 => Self::new(true, true, true),
            8 => Self::new(true, false, true),
            _ => Self::new(false, false, false),
        }
    }

    /// The EXIF orientation.
    pub(crate) fn to_orientation(self) -> u8 {
        let is_same = |orientation: &u8| Self::of_orientation(*orientation) == self;
        (1..=8).find(is_same).unwrap_or(1)
    }

    pub(crate) const fn of_rotation(rotate: Rotate) -> Self {
        match rotate {
            Rotate::None => Self::new(false, false, false),
            Rotate::Quarter => Self::new(true, true, false),
            Rotate::Half => Self::new(false, true, true),
            Rotate::ThreeQuarters => Self::new(true, false, true),
        }
    }

    pub(crate) const fn of_flip(flip: Flip) -> Self {
        Self::new(false, flip.horizontal, flip.vertical)
    }

    /// Combines both turns, `self` first.
    pub(crate) const fn then(self, next: Self) -> Self {
        // Mirroring before a transposition equals mirroring in the other direction after it.
        let (horizontal, vertical) = if next.transpose {
            (self.vertical, self.horizontal)
        } else {
            (self.horizontal, self.vertical)
        };
        Self {
            transpose: self.transpose != next.transpose,
            horizontal: horizontal != next.horizontal,
            vertical: vertical != next.vertical,
        }
    }

    pub(crate) const fn transposes(self) -> bool {
        self.transpose
    }

    /// Where a part of the turned image, whose size is `whole`, was before.
    pub(crate) const fn undo(self, part: Rect, whole: Size) -> Rect {
        let x = if self.horizontal {
            whole.width - part.x - part.width
        } else {
            part.x
        };
        let y = if self.vertical {
            whole.height - part.y - part.height
        } else {
            part.y
        };
        if self.transpose {
            Rect {
                x: y,
                y: x,
                width: part.height,
                height: part.width,
            }
        } else {
            Rect {
                x,
                y,
                width: part.width,
                height: part.height,
            }
        }
    }
}

pub(super) fn apply(pixels: Pixels, turn: Turn) -> Pixels {
    if turn == Turn::default() {
        return pixels;
    }
    match pixels.layout.channels() {
        1 => turned::<1>(&pixels, turn),
        2 => turned::<2>(&pixels, turn),
        3 => turned::<3>(&pixels, turn),
        _ => turned::<4>(&pixels, turn),
    }
}

fn turned<const N: usize>(pixels: &Pixels, turn: Turn) -> Pixels {
    let size = if turn.transpose {
        pixels.size.transposed()
    } else {
        pixels.size
    };
    let (source, _) = pixels.samples.as_chunks::<N>();
    let stride = pixels.size.width as usize;
    let mut samples = Vec::with_capacity(pixels.samples.len());
    for y in 0..size.height {
        let y = if turn.vertical {
            size.height - 1 - y
        } else {
            y
        } as usize;
        for x in 0..size.width {
            let x = if turn.horizontal {
                size.width - 1 - x
            } else {
                x
            } as usize;
            let at = if turn.transpose {
                x * stride + y
            } else {
                y * stride + x
            };
            samples.extend(source[at]);
        }
    }
    Pixels {
        size,
        layout: pixels.layout,
        samples,
    }
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    fn show(pixels: &Pixels) -> Vec<Vec<u8>> {
        pixels
            .samples
            .chunks_exact(pixels.size.width as usize)
            .map(<[u8]>::to_vec)
            .collect()
    }

    fn abcdef() -> Pixels {
        Pixels {
            size: Size::new(3, 2),
            layout: Layout::Gray,
            samples: b"abcdef".to_vec(),
        }
    }

    #[test]
    fn exif_orientations() {
        let expected: [&[&[u8]]; 8] = [
            &[b"abc", b"def"],
            &[b"cba", b"fed"],
            &[b"fed", b"cba"],
            &[b"def", b"abc"],
            &[b"ad", b"be", b"cf"],
            &[b"da", b"eb", b"fc"],
            &[b"fc", b"eb", b"da"],
            &[b"cf", b"be", b"ad"],
        ];
        for (orientation, expected) in (1..=8).zip(expected) {
            let turned = apply(abcdef(), Turn::of_orientation(orientation));
            assert_eq!(show(&turned), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn one_turn_after_another_is_both_and_parts_are_found_again() {
        for first in 1..=8 {
            for second in 1..=8 {
                let (first, second) = (Turn::of_orientation(first), Turn::of_orientation(second));
                let both = apply(abcdef(), first.then(second));
                assert_eq!(show(&both), show(&apply(apply(abcdef(), first), second)));
            }
            let turn = Turn::of_orientation(first);
            let turned = apply(abcdef(), turn);
            let corner = Rect {
                x: turned.size.width - 1,
                y: 0,
                width: 1,
                height: 1,
            };
            let before = turn.undo(corner, turned.size);
            let shown = turned.samples[corner.x as usize];
            assert_eq!(abcdef().samples[(before.y * 3 + before.x) as usize], shown);
        }
    }
}
