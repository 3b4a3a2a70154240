//! Turns and mirrors, and their effect on sides and positions.

use tintype_imaging::spec::Decimal;

/// First turned clockwise, then mirrored, as in a spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Orientation {
    /// 0..=3, clockwise.
    pub(super) quarters: u8,
    pub(super) horizontal: bool,
    pub(super) vertical: bool,
}

/// -1, 0 or 1 from the left and from the top.
pub(super) type Compass = (i8, i8);

impl Orientation {
    /// For an image that is mirrored first: the same as turning the other way round and then mirroring.
    pub(super) fn after_mirror(quarters: u8, horizontal: bool, vertical: bool) -> Self {
        let quarters = match horizontal != vertical {
            true => (4 - quarters % 4) % 4,
            false => quarters % 4,
        };
        Self {
            quarters,
            horizontal,
            vertical,
        }
    }

    pub(super) fn is_across(self) -> bool {
        self.quarters % 2 == 1
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Where a corner of the upright image is after turning.
    pub(super) fn compass(self, (mut x, mut y): Compass) -> Compass {
        for _ in 0..self.quarters {
            (x, y) = (-y, x);
        }
        (
            if self.horizontal { -x } else { x },
            if self.vertical { -y } else { y },
        )
    }

    /// Where a point of the turned image was in the upright one.
    pub(super) fn undo(self, (mut x, mut y): (Decimal, Decimal)) -> (Decimal, Decimal) {
        let other = |side: Decimal| {
            Decimal::from_millionths(1_000_000_u32.saturating_sub(side.millionths()))
        };
        if self.horizontal {
            x = other(x);
        }
        if self.vertical {
            y = other(y);
        }
        for _ in 0..self.quarters {
            (x, y) = (y, other(x));
        }
        (x, y)
    }

    /// The items `rot` and `flip`.
    pub(super) fn items(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let rotate = match self.quarters {
            1 => Some("90"),
            2 => Some("180"),
            3 => Some("270"),
            _ => None,
        };
        let flip = match (self.horizontal, self.vertical) {
            (true, true) => Some("hv"),
            (true, false) => Some("h"),
            (false, true) => Some("v"),
            (false, false) => None,
        };
        let rotate = rotate.map(|rotate| ("rot", rotate));
        rotate.into_iter().chain(flip.map(|flip| ("flip", flip)))
    }
}

/// The word for a corner in a spec.
pub(super) fn word((x, y): Compass) -> &'static str {
    match (x.signum(), y.signum()) {
        (-1, -1) => "nw",
        (0, -1) => "n",
        (1, -1) => "ne",
        (-1, 0) => "w",
        (1, 0) => "e",
        (-1, 1) => "sw",
        (0, 1) => "s",
        (1, 1) => "se",
        _ => "c",
    }
}
