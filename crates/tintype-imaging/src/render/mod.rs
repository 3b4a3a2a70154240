//! An original and a [`Resolved`] in, a variant out.
//!
//! The steps, each in a file of its own:
//!
//! 1. walk the container ([`crate::probe`]), so that no decoder meets what is over a limit;
//! 2. decode, at a reduced scale where the format allows ([`crate::decode`]);
//! 3. [`colour`]: CMYK and 16 bits to 8-bit sRGB, while the samples are still whole;
//! 4. [`resize`], which crops on the way;
//! 5. [`colour`] again: an 8-bit profile to sRGB, now that there are fewer pixels;
//! 6. [`turn`]: orientation, rotation, flip;
//! 7. [`filter`]: blur, sharpen, gray;
//! 8. [`canvas`]: background and padding;
//! 9. [`encode`], with the [`Rights`] that travel along.
//!
//! Deliberately absent: decisions. What to cut and how large to make it is in `Resolved`.

mod canvas;
mod colour;
mod encode;
mod filter;
mod hdr;
mod pixels;
mod resize;
mod turn;

use std::io::Cursor;
use std::time::{Duration, Instant};

use crate::Error;
use crate::decode;
use crate::limits::{Limits, check_deadline};
use crate::probe::{self, Container, Rights};
use crate::spec::{Format, Metadata, Rect, Resolved, Size};
pub use encode::check_size;
pub(crate) use pixels::Pixels;
/// What writes AVIF in this build. Its bytes are not those of another.
pub use tintype_avif::ENCODER as AVIF_ENCODER;
use turn::Turn;

#[derive(Clone, Debug)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    pub format: Format,
    pub size: Size,
    pub timings: Timings,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    pub decode: Duration,
    /// Everything between decoding and encoding.
    pub resize: Duration,
    pub encode: Duration,
}

pub fn render(
    bytes: &[u8],
    resolved: &Resolved,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendered, Error> {
    match (resolved.format, resolved.metadata) {
        (Format::Gif, _) => return Err(Error::NotYetSupported("gif output")),
        (_, Metadata::Keep) => return Err(Error::NotYetSupported("meta_keep")),
        _ => {}
    }
    encode::check_size(resolved.format, resolved.output())?;
    check_deadline(deadline)?;

    let container = probe::container(Cursor::new(bytes), limits)?;
    let turn = Turn::of_orientation(container.header.orientation);
    let wanted = Wanted {
        crop: resolved.crop,
        turn: turn
            .then(Turn::of_rotation(resolved.rotate))
            .then(Turn::of_flip(resolved.flip)),
        size: resolved.size,
    };
    let mut timings = Timings::default();
    let pixels = make(bytes, &container, &wanted, limits, deadline, &mut timings)?;

    let start = Instant::now();
    let pixels = filter::apply(pixels, resolved, deadline)?;
    let pixels = canvas::apply(pixels, resolved);
    timings.resize += start.elapsed();
    check_deadline(deadline)?;

    let start = Instant::now();
    let rights = match resolved.metadata {
        Metadata::Copyright => container.blocks.rights(limits),
        Metadata::None | Metadata::Keep => Rights::default(),
    };
    let bytes = encode::encode(&pixels, resolved, &rights, deadline)?;
    timings.encode = start.elapsed();
    Ok(Rendered {
        bytes,
        format: resolved.format,
        size: pixels.size,
        timings,
    })
}

/// An upright part of a picture at a size, as pixels.
pub(crate) fn small(
    bytes: &[u8],
    crop: Rect,
    size: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<Pixels, Error> {
    let container = probe::container(Cursor::new(bytes), limits)?;
    let turn = Turn::of_orientation(container.header.orientation);
    let wanted = Wanted { crop, turn, size };
    make(
        bytes,
        &container,
        &wanted,
        limits,
        deadline,
        &mut Timings::default(),
    )
}

struct Wanted {
    /// Of the upright original.
    crop: Rect,
    /// From stored to shown.
    turn: Turn,
    /// As shown.
    size: Size,
}

/// Steps 2 to 6.
fn make(
    bytes: &[u8],
    container: &Container,
    wanted: &Wanted,
    limits: &Limits,
    deadline: Instant,
    timings: &mut Timings,
) -> Result<Pixels, Error> {
    let start = Instant::now();
    let header = &container.header;
    let upright = header.upright();
    let Rect {
        x,
        y,
        width,
        height,
    } = wanted.crop;
    let inside = |at: u32, length: u32, whole: u32| {
        length > 0 && at.checked_add(length).is_some_and(|end| end <= whole)
    };
    if !inside(x, width, upright.width) || !inside(y, height, upright.height) {
        return Err(Error::internal("the crop is not inside the picture"));
    }
    // Pixels are cut and resized as they are stored, and turned when there are few of them.
    let crop = Turn::of_orientation(header.orientation).undo(wanted.crop, upright);
    let size = if wanted.turn.transposes() {
        wanted.size.transposed()
    } else {
        wanted.size
    };

    let part = Size::new(crop.width, crop.height);
    let decoded = decode::decode(bytes, container, part, size, limits, deadline)?;
    check_deadline(deadline)?;
    timings.decode = start.elapsed();

    let start = Instant::now();
    let source = colour::to_eight_bits(decoded, container)?;
    check_deadline(deadline)?;
    let pixels = resize::resize(source.pixels, source.divisor, crop, size)?;
    check_deadline(deadline)?;
    let pixels = if source.is_srgb {
        pixels
    } else {
        colour::to_srgb(pixels, container)
    };
    let pixels = turn::apply(pixels, wanted.turn);
    timings.resize = start.elapsed();
    Ok(pixels.without_idle_alpha())
}
