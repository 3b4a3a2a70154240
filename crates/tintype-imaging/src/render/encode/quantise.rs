//! Reduces an image to a limited number of colours: splits regions of the colour cube where that removes most variance,
//! until there are enough, and diffuses the error of each pixel to its neighbours (Floyd and Steinberg).
//!
//! Cells and regions have a fixed order, so the colours are the same on every machine.

use std::ops::Range;

/// The upper bits of a sample that select its cell.
const BITS: usize = 5;

/// How visible a step of red, green and blue is.
const WEIGHTS: [u32; 3] = [2, 4, 3];

/// Pixels of almost the same colour.
#[derive(Clone, Copy, Default)]
struct Cell {
    count: f64,
    sum: [f64; 3],
    mean: [f64; 3],
}

impl Cell {
    fn with_mean(self) -> Self {
        Self {
            mean: self.sum.map(|sum| sum / self.count),
            ..self
        }
    }
}

/// Returns at most `most` colours for RGBA pixels, ignoring those that are not opaque.
pub(super) fn palette(pixels: &[[u8; 4]], most: usize) -> Vec<[u8; 3]> {
    let mut cells = cells(pixels);
    let mut regions = vec![Region::of(&cells, 0..cells.len())];
    while regions.len() < most {
        let widest =
            (0..regions.len()).max_by(|a, b| regions[*a].spread.total_cmp(&regions[*b].spread));
        let Some(widest) = widest.filter(|widest| regions[*widest].spread > 0.0) else {
            break;
        };
        let Region { range, channel, .. } = regions[widest].clone();
        let inside = &mut cells[range.clone()];
        inside.sort_by(|a, b| a.mean[channel].total_cmp(&b.mean[channel]));
        let middle = range.start + cut(inside, channel);
        regions[widest] = Region::of(&cells, range.start..middle);
        regions.push(Region::of(&cells, middle..range.end));
    }
    let colour = |one: &Region| {
        let all = total(&cells[one.range.clone()]);
        [0, 1, 2].map(|channel| all.mean[channel].round() as u8)
    };
    regions.iter().map(colour).collect()
}

fn cells(pixels: &[[u8; 4]]) -> Vec<Cell> {
    let mut cube = vec![Cell::default(); 1 << (3 * BITS)];
    for [r, g, b, alpha] in pixels {
        if *alpha < 255 {
            continue;
        }
        let place = [r, g, b].into_iter().fold(0, |place, sample| {
            place << BITS | usize::from(sample >> (8 - BITS))
        });
        let cell = &mut cube[place];
        cell.count += 1.0;
        for (sum, sample) in cell.sum.iter_mut().zip([r, g, b]) {
            *sum += f64::from(*sample);
        }
    }
    let used = cube.into_iter().filter(|cell| cell.count > 0.0);
    used.map(Cell::with_mean).collect()
}

#[derive(Clone)]
struct Region {
    range: Range<usize>,
    /// The channel that varies most.
    channel: usize,
    /// Variance times count, weighted and summed over all channels.
    spread: f64,
}

impl Region {
    fn of(cells: &[Cell], range: Range<usize>) -> Self {
        let inside = &cells[range.clone()];
        let all = total(inside);
        let spread = |channel: usize| {
            let of = |cell: &Cell| cell.count * (cell.mean[channel] - all.mean[channel]).powi(2);
            f64::from(WEIGHTS[channel]) * inside.iter().map(of).sum::<f64>()
        };
        let spreads = [0, 1, 2].map(spread);
        let channel = (0..3).max_by(|a, b| spreads[*a].total_cmp(&spreads[*b]));
        Self {
            channel: channel.unwrap_or(0),
            spread: if inside.len() > 1 {
                spreads.iter().sum()
            } else {
                0.0
            },
            range,
        }
    }
}

fn total(cells: &[Cell]) -> Cell {
    let total = cells.iter().fold(Cell::default(), |mut all, cell| {
        all.count += cell.count;
        for (sum, more) in all.sum.iter_mut().zip(cell.sum) {
            *sum += more;
        }
        all
    });
    total.with_mean()
}

