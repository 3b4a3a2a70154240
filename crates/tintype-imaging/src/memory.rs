//! Predicts the peak memory of a rendering, before any of the file is read.
//!
//! The bytes that the steps of [`crate::render`] hold at once, fitted to the measurements of `tests/memory.rs`, which
//! compares both over the corpus. Never too low, because a container that runs out of memory is killed with everything
//! in it; and not much too high, because memory that is reserved but unused keeps other images waiting.

use crate::cost::{SourceImage, eighths, part, reduced, target};
use crate::decode::svg;
use crate::decode::{BAND_BYTES, MAX_SIXTEEN_BYTES, in_planes};
use crate::geometry;
use crate::placeholder;
use crate::probe::heif::MAX_TILE;
use crate::probe::{MAX_STRIP_BYTES, MAX_SVG_TIMES, SourceFormat};
use crate::render::look::{SIDE, trim_size};
use crate::render::shrink::WINDOW_BYTES;
use crate::spec::{Format, Resolved, Rotate, Size};

const MIB: u64 = 1024 * 1024;

/// Independent of the image: tables, colour lookups, decoder state.
const FIXED: u64 = MIB;

/// Predicts [`crate::render::render`], including the file itself.
pub fn render(source: &SourceImage, resolved: &Resolved) -> u64 {
    let (part, target) = (part(resolved), target(resolved));
    let looking = looking(source, resolved);
    if resolved.animated {
        return FIXED + source.bytes + animating(source, resolved, part, target).max(looking);
    }
    let sizes = (reduced(source, resolved), target);
    let shrinking = shrinking(source, part, sizes, resolved.linear).max(looking);
    FIXED + source.bytes + shrinking.max(finishing(source, resolved))
}

/// Predicts [`crate::render::render_all`]: all are resized side by side, then finished one after the other.
pub fn render_all(source: &SourceImage, resolved: &[Resolved]) -> u64 {
    let each = resolved.iter().map(|resolved| {
        let (part, target) = (part(resolved), target(resolved));
        let reduced = reduced(source, resolved);
        let decoding = decoding(source, part, reduced);
        let shrinking = shrinking(source, part, (reduced, target), resolved.linear);
        (decoding, shrinking - decoding)
    });
    let (most, side_by_side) = each.fold((0, 0), |(most, sum), (decoding, own)| {
        (decoding.max(most), sum + own)
    });
    let decoding = match source.format {
        // One stripe per scale.
        SourceFormat::Jpeg => resolved.len() as u64 * most + row_of_coefficients(source),
        _ => most,
    };
    let finishing = resolved.iter().map(|resolved| finishing(source, resolved));
    FIXED + source.bytes + side_by_side + decoding.max(finishing.max().unwrap_or(0))
}

/// Predicts everything after resizing.
fn finishing(source: &SourceImage, resolved: &Resolved) -> u64 {
    let output = geometry::most(resolved).pixels().min(geometry::MAX_PIXELS);
    // Rotation, filters and canvas run one after the other, each from one image into another. A filter takes two
    // bytes per sample.
    let is_filtered = resolved.blur.is_some() || resolved.sharpen.is_some();
    let copies = if is_filtered { 4 } else { 2 };
    let shaped = copies * channels_between(source) * resolved.size.pixels().max(output);
    let own = match resolved.own_coding || resolved.is_original(source.upright) {
        true => 2 * source.bytes,
        false => 0,
    };
    let encoding = channels_between(source) * output + encoding(source, resolved, output) + own;
    shaped.max(encoding)
}

