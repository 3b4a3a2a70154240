//! Rotation and flip of a crop: maps sizes, points and rectangles in both directions.

use super::ONE;
use crate::spec::{Decimal, Flip, Rect, Rotate, Size};

/// A rotation and a flip of a crop, normalised so that equal turns are equal values: a vertical flip is a half turn and
/// a horizontal flip.
pub(super) struct CropTurn {
    pub(super) rotate: Rotate,
    pub(super) flip: Flip,
    crop: Rect,
}

impl CropTurn {
    pub(super) fn new(rotate: Rotate, flip: Flip, crop: Rect) -> Self {
        let rotate = match (rotate, flip.vertical) {
            (rotate, false) => rotate,
            (Rotate::None, true) => Rotate::Half,
            (Rotate::Quarter, true) => Rotate::ThreeQuarters,
            (Rotate::Half, true) => Rotate::None,
            (Rotate::ThreeQuarters, true) => Rotate::Quarter,
        };
        let flip = Flip {
            horizontal: flip.horizontal != flip.vertical,
            vertical: false,
        };
        Self { rotate, flip, crop }
    }

    pub(super) fn size(&self) -> Size {
        let size = Size::new(self.crop.width, self.crop.height);
        match self.rotate {
            Rotate::None | Rotate::Half => size,
            Rotate::Quarter | Rotate::ThreeQuarters => size.transposed(),
        }
    }

    /// Maps a point in fractions of the original to millionths of a pixel of the turned image.
    pub(super) fn point(&self, source: Size, x: Decimal, y: Decimal) -> (i64, i64) {
        let along = |fraction: Decimal, side: u32, start: u32, length: u32| {
            let at = i64::from(fraction.millionths()) * i64::from(side) - i64::from(start) * ONE;
            at.clamp(0, i64::from(length) * ONE)
        };
        let (width, height) = (self.crop.width, self.crop.height);
        let x = along(x, source.width, self.crop.x, width);
        let y = along(y, source.height, self.crop.y, height);
        let (right, bottom) = (i64::from(width) * ONE - x, i64::from(height) * ONE - y);
        let (x, y) = match self.rotate {
            Rotate::None => (x, y),
            Rotate::Quarter => (bottom, x),
            Rotate::Half => (right, bottom),
            Rotate::ThreeQuarters => (y, right),
        };
        match self.flip.horizontal {
            true => (i64::from(self.size().width) * ONE - x, y),
            false => (x, y),
        }
    }

    /// Maps a cut of the turned image back to the upright original.
    pub(super) fn undo(&self, cut: Rect) -> Rect {
        let turned = self.size();
        let Rect {
            y, width, height, ..
        } = cut;
        let x = match self.flip.horizontal {
            true => turned.width - cut.x - width,
            false => cut.x,
        };
        let right = turned.width - x - width;
        let bottom = turned.height - y - height;
        let (x, y, width, height) = match self.rotate {
            Rotate::None => (x, y, width, height),
            Rotate::Quarter => (y, right, height, width),
            Rotate::Half => (right, bottom, width, height),
            Rotate::ThreeQuarters => (bottom, x, height, width),
        };
        Rect {
            x: self.crop.x + x,
            y: self.crop.y + y,
            width,
            height,
        }
    }
}
