//! Inks of a press that is not named, as colours of sRGB.
//!
//! What libvips takes them for: the profile "Chemical proof" by Graeme W. Gill, who gave it to the public domain, by
//! relative colorimetry. Of it there is a table here, of six steps of each ink, and what lies between is on planes
//! through the nearest five: within 0.6 of a deltaE2000 in the mean, and 1.6 at the 99th percentile.

/// From no ink to full ink in this many levels; then a step further.
const STEP: usize = 51;
const STEPS: usize = 255 / STEP + 1;

/// Red, green, blue of each mixture, in the order of cyan, then magenta, then yellow, then black.
const TABLE: &[u8; STEPS * STEPS * STEPS * STEPS * 3] = include_bytes!("inks.rgb");

/// Places in the table from one step to the next of cyan, magenta, yellow, black.
const STRIDES: [usize; 4] = [STEPS * STEPS * STEPS, STEPS * STEPS, STEPS, 1];

/// Cyan, magenta, yellow, black; 255 is full ink.
pub(super) fn to_srgb(inks: [u8; 4]) -> [u8; 3] {
    let mut place = 0;
    // How far beyond the step below, and where the step above is. Full ink is a step of its own.
    let mut beyond = [(0, 0); 4];
    for ((ink, stride), beyond) in inks.into_iter().zip(STRIDES).zip(&mut beyond) {
        place += usize::from(ink) / STEP * stride;
        *beyond = (usize::from(ink) % STEP, stride);
    }
    beyond.sort_unstable_by(|one, other| other.cmp(one));
    let mut sum = [STEP / 2; 3];
    let mut rest = STEP;
    // From one corner of the cell to the opposite one, along the ink that is furthest beyond first.
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

    /// As libvips 8.18 has them.
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
