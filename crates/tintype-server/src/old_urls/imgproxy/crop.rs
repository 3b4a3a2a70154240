//! imgproxy's `crop`: sides and a position, where ours has a corner. Without the size of the original it can be
//! translated if the sides are fractions, or if it is at the top left.

use tintype_imaging::spec::Decimal;

use super::super::Unmapped;
use super::number::{decimal, whole};
use super::position::Position;

#[derive(Clone, Copy, Debug)]
pub(super) struct Crop {
    pub(super) width: CropSide,
    pub(super) height: CropSide,
    pub(super) position: Option<Position>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CropSide {
    #[default]
    All,
    Fraction(Decimal),
    Pixels(u64),
}

impl CropSide {
    /// 0 is the whole side; below 1 it is a fraction, otherwise pixels, whose decimals are dropped.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let whole_part = match text.split_once('.') {
            Some(("", _)) => "0",
            Some((whole, _)) => whole,
            None => text,
        };
        match (whole(whole_part)?, text.contains('.')) {
            (0, false) => Some(Self::All),
            (0, true) => Some(match decimal(text)? {
                Decimal::ZERO => Self::All,
                fraction => Self::Fraction(fraction),
            }),
            (pixels, _) => Some(Self::Pixels(pixels)),
        }
    }
}

/// Larger than any image, so it is cut at the edge.
const ALL_PIXELS: u64 = 1_000_000;
const ALL: u32 = 1_000_000;

impl Crop {
    /// The `crop` item, or `None` if nothing is cut. `gravity` is the image's, which applies if the crop has none.
    pub(super) fn item(self, gravity: Option<Position>) -> Result<Option<String>, Unmapped> {
        let position = self.position.or(gravity);
        let position = position.unwrap_or(Position::Compass((0, 0)));
        let sides = [self.width, self.height];
        let has = |is: fn(&CropSide) -> bool| sides.iter().any(is);
        let (has_pixels, has_fractions) = (
            has(|side| matches!(side, CropSide::Pixels(_))),
            has(|side| matches!(side, CropSide::Fraction(_))),
        );
        match (has_pixels, has_fractions, position) {
            (false, false, _) => Ok(None),
            (false, true, _) => fractions(sides, position).map(Some),
            (true, false, Position::Compass((-1, -1))) => {
                let [width, height] = sides.map(|side| match side {
                    CropSide::Pixels(pixels) => pixels,
                    CropSide::All | CropSide::Fraction(_) => ALL_PIXELS,
                });
                Ok(Some(format!("0x0x{width}x{height}")))
            }
            _ => Err(Unmapped::option("option crop, in pixels of the original,")),
        }
    }
}

fn fractions(sides: [CropSide; 2], position: Position) -> Result<String, Unmapped> {
    let [width, height] = sides.map(|side| match side {
        CropSide::Fraction(fraction) => fraction.millionths(),
        CropSide::All | CropSide::Pixels(_) => ALL,
    });
    let (x, y) = match position {
        Position::Smart => return Err(Unmapped::option("option crop with gravity sm")),
        Position::Compass((x, y)) => (flush(x, width), flush(y, height)),
        Position::Point(x, y) => (centred(x, width), centred(y, height)),
    };
    let values = [x, y, width, height].map(|millionths| {
        let text = Decimal::from_millionths(millionths).to_string();
        // Keeps a dot, so that it is not read as pixels.
        match text.contains('.') {
            true => text,
            false => format!("{text}.0"),
        }
    });
    Ok(values.join("x"))
}

/// In millionths, as below.
fn flush(towards: i8, side: u32) -> u32 {
    let free = ALL - side;
    match towards {
        -1 => 0,
        0 => free / 2,
        _ => free,
    }
}

fn centred(at: Decimal, side: u32) -> u32 {
    at.millionths().saturating_sub(side / 2).min(ALL - side)
}
