//! Gravity: the position of a crop or an image.

use tintype_imaging::spec::Decimal;

use super::super::Unmapped;
use super::super::orientation::Compass;
use super::number::decimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// imgproxy's object detection; here the record's focal point.
    Smart,
    Compass(Compass),
    /// In fractions.
    Point(Decimal, Decimal),
}

/// Parses the type and its offsets. Errors name `option`.
pub(super) fn read(option: &str, arguments: &[&str]) -> Result<Position, Unmapped> {
    let refuse = || Unmapped::option(format!("option {option}:{}", arguments.join(":")));
    let (name, offsets) = arguments.split_first().ok_or_else(refuse)?;
    let compass = match *name {
        "sm" if offsets.is_empty() => return Ok(Position::Smart),
        "fp" => {
            let [x, y] = offsets else {
                return Err(refuse());
            };
            let fraction = |text: &str| decimal(text).filter(|value| *value <= Decimal::ONE);
            let point = fraction(x).zip(fraction(y));
            let (x, y) = point.ok_or_else(refuse)?;
            return Ok(Position::Point(x, y));
        }
        "ce" => (0, 0),
        "no" => (0, -1),
        "so" => (0, 1),
        "ea" => (1, 0),
        "we" => (-1, 0),
        "noea" => (1, -1),
        "nowe" => (-1, -1),
        "soea" => (1, 1),
        "sowe" => (-1, 1),
        _ => return Err(refuse()),
    };
    let is_nothing = |text: &&str| text.is_empty() || decimal(text) == Some(Decimal::ZERO);
    match offsets.len() <= 2 && offsets.iter().all(is_nothing) {
        true => Ok(Position::Compass(compass)),
        false => Err(refuse()),
    }
}
