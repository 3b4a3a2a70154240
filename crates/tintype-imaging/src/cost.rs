//! Predicts the CPU time of a rendering on one thread, before any of the file is read.
//!
//! A model with a few constants, in CPU nanoseconds, fitted by hand to photographs and other formats of the corpus
//! (release build, two busy cores of a 2 GHz EPYC); `cargo bench --bench cost` prints both side by side. It is within a
//! factor of two for ordinary photographs, which is enough to tell a thumbnail from a hero image; callers correct it by
//! measurements.

use std::time::Duration;

use crate::decode::{self, svg};
use crate::placeholder;
use crate::probe::{Header, SourceFormat};
use crate::render::look::{SIDE, trim_size};
use crate::spec::{Format, Resolved, Rotate, Size};

/// What a record knows about an original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceImage {
    pub format: SourceFormat,
    pub upright: Size,
    /// Size of the file.
    pub bytes: u64,
    pub has_alpha: bool,
    /// As decoded, including alpha.
    pub channels: u8,
    /// Per sample.
    pub bits: u8,
    /// As [`Header::interlaced`].
    pub interlaced: bool,
    /// False only for known photographs.
    pub may_be_drawn: bool,
    pub frames: u32,
}

/// The stages of [`crate::render::Timings`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedTimes {
    pub decode: Duration,
    pub resize: Duration,
    pub encode: Duration,
}

impl ExpectedTimes {
    pub fn total(&self) -> Duration {
        self.decode + self.resize + self.encode
    }
}

impl SourceImage {
    pub fn of(header: &Header, bytes: u64) -> Self {
        Self {
            format: header.format,
            upright: header.upright(),
            bytes,
            has_alpha: header.has_alpha,
            channels: header.channels(),
            bits: header.bits,
            interlaced: header.interlaced,
            may_be_drawn: header.format != SourceFormat::Jpeg,
            frames: header.frames,
        }
    }
}

/// Predicts [`crate::render::render`].
pub fn expect(source: &SourceImage, resolved: &Resolved) -> ExpectedTimes {
    let (part, target) = (part(resolved), target(resolved));
    let reduced = reduced(source, resolved);
    let tries = match resolved.max_bytes {
        Some(_) => TRIES,
        None => 1,
    };
    let filters = u64::from(resolved.blur.is_some()) + u64::from(resolved.sharpen.is_some());
    let filtering = nanoseconds(filters * FILTER * resolved.size.pixels());
    let once = ExpectedTimes {
        decode: decode(source, part, reduced),
        resize: (1 + u32::from(resolved.linear)) * resize(source, part, (reduced, target))
            + filtering,
        encode: encode(resolved.format, resolved.output()),
    };
    match resolved.animated {
        false => ExpectedTimes {
            decode: looking(source, resolved) + once.decode,
            encode: tries * once.encode,
            ..once
        },
        // Assumes that every frame covers the whole image. To meet a size limit, all of it is repeated.
        true => ExpectedTimes {
            decode: looking(source, resolved) + tries * source.frames * once.decode,
            resize: tries * source.frames * once.resize,
            encode: tries * source.frames * once.encode,
        },
    }
}

/// Predicts [`crate::render::render_all`], where all share the largest decode.
pub fn expect_all(source: &SourceImage, resolved: &[Resolved]) -> ExpectedTimes {
    let each = resolved.iter().map(|resolved| expect(source, resolved));
    each.fold(ExpectedTimes::default(), |all, one| ExpectedTimes {
        decode: all.decode.max(one.decode),
        resize: all.resize + one.resize,
        encode: all.encode + one.encode,
    })
}

/// Returns whether a decode for this variant can serve other sizes as well.
pub fn is_shared(source: &SourceImage, resolved: &Resolved) -> bool {
    let sizes = (part(resolved), reduced(source, resolved));
    let is_plain = resolved.look.is_none() && !resolved.animated;
    is_plain && decode::is_shared(source.format, source.channels, sizes)
}

/// Predicts the extra decodes that analyse the image.
fn looking(source: &SourceImage, resolved: &Resolved) -> Duration {
    let Some(look) = &resolved.look else {
        return Duration::ZERO;
    };
    let part = Size::new(look.within.width, look.within.height);
    let see = |size: Size| decode(source, part, size) + resize(source, part, (size, size));
    let trimming = look.trim.map(|_| see(trim_size(look.within)));
    let smart = look.framing.is_smart().then(|| see(Size::new(SIDE, SIDE)));
    trimming.unwrap_or_default() + smart.unwrap_or_default()
}