/// Predicts the decodes that analyse the image, and the largest rendering that may result.
fn looking(source: &SourceImage, resolved: &Resolved) -> u64 {
    let Some(look) = &resolved.look else {
        return 0;
    };
    let part = Size::new(look.within.width, look.within.height);
    let seen = |size: Size| {
        shrinking(source, part, (size, size), false) + 2 * channels_between(source) * size.pixels()
    };
    let smart = seen(Size::new(SIDE, SIDE));
    if look.trim.is_none() {
        return smart;
    }
    let most = geometry::most(resolved);
    let most = match resolved.rotate {
        Rotate::None | Rotate::Half => most,
        Rotate::Quarter | Rotate::ThreeQuarters => most.transposed(),
    };
    // What trimming leaves may be so small that a JPEG is decoded at full size.
    let cut = match source.format {
        SourceFormat::Jpeg => decoding(source, part, part),
        _ => 0,
    };
    let reduced = if resolved.linear { part } else { most };
    let answer = shrinking(source, part, (reduced, most), resolved.linear);
    smart.max(seen(trim_size(look.within))).max(cut).max(answer)
}

/// Predicts an animation. For one frame at a time: the stored frame, the canvas under it and the saved area that it
/// covers; the frame while it is resized; the output and its predecessor. All encoded frames are held twice, and a
/// decoder keeps those that later ones refer to.
fn animating(source: &SourceImage, resolved: &Resolved, part: Size, target: Size) -> u64 {
    let (all, most) = (source.upright.pixels(), geometry::most(resolved));
    let (output, longer) = (most.pixels(), most.width.max(most.height));
    let canvas = 4 * 3 * all + 10 * all;
    // If trimming decides the size, the largest that is possible.
    let height = if resolved.look.is_some() {
        longer
    } else {
        target.height
    };
    let across = 4 * u64::from(part.width) * u64::from(height) + 8 * target.pixels().max(output);
    let shown = 4 * 6 * output;
    let written = match resolved.format {
        Format::Gif => output,
        _ => output / 2,
    };
    let frame = encoding(
        &SourceImage {
            channels: 4,
            has_alpha: true,
            ..*source
        },
        resolved,
        output,
    );
    canvas + across + shown + frame + 2 * u64::from(source.frames) * written + keeping(source)
}

/// Predicts the decoders of an animation, as far as they keep frames.
fn keeping(source: &SourceImage) -> u64 {
    if source.format != SourceFormat::Avif {
        return 0;
    }
    let sample = u64::from(source.bits.div_ceil(8));
    // Planes of 4:4:4, and of alpha.
    AV1_PICTURES * u64::from(source.channels) * sample * source.upright.pixels()
}

/// Predicts [`placeholder::make`].
pub fn placeholder(source: &SourceImage) -> u64 {
    let size = placeholder::size(source.upright);
    FIXED + source.bytes + shrinking(source, source.upright, (size, size), false)
}

