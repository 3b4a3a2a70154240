//! What a rendering takes of memory at most, before anything of the file is read.
//!
//! Bytes of what the steps of [`crate::render`] hold at once: fitted to what `tests/memory.rs` measures, which
//! compares both over the corpus. Never less than it takes, since a container that is out of memory is killed
//! with everything in it; and not much more, since what is claimed and not used keeps other pictures waiting.

use crate::cost::{Source, eighths};
use crate::decode::svg;
use crate::decode::{BAND_BYTES, MAX_SIXTEEN_BYTES, leaves_twice};
use crate::placeholder;
use crate::probe::heif::MAX_TILE;
use crate::probe::{MAX_STRIP_BYTES, MAX_SVG_TIMES, SourceFormat};
use crate::render::shrink::WINDOW_BYTES;
use crate::spec::{Format, Resolved, Rotate, Size};

const MIB: u64 = 1024 * 1024;

/// What is not in proportion to a picture: tables, colour look-ups, the state of decoders.
const FIXED: u64 = MIB;

/// For [`crate::render::render`], with the file itself.
pub fn render(source: &Source, resolved: &Resolved) -> u64 {
    let part = Size::new(resolved.crop.width, resolved.crop.height);
    let target = match resolved.rotate {
        Rotate::None | Rotate::Half => resolved.size,
        Rotate::Quarter | Rotate::ThreeQuarters => resolved.size.transposed(),
    };
    // Turned, filtered and put on a canvas one after the other, each from one picture to the next.
    let shaped =
        2 * channels_between(source) * resolved.size.pixels().max(resolved.output().pixels());
    let own = match resolved.own_coding || resolved.is_original(source.upright) {
        true => 2 * source.bytes,
        false => 0,
    };
    let output = resolved.output().pixels();
    let encoding = channels_between(source) * output + encoding(source, resolved, output) + own;
    FIXED + source.bytes + shrinking(source, part, target).max(shaped).max(encoding)
}

/// The same for [`placeholder::make`].
pub fn placeholder(source: &Source) -> u64 {
    FIXED + source.bytes + shrinking(source, source.upright, placeholder::size(source.upright))
}

/// Pixels of the largest ordinary picture of a format that fits into so many bytes, at 1200 pixels as WebP, which
/// is what most pages ask for; at most `max_pixels`.
pub fn largest(format: SourceFormat, bytes: u64, max_pixels: u64) -> u64 {
    let compressed = COMPRESSED.into_iter().find(|(of, _)| *of == format);
    let bits = compressed.map_or(24, |(_, bits)| bits);
    let fits = |megapixels: u64| {
        let Ok(side) = u32::try_from((megapixels * 1_000_000).isqrt()) else {
            return false;
        };
        let upright = Size::new(side, side);
        let source = Source {
            format,
            upright,
            // As files of it usually are.
            bytes: upright.pixels() * bits / 8,
            has_alpha: false,
            channels: 3,
            bits: 8,
            interlaced: false,
            may_be_drawn: false,
        };
        render(&source, &usual(upright)) <= bytes
    };
    let (mut low, mut high) = (0, max_pixels / 1_000_000);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low * 1_000_000
}

/// Bits that a pixel takes in a file; the others are hardly smaller than what they show.
const COMPRESSED: [(SourceFormat, u64); 6] = [
    (SourceFormat::Jpeg, 4),
    (SourceFormat::Png, 14),
    (SourceFormat::Webp, 2),
    (SourceFormat::Gif, 5),
    (SourceFormat::Avif, 2),
    (SourceFormat::Heic, 2),
];

fn usual(upright: Size) -> Resolved {
    let width = upright.width.min(1_200);
    Resolved::whole(upright, Size::new(width, width), Format::Webp)
}