/// Predicts [`placeholder::make`].
pub fn placeholder(source: &SourceImage) -> Duration {
    let (whole, size) = (source.upright, placeholder::size(source.upright));
    decode(source, whole, size) + resize(source, whole, (size, size)) + PLACEHOLDER
}

/// Returns the size of the part of the upright original that is shown.
pub(crate) fn part(resolved: &Resolved) -> Size {
    Size::new(resolved.crop.width, resolved.crop.height)
}

/// Returns the size that the part is resized to, before rotation.
pub(crate) fn target(resolved: &Resolved) -> Size {
    match resolved.rotate {
        Rotate::None | Rotate::Half => resolved.size,
        Rotate::Quarter | Rotate::ThreeQuarters => resolved.size.transposed(),
    }
}

/// Returns the size that decoding may be reduced to: as light is averaged, it is not.
pub(crate) fn reduced(source: &SourceImage, resolved: &Resolved) -> Size {
    match resolved.linear && source.format != SourceFormat::Svg {
        true => part(resolved),
        false => target(resolved),
    }
}

/// Predicts one run of the encoder.
pub fn encode(format: Format, output: Size) -> Duration {
    let a_pixel = match format {
        Format::Jpeg => 12,
        Format::Png => 10,
        Format::Webp => 58,
        Format::Avif => tintype_avif::NANOSECONDS_PER_PIXEL,
        Format::Gif => 60,
    };
    nanoseconds(a_pixel * output.pixels().max(SMALLEST))
}

/// In pixels; below this, fixed costs dominate.
const SMALLEST: u64 = 20_000;

/// Average runs of the encoder with `max_bytes`: most responses fit at once, some take six.
const TRIES: u32 = 3;

/// Nanoseconds per pixel of a blur or an unsharp mask.
const FILTER: u64 = 40;

/// CPU time of the dominant colour and the ThumbHash, from at most 100 pixels a side.
const PLACEHOLDER: Duration = Duration::from_millis(1);

/// Entropy-coded bytes are read whole at any scale; the remaining cost is proportional to the pixels of the original.
fn decode(source: &SourceImage, part: Size, target: Size) -> Duration {
    let (a_byte, a_thousand_pixels) = match source.format {
        SourceFormat::Jpeg => {
            let eighths = eighths(source, part, target);
            // At 1/8, only the DC scans of a progressive file are read.
            let a_byte = match (source.interlaced, eighths) {
                (false, _) => 8,
                (true, 1) => 4,
                (true, _) => 40,
            };
            (a_byte, 400 + 400 * eighths)
        }
        SourceFormat::Png => (4, 1_700),
        SourceFormat::Webp => (0, 32_000),
        SourceFormat::Svg => (200, 1_000),
        SourceFormat::Jxl | SourceFormat::Jp2 => (0, 200_000),
        SourceFormat::Avif => (0, 90_000),
        SourceFormat::Heic => (0, 60_000),
        _ => (0, 4_000),
    };
    let pixels = match source.format {
        SourceFormat::Svg => drawn(source, part, target),
        _ => source.upright.pixels(),
    };
    nanoseconds(a_byte * source.bytes + pixels * a_thousand_pixels / 1000)
}

fn resize(source: &SourceImage, part: Size, (reduced, target): (Size, Size)) -> Duration {
    let decoded = match source.format {
        SourceFormat::Svg => drawn(source, part, target),
        _ => part.pixels() * eighths(source, part, reduced).pow(2) / 64,
    };
    let a_decoded_pixel = 2 + 3 * u64::from(source.has_alpha) + 2 * u64::from(source.bits > 8);
    nanoseconds(a_decoded_pixel * decoded + 8 * target.pixels())
}

/// Returns the pixels of an SVG, which is drawn about as large as it is shown.
fn drawn(source: &SourceImage, part: Size, target: Size) -> u64 {
    svg::drawn(source.upright, svg::divisor(part, target)).pixels()
}

/// Returns the scale of decoding, in eighths. Orientation does not matter: it turns `part` and `target` alike.
pub(crate) fn eighths(source: &SourceImage, part: Size, target: Size) -> u64 {
    match source.format {
        SourceFormat::Jpeg => u64::from(decode::eighths(part, target)),
        _ => 8,
    }
}

