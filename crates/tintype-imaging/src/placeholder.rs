//! Placeholders that a page shows until the image loads: a ThumbHash and the dominant colour.

use std::time::Instant;

use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::Header;
use crate::render;
use crate::spec::Size;

/// ThumbHash takes at most 100 pixels a side.
const SIDE: u32 = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    pub dominant: [u8; 3],
    pub thumbhash: Vec<u8>,
    /// At least one pixel is not opaque.
    pub has_alpha: bool,
    /// A screenshot, chart, logo or scan, judged by its pixels; never a JPEG, whose compression has blurred it already.
    pub is_drawn: bool,
    /// Data was missing or corrupt, and that part is gray or as an earlier scan left it; only as far as it was decoded
    /// here.
    pub is_damaged: bool,
}

/// Decodes the image as small as the format allows.
pub fn make(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
) -> Result<Placeholder, Error> {
    let upright = header.upright();
    let size = size(upright);
    let small = render::small(bytes, size, limits, deadline)?;
    check_deadline(deadline)?;
    let rgba = small.pixels.to_rgba();
    Ok(Placeholder {
        dominant: dominant(&rgba),
        thumbhash: thumbhash::rgba_to_thumb_hash(size.width as usize, size.height as usize, &rgba),
        is_drawn: small.is_drawn,
        is_damaged: small.is_damaged,
        has_alpha: rgba.chunks_exact(4).any(|pixel| pixel[3] < 255),
    })
}

/// The size it is decoded at.
pub(crate) fn size(upright: Size) -> Size {
    let scale = (f64::from(SIDE) / f64::from(upright.width.max(upright.height))).min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).clamp(1, SIDE);
    Size::new(side(upright.width), side(upright.height))
}

/// The mean of the fullest cell of a 16x16x16 colour cube, weighted towards saturated colours: the sky of a landscape
/// rather than the mean of everything, which is mud.
fn dominant(rgba: &[u8]) -> [u8; 3] {
    #[derive(Clone, Copy, Default)]
    struct Cell {
        weight: u64,
        sum: [u64; 3],
    }
    let mut cells = vec![Cell::default(); 16 * 16 * 16];
    for pixel in rgba.chunks_exact(4) {
        let [r, g, b, a] = [pixel[0], pixel[1], pixel[2], pixel[3]];
        let at = usize::from(r >> 4) << 8 | usize::from(g >> 4) << 4 | usize::from(b >> 4);
        let saturation = r.max(g).max(b) - r.min(g).min(b);
        let weight = u64::from(a) * (64 + u64::from(saturation));
        let cell = &mut cells[at];
        cell.weight += weight;
        for (sum, value) in cell.sum.iter_mut().zip([r, g, b]) {
            *sum += weight * u64::from(value);
        }
    }
    let fullest = cells.iter().copied().reduce(|best, cell| {
        if cell.weight > best.weight {
            cell
        } else {
            best
        }
    });
    let cell = fullest.unwrap_or_default();
    // Fully transparent: white, like a page.
    if cell.weight == 0 {
        return [255; 3];
    }
    cell.sum.map(|sum| (sum / cell.weight) as u8)
}
