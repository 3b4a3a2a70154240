//! A lossless stream (RFC 9649, section 3). `image-webp` opens only files, and for an image without alpha makes a
//! second copy, in twice the memory; so it gets the stream as a complete file that claims to have alpha.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use std::time::Instant;

use image_webp::WebPDecoder;

use crate::Error;
use crate::limits::{DeadlineReader, Limits};
use crate::spec::Size;

/// Length of the signature, width, height, alpha flag and version before a stream.
pub(super) const HEAD: usize = 5;

/// The alpha flag in the last byte of the header.
pub(super) const ALPHA: u8 = 0x10;

/// Returns whether the alpha flag of the chunk is set.
pub(super) fn has_alpha(chunk: &[u8]) -> bool {
    chunk.get(HEAD - 1).is_some_and(|last| last & ALPHA != 0)
}

/// Returns a header with the alpha flag set.
pub(super) fn head(size: Size) -> [u8; HEAD] {
    let side = |side: u32| side.wrapping_sub(1) & 0x3fff;
    let [a, b, c, d] = (side(size.width) | side(size.height) << 14).to_le_bytes();
    [0x2f, a, b, c, d | ALPHA]
}

/// Returns four channels per pixel. Their meaning is left to the caller.
pub(super) fn decode(
    stream: &[u8],
    size: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<Vec<[u8; 4]>, Error> {
    Error::check(
        "bytes of the decoded picture",
        size.pixels() * 4,
        limits.max_decoded_bytes,
    )?;
    let reader = DeadlineReader::new(RiffFile::new(stream, size), deadline);
    let read = WebPDecoder::new(reader).and_then(|mut decoder| {
        let mut pixels = vec![[0; 4]; size.pixels() as usize];
        decoder.read_image(pixels.as_flattened_mut())?;
        Ok(pixels)
    });
    read.map_err(super::failed(limits, deadline))
}

/// A header followed by a borrowed stream.
struct RiffFile<'a> {
    front: Cursor<Vec<u8>>,
    stream: Cursor<&'a [u8]>,
}

impl<'a> RiffFile<'a> {
    fn new(stream: &'a [u8], size: Size) -> Self {
        let chunk = (HEAD + stream.len()) as u32;
        let mut front = Vec::from(b"RIFF");
        front.extend((chunk + chunk % 2 + 12).to_le_bytes());
        front.extend(b"WEBPVP8L");
        front.extend(chunk.to_le_bytes());
        front.extend(head(size));
        Self {
            front: Cursor::new(front),
            stream: Cursor::new(stream),
        }
    }

    fn front_len(&self) -> u64 {
        self.front.get_ref().len() as u64
    }
}

impl Read for RiffFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.front.read(buffer)? {
            0 => self.stream.read(buffer),
            read => Ok(read),
        }
    }
}

impl BufRead for RiffFile<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.front.position() < self.front_len() {
            self.front.fill_buf()
        } else {
            self.stream.fill_buf()
        }
    }

    fn consume(&mut self, amount: usize) {
        if self.front.position() < self.front_len() {
            self.front.consume(amount);
        } else {
            self.stream.consume(amount);
        }
    }
}

impl Seek for RiffFile<'_> {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        let front = self.front_len();
        let all = front + self.stream.get_ref().len() as u64;
        let at = match position {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => all.checked_add_signed(offset),
            SeekFrom::Current(offset) => {
                (self.front.position() + self.stream.position()).checked_add_signed(offset)
            }
        };
        let at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        self.front.set_position(at.min(front));
        self.stream.set_position(at.saturating_sub(front));
        Ok(at)
    }
}
