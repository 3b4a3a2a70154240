//! The exact palette of an image with at most 256 colours; nothing is rounded.

use super::Pixels;

pub(super) const MAX_COLOURS: usize = 256;

pub(super) struct Indexed {
    /// Red, green, blue of each colour.
    pub(super) palette: Vec<u8>,
    /// Alpha of the colours that are not opaque; these come first.
    pub(super) alphas: Vec<u8>,
    /// Bits per pixel: 1, 2, 4 or 8.
    pub(super) bits: usize,
    /// Packed indices; rows begin at whole bytes.
    pub(super) samples: Vec<u8>,
}

/// Returns `None` if there are more colours, or if the palette would cost more than it saves.
pub(super) fn indexed(pixels: &Pixels) -> Option<Indexed> {
    let colours = exact(pixels)?;
    let bits = match colours.len() {
        0..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    };
    let channels = pixels.layout.channels();
    let count = pixels.size.pixels() as usize;
    if bits == 8 && count + 3 * colours.len() >= count * channels {
        return None;
    }
    let alphas = colours.iter().map(|colour| (colour >> 24) as u8);
    Some(Indexed {
        palette: colours.iter().flat_map(rgb).collect(),
        alphas: alphas.take_while(|&alpha| alpha < 255).collect(),
        bits,
        samples: indices(pixels, &colours, bits),
    })
}

pub(super) fn rgb(colour: &u32) -> [u8; 3] {
    [(colour >> 16) as u8, (colour >> 8) as u8, *colour as u8]
}

/// Returns the colours as ARGB, in ascending order; `None` if there are more than [`MAX_COLOURS`].
pub(super) fn exact(pixels: &Pixels) -> Option<Vec<u32>> {
    let mut set = Set::default();
    let mut last = None;
    for colour in each(pixels) {
        if last != Some(colour) {
            set.insert(colour)?;
            last = Some(colour);
        }
    }
    // Alpha is the highest byte, so transparent colours come first, as tRNS requires.
    set.colours.sort_unstable();
    Some(set.colours)
}

/// Returns the index of each pixel's colour in `colours`, packed to `bits` bits; rows begin at whole bytes.
pub(super) fn indices(pixels: &Pixels, colours: &[u32], bits: usize) -> Vec<u8> {
    let mut last = (colours[0], 0);
    let indices = each(pixels).map(|colour| {
        if colour != last.0 {
            // Each colour is in the list, which was built from these pixels.
            last = (colour, colours.binary_search(&colour).unwrap_or_default());
        }
        last.1 as u8
    });
    let indices: Vec<u8> = indices.collect();
    if bits == 8 {
        return indices;
    }
    let rows = indices.chunks_exact(pixels.size.width as usize);
    let packed = rows.flat_map(|row| row.chunks(8 / bits)).map(|part| {
        let place = |(at, &index): (usize, &u8)| index << (8 - bits * (at + 1));
        part.iter()
            .enumerate()
            .map(place)
            .fold(0, |byte, bits| byte | bits)
    });
    packed.collect()
}

/// Yields ARGB. Invisible pixels get one colour, so that they need only one entry.
fn each(pixels: &Pixels) -> impl Iterator<Item = u32> {
    pixels
        .samples
        .chunks_exact(pixels.layout.channels())
        .map(|pixel| {
            let argb = match *pixel {
                [gray] => [255, gray, gray, gray],
                [gray, alpha] => [alpha, gray, gray, gray],
                [r, g, b] => [255, r, g, b],
                _ => [pixel[3], pixel[0], pixel[1], pixel[2]],
            };
            if argb[0] == 0 {
                0
            } else {
                u32::from_be_bytes(argb)
            }
        })
}

/// A hash set with four slots per colour, so that a lookup takes a step or two.
struct Set {
    /// Index into `colours` plus one; 0 is empty.
    table: [u16; SLOTS],
    colours: Vec<u32>,
}

const SLOTS: usize = 4 * MAX_COLOURS;

impl Default for Set {
    fn default() -> Self {
        Self {
            table: [0; SLOTS],
            colours: Vec::with_capacity(MAX_COLOURS),
        }
    }
}

impl Set {
    /// Returns `None` if the colour would be one too many.
    fn insert(&mut self, colour: u32) -> Option<()> {
        // Fibonacci hashing: the high bits of the product with 2^32 over the golden ratio.
        let mut slot = (colour.wrapping_mul(0x9e37_79b9) >> 22) as usize;
        loop {
            match self.table[slot] {
                0 if self.colours.len() == MAX_COLOURS => return None,
                0 => {
                    self.colours.push(colour);
                    self.table[slot] = self.colours.len() as u16;
                    return Some(());
                }
                place if self.colours[usize::from(place) - 1] == colour => return Some(()),
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }
}