/// Returns how many of the sorted cells form the lower part, so that both parts vary least.
fn cut(cells: &[Cell], channel: usize) -> usize {
    let all = total(cells);
    let (mut count, mut sum) = (0.0, 0.0);
    let (mut best, mut most) = (1, 0.0);
    for (at, cell) in cells.iter().enumerate().take(cells.len() - 1) {
        count += cell.count;
        sum += cell.sum[channel];
        let (other, rest) = (all.count - count, all.sum[channel] - sum);
        let between = sum * sum / count + rest * rest / other;
        if between > most {
            (best, most) = (at + 1, between);
        }
    }
    best
}

/// Yields the palette index of each pixel; `None` for those that are not opaque.
pub(super) fn dithered<'a>(
    pixels: &'a [[u8; 4]],
    width: usize,
    palette: &'a [[u8; 3]],
) -> impl Iterator<Item = Option<u8>> + 'a {
    let mut nearest = Nearest::new(palette);
    // Errors for the pixels to come, in sixteenths. The entries before and after the row are discarded.
    let mut below = vec![[0; 3]; width + 2];
    let mut here = below.clone();
    let mut ahead = [0; 3];
    pixels.iter().enumerate().map(move |(at, pixel)| {
        let x = at % width;
        if x == 0 {
            std::mem::swap(&mut here, &mut below);
            below.fill([0; 3]);
            ahead = [0; 3];
        }
        let [colour @ .., alpha] = *pixel;
        let carried = std::mem::take(&mut ahead);
        if alpha < 255 {
            return None;
        }
        let wanted: [i32; 3] = std::array::from_fn(|channel| {
            let error: i32 = carried[channel] + here[x + 1][channel];
            (i32::from(colour[channel]) + (error + 8).div_euclid(16)).clamp(0, 255)
        });
        let place = nearest.of(wanted);
        for channel in 0..3 {
            let lacks = wanted[channel] - i32::from(palette[usize::from(place)][channel]);
            ahead[channel] = 7 * lacks;
            below[x][channel] += 3 * lacks;
            below[x + 1][channel] += 5 * lacks;
            below[x + 2][channel] += lacks;
        }
        Some(place)
    })
}

/// Finds the colour of a palette that looks most like a given one, as seen from the middle of its cube of four levels.
///
/// Only few colours of a palette can be nearest to anything within a small cube. So the colour cube is divided in steps
/// of [`STEP`] bits per channel, when and where it is needed, and each cube chooses among those that were left for the
/// cube around it.
struct Nearest<'a> {
    palette: &'a [[u8; 3]],
    /// Palette indices, in ascending order, for each cube of 64 levels and for each of 16; empty until needed.
    left: [Vec<Vec<u8>>; 2],
    /// Palette index plus one for each cube of four levels; 0 until needed.
    known: Vec<u16>,
}

const STEP: usize = 2;

impl<'a> Nearest<'a> {
    fn new(palette: &'a [[u8; 3]]) -> Self {
        Self {
            palette,
            left: [1, 2].map(|steps| vec![Vec::new(); 1 << (3 * steps * STEP)]),
            known: vec![0; 1 << (9 * STEP)],
        }
    }

    fn of(&mut self, colour: [i32; 3]) -> u8 {
        let cube = cube(colour, 3);
        if self.known[cube] == 0 {
            self.known[cube] = u16::from(self.search(colour)) + 1;
        }
        (self.known[cube] - 1) as u8
    }

    fn search(&mut self, colour: [i32; 3]) -> u8 {
        let [large, small] = [cube(colour, 1), cube(colour, 2)];
        if self.left[1][small].is_empty() {
            if self.left[0][large].is_empty() {
                let all = (0..self.palette.len()).map(|place| place as u8);
                self.left[0][large] = self.nearest_within(colour, 64, all);
            }
            let around = self.left[0][large].iter().copied();
            self.left[1][small] = self.nearest_within(colour, 16, around);
        }
        let middle = colour.map(|sample| (sample & !3) + 2);
        let apart =
            |place: &&u8| weighted(middle, self.palette[usize::from(**place)], i32::abs_diff);
        let nearest = self.left[1][small].iter().min_by_key(apart);
        nearest.copied().unwrap_or(0)
    }

