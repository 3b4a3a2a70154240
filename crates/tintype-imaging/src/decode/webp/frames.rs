//! The frames of an animated WebP (RFC 9649, section 2.7.1.1).

use std::time::Instant;

use super::super::frames::{self, Disposal, Frame, collect};
use super::{Chunks, Form, each, lossless, picture};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

pub(in crate::decode) struct Frames<'a> {
    /// The chunks that are still to be read.
    rest: &'a [u8],
    canvas: Size,
    plays: u32,
}

/// Length of the offset, size, duration and flags of a frame.
pub(super) const HEAD: usize = 16;

impl<'a> Frames<'a> {
    pub(in crate::decode) fn open(bytes: &'a [u8], canvas: Size) -> Self {
        let rest = bytes.get(12..).unwrap_or_default();
        let animation = each(rest).find(|(kind, ..)| kind == b"ANIM");
        let plays = animation.and_then(|(_, data, _)| Some([*data.get(4)?, *data.get(5)?]));
        Self {
            rest,
            canvas,
            plays: plays.map_or(0, |plays| u16::from_le_bytes(plays).into()),
        }
    }
}

impl frames::Frames for Frames<'_> {
    fn plays(&self) -> u32 {
        self.plays
    }

    fn next(&mut self, limits: &Limits, deadline: Instant) -> Result<Option<Frame>, Error> {
        let Some((_, data, rest)) = each(self.rest).find(|(kind, ..)| kind == b"ANMF") else {
            return Ok(None);
        };
        self.rest = rest;
        read(data, self.canvas, limits, deadline).map(Some)
    }
}

pub(super) fn read(
    frame: &[u8],
    canvas: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<Frame, Error> {
    let (head, chunks) = frame
        .split_first_chunk::<HEAD>()
        .ok_or_else(|| Error::malformed("cut off"))?;
    let three = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    let (left, top) = (2 * three(0), 2 * three(3));
    let size = Size::new(three(6) + 1, three(9) + 1);
    if left + size.width > canvas.width || top + size.height > canvas.height {
        return Err(Error::malformed("a frame is not inside the image"));
    }
    let chunks = Chunks::of(chunks);
    let form = Form {
        size,
        has_alpha: chunks.alpha.is_some() || chunks.lossless.is_some_and(lossless::has_alpha),
        is_cut: false,
    };
    let pixels = collect(size, |take| {
        picture(&chunks, form, 1, limits, deadline, take)
    })?;
    Ok(Frame {
        left,
        top,
        size,
        pixels,
        is_blended: head[15] & 2 == 0,
        disposal: match head[15] & 1 {
            1 => Disposal::Clear,
            _ => Disposal::Keep,
        },
        milliseconds: three(12),
    })
}
