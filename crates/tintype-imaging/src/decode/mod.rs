//! Bytes to samples. This is the one place where decoders are opened: each gets its limits, and a
//! reader that stops giving bytes when the deadline has passed.
//!
//! Samples come out as the file has them: orientation, colour and depth are for later steps.
//! Pictures that break off are shown as far as they go, as a browser would.

mod jpeg;
mod others;
mod png;

use std::time::Instant;

use crate::Error;
use crate::limits::Limits;
use crate::probe::{Container, SourceFormat};
use crate::spec::Size;

/// What a decoder gave.
pub(crate) struct Decoded {
    /// Of the samples; smaller than the original by `divisor`, rounded up.
    pub(crate) size: Size,
    pub(crate) divisor: u32,
    pub(crate) layout: Layout,
    pub(crate) samples: Samples,
}

/// Interleaved, rows without padding.
pub(crate) enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// 255 is full ink.
    Cmyk,
}

/// Decodes no more than is needed to show `part` of the picture (as stored) at the size `target`.
pub(crate) fn decode(
    bytes: &[u8],
    container: &Container,
    part: Size,
    target: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<Decoded, Error> {
    let header = &container.header;
    Error::check_pixels(header.size.pixels(), limits.max_pixels)?;
    let side = header.size.width.max(header.size.height);
    Error::check(
        "longer side in pixels",
        u64::from(side),
        u64::from(limits.max_side),
    )?;
    match header.format {
        SourceFormat::Jpeg => jpeg::decode(bytes, header, divisor(part, target), limits, deadline),
        SourceFormat::Png => png::decode(bytes, limits, deadline),
        _ => others::decode(bytes, header, limits, deadline),
    }
}

/// The largest scale that leaves twice the target: below that, the low-pass of a reduced inverse DCT
/// begins to show.
pub(crate) fn divisor(part: Size, target: Size) -> u32 {
    let fits = |divisor: u32| {
        let enough =
            |part: u32, target: u32| u64::from(part) >= 2 * u64::from(divisor) * u64::from(target);
        enough(part.width, target.width) && enough(part.height, target.height)
    };
    [8, 4, 2]
        .into_iter()
        .find(|&divisor| fits(divisor))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_leaves_twice_the_target_on_both_sides() {
        let source = Size::new(6000, 4000);
        let cases = [
            ((300, 200), 8),
            ((375, 250), 8),
            ((376, 250), 4),
            ((1200, 800), 2),
            ((1501, 1000), 1),
            ((300, 300), 4),
            ((6000, 4000), 1),
        ];
        for ((width, height), expected) in cases {
            assert_eq!(
                divisor(source, Size::new(width, height)),
                expected,
                "{width}x{height}"
            );
        }
    }
}
