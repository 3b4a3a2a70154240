//! The frames of an animated PNG (third edition, 11.3.6). Each is encoded like a PNG without a header.

use std::time::Instant;

use super::super::frames::{self, Disposal, Frame, collect};
use super::chunks::PixelChunks;
use super::decode_chunks;
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

pub(in crate::decode) struct Frames<'a> {
    chunks: PixelChunks<'a>,
    canvas: Size,
    plays: u32,
    entries: std::vec::IntoIter<FrameControl<'a>>,
}

struct FrameControl<'a> {
    control: [u8; CONTROL],
    /// Contents of its IDAT or fdAT chunks, in order.
    data: Vec<&'a [u8]>,
}

/// Length of an fcTL.
const CONTROL: usize = 26;
/// Length of the sequence number that each fcTL and fdAT begins with. It is ignored; chunks are read in file order.
const SEQUENCE: usize = 4;

impl<'a> Frames<'a> {
    /// The probe has counted the frames, within limits.
    pub(in crate::decode) fn open(bytes: &'a [u8], canvas: Size) -> Self {
        let mut plays = 0;
        let mut entries: Vec<FrameControl<'a>> = Vec::new();
        let mut rest = bytes.get(8..).unwrap_or_default();
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, kind @ ..] = *head;
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let data = &after[..length.min(after.len())];
            rest = after.get(length.saturating_add(4)..).unwrap_or_default();
            match (&kind, entries.last_mut()) {
                (b"acTL", _) => plays = be32(data, 4),
                (b"fcTL", _) => entries.extend(data.first_chunk().map(|control| FrameControl {
                    control: *control,
                    data: Vec::new(),
                })),
                // An IDAT before the first fcTL is the default image, which is not a frame.
                (b"IDAT", Some(entry)) => entry.data.push(data),
                (b"fdAT", Some(entry)) => entry.data.extend(data.get(SEQUENCE..)),
                (b"IEND", _) => break,
                _ => {}
            }
        }
        Self {
            chunks: PixelChunks::of(bytes),
            canvas,
            plays,
            entries: entries.into_iter(),
        }
    }

    fn read(
        &self,
        entry: &FrameControl<'_>,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<Frame, Error> {
        let control = &entry.control;
        let size = Size::new(be32(control, 4), be32(control, 8));
        let (left, top) = (be32(control, 12), be32(control, 16));
        let is_inside = |start: u32, length: u32, whole: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !is_inside(left, size.width, self.canvas.width)
            || !is_inside(top, size.height, self.canvas.height)
        {
            return Err(Error::malformed("a frame is not inside the image"));
        }
        let chunks = self.chunks.of_frame(size, &entry.data);
        let pixels = collect(size, |take| decode_chunks(chunks, limits, deadline, take))?;
        let part = |at: usize| u32::from(u16::from_be_bytes([control[at], control[at + 1]]));
        let (delay, of_a_second) = match (part(20), part(22)) {
            (delay, 0) => (delay, 100),
            known => known,
        };
        Ok(Frame {
            left,
            top,
            size,
            pixels,
            is_blended: control[25] == 1,
            disposal: match control[24] {
                1 => Disposal::Clear,
                2 => Disposal::Restore,
                _ => Disposal::Keep,
            },
            milliseconds: (1000 * delay + of_a_second / 2) / of_a_second,
        })
    }
}

impl frames::Frames for Frames<'_> {
    fn plays(&self) -> u32 {
        self.plays
    }

    fn next(&mut self, limits: &Limits, deadline: Instant) -> Result<Option<Frame>, Error> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.read(&entry, limits, deadline).map(Some)
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    four.map_or(0, |four| u32::from_be_bytes(*four))
}