fn nanoseconds(count: u64) -> Duration {
    Duration::from_nanos(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(format: SourceFormat, (width, height): (u32, u32), bytes: u64) -> SourceImage {
        SourceImage {
            format,
            upright: Size::new(width, height),
            bytes,
            has_alpha: false,
            channels: 3,
            bits: 8,
            interlaced: false,
            may_be_drawn: false,
            frames: 1,
        }
    }

    /// The whole image, at this width.
    fn resolved(source: &SourceImage, width: u32, format: Format) -> Resolved {
        let Size {
            width: whole,
            height,
        } = source.upright;
        let size = Size::new(width, height * width / whole);
        Resolved::whole(source.upright, size, format)
    }

    /// Photographs of the corpus, with CPU milliseconds measured by `cargo bench --bench cost`.
    #[test]
    fn ordinary_photographs_are_within_a_factor_of_two() {
        use Format::{Jpeg, Png, Webp};
        let jpeg = |size, bytes| source(SourceFormat::Jpeg, size, bytes);
        let six_megapixels = jpeg((2725, 2225), 829_183);
        let blinds = jpeg((1920, 1200), 1_157_513);
        let darkest_hour = jpeg((2560, 1600), 318_080);
        let webp = source(SourceFormat::Webp, (1024, 772), 176_972);
        let cases = [
            (&six_megapixels, 100, Jpeg, 11.3),
            (&six_megapixels, 320, Webp, 23.1),
            (&six_megapixels, 1200, Webp, 132.4),
            (&six_megapixels, 2400, Png, 146.3),
            (&blinds, 1200, Jpeg, 76.9),
            (&darkest_hour, 320, Jpeg, 11.2),
            (&darkest_hour, 1200, Png, 55.4),
            (&darkest_hour, 2400, Webp, 187.1),
            (&webp, 320, Jpeg, 36.2),
        ];
        for (source, width, format, measured) in cases {
            let expected = expect(source, &resolved(source, width, format)).total();
            let ratio = expected.as_secs_f64() * 1000.0 / measured;
            assert!(
                (0.5..=2.0).contains(&ratio),
                "{source:?} {width} {format:?}: {expected:?} instead of {measured} ms"
            );
        }
    }

    /// 12 megapixels in 2.9 MB, measured by `cargo bench -p tintype-jpeg --bench decode`.
    #[test]
    fn progressive_photographs_are_within_a_factor_of_two() {
        let mut progressive = source(SourceFormat::Jpeg, (4032, 3024), 2_900_000);
        progressive.interlaced = true;
        for (width, measured) in [(250, 18.2), (500, 87.5), (1000, 150.0), (2000, 165.0)] {
            let expected = expect(&progressive, &resolved(&progressive, width, Format::Jpeg));
            let ratio = expected.decode.as_secs_f64() * 1000.0 / measured;
            assert!((0.5..=2.0).contains(&ratio), "{width}: {expected:?}");
        }
    }

    #[test]
    fn a_turned_picture_costs_what_it_costs_upright() {
        let wide = source(SourceFormat::Jpeg, (4000, 1000), 1_000_000);
        let upright = resolved(&wide, 400, Format::Jpeg);
        let turned = Resolved {
            rotate: Rotate::Quarter,
            size: upright.size.transposed(),
            ..upright.clone()
        };
        assert_eq!(expect(&wide, &turned), expect(&wide, &upright));
    }

    #[test]
    fn a_cut_is_decoded_at_the_scale_that_it_needs() {
        let photograph = source(SourceFormat::Jpeg, (4000, 3000), 1_000_000);
        let whole = resolved(&photograph, 250, Format::Jpeg);
        let mut cut = whole.clone();
        (cut.crop.width, cut.crop.height) = (500, 375);
        let (cut, whole) = (expect(&photograph, &cut), expect(&photograph, &whole));
        assert!(cut.decode > 2 * whole.decode, "{cut:?}, {whole:?}");
        assert_eq!(cut.encode, whole.encode);
    }

    #[test]
    fn an_answer_that_must_be_small_is_encoded_several_times() {
        let photograph = source(SourceFormat::Jpeg, (4000, 3000), 1_000_000);
        let free = resolved(&photograph, 1000, Format::Webp);
        let bound = Resolved {
            max_bytes: Some(10_000),
            ..free.clone()
        };
        let (free, bound) = (expect(&photograph, &free), expect(&photograph, &bound));
        assert!(bound.encode > free.encode);
        assert_eq!(bound.decode, free.decode);
    }

    #[test]
    fn a_vector_image_costs_what_is_shown_of_it() {
        let small = source(SourceFormat::Svg, (400, 300), 1_000);
        let large = source(SourceFormat::Svg, (4000, 3000), 1_000);
        assert_eq!(placeholder(&small), placeholder(&large));
    }

    #[test]
    fn the_smallest_picture_is_not_for_nothing() {
        for format in [
            Format::Jpeg,
            Format::Png,
            Format::Webp,
            Format::Avif,
            Format::Gif,
        ] {
            assert!(encode(format, Size::new(1, 1)) > Duration::ZERO);
        }
    }
}
