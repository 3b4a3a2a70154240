//! An original and a [`Resolved`] in, a variant out.
//!
//! The steps, each in a file of its own:
//!
//! 1. walk the container ([`crate::probe`]), so that no decoder meets what is over a limit;
//! 2. decode, at a reduced scale where the format allows ([`crate::decode`]);
//! 3. [`colour`]: CMYK and 16 bits to 8-bit sRGB, while the samples are still whole;
//! 4. [`shrink`]: crops and resizes, band by band as they are decoded;
//! 5. [`colour`] again: an 8-bit profile to sRGB, now that there are fewer pixels;
//! 6. [`turn`]: orientation, rotation, flip;
//! 7. [`filter`]: blur, sharpen, gray;
//! 8. [`canvas`]: background and padding;
//! 9. [`encode`], by what is seen ([`drawn`]), with the [rights](crate::probe::Rights) that travel along.
//!
//! An [`animation`] goes through the steps from 2 to 8 frame by frame.
//!
//! Where all that leaves the original as it is, its own coding may be the better answer ([`own`]).
//!
//! Deliberately absent: decisions. What to cut and how large to make it is in `Resolved`.

mod animation;
mod canvas;
mod colour;
mod drawn;
mod encode;
mod filter;
mod hdr;
mod own;
mod pixels;
mod resize;
pub(crate) mod shrink;
mod turn;

use std::io::Cursor;
use std::time::{Duration, Instant};

use crate::Error;
use crate::decode::{self, Band};
use crate::limits::{Limits, check_deadline};
use crate::probe::{self, Container, Header, SourceFormat};
use crate::spec::{Format, Metadata, Rect, Resolved, Size};
pub use encode::check_size;
pub(crate) use pixels::Pixels;
use shrink::{Shrink, Shrunk};
/// What writes AVIF in this build. Its bytes are not those of another.
pub use tintype_avif::ENCODER as AVIF_ENCODER;
pub(crate) use turn::Turn;

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
    render_as(bytes, None, resolved, limits, deadline)
}

