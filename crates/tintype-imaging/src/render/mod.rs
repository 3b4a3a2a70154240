//! Renders a variant from an original and a [`Resolved`].
//!
//! The steps, each in its own file:
//!
//! 1. walk the container ([`crate::probe`]), so that no decoder meets what is over a limit;
//!    where the cut depends on the content, [`look`] at it first;
//! 2. decode, at a reduced scale where the format allows ([`crate::decode`]);
//! 3. [`colour`]: CMYK and HDR to 8-bit sRGB, and for resizing in [`linear`] light samples to that;
//! 4. [`shrink`]: crops and resizes, band by band as they are decoded;
//! 5. [`colour`] again: 16 bits to 8 and a profile to sRGB or Display P3, now that there are fewer pixels;
//! 6. [`turn`]: orientation, rotation, flip;
//! 7. [`filter`]: blur, sharpen, gray;
//! 8. [`canvas`]: background and padding;
//! 9. [`encode`], depending on the kind of image ([`drawn`]), with its [rights](crate::probe::Rights).
//!
//! An [`animation`] goes through the steps from 2 to 8 frame by frame.
//!
//! If all that leaves the original as it is, its own bytes may be the better result ([`own`]).
//!
//! Deliberately absent: decisions. `Resolved` says what to cut and how large to make it.

mod animation;
mod canvas;
mod colour;
mod drawn;
mod encode;
mod filter;
mod hdr;
mod inks;
mod linear;
pub(crate) mod look;
mod own;
mod pixels;
mod resize;
pub(crate) mod shrink;
mod together;
mod turn;

use std::io::Cursor;
use std::time::{Duration, Instant};

use crate::Error;
use crate::decode::{self, Band, Needed};
use crate::limits::{Limits, check_deadline};
use crate::probe::{self, Container, EncodedRights, Header, SourceFormat};
use crate::spec::{Format, Gamut, Rect, Resolved, Size};
use colour::Colours;
pub use encode::check_size;
pub(crate) use pixels::Pixels;
use shrink::{Shrink, Shrunk};
/// The AVIF encoder of this build; encoders differ in their output.
pub use tintype_avif::ENCODER as AVIF_ENCODER;
pub use together::render_all;
pub(crate) use turn::Turn;

#[derive(Clone, Debug)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    /// The format of the bytes: the requested one, unless [`Resolved::own_coding`] allows another.
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

/// Renders from a smaller copy of an upright original of the size `of`; `resolved` refers to the original's pixels.
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
    check_deadline(deadline)?;
    let container = probe::container(Cursor::new(bytes), limits, deadline)?;
    let of = of.unwrap_or_else(|| container.header.upright());
    let planned;
    let mut looking = Duration::ZERO;
    let resolved = match &resolved.look {
        None => resolved,
        Some(look) => {
            let start = Instant::now();
            planned = look::plan(bytes, &container, of, (resolved, look), limits, deadline)?;
            looking = start.elapsed();
            &planned
        }
    };
    let plan = Plan::new(bytes, &container, of, resolved)?;
    if resolved.animated {
        return plan.animate(bytes, &container, resolved, limits, deadline);
    }
    let (shrunk, decode) = plan.open(bytes, &container, limits, deadline)?;
    plan.finish(
        bytes,
        &container,
        resolved,
        (shrunk, looking + decode),
        limits,
        deadline,
    )
}

/// Content of a file besides the image.
struct Extras<'a> {
    /// Present only if it changes how the image looks.
    icc: Option<&'a [u8]>,
    rights: Option<&'a EncodedRights>,
}

/// How the file becomes a variant.
struct Plan {
    turn: Turn,
    stored: Stored,
}

impl Plan {
    fn new(
        bytes: &[u8],
        container: &Container,
        of: Size,
        resolved: &Resolved,
    ) -> Result<Self, Error> {
        encode::check_size(resolved.format, resolved.output())?;
        let turn = Turn::of_orientation(container.header.orientation);
        let wanted = Wanted {
            crop: resolved.crop,
            of,
            turn: turn
                .then(Turn::of_rotation(resolved.rotate))
                .then(Turn::of_flip(resolved.flip)),
            size: resolved.size,
        };
        let stored = Stored {
            // Drawn at its size.
            linear: resolved.linear && container.header.format != SourceFormat::Svg,
            gamut: resolved.gamut,
            ..wanted.stored(&container.header)?
        };
        Ok(Self {
            turn: wanted.turn,
            stored: Stored {
                quarter_chroma: is_ycbcr_throughout(bytes, container, resolved, &stored),
                ..stored
            },
        })
    }

