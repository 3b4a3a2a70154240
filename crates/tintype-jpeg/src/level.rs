//! Chooses the vector instructions at run time.

use fearless_simd::Level;

#[cfg(not(test))]
pub(crate) fn level() -> Level {
    Level::new()
}

#[cfg(test)]
pub(crate) fn level() -> Level {
    tests::CHOSEN.get().unwrap_or_else(Level::new)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Limits, Scale, decode};

    thread_local! {
        pub(super) static CHOSEN: Cell<Option<Level>> = const { Cell::new(None) };
    }

    /// A variant has the same bytes on every machine.
    #[test]
    fn every_level_gives_the_same_pixels() {
        let limits = Limits {
            max_pixels: 100_000_000,
            max_scans: 100,
        };
        for file in ["made-jpeg-420-base.jpg", "made-jpeg-444-prog.jpg"] {
            let corpus = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/corpus/formats/"
            );
            let bytes = std::fs::read(format!("{corpus}{file}")).unwrap();
            for scale in (1..=8).map(Scale::eighths) {
                let samples = |level| {
                    CHOSEN.set(level);
                    decode(&bytes, scale, &limits, &|| true).unwrap().samples
                };
                assert_eq!(
                    samples(Some(Level::baseline())),
                    samples(None),
                    "{file} {scale:?}"
                );
            }
        }
    }
}
