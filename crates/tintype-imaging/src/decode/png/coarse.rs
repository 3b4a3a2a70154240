//! Fills a truncated interlaced image: missing pixels take the nearest known value above and to the left, as browsers
//! show it while loading.

use crate::spec::Size;

/// The pass of each pixel (PNG, section 8.2).
const PASSES: [[u8; 8]; 8] = [
    [0, 5, 3, 5, 1, 5, 3, 5],
    [6, 6, 6, 6, 6, 6, 6, 6],
    [4, 5, 4, 5, 4, 5, 4, 5],
    [6, 6, 6, 6, 6, 6, 6, 6],
    [2, 5, 3, 5, 2, 5, 3, 5],
    [6, 6, 6, 6, 6, 6, 6, 6],
    [4, 5, 4, 5, 4, 5, 4, 5],
    [6, 6, 6, 6, 6, 6, 6, 6],
];

/// First column and row of each pass, and the steps from there.
const PLACES: [[u32; 4]; 7] = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
];

/// Grids of known pixels after each pass but the last, the finest first.
const GRIDS: [(u32, u32); 6] = [(1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8)];

/// `rows` is the number of known rows, over all passes.
pub(super) fn fill(samples: &mut [u8], size: Size, rows: u32) {
    let (mut pass, mut left) = (0, rows);
    while let Some([column, row, _, down]) = PLACES.get(pass)
        && left > 0
    {
        let has = match size.width > *column {
            true => size.height.saturating_sub(*row).div_ceil(*down),
            false => 0,
        };
        if left < has {
            break;
        }
        left -= has;
        pass += 1;
    }
    let is_there = |x: u32, y: u32| {
        let of = usize::from(PASSES[y as usize % 8][x as usize % 8]);
        of < pass || of == pass && (y - PLACES[of][1]) / PLACES[of][3] < left
    };
    let pixel = samples.len() / size.pixels().max(1) as usize;
    let place = |x: u32, y: u32| (y as usize * size.width as usize + x as usize) * pixel;
    for y in 0..size.height {
        for x in (0..size.width).filter(|x| !is_there(*x, y)) {
            let nearest = GRIDS
                .iter()
                .map(|(across, down)| (x - x % across, y - y % down));
            let Some((from_x, from_y)) = { nearest }.find(|(x, y)| is_there(*x, *y)) else {
                continue;
            };
            let from = place(from_x, from_y);
            samples.copy_within(from..from + pixel, place(x, y));
        }
    }
}
