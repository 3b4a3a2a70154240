//! Converts CMYK without a profile to sRGB.
//!
//! The colours are those of libvips: relative colorimetric, by the profile "Chemical proof", which Graeme W. Gill has
//! released into the public domain. The table here holds six levels of each ink; colours in between are interpolated
//! from the nearest five (simplex interpolation): within 0.6 deltaE2000 on average, and 1.6 at the 99th percentile.

/// Distance between two levels of the table.
const STEP: usize = 51;
const STEPS: usize = 255 / STEP + 1;

/// Red, green and blue of each mixture, ordered by cyan, magenta, yellow, black.
const TABLE: &[u8; STEPS * STEPS * STEPS * STEPS * 3] = include_bytes!("inks.rgb");

/// Distance in the table between two levels of cyan, magenta, yellow and black.
const STRIDES: [usize; 4] = [STEPS * STEPS * STEPS, STEPS * STEPS, STEPS, 1];

/// Converts cyan, magenta, yellow and black, where 255 is full ink.
pub(super) fn to_srgb(inks: [u8; 4]) -> [u8; 3] {
    let mut place = 0;
    // For each ink, how far it is above the level below, and the stride to the level above.
    let mut beyond = [(0, 0); 4];
    for ((ink, stride), beyond) in inks.into_iter().zip(STRIDES).zip(&mut beyond) {
        place += usize::from(ink) / STEP * stride;
        *beyond = (usize::from(ink) % STEP, stride);
    }
    beyond.sort_unstable_by(|one, other| other.cmp(one));
    let mut sum = [STEP / 2; 3];
    let mut rest = STEP;
    // From one corner of the cell to the opposite one, along the ink with the largest remainder first.
    for (share, stride) in beyond {
        add(&mut sum, place, rest - share);
        rest = share;
        if share > 0 {
            place += stride;
        }
    }
    add(&mut sum, place, rest);
    sum.map(|sum| (sum / STEP) as u8)
}

fn add(sum: &mut [usize; 3], place: usize, weight: usize) {
    let colour = &TABLE[3 * place..3 * place + 3];
    for (sum, channel) in sum.iter_mut().zip(colour) {
        *sum += weight * usize::from(*channel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values are those of libvips 8.18.
    #[test]
    fn colours_are_those_of_the_profile() {
        for (inks, expected) in [
            ([0, 0, 0, 0], [255, 255, 255]),
            ([255, 0, 0, 0], [0, 156, 228]),
            ([0, 255, 0, 0], [234, 23, 133]),
            ([0, 0, 255, 0], [255, 240, 0]),
            ([0, 0, 0, 255], [41, 35, 43]),
            ([255, 255, 255, 255], [33, 33, 44]),
            ([128, 128, 128, 0], [134, 117, 117]),
            ([128, 100, 30, 10], [126, 132, 166]),
            ([60, 20, 120, 25], [174, 185, 136]),
            ([30, 200, 90, 60], [170, 75, 102]),
            ([10, 40, 70, 0], [243, 206, 174]),
        ] {
            let found = to_srgb(inks);
            let off = found
                .iter()
                .zip(expected)
                .map(|(a, b): (&u8, u8)| a.abs_diff(b));
            assert!(
                off.max() <= Some(4),
                "{inks:?}: {found:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn a_little_more_ink_is_a_little_darker() {
        for ink in 0..255 {
            let (one, more) = (to_srgb([0, 0, 0, ink]), to_srgb([0, 0, 0, ink + 1]));
            let steps = one.iter().zip(&more).map(|(a, b)| a.checked_sub(*b));
            assert!(
                steps
                    .into_iter()
                    .all(|step| step.is_some_and(|step| step <= 4)),
                "{ink}"
            );
        }
    }
}