/// The same from a smaller copy of an upright original of the size `of`, whose pixels `resolved` counts.
pub fn render_copy(
    bytes: &[u8],
    of: Size,
    resolved: &Resolved,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendered, Error> {
    render_as(bytes, Some(of), resolved, limits, deadline)
}

fn render_as(
    bytes: &[u8],
    of: Option<Size>,
    resolved: &Resolved,
    limits: &Limits,
    deadline: Instant,
) -> Result<Rendered, Error> {
    if resolved.metadata == Metadata::Keep {
        return Err(Error::NotYetSupported("meta_keep"));
    }
    encode::check_size(resolved.format, resolved.output())?;
    check_deadline(deadline)?;

    let container = probe::container(Cursor::new(bytes), limits, deadline)?;
    let turn = Turn::of_orientation(container.header.orientation);
    let wanted = Wanted {
        crop: resolved.crop,
        of: of.unwrap_or_else(|| container.header.upright()),
        turn: turn
            .then(Turn::of_rotation(resolved.rotate))
            .then(Turn::of_flip(resolved.flip)),
        size: resolved.size,
    };
    let mut timings = Timings::default();
    let stored = wanted.stored(&container.header)?;
    let rights = match resolved.metadata {
        Metadata::Copyright => container.blocks.rights(limits).written(),
        Metadata::None | Metadata::Keep => None,
    };
    let rights = rights.as_ref();
    if resolved.animated {
        let job = animation::Job {
            bytes,
            container: &container,
            stored: &stored,
            turn: wanted.turn,
            resolved,
            rights,
            limits,
            deadline,
        };
        let mut bytes = job.render(&mut timings)?;
        bytes.shrink_to_fit();
        return Ok(Rendered {
            bytes,
            format: resolved.format,
            size: resolved.output(),
            timings,
        });
    }

    let start = Instant::now();
    let shrink = Shrink::new(&container, &stored, deadline);
    let shrunk = open(bytes, &container, &stored, limits, deadline, shrink)?;
    timings.decode = start.elapsed().saturating_sub(shrunk.spent);

    let start = Instant::now();
    let resized = shrunk.spent;
    let pixels = shape(shrunk, &container, wanted.turn);
    let pixels = filter::apply(pixels, resolved, deadline)?;
    let pixels = canvas::apply(pixels, resolved).without_idle_colour();
    timings.resize = resized + start.elapsed();
    check_deadline(deadline)?;

    let start = Instant::now();
    let encoded = encode::encode(&pixels, resolved, rights, deadline)?;
    let own = own::smaller(
        bytes, &container, resolved, rights, &encoded, limits, deadline,
    )?;
    timings.encode = start.elapsed();
    let (mut bytes, format) = own.map_or((encoded, resolved.format), |own| (own.bytes, own.format));
    // Encoders guess how much room they need, and an answer may be kept for long.
    bytes.shrink_to_fit();
    Ok(Rendered {
        bytes,
        format,
        size: pixels.size,
        timings,
    })
}

/// Whether an original can be rendered at any size.
pub fn check_original(format: SourceFormat, size: Size, limits: &Limits) -> Result<(), Error> {
    decode::check_original(format, size, limits)
}

pub(crate) struct Small {
    pub(crate) pixels: Pixels,
    /// Judged as the original has it.
    pub(crate) is_drawn: bool,
    /// Part of what was decoded was missing or wrong.
    pub(crate) is_damaged: bool,
}

/// All of a picture, upright, at a size.
pub(crate) fn small(
    bytes: &[u8],
    size: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<Small, Error> {
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
        of: upright,
        turn: Turn::of_orientation(header.orientation),
        size,
    };
    let stored = wanted.stored(header)?;
    let mut shrink = Shrink::new(&container, &stored, deadline);
    // A JPEG has lost what would be worth keeping, and is decoded at a smaller scale here. An SVG is drawn.
    if !matches!(header.format, SourceFormat::Jpeg | SourceFormat::Svg) {
        shrink = shrink.judging();
    }
    let shrunk = open(bytes, &container, &stored, limits, deadline, shrink)?;
    Ok(Small {
        is_drawn: shrunk.is_drawn || header.format == SourceFormat::Svg,
        is_damaged: shrunk.is_damaged,
        pixels: shape(shrunk, &container, wanted.turn),
    })
}

struct Wanted {
    /// Of the upright original.
    crop: Rect,
    /// The upright original, of which there may be a smaller copy.
    of: Size,
    /// From stored to shown.
    turn: Turn,
    /// As shown.
    size: Size,
}

/// As the pixels are stored: they are cut and resized so, and turned when there are few of them.
struct Stored {
    crop: Rect,
    size: Size,
    /// How many pixels of the crop one of the file stands for, across and down: more than one in a smaller copy.
    reach: (f64, f64),
}

impl Wanted {
    fn stored(&self, header: &Header) -> Result<Stored, Error> {
        let upright = self.of;
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
        let turn = Turn::of_orientation(header.orientation);
        let of = if turn.transposes() {
            upright.transposed()
        } else {
            upright
        };
        let reach = |of: u32, file: u32| f64::from(of) / f64::from(file.max(1));
        Ok(Stored {
            crop: turn.undo(self.crop, upright),
            size,
            reach: (
                reach(of.width, header.size.width),
                reach(of.height, header.size.height),
            ),
        })
    }
}

/// Steps 2 to 4.
fn open(
    bytes: &[u8],
    container: &Container,
    stored: &Stored,
    limits: &Limits,
    deadline: Instant,
    mut shrink: Shrink<'_>,
) -> Result<Shrunk, Error> {
    let in_file = |pixels: u32, reach: f64| ((f64::from(pixels) / reach).round() as u32).max(1);
    let part = Size::new(
        in_file(stored.crop.width, stored.reach.0),
        in_file(stored.crop.height, stored.reach.1),
    );
    // Whether a picture is drawn is seen in its own pixels alone.
    let sizes = (
        part,
        if shrink.is_judging() {
            part
        } else {
            stored.size
        },
    );
    let mut take = |band: Band<'_>| shrink.take(band);
    let is_damaged = decode::decode(bytes, container, sizes, limits, deadline, &mut take)?;
    Ok(Shrunk {
        is_damaged,
        ..shrink.finish()?
    })
}

/// Steps 5 and 6.
fn shape(shrunk: Shrunk, container: &Container, turn: Turn) -> Pixels {
    let pixels = match shrunk.is_srgb {
        true => shrunk.pixels,
        false => colour::to_srgb(shrunk.pixels, container),
    };
    turn::apply(pixels, turn).without_idle_alpha()
}
