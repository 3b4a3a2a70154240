//! The one scale of `q`: that of JPEG with libjpeg's tables, whose numbers people know.
//!
//! Every other encoder has its own scale, so each has a table, here or, if it is chosen at build time, next to the
//! encoder ([`tintype_avif::ON_JPEGS_SCALE`]): its own quality that looks like JPEG at `q`. It depends on size: JPEG's
//! blocks are always 8 pixels wide, and the larger an image is, the higher a quality the other formats need to match
//! (at constant quality they lose four points of score from 320 to 1200 pixels).
//!
//! "Looks like" was measured: photographs were encoded at many qualities and scored by SSIMULACRA2 against the
//! encoder's input. An entry is where the mean score is up to a point below JPEG's, because there the worst photograph
//! is as good as JPEG's worst: JPEG's scores vary more. `cargo bench --bench quality` shows how well that holds, and
//! benches/README.md has its results.
//!
//! From 90 on JPEG keeps full chroma; WebP cannot, and falls behind.

use crate::spec::Size;

/// `q`, and the encoder's own quality for it, for an image of 320x240 and for one of 1200x900.
type Table = [(u8, u8, u8)];

/// The fourth roots of the columns' pixel counts. Sizes are spaced on this scale about as evenly as on a logarithmic
/// one, and a root is the same on every machine.
const COLUMNS: [f32; 2] = [16.0, 32.0];

/// libwebp's, for method 2.
const WEBP: &Table = &[
    (0, 0, 0),
    (20, 16, 16),
    (40, 41, 42),
    (60, 62, 65),
    (80, 81, 86),
    (90, 90, 92),
    (100, 100, 100),
];

/// libwebp's own quality, which may be fractional.
pub(super) fn webp(q: u8, size: Size) -> f32 {
    own(WEBP, q, size)
}

/// The own quality of the built-in AVIF encoder.
pub(super) fn avif(q: u8, size: Size) -> u8 {
    own(tintype_avif::ON_JPEGS_SCALE, q, size).round() as u8
}

/// Interpolates between the entries around `q`, and between the two sizes.
fn own(table: &Table, q: u8, size: Size) -> f32 {
    let next = table.partition_point(|&(at, ..)| at <= q);
    let next = next.clamp(1, table.len() - 1);
    let [from, to] = [table[next - 1], table[next]];
    let between = |low, high| on_line(f32::from(q), [from.0, to.0].map(f32::from), [low, high]);
    let small = between(from.1.into(), to.1.into());
    let large = between(from.2.into(), to.2.into());
    let column = (size.pixels() as f32).sqrt().sqrt();
    on_line(
        column.clamp(COLUMNS[0], COLUMNS[1]),
        COLUMNS,
        [small, large],
    )
}

/// Evaluates the line through two points at `x`.
fn on_line(x: f32, xs: [f32; 2], ys: [f32; 2]) -> f32 {
    ys[0] + (ys[1] - ys[0]) * (x - xs[0]) / (xs[1] - xs[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: [&Table; 2] = [WEBP, tintype_avif::ON_JPEGS_SCALE];
    const SIZES: [Size; 4] = [
        Size::new(1, 1),
        Size::new(320, 240),
        Size::new(640, 480),
        Size::new(4000, 3000),
    ];

    #[test]
    fn more_is_more_and_everything_is_everything() {
        for table in TABLES {
            for size in SIZES {
                assert!(own(table, 1, size) >= 0.5, "rounds to a quality");
                assert_eq!(own(table, 100, size), 100.0);
                for q in 1..100 {
                    assert!(own(table, q, size) < own(table, q + 1, size), "{q}");
                }
            }
        }
    }

    #[test]
    fn a_larger_picture_never_gets_less() {
        for table in TABLES {
            for q in 1..=100 {
                assert!(SIZES.is_sorted_by_key(|&size| own(table, q, size)), "{q}");
            }
        }
    }

    #[test]
    fn a_value_between_entries_is_on_the_lines() {
        let table = &[(0, 0, 0), (50, 10, 30), (100, 100, 100)];
        assert_eq!(own(table, 25, Size::new(1, 1)), 5.0);
        assert_eq!(own(table, 50, Size::new(9000, 9000)), 30.0);
        let half_way = Size::new(576, 576);
        assert_eq!(own(table, 75, half_way), (55.0 + 65.0) / 2.0);
    }
}
