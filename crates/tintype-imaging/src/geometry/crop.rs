//! Crops, in pixels or fractions, clipped to the original.

use super::{ONE, round_div};
use crate::spec::{Crop, Decimal, Rect, Size};

/// Returns `None` if nothing is left.
pub(super) fn clip(source: Size, crop: Crop) -> Option<Rect> {
    let (x, width, y, height) = match crop {
        Crop::Pixels(rect) => {
            let (x, width) = clip_pixels(source.width, rect.x, rect.width)?;
            let (y, height) = clip_pixels(source.height, rect.y, rect.height)?;
            (x, width, y, height)
        }
        Crop::Fractions {
            x,
            y,
            width,
            height,
        } => {
            let (x, width) = clip_fractions(source.width, x, width)?;
            let (y, height) = clip_fractions(source.height, y, height)?;
            (x, width, y, height)
        }
    };
    Some(Rect {
        x,
        y,
        width,
        height,
    })
}

fn clip_pixels(side: u32, start: u32, length: u32) -> Option<(u32, u32)> {
    let left = side.checked_sub(start)?.min(length);
    (left > 0).then_some((start, left))
}

fn clip_fractions(side: u32, start: Decimal, length: Decimal) -> Option<(u32, u32)> {
    let (start, length) = (
        i64::from(start.millionths()),
        i64::from(length.millionths()),
    );
    if start >= ONE || length == 0 {
        return None;
    }
    let edge = |fraction: i64| round_div(fraction * i64::from(side), ONE);
    let first = edge(start).min(i64::from(side) - 1);
    let last = edge((start + length).min(ONE)).max(first + 1);
    // Both lie within 0..=side.
    Some((first as u32, (last - first) as u32))
}
