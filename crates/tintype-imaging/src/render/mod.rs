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
//! 9. [`encode`], by what is seen ([`drawn`]), with the [`Rights`] that travel along.
//!
//! Where all that leaves the original as it is, its own coding may be the better answer ([`own`]).
//!
//! Deliberately absent: decisions. What to cut and how large to make it is in `Resolved`.

mod canvas;
mod colour;
mod drawn;
mod encode;
mod filter;
mod hdr;
mod own;
mod pixels;
mod resize;
mod turn;

use std::io::Cursor;
use std::time::{Duration, Instant};

use crate::Error;
use crate::decode;
use crate::limits::{Limits, check_deadline};
use crate::probe::{self, Container, Header, Rights, SourceFormat};
use crate::spec::{Format, Metadata, Rect, Resolved, Size};
use colour::Source;
pub use encode::check_size;
pub(crate) use pixels::Pixels;
/// What writes AVIF in this build. Its bytes are not those of another.
pub use tintype_avif::ENCODER as AVIF_ENCODER;
use turn::Turn;

#[derive(Clone, Debug)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    /// Of the bytes: the one asked for, unless [`Resolved::own_coding`] allows another.
    pub format: Format,
    pub size: Size,
    pub timings: Timings,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// With colours that cannot wait.
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

    let container = probe::container(Cursor::new(bytes), limits, deadline)?;
    let turn = Turn::of_orientation(container.header.orientation);
    let wanted = Wanted {
        crop: resolved.crop,
        turn: turn
            .then(Turn::of_rotation(resolved.rotate))
            .then(Turn::of_flip(resolved.flip)),
        size: resolved.size,
    };
    let mut timings = Timings::default();
    let stored = wanted.stored(&container.header)?;

    let start = Instant::now();
    let source = open(bytes, &container, &stored, limits, deadline)?;
    timings.decode = start.elapsed();

    let start = Instant::now();
    let pixels = shape(source, &container, &stored, wanted.turn, deadline)?;
    let pixels = filter::apply(pixels, resolved, deadline)?;
    let pixels = canvas::apply(pixels, resolved).without_idle_colour();
    timings.resize = start.elapsed();
    check_deadline(deadline)?;

    let start = Instant::now();
    let rights = match resolved.metadata {
        Metadata::Copyright => container.blocks.rights(limits),
        Metadata::None | Metadata::Keep => Rights::default(),
    };
    let encoded = encode::encode(&pixels, resolved, &rights, deadline)?;
    let own = own::smaller(
        bytes, &container, resolved, &rights, &encoded, limits, deadline,
    )?;
    timings.encode = start.elapsed();
    let (bytes, format) = own.map_or((encoded, resolved.format), |own| (own.bytes, own.format));
    Ok(Rendered {
        bytes,
        format,
        size: pixels.size,
        timings,
    })
}

/// All of a picture, upright, at a size; and whether it is drawn, judged as the original has it.
pub(crate) fn small(
    bytes: &[u8],
    size: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<(Pixels, bool), Error> {
    let container = probe::container(Cursor::new(bytes), limits, deadline)?;
    let header = &container.header;
    let upright = header.upright();
    let wanted = Wanted {
        crop: Rect {
            x: 0,
            y: 0,
            width: upright.width,
            height: upright.height,
        },
        turn: Turn::of_orientation(header.orientation),
        size,
    };
    let stored = wanted.stored(header)?;
    let source = open(bytes, &container, &stored, limits, deadline)?;
    // A JPEG has lost what would be worth keeping, and is decoded at a smaller scale here.
    let is_drawn = header.format != SourceFormat::Jpeg && drawn::is_drawn(&source.pixels);
    let pixels = shape(source, &container, &stored, wanted.turn, deadline)?;
    Ok((pixels, is_drawn))
}

struct Wanted {
    /// Of the upright original.
    crop: Rect,
    /// From stored to shown.
    turn: Turn,
    /// As shown.
    size: Size,
}

/// As the pixels are stored: they are cut and resized so, and turned when there are few of them.
struct Stored {
    crop: Rect,
    size: Size,
}

impl Wanted {
    fn stored(&self, header: &Header) -> Result<Stored, Error> {
        let upright = header.upright();
        let Rect {
            x,
            y,
            width,
            height,
        } = self.crop;
        let inside = |at: u32, length: u32, whole: u32| {
            length > 0 && at.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !inside(x, width, upright.width) || !inside(y, height, upright.height) {
            return Err(Error::internal("the crop is not inside the picture"));
        }
        let size = if self.turn.transposes() {
            self.size.transposed()
        } else {
            self.size
        };
        let crop = Turn::of_orientation(header.orientation).undo(self.crop, upright);
        Ok(Stored { crop, size })
    }
}

/// Steps 2 and 3.
fn open(
    bytes: &[u8],
    container: &Container,
    stored: &Stored,
    limits: &Limits,
    deadline: Instant,
) -> Result<Source, Error> {
    let part = Size::new(stored.crop.width, stored.crop.height);
    let decoded = decode::decode(bytes, container, part, stored.size, limits, deadline)?;
    check_deadline(deadline)?;
    let source = colour::to_eight_bits(decoded, container)?;
    check_deadline(deadline)?;
    Ok(source)
}

/// Steps 4 to 6.
fn shape(
    source: Source,
    container: &Container,
    stored: &Stored,
    turn: Turn,
    deadline: Instant,
) -> Result<Pixels, Error> {
    let pixels = resize::resize(source.pixels, source.divisor, stored.crop, stored.size)?;
    check_deadline(deadline)?;
    let pixels = if source.is_srgb {
        pixels
    } else {
        colour::to_srgb(pixels, container)
    };
    Ok(turn::apply(pixels, turn).without_idle_alpha())
}