    /// Steps 2 to 4, and the time that decoding took.
    fn open(
        &self,
        bytes: &[u8],
        container: &Container,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<(Shrunk, Duration), Error> {
        let start = Instant::now();
        let shrink = Shrink::new(container, &self.stored, deadline);
        let shrunk = open(bytes, container, &self.stored, limits, deadline, shrink)?;
        let decode = start.elapsed().saturating_sub(shrunk.spent);
        Ok((shrunk, decode))
    }

    /// Steps 2 to 9 for every frame.
    fn animate(
        &self,
        bytes: &[u8],
        container: &Container,
        resolved: &Resolved,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Rendered, Error> {
        let rights = (container.blocks).written(resolved.metadata, &resolved.rights, limits);
        let job = animation::Job {
            bytes,
            container,
            stored: &self.stored,
            turn: self.turn,
            resolved,
            rights: rights.as_ref(),
            limits,
            deadline,
        };
        let mut timings = Timings::default();
        let mut bytes = job.render(&mut timings)?;
        bytes.shrink_to_fit();
        Ok(Rendered {
            bytes,
            format: resolved.format,
            size: resolved.output(),
            timings,
        })
    }

    /// Steps 5 to 9, after a decode that took this long.
    fn finish(
        &self,
        bytes: &[u8],
        container: &Container,
        resolved: &Resolved,
        (shrunk, decode): (Shrunk, Duration),
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Rendered, Error> {
        let start = Instant::now();
        let resized = shrunk.spent;
        let rights = (container.blocks).written(resolved.metadata, &resolved.rights, limits);
        let rights = rights.as_ref();
        if let Some(chroma) = shrunk.chroma {
            let planes = [shrunk.pixels, chroma.0, chroma.1];
            let planes = planes.map(|plane| turn::apply(plane, self.turn));
            // Letters and lines need all of their chroma.
            if drawn::is_drawn(&planes[0]) {
                let plan = Self {
                    stored: Stored {
                        quarter_chroma: false,
                        ..self.stored
                    },
                    ..*self
                };
                let (shrunk, again) = plan.open(bytes, container, limits, deadline)?;
                let shrunk = (shrunk, decode + again);
                return plan.finish(bytes, container, resolved, shrunk, limits, deadline);
            }
            let resize = resized + start.elapsed();
            let start = Instant::now();
            let extras = Extras { icc: None, rights };
            let mut bytes = encode::encode_planes(&planes, resolved, &extras, deadline)?;
            bytes.shrink_to_fit();
            return Ok(Rendered {
                bytes,
                format: resolved.format,
                size: planes[0].size,
                timings: Timings {
                    decode,
                    resize,
                    encode: start.elapsed(),
                },
            });
        }
        let (pixels, gamut) = shape(shrunk, container, self.turn, resolved.gamut);
        let pixels = filter::apply(pixels, resolved, deadline)?;
        let pixels = canvas::apply(pixels, gamut, resolved, deadline)?.without_idle_colour();
        let resize = resized + start.elapsed();
        check_deadline(deadline)?;

        let start = Instant::now();
        let extras = Extras {
            // Both gamuts have the same grays.
            icc: colour::icc(gamut).filter(|_| !pixels.layout.is_gray()),
            rights,
        };
        let encoded = encode::encode(&pixels, resolved, &extras, deadline)?;
        let own = own::smaller(
            bytes, container, resolved, rights, &encoded, limits, deadline,
        )?;
        let (mut bytes, format) =
            own.map_or((encoded, resolved.format), |own| (own.bytes, own.format));
        // Encoders guess how much room they need, and an answer may be kept for long.
        bytes.shrink_to_fit();
        Ok(Rendered {
            bytes,
            format,
            size: pixels.size,
            timings: Timings {
                decode,
                resize,
                encode: start.elapsed(),
            },
        })
    }
}

/// Whether luma and chroma of a JPEG can become those of a variant without a detour by RGB: if nothing happens in
/// between but to be cropped, reduced and turned.
fn is_ycbcr_throughout(
    bytes: &[u8],
    container: &Container,
    resolved: &Resolved,
    stored: &Stored,
) -> bool {
    let header = &container.header;
    let Needed { part, target, .. } = stored.needed();
    let is_untouched = resolved.blur.is_none()
        && resolved.sharpen.is_none()
        && !resolved.gray
        && resolved.canvas.is_none();
    (header.format, header.channels()) == (SourceFormat::Jpeg, 3)
        && encode::has_quarter_chroma(resolved)
        && is_untouched
        && decode::in_planes(3, part, target)
        && decode::has_chroma(bytes)
        && colour::is_srgb(container)
}

/// Whether an original can be rendered at any size.
pub fn check_original(format: SourceFormat, size: Size, limits: &Limits) -> Result<(), Error> {
    decode::check_original(format, size, limits)
}

pub(crate) struct Small {
    pub(crate) pixels: Pixels,
    /// Judged at the original's own size.
    pub(crate) is_drawn: bool,
    /// Decoded data was missing or corrupt.
    pub(crate) is_damaged: bool,
}

/// Decodes all of an image, upright, at a size.
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
    // JPEG has already lost what would be worth keeping, and is decoded at a reduced scale here. SVG is always drawn.
    if !matches!(header.format, SourceFormat::Jpeg | SourceFormat::Svg) {
        shrink = shrink.judging();
    }
    let shrunk = open(bytes, &container, &stored, limits, deadline, shrink)?;
    Ok(Small {
        is_drawn: shrunk.is_drawn || header.format == SourceFormat::Svg,
        is_damaged: shrunk.is_damaged,
        pixels: shape(shrunk, &container, wanted.turn, Gamut::Srgb).0,
    })
}

struct Wanted {
    /// In the upright original.
    crop: Rect,
    /// The size of the upright original, even if a smaller copy is decoded.
    of: Size,
    /// From stored to displayed orientation.
    turn: Turn,
    /// As displayed.
    size: Size,
}

/// The cut in stored orientation: pixels are cropped and resized as stored, and turned once there are few of them.
#[derive(Clone, Copy)]
struct Stored {
    crop: Rect,
    size: Size,
    /// Pixels of the crop per pixel of the file, across and down: more than one in a smaller copy.
    reach: (f64, f64),
    /// Resized as light.
    linear: bool,
    /// What is converted before resizing gets these colours.
    gamut: Gamut,
    /// Whether luma and chroma stay apart, chroma at half of the size.
    quarter_chroma: bool,
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
            return Err(Error::internal("the crop is not inside the image"));
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
            linear: false,
            gamut: Gamut::Srgb,
            quarter_chroma: false,
        })
    }
}

