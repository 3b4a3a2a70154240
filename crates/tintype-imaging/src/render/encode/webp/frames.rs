//! An animated WebP (RFC 9649, section 2.7.1.1). Each frame replaces the rectangle that changed.

use std::time::Instant;

use super::super::sequence::{Sequence, changed, of_rgba, part, rgba};
use super::{Coding, RIFF_HEADER, Samples, contain, drawn_alone, picture, push};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::EncodedRights;
use crate::render::{Extras, Pixels, drawn};
use crate::spec::{Rect, Size};

pub(in crate::render) struct Frames {
    size: Size,
    q: u8,
    has_alpha: bool,
    /// Whether the first frame was encoded losslessly; `None` before it.
    is_lossless: Option<bool>,
    shown: Vec<[u8; 4]>,
    chunks: Vec<u8>,
}

/// Frame flags: replace pixels without blending, and keep the frame afterwards.
const IN_PLACE: u8 = 2;

/// The format stores a duration in three bytes.
const MAX_MILLISECONDS: u32 = 0xff_ffff;

impl Frames {
    /// `plays`: 0 means for ever.
    pub(in crate::render) fn new(size: Size, plays: u32, q: u8) -> Self {
        let mut chunks = Vec::new();
        let plays = u16::try_from(plays).unwrap_or(u16::MAX);
        // The background colour, which browsers ignore.
        let animation = [&[0; 4], &plays.to_le_bytes()[..]].concat();
        push(&mut chunks, b"ANIM", &animation);
        Self {
            size,
            q,
            has_alpha: false,
            is_lossless: None,
            shown: Vec::new(),
            chunks,
        }
    }

    /// Returns the chunks of a frame. The first frame decides, with much effort, between lossless and lossy; a later
    /// one is lossless only if the first was, and if it is a drawing too.
    fn coded(&mut self, pixels: &Pixels, deadline: Instant) -> Result<Vec<u8>, Error> {
        let is_drawn = self.is_lossless != Some(false) && drawn::is_drawn(pixels);
        let lossy = Coding::Lossy {
            q: self.q,
            sharp_chroma: is_drawn,
        };
        let coded = match (self.is_lossless, is_drawn) {
            (None, true) => drawn_alone(pixels, self.q, deadline)?,
            (Some(true), true) => Samples::of(pixels).encode(Coding::Thorough)?,
            _ => Samples::of(pixels).encode(lossy)?,
        };
        let chunks = picture(&coded[RIFF_HEADER..]);
        self.is_lossless.get_or_insert(chunks.starts_with(b"VP8L"));
        Ok(chunks.to_vec())
    }
}

impl Sequence for Frames {
    fn add(&mut self, frame: &Pixels, milliseconds: u32, deadline: Instant) -> Result<(), Error> {
        let after = rgba(frame);
        let rect = match self.shown.is_empty() {
            true => Rect {
                x: 0,
                y: 0,
                width: self.size.width,
                height: self.size.height,
            },
            false => even(changed(&self.shown, &after, self.size)),
        };
        let size = Size::new(rect.width, rect.height);
        let pixels = of_rgba(part(&after, self.size.width, rect), size).without_idle_alpha();
        self.has_alpha |= pixels.layout.has_alpha();
        self.shown = after;
        let coded = self.coded(&pixels, deadline)?;
        let numbers = [
            rect.x / 2,
            rect.y / 2,
            rect.width - 1,
            rect.height - 1,
            milliseconds.min(MAX_MILLISECONDS),
        ];
        let mut chunk = Vec::with_capacity(16 + coded.len());
        for number in numbers {
            chunk.extend(&number.to_le_bytes()[..3]);
        }
        chunk.push(IN_PLACE);
        chunk.extend(coded);
        push(&mut self.chunks, b"ANMF", &chunk);
        check_deadline(deadline)
    }

    fn finish(self: Box<Self>, rights: Option<&EncodedRights>) -> Result<Vec<u8>, Error> {
        Ok(contain(
            &self.chunks,
            self.size,
            self.has_alpha,
            &Extras { icc: None, rights },
        ))
    }
}

/// Moves the left and top edges outwards to even pixels, as the format requires.
fn even(rect: Rect) -> Rect {
    let (x, y) = (rect.x & !1, rect.y & !1);
    Rect {
        x,
        y,
        width: rect.width + (rect.x - x),
        height: rect.height + (rect.y - y),
    }
}
