//! Finds the most salient part of an image: edges, skin tones, and colours that differ from the rest.
//!
//! Saliency is computed on a small version in integer arithmetic, so that every machine chooses the same crop. A crop
//! of the largest size can move along one axis only, so saliency is summed across the other. There is no model for
//! faces: skin tones find most of them, but also sand and wood.

use super::super::Pixels;
use crate::spec::{Decimal, Gravity, Rect, Size};

/// Longer side of the version that is analysed, in pixels.
pub(crate) const SIDE: u32 = 128;

/// Returns the size at which a part is analysed.
pub(super) fn size(part: Rect) -> Size {
    let longer = u64::from(part.width.max(part.height));
    let side = |side: u32| match longer > u64::from(SIDE) {
        true => (u64::from(side) * u64::from(SIDE)).div_ceil(longer) as u32,
        false => side,
    };
    Size::new(side(part.width), side(part.height))
}

/// Returns the centre of the best `window` in `kept`, in fractions of the original `of`. `pixels` show `kept`.
pub(super) fn point(pixels: &Pixels, window: Size, kept: Rect, of: Size) -> Gravity {
    let saliency = saliency(pixels);
    let columns = pixels.size.width as usize;
    let across = |x: usize| saliency.iter().skip(x).step_by(columns).sum::<u64>();
    let x = match kept.width > window.width {
        true => {
            let profile: Vec<u64> = (0..columns).map(across).collect();
            best(&profile, window.width, kept.width, Side::Across)
        }
        false => 0,
    };
    let y = match kept.height > window.height {
        true => {
            let rows = saliency.chunks_exact(columns);
            let profile: Vec<u64> = rows.map(|row| row.iter().sum()).collect();
            best(&profile, window.height, kept.height, Side::Down)
        }
        false => 0,
    };
    let middle = |start: u32, offset: u32, length: u32, whole: u32| {
        let twice = 2 * u64::from(start) + 2 * u64::from(offset) + u64::from(length);
        let millionths = (twice * 1_000_000).div_ceil(2 * u64::from(whole));
        Decimal::from_millionths(millionths.min(1_000_000) as u32)
    };
    Gravity::Point {
        x: middle(kept.x, x, window.width, of.width),
        y: middle(kept.y, y, window.height, of.height),
    }
}

#[derive(Clone, Copy)]
enum Side {
    Across,
    Down,
}

/// Returns where a window of length `window` in `whole` begins, given the saliency along that axis.
fn best(profile: &[u64], window: u32, whole: u32, side: Side) -> u32 {
    let places = profile.len() as u64;
    let (window, whole) = (u64::from(window), u64::from(whole));
    let length = ((window * places + whole / 2) / whole).clamp(1, places);
    let free = places - length;
    let mut best = (0, free / 2);
    for start in 0..=free {
        let part = &profile[start as usize..(start + length) as usize];
        let inside = part.iter().enumerate();
        let sum: u64 = inside
            .map(|(at, value)| value * weight(at as u64, length))
            .sum();
        let score = sum * liking(start, free, side);
        if score > best.0 {
            best = (score, start);
        }
    }
    match free {
        0 => ((whole - window) / 2) as u32,
        free => (best.1 * (whole - window) / free) as u32,
    }
}

/// Weights the centre of the window four times as much as its edges.
fn weight(at: u64, length: u64) -> u64 {
    let off = (2 * at + 1).abs_diff(length);
    256 - 192 * off * off / (length * length)
}

/// Prefers the positions where subjects usually are: centred across, and above the centre, where heads are.
fn liking(start: u64, free: u64, side: Side) -> u64 {
    let liked = match side {
        Side::Across => free * 50,
        Side::Down => free * 35,
    };
    let off = (start * 100).abs_diff(liked);
    1000 - 200 * off / (free * 100).max(1)
}

/// Returns how far each pixel is above the mean, so that what is everywhere does not count. Colours (skin tones or
/// unusual ones) count only near edges, because skies are empty.
fn saliency(pixels: &Pixels) -> Vec<u64> {
    let (columns, rows) = (pixels.size.width as usize, pixels.size.height as usize);
    let rgba = pixels.to_rgba();
    let colours: Vec<[i32; 3]> = rgba.as_chunks().0.iter().map(luma_and_chroma).collect();
    let lumas: Vec<i32> = colours.iter().map(|colour| colour[0]).collect();
    let luma = Plane {
        columns,
        rows,
        values: lumas,
    };
    let edges = luma.edges();
    let means = [0, 1, 2].map(|channel| mean(colours.iter().map(|colour| colour[channel])));
    let pixel = |(at, colour): (usize, &[i32; 3])| {
        let (x, y) = ((at % columns) as isize, (at / columns) as isize);
        let [luma, blue, red] = *colour;
        let unlike = (luma - means[0]).abs() / 2 + (blue - means[1]).abs() + (red - means[2]).abs();
        let vivid = (blue.abs() + red.abs()).min(128);
        let skin = if is_skin(*colour) { 160 } else { 0 };
        let busy = edges.around(x, y, REACH).min(BUSY);
        let value = (unlike.min(200) + vivid / 2 + skin) * busy / BUSY + edges.at(x, y).min(48);
        value * i32::from(rgba[4 * at + 3]) / 255
    };
    let values: Vec<i32> = colours.iter().enumerate().map(pixel).collect();
    let usual = mean(values.iter().copied());
    let above = values.iter().map(|value| (value - usual).max(0) as u64);
    above.collect()
}

