//! Renders an animation. Its composed frames go through the same steps as a still image, one at a time, so that only a
//! few images are in memory, however many frames there are.

mod compose;

use std::time::Instant;

use super::encode::{gif, sequence::Sequence, webp};
use super::pixels::Pixels;
use super::shrink::{Shrink, Shrunk};
use super::{Stored, Timings, canvas, filter, shape};
use crate::Error;
use crate::decode::frames::{self, Frames};
use crate::decode::{self, Band, Samples};
use crate::limits::Limits;
use crate::probe::{ColourSpace, Container, EncodedRights};
use crate::render::Turn;
use crate::spec::{Format, MAX_FRAMES, Resolved};
use compose::Composed;

/// The requested quality is divided by these, in turn, while an animation is larger than `max_bytes`.
const QUALITIES: [u8; 2] = [2, 4];

/// What all frames share.
pub(super) struct Job<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) container: &'a Container,
    pub(super) stored: &'a Stored,
    pub(super) turn: Turn,
    pub(super) resolved: &'a Resolved,
    pub(super) rights: Option<&'a EncodedRights>,
    pub(super) limits: &'a Limits,
    pub(super) deadline: Instant,
}

impl Job<'_> {
    /// Renders at the requested quality, or at a lower one that fits `max_bytes`; the smallest file if none does.
    pub(super) fn render(&self, timings: &mut Timings) -> Result<Vec<u8>, Error> {
        let quality = self.resolved.quality;
        let mut smallest = self.once(quality, timings)?;
        let Some(max_bytes) = self.resolved.max_bytes else {
            return Ok(smallest);
        };
        // GIF has no quality to reduce.
        if self.resolved.format == Format::Gif {
            return Ok(smallest);
        }
        for part in QUALITIES {
            if smallest.len() as u64 <= max_bytes {
                break;
            }
            let smaller = self.once((quality / part).max(1), timings)?;
            if smaller.len() < smallest.len() {
                smallest = smaller;
            }
        }
        Ok(smallest)
    }

    fn once(&self, quality: u8, timings: &mut Timings) -> Result<Vec<u8>, Error> {
        let header = &self.container.header;
        let mut start = Instant::now();
        let mut lap = |step: &mut std::time::Duration| {
            *step += start.elapsed();
            start = Instant::now();
        };
        let mut frames = frames::open(self.bytes, header, self.limits, self.deadline)?;
        let mut sequence = self.sequence(frames.as_ref(), quality)?;
        let mut composed = Composed::new(header.size);
        for count in 0..MAX_FRAMES {
            let frame = match frames.next(self.limits, self.deadline) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                // The data breaks off here; the frames before are worth showing.
                Err(Error::Malformed(_)) if count > 0 => break,
                Err(error) => return Err(error),
            };
            composed.show(&frame);
            lap(&mut timings.decode);
            let pixels = self.shape(&composed)?;
            lap(&mut timings.resize);
            sequence.add(&pixels, frame.milliseconds, self.deadline)?;
            lap(&mut timings.encode);
        }
        let file = sequence.finish(self.rights);
        lap(&mut timings.encode);
        file
    }

    fn sequence(&self, frames: &dyn Frames, quality: u8) -> Result<Box<dyn Sequence>, Error> {
        let (size, plays) = (self.resolved.output(), frames.plays());
        match self.resolved.format {
            Format::Webp => Ok(Box::new(webp::Frames::new(size, plays, quality))),
            Format::Gif => Ok(Box::new(gif::Frames::new(size, plays))),
            other => Err(Error::internal(format!("{} does not move", other.name()))),
        }
    }

    /// Crops, resizes, converts, turns and filters a composed frame, and places it on its canvas.
    fn shape(&self, composed: &Composed) -> Result<Pixels, Error> {
        let mut shrink = Shrink::new(self.container, self.stored, self.deadline);
        let gray;
        let pixels = composed.pixels();
        let is_gray = self.container.header.colour_space == ColourSpace::Gray;
        let (layout, samples) = match is_gray {
            true => {
                let pairs = pixels
                    .iter()
                    .flat_map(|[gray, _, _, alpha]| [*gray, *alpha]);
                gray = pairs.collect::<Vec<u8>>();
                (decode::Layout::GrayAlpha, &gray[..])
            }
            false => (decode::Layout::Rgba, pixels.as_flattened()),
        };
        shrink.take(Band {
            size: self.container.header.size,
            reach: (1.0, 1.0),
            plane: None,
            layout,
            samples: Samples::Eight(samples.into()),
        })?;
        let shrunk: Shrunk = shrink.finish()?;
        let (pixels, gamut) = shape(shrunk, self.container, self.turn, self.resolved.gamut);
        let pixels = filter::apply(pixels, self.resolved, self.deadline)?;
        canvas::apply(pixels, gamut, self.resolved, self.deadline)
    }
}