impl Stored {
    /// Reduced decoding would average samples instead of light.
    fn needed(&self) -> Needed {
        let in_file = |pixels: u32, reach: f64| ((f64::from(pixels) / reach).round() as u32).max(1);
        let part = Size::new(
            in_file(self.crop.width, self.reach.0),
            in_file(self.crop.height, self.reach.1),
        );
        Needed {
            part,
            target: if self.linear { part } else { self.size },
            quarter_chroma: self.quarter_chroma,
        }
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
    let mut needed = stored.needed();
    // Whether a picture is drawn is seen in its own pixels alone.
    if shrink.is_judging() {
        needed.target = needed.part;
    }
    let mut take = |band: Band<'_>| shrink.take(band);
    let is_damaged = decode::decode(bytes, container, needed, limits, deadline, &mut take)?;
    Ok(Shrunk {
        is_damaged,
        ..shrink.finish()?
    })
}

/// Steps 5 and 6. Returns the gamut of the pixels as well: the target, unless that would be more than they need.
fn shape(shrunk: Shrunk, container: &Container, turn: Turn, target: Gamut) -> (Pixels, Gamut) {
    let (pixels, gamut) = match shrunk.colours {
        Colours::Of(gamut) => (shrunk.pixels, gamut),
        Colours::Own => colour::convert(shrunk.pixels, container, target),
    };
    (turn::apply(pixels, turn).without_idle_alpha(), gamut)
}