    /// Returns those that may be nearest to the middle of some smallest cube in the cube of this width around `colour`:
    /// all that come closer to a point of it than the best one is to its farthest corner.
    fn nearest_within(
        &self,
        colour: [i32; 3],
        width: i32,
        places: impl Iterator<Item = u8> + Clone,
    ) -> Vec<u8> {
        let first = colour.map(|sample| (sample & !(width - 1)) + 2);
        let reach = width - 4;
        let least =
            |first: i32, sample: i32| (first - sample).max(sample - first - reach).max(0) as u32;
        let most = |first: i32, sample: i32| (first + reach - sample).max(sample - first) as u32;
        let of = |place: u8| self.palette[usize::from(place)];
        let bound = places
            .clone()
            .map(|place| weighted(first, of(place), most))
            .min();
        let bound = bound.unwrap_or(0);
        places
            .filter(|place| weighted(first, of(*place), least) <= bound)
            .collect()
    }
}

/// The index of the cube around a colour after this many steps.
fn cube(colour: [i32; 3], steps: usize) -> usize {
    let bits = steps * STEP;
    colour.iter().fold(0, |cube, sample| {
        cube << bits | (sample >> (8 - bits)) as usize
    })
}

/// The weighted sum of squares of what `apart` returns for each channel.
fn weighted(from: [i32; 3], to: [u8; 3], apart: impl Fn(i32, i32) -> u32) -> u32 {
    let channel =
        |channel: usize| WEIGHTS[channel] * apart(from[channel], i32::from(to[channel])).pow(2);
    channel(0) + channel(1) + channel(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(width: usize) -> Vec<[u8; 4]> {
        (0..width * width)
            .map(|at| [(at % width) as u8, (at / width) as u8, 128, 255])
            .collect()
    }

    #[test]
    fn few_colours_stay_what_they_are() {
        let pixels = [
            [255, 0, 0, 255],
            [0, 0, 255, 255],
            [9, 9, 9, 0],
            [255, 0, 0, 255],
        ];
        let mut palette = palette(&pixels, 16);
        palette.sort();
        assert_eq!(palette, [[0, 0, 255], [255, 0, 0]]);
        let places: Vec<_> = dithered(&pixels, 2, &palette).collect();
        assert_eq!(places, [Some(1), Some(0), None, Some(1)]);
    }

    #[test]
    fn many_colours_are_right_on_average() {
        let pixels = slope(256);
        let palette = palette(&pixels, 64);
        assert_eq!(palette.len(), 64);
        let places: Vec<_> = dithered(&pixels, 256, &palette).flatten().collect();
        for (row, column) in [(40, 100), (100, 40), (200, 120)] {
            let block = (0..256).map(|at| (row + at / 16, column + at % 16));
            let mut sums = [[0i32; 3]; 2];
            for (y, x) in block {
                let at = y * 256 + x;
                let shown = palette[usize::from(places[at])];
                for channel in 0..3 {
                    sums[0][channel] += i32::from(pixels[at][channel]);
                    sums[1][channel] += i32::from(shown[channel]);
                }
            }
            for channel in 0..3 {
                let apart = (sums[0][channel] - sums[1][channel]).abs() / 256;
                assert!(apart <= 4, "{row} {column}: {sums:?}");
            }
        }
    }

    /// In a palette that is crowded in one place, with ties, and for any colour.
    #[test]
    fn the_nearest_colour_is_what_a_search_of_all_finds() {
        let mixed = |at: usize| (at as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
        let palette: Vec<[u8; 3]> = (0..256)
            .map(|at| match (at % 3, mixed(at)) {
                (0, [r, g, b, _]) => [r, g, b],
                (1, [r, g, b, _]) => [r / 16 + 90, g / 16 + 100, b / 16],
                _ => [(at & 0xf0) as u8; 3],
            })
            .collect();
        let mut nearest = Nearest::new(&palette);
        for at in 0..1 << 18 {
            let colour = [at >> 12, at >> 6 & 63, at & 63].map(|step| step * 4 + (at & 3));
            let middle = colour.map(|sample| (sample & !3) + 2);
            let apart = |place: &usize| weighted(middle, palette[*place], i32::abs_diff);
            let expected = (0..palette.len()).min_by_key(apart);
            assert_eq!(
                Some(usize::from(nearest.of(colour))),
                expected,
                "{colour:?}"
            );
        }
    }
}