/// Until the picture is as small as it is shown.
fn shrinking(source: &Source, part: Size, target: Size) -> u64 {
    let eighths = eighths(source, part, target);
    let (width, height) = (
        u64::from(source.upright.width),
        u64::from(source.upright.height),
    );
    let all = width * height;
    let channels = u64::from(source.channels);
    let sample = u64::from(source.bits.div_ceil(8));
    let between = channels_between(source);
    let alpha = sample * u64::from(matches!(channels, 2 | 4));
    // Every column that is looked at of the rows that are done, and the answer. Which side is across is the
    // orientation's to say.
    let across = |side: u32, other: u32| (u64::from(side) * eighths).div_ceil(8) * u64::from(other);
    let short = across(part.width, target.height).max(across(part.height, target.width));
    let short = between * (short + target.pixels());
    let in_rows = || {
        let rows = 6 * u64::from(part.height) / u64::from(target.height.max(1)) + 8;
        let window = (WINDOW_BYTES as u64).max(2 * rows * width.max(height) * between);
        let bands = 4 * (BAND_BYTES as u64).max(width.max(height) * channels * sample);
        window.min(between * all) + bands
    };
    match source.format {
        // Whole before it is made smaller or larger.
        SourceFormat::Jpeg if channels == 4 || channels == 3 && !leaves_twice(part, target) => {
            let eighths = eighths.next_power_of_two();
            let decoded = (width * eighths).div_ceil(8) * (height * eighths).div_ceil(8);
            let whole = channels * decoded;
            coefficients(source) + whole.max(short) + whole
        }
        SourceFormat::Jpeg => {
            let side = (width.max(height) * eighths).div_ceil(8);
            let rows =
                6 * u64::from(part.height) * eighths / (8 * u64::from(target.height.max(1))) + 8;
            let window = (WINDOW_BYTES as u64).max(2 * rows * side * channels);
            let stripe = 16 * side * channels;
            coefficients(source) + window.min(channels * all) + stripe + short
        }
        SourceFormat::Png if source.interlaced => {
            let whole = channels * sample * all;
            let is_cut_down = sample == 2 && whole > MAX_SIXTEEN_BYTES as u64;
            whole / (1 + u64::from(is_cut_down)) + in_rows() + short
        }
        SourceFormat::Gif if source.interlaced => all + in_rows() + short,
        SourceFormat::Png | SourceFormat::Gif => in_rows() + short,
        SourceFormat::Bmp if !source.interlaced => in_rows() + short,
        SourceFormat::Bmp => all + in_rows() + short,
        SourceFormat::Tiff if !source.interlaced => {
            let strip = (channels * sample * all).min(MAX_STRIP_BYTES);
            3 * strip + in_rows() + short
        }
        // Planes, with chroma of half the size.
        SourceFormat::Webp if !source.interlaced => 3 * all / 2 + in_rows() + short,
        SourceFormat::Webp => 5 * all + in_rows() + short,
        // A row of tiles, as wide as the picture, and the one that is being decoded.
        SourceFormat::Avif | SourceFormat::Heic if !source.interlaced => {
            let tile = u64::from(MAX_TILE.height);
            let rows = tile * width.max(height) * channels * sample;
            rows + alpha * all + OF_HEVC * MAX_TILE.pixels() + in_rows() + short
        }
        SourceFormat::Avif => {
            let planes = OF_TWO_AV1 * sample * all / 2;
            planes + OF_ALPHA * alpha * all + in_rows() + short
        }
        SourceFormat::Heic => (OF_HEVC + OF_ALPHA * alpha) * all + in_rows() + short,
        SourceFormat::Svg => {
            let drawn = svg::drawn(source.upright, svg::divisor(part, target));
            let times = if source.interlaced { 1 } else { MAX_SVG_TIMES };
            let text = 20 * times * source.bytes;
            4 * (drawn.pixels() + svg::LAYER_PIXELS) + text + in_rows() + short
        }
        // A table of rows of each channel.
        SourceFormat::Psd => 40 * height.max(width) + in_rows() + short,
        // In floating point, and once more.
        SourceFormat::Jxl => 20 * channels.max(3) * all + in_rows() + short,
        SourceFormat::Jp2 => 12 * channels * all + short,
        _ => 2 * channels * sample * all + short,
    }
}

/// Bytes of a pixel: planes, and what is known of each block. Of AV1 for each byte of a sample; by the time that planes go
/// from process to process, the decoder has let go of all else.
const OF_TWO_AV1: u64 = 7;
const OF_HEVC: u64 = 9;
/// Of an alpha for itself, or of what several are laid upon.
const OF_ALPHA: u64 = 4;

/// Of a progressive JPEG, whose scans are read side by side: the coefficients of a row of MCUs, of up to 16 pixels.
fn coefficients(source: &Source) -> u64 {
    let longer = u64::from(source.upright.width.max(source.upright.height));
    match source.interlaced {
        true => 16 * 3 * longer * u64::from(source.channels),
        false => 0,
    }
}

/// Of what is resized: gray with alpha goes as RGBA.
fn channels_between(source: &Source) -> u64 {
    match source.channels {
        2 => 4,
        other => u64::from(other),
    }
}

/// Of the encoder, besides the picture itself.
fn encoding(source: &Source, resolved: &Resolved, pixels: u64) -> u64 {
    match resolved.format {
        Format::Jpeg => {
            let flattened = if source.has_alpha { 3 } else { 0 };
            // Coefficients that are not zero, and the answer: of all colour, and at a high quality, there are more.
            let is_full = source.may_be_drawn || resolved.quality >= 90;
            (flattened + if is_full { 8 } else { 3 }) * pixels
        }
        Format::Png => 3 * pixels,
        Format::Webp if source.may_be_drawn && source.has_alpha => {
            40 * pixels + 2 * MIB + lossless_histograms(pixels)
        }
        Format::Webp if source.may_be_drawn => 22 * pixels + 2 * MIB,
        // Alpha is always lossless, whose search takes more than what it searches.
        Format::Webp if source.has_alpha => 28 * pixels,
        Format::Webp => 9 * pixels,
        Format::Avif => 18 * pixels + 2 * MIB,
        // Not written yet.
        Format::Gif => 0,
    }
}

/// libwebp's, which grow with how much there is in the picture: of at most 2600 tiles of 8 pixels or more, twice,
/// a count for each value of each channel, length, distance and colour of the cache.
fn lossless_histograms(pixels: u64) -> u64 {
    let counts = 256 + 24 + 1024 + 3 * 256 + 40;
    (pixels / 64).min(2_600) * 4 * counts
}