/// Pixels of the largest ordinary image of a format that fits into `bytes` when rendered 1200 pixels wide as WebP, the
/// most common request; at most `max_pixels`.
pub fn largest(format: SourceFormat, bytes: u64, max_pixels: u64) -> u64 {
    let compressed = COMPRESSED.into_iter().find(|(of, _)| *of == format);
    let bits = compressed.map_or(24, |(_, bits)| bits);
    let fits = |megapixels: u64| {
        let Ok(side) = u32::try_from((megapixels * 1_000_000).isqrt()) else {
            return false;
        };
        let upright = Size::new(side, side);
        let source = SourceImage {
            format,
            upright,
            // The usual file size.
            bytes: upright.pixels() * bits / 8,
            has_alpha: false,
            channels: 3,
            bits: 8,
            interlaced: false,
            may_be_drawn: false,
            frames: 1,
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

/// Bits per pixel in a file; files of other formats are hardly smaller than their pixels.
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

/// Predicts decoding, for this reduced size, and downscaling to the target size.
fn shrinking(
    source: &SourceImage,
    part: Size,
    (reduced, target): (Size, Size),
    is_linear: bool,
) -> u64 {
    let eighths = eighths(source, part, reduced);
    let (width, height) = (
        u64::from(source.upright.width),
        u64::from(source.upright.height),
    );
    let all = width * height;
    let channels = u64::from(source.channels);
    let sample = u64::from(source.bits.div_ceil(8));
    // Deep samples and light are resized with 16 bits.
    let is_deep = is_linear || source.bits > 8;
    let between = (1 + u64::from(is_deep)) * channels_between(source);
    // The resized columns of finished rows, and the result. Which side is across depends on the orientation.
    let across = |side: u32, other: u32| (u64::from(side) * eighths).div_ceil(8) * u64::from(other);
    let short = across(part.width, target.height).max(across(part.height, target.width));
    let short = between * (short + target.pixels());
    let in_rows = || {
        let rows = 6 * u64::from(part.height) / u64::from(target.height.max(1)) + 8;
        let window = (WINDOW_BYTES as u64).max(2 * rows * width.max(height) * between);
        let bands = 4 * (BAND_BYTES as u64).max(width.max(height) * channels * sample);
        window.min(between * all) + bands
    };
    let decoding = decoding(source, part, reduced);
    match source.format {
        SourceFormat::Jpeg if !in_planes(source.channels, part, reduced) && is_linear => {
            decoding + in_rows() + short
        }
        SourceFormat::Jpeg if !in_planes(source.channels, part, reduced) => {
            let whole = whole_jpeg(source, eighths);
            decoding + short.saturating_sub(whole)
        }
        SourceFormat::Jpeg => {
            let side = (width.max(height) * eighths).div_ceil(8);
            let rows =
                6 * u64::from(part.height) * eighths / (8 * u64::from(target.height.max(1))) + 8;
            let window = (WINDOW_BYTES as u64).max(2 * rows * side * between);
            decoding + window.min(between * all) + short
        }
        SourceFormat::Jp2 | SourceFormat::Ico => decoding + short,
        SourceFormat::Tiff if source.interlaced => decoding + short,
        _ => decoding + in_rows() + short,
    }
}

/// Predicts decoding to rows of pixels, which happens once for all sizes.
fn decoding(source: &SourceImage, part: Size, target: Size) -> u64 {
    let eighths = eighths(source, part, target);
    let (width, height) = (
        u64::from(source.upright.width),
        u64::from(source.upright.height),
    );
    let all = width * height;
    let channels = u64::from(source.channels);
    let sample = u64::from(source.bits.div_ceil(8));
    let alpha = sample * u64::from(matches!(channels, 2 | 4));
    match source.format {
        // Decoded as a whole before resizing.
        SourceFormat::Jpeg if !in_planes(source.channels, part, target) => {
            coefficients(source) + 2 * whole_jpeg(source, eighths)
        }
        SourceFormat::Jpeg => {
            let side = (width.max(height) * eighths).div_ceil(8);
            coefficients(source) + 16 * side * channels
        }
        SourceFormat::Png if source.interlaced => {
            let whole = channels * sample * all;
            let is_cut_down = sample == 2 && whole > MAX_SIXTEEN_BYTES as u64;
            whole / (1 + u64::from(is_cut_down))
        }
        SourceFormat::Gif | SourceFormat::Bmp if source.interlaced => all,
        SourceFormat::Png | SourceFormat::Gif | SourceFormat::Bmp => 0,
        SourceFormat::Tiff if !source.interlaced => {
            3 * (channels * sample * all).min(MAX_STRIP_BYTES)
        }
        // Planes with chroma at half resolution.
        SourceFormat::Webp if !source.interlaced => 3 * all / 2,
        SourceFormat::Webp => 5 * all,
        // One row of tiles, as wide as the image, and the tile being decoded.
        SourceFormat::Avif | SourceFormat::Heic if !source.interlaced => {
            let tile = u64::from(MAX_TILE.height);
            let rows = tile * width.max(height) * channels * sample;
            rows + alpha * all + OF_HEVC * MAX_TILE.pixels()
        }
        SourceFormat::Avif => OF_TWO_AV1 * sample * all / 2 + OF_ALPHA * alpha * all,
        SourceFormat::Heic => (OF_HEVC + OF_ALPHA * alpha) * all,
        SourceFormat::Svg => {
            let drawn = svg::drawn(source.upright, svg::divisor(part, target));
            let times = if source.interlaced { 1 } else { MAX_SVG_TIMES };
            4 * (drawn.pixels() + svg::LAYER_PIXELS) + 20 * times * source.bytes
        }
        // An index of rows per channel.
        SourceFormat::Psd => 40 * height.max(width),
        // In floating point, plus a copy.
        SourceFormat::Jxl => 20 * channels.max(3) * all,
        SourceFormat::Jp2 => 12 * channels * all,
        SourceFormat::Tiff | SourceFormat::Ico => 2 * channels * sample * all,
    }
}

/// Predicts a JPEG that is decoded as a whole.
fn whole_jpeg(source: &SourceImage, eighths: u64) -> u64 {
    let side = |pixels: u32| (u64::from(pixels) * eighths.next_power_of_two()).div_ceil(8);
    u64::from(source.channels) * side(source.upright.width) * side(source.upright.height)
}

/// Bytes per pixel: planes, and the decoder's state for each block. For AV1, per byte of a sample: twice all planes of
/// 4:4:4, because while they are sent from the decoder's process to this one, both hold them.
const OF_TWO_AV1: u64 = 12;
const OF_HEVC: u64 = 9;
/// Bytes per pixel of a separate alpha, or of a canvas for overlays.
const OF_ALPHA: u64 = 4;

/// Pictures of a track of AV1: eight that others may refer to, the next one, and its copy in this process.
const AV1_PICTURES: u64 = 10;

/// The coefficients of a progressive JPEG, whose scans are read side by side.
fn coefficients(source: &SourceImage) -> u64 {
    match source.interlaced {
        true => row_of_coefficients(source),
        false => 0,
    }
}

/// The coefficients of a row of MCUs, which are up to 16 pixels high.
fn row_of_coefficients(source: &SourceImage) -> u64 {
    let longer = u64::from(source.upright.width.max(source.upright.height));
    16 * 3 * longer * u64::from(source.channels)
}

/// Channels of what is resized: gray with alpha is resized as RGBA.
fn channels_between(source: &SourceImage) -> u64 {
    match source.channels {
        2 => 4,
        other => u64::from(other),
    }
}

/// Predicts the encoder, without the image itself.
fn encoding(source: &SourceImage, resolved: &Resolved, pixels: u64) -> u64 {
    match resolved.format {
        Format::Jpeg => {
            let flattened = if source.has_alpha { 3 } else { 0 };
            // Nonzero coefficients and the response; more at full chroma or high quality.
            let is_full = source.may_be_drawn || resolved.quality >= 90;
            (flattened + if is_full { 8 } else { 3 }) * pixels
        }
        Format::Png => 3 * pixels,
        Format::Webp if source.may_be_drawn && source.has_alpha => {
            40 * pixels + 2 * MIB + lossless_histograms(pixels)
        }
        Format::Webp if source.may_be_drawn => 25 * pixels + 2 * MIB,
        // Alpha is always lossless, and its search takes more memory than its data.
        Format::Webp if source.has_alpha => 28 * pixels,
        Format::Webp => 9 * pixels,
        Format::Avif => 18 * pixels + 2 * MIB,
        // RGBA before and after quantisation, palette indices, and LZW codes.
        Format::Gif => 16 * pixels + 3 * MIB,
    }
}

/// libwebp's histograms, which grow with the content of the image: two sets of at most 2600 tiles of at least 8x8
/// pixels, each with a count for every value of every channel, length, distance and cached colour.
fn lossless_histograms(pixels: u64) -> u64 {
    let counts = 256 + 24 + 1024 + 3 * 256 + 40;
    (pixels / 64).min(2_600) * 4 * counts
}
