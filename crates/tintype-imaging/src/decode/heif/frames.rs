//! The frames of an AVIF image sequence. Most of them are coded as differences from earlier ones, so a decoder is kept
//! for them, and another one for their alpha.

use std::io::Cursor;
use std::time::Instant;

use super::super::frames::{self, Disposal, Frame};
use super::alpha::AlphaPlane;
use super::apart::Av1Decoder;
use super::av1::DecodeRequest;
use super::frame::{Converter, YuvFrame};
use super::most;
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::heif::{HeifFile, ImageSequence, Nclx};
use crate::probe::{ColourSpace, ContainerReader, Header};
use crate::spec::{Rect, Size};

pub(in crate::decode) struct Frames<'a> {
    bytes: &'a [u8],
    sequence: ImageSequence,
    nclx: Option<Nclx>,
    shown: Rect,
    is_gray: bool,
    is_deep: bool,
    av1: Av1Decoder,
    /// Index of the next frame.
    next: usize,
    /// Bytes that may still be decoded: overlapping samples could repeat the same ones without end.
    left: u64,
}

/// Which decoder a sample belongs to.
const COLOUR: u8 = 0;
const ALPHA: u8 = 1;

const CHANNELS: usize = 4;

impl<'a> Frames<'a> {
    pub(in crate::decode) fn open(
        bytes: &'a [u8],
        header: &Header,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let mut reader = ContainerReader::new(Cursor::new(bytes), deadline)?;
        let mut file = HeifFile::read(&mut reader, limits)?;
        let sequence = file.sequence.take();
        let sequence = sequence.ok_or_else(|| Error::malformed("no frames"))?;
        Error::check_pixels(sequence.colour.size.pixels(), limits.max_pixels)?;
        // As the still image.
        let (shown, _) = file.shown(file.primary)?;
        if Size::new(shown.width, shown.height) != header.size {
            return Err(Error::malformed("its sizes disagree"));
        }
        Ok(Self {
            bytes,
            nclx: sequence.colour.nclx.or_else(|| file.nclx(file.primary)),
            sequence,
            shown,
            is_gray: header.colour_space == ColourSpace::Gray,
            is_deep: header.bits > 8,
            av1: Av1Decoder::default(),
            next: 0,
            left: bytes.len() as u64,
        })
    }

    /// Decodes the sample of the next frame in a track.
    fn decode(&mut self, track: u8, deadline: Instant) -> Result<YuvFrame, Error> {
        let samples = match (track, &self.sequence.alpha) {
            (ALPHA, Some(alpha)) => alpha,
            _ => &self.sequence.colour,
        };
        let (offset, length) = samples.samples[self.next];
        let cut = || Error::malformed("it ends too early");
        self.left = self.left.checked_sub(length).ok_or_else(cut)?;
        let [start, end] = [offset, offset.saturating_add(length)].map(usize::try_from);
        let sample = match (start, end) {
            (Ok(start), Ok(end)) => self.bytes.get(start..end),
            _ => None,
        };
        let request = DecodeRequest {
            data: sample.ok_or_else(cut)?.to_vec(),
            point: None,
            most: most(samples.size),
            track: Some(track),
        };
        let frame = self.av1.decode(request, deadline)?;
        let (least, size) = (samples.size, frame.size);
        if size.width < least.width || size.height < least.height {
            return Err(Error::malformed("its sizes disagree"));
        }
        // What the header says is what memory was claimed for.
        let has_more = frame.chroma.is_some() && (self.is_gray || track == ALPHA);
        if has_more || frame.bits > 8 && !self.is_deep {
            return Err(Error::malformed("a frame has more than the header says"));
        }
        Ok(frame)
    }

    fn read(&mut self, milliseconds: u32, deadline: Instant) -> Result<Frame, Error> {
        let coded = self.sequence.colour.size;
        let alpha = match self.sequence.alpha {
            Some(_) => Some(AlphaPlane::<u8>::new(
                &self.decode(ALPHA, deadline)?,
                coded,
                self.sequence.is_premultiplied,
            )),
            None => None,
        };
        let mut frame = self.decode(COLOUR, deadline)?;
        if let Some(nclx) = self.nclx {
            frame.describe(nclx);
        }
        let size = Size::new(self.shown.width, self.shown.height);
        let mut converter = Converter::new(&frame, CHANNELS, i32::from(u8::MAX));
        let mut row = vec![0; coded.width as usize * CHANNELS];
        let mut pixels = Vec::with_capacity(size.pixels() as usize);
        for y in self.shown.y..self.shown.y + size.height {
            converter.row(y, &mut row);
            if let Some(alpha) = &alpha {
                alpha.apply(&mut row, y, CHANNELS);
            }
            let (row, _) = row.as_chunks::<CHANNELS>();
            pixels.extend(&row[self.shown.x as usize..][..size.width as usize]);
        }
        self.next += 1;
        Ok(Frame {
            left: 0,
            top: 0,
            size,
            pixels,
            is_blended: false,
            disposal: Disposal::Keep,
            milliseconds,
        })
    }
}

impl frames::Frames for Frames<'_> {
    fn plays(&self) -> u32 {
        self.sequence.plays
    }

    fn next(&mut self, _: &Limits, deadline: Instant) -> Result<Option<Frame>, Error> {
        check_deadline(deadline)?;
        let Some(milliseconds) = self.sequence.milliseconds.get(self.next) else {
            return Ok(None);
        };
        self.read(*milliseconds, deadline).map(Some)
    }
}