/// Colours count in full if the mean of the edges within `REACH` pixels is at least `BUSY` levels.
const REACH: isize = 3;
const BUSY: i32 = 32;

fn mean(values: impl ExactSizeIterator<Item = i32>) -> i32 {
    let count = values.len().max(1) as i64;
    (values.map(i64::from).sum::<i64>() / count) as i32
}

struct Plane {
    columns: usize,
    rows: usize,
    values: Vec<i32>,
}

impl Plane {
    /// Beyond the edges, the nearest pixel.
    fn at(&self, x: isize, y: isize) -> i32 {
        let x = x.clamp(0, self.columns as isize - 1) as usize;
        let y = y.clamp(0, self.rows as isize - 1) as usize;
        self.values[y * self.columns + x]
    }

    fn edges(&self) -> Self {
        let edge = |at: usize| {
            let (x, y) = ((at % self.columns) as isize, (at / self.columns) as isize);
            let around =
                self.at(x - 1, y) + self.at(x + 1, y) + self.at(x, y - 1) + self.at(x, y + 1);
            (4 * self.at(x, y) - around).abs().min(160)
        };
        Self {
            values: (0..self.values.len()).map(edge).collect(),
            ..*self
        }
    }

    /// Returns the mean of a square.
    fn around(&self, x: isize, y: isize, reach: isize) -> i32 {
        let rows = y - reach..=y + reach;
        let sum: i32 = rows
            .map(|y| (x - reach..=x + reach).map(|x| self.at(x, y)).sum::<i32>())
            .sum();
        sum / (2 * reach as i32 + 1).pow(2)
    }
}

/// BT.601, full range; chroma is centred on 0.
fn luma_and_chroma([r, g, b, _]: &[u8; 4]) -> [i32; 3] {
    let [r, g, b] = [r, g, b].map(|channel| i32::from(*channel));
    [
        (77 * r + 150 * g + 29 * b) >> 8,
        (-43 * r - 85 * g + 128 * b) >> 8,
        (128 * r - 107 * g - 21 * b) >> 8,
    ]
}

/// Recognises any skin tone by its chroma (Chai and Ngan 1999).
fn is_skin([luma, blue, red]: [i32; 3]) -> bool {
    luma > 40 && (-51..=-1).contains(&blue) && (5..=45).contains(&red)
}

#[cfg(test)]
mod tests {
    use super::super::super::pixels::Layout;
    use super::*;

    /// Gray, with a red square of 12 pixels at this position.
    fn square(left: u32, top: u32) -> Pixels {
        let size = Size::new(120, 60);
        let pixel = |at: u32| {
            let (x, y) = (at % size.width, at / size.width);
            let is_inside = (left..left + 12).contains(&x) && (top..top + 12).contains(&y);
            if is_inside { [200, 30, 40] } else { [128; 3] }
        };
        Pixels {
            size,
            layout: Layout::Rgb,
            samples: (0..size.pixels() as u32).flat_map(pixel).collect(),
        }
    }

    #[test]
    fn a_cut_goes_where_something_is() {
        let kept = Rect {
            x: 40,
            y: 0,
            width: 1200,
            height: 600,
        };
        let window = Size::new(600, 600);
        for (left, expected) in [(0, 340), (54, 640), (108, 940)] {
            let found = point(&square(left, 20), window, kept, Size::new(2000, 1000));
            let Gravity::Point { x, .. } = found else {
                panic!("{found:?}");
            };
            let x = x.to_f64() * 2000.0;
            assert!((x - f64::from(expected)).abs() <= 20.0, "{left}: {x}");
        }
    }

    #[test]
    fn where_nothing_is_the_middle_is_as_good() {
        let pixels = square(500, 500);
        let whole = Rect {
            x: 0,
            y: 0,
            width: 120,
            height: 60,
        };
        let found = point(&pixels, Size::new(60, 60), whole, Size::new(120, 60));
        let half = Decimal::from_millionths(500_000);
        assert_eq!(found, Gravity::Point { x: half, y: half });
    }
}
