//! Presents only those chunks of a PNG that its pixels need. The probe reads the others, and a fault in one of them
//! must not affect the image. For an animation, this is its default image.

use std::borrow::Cow;
use std::io::{BufRead, Read, Seek, SeekFrom};

use flate2::Crc;

use crate::spec::Size;

/// Signature and IHDR.
const HEAD: usize = 8 + 25;

pub(super) struct PixelChunks<'a> {
    /// Pieces of the file, in order.
    parts: Vec<Cow<'a, [u8]>>,
    part: usize,
    /// Offset within the part.
    at: usize,
}

impl<'a> PixelChunks<'a> {
    pub(super) fn of(file: &'a [u8]) -> Self {
        let (head, mut rest) = file.split_at(HEAD.min(file.len()));
        let (bits, colour) = (byte(head, 24), byte(head, 25));
        let mut chunks = Self {
            parts: vec![head.into()],
            part: 0,
            at: 0,
        };
        let (mut has_pixels, mut colours) = (false, 0);
        // Adjacent pixel chunks form one part.
        let mut run = 0..0;
        let all = rest;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let whole = length.saturating_add(12).min(rest.len());
            let (chunk, behind) = rest.split_at(whole);
            let begin = all.len() - rest.len();
            rest = behind;
            match after.first_chunk() {
                Some(b"IDAT" | b"IEND") => {
                    has_pixels = true;
                    if run.end != begin {
                        chunks.parts.push(all[run].into());
                        run = begin..begin;
                    }
                    run.end = begin + whole;
                }
                Some(b"PLTE") if !has_pixels && colours == 0 => {
                    colours = length / 3;
                    chunks.parts.push(chunk.into());
                }
                Some(b"tRNS") if !has_pixels => {
                    let value = chunk.get(8..8 + length).unwrap_or_default();
                    if let Some(clear) = transparency(value, bits, colour, colours) {
                        chunks.parts.push(chunk_of(*b"tRNS", &clear).into());
                    }
                }
                _ => {}
            }
        }
        chunks.parts.push(all[run].into());
        chunks
    }

    /// Presents a frame of an animation as a complete PNG: this file's header with the size of the frame, its palette
    /// and transparency, and the frame's pixels.
    pub(super) fn of_frame(&self, size: Size, data: &[&'a [u8]]) -> Self {
        let head = self.parts.first().map_or(&[][..], |head| head);
        let (signature, header) = head.split_at(head.len().min(8));
        let mut header = header.get(8..21).unwrap_or_default().to_vec();
        let sides = [size.width, size.height].map(u32::to_be_bytes);
        for (byte, side) in header.iter_mut().zip(sides.as_flattened()) {
            *byte = *side;
        }
        let mut parts: Vec<Cow<'a, [u8]>> = vec![
            signature.to_vec().into(),
            chunk_of(*b"IHDR", &header).into(),
        ];
        let colours = self.parts.iter().filter(|part| {
            let kind = part.get(4..8).unwrap_or_default();
            kind == b"PLTE" || kind == b"tRNS"
        });
        parts.extend(colours.cloned());
        let length: usize = data.iter().map(|part| part.len()).sum();
        let mut sum = Crc::new();
        sum.update(b"IDAT");
        data.iter().for_each(|part| sum.update(part));
        parts.push(
            [&(length as u32).to_be_bytes()[..], b"IDAT"]
                .concat()
                .into(),
        );
        parts.extend(data.iter().map(|part| Cow::Borrowed(*part)));
        parts.push(sum.sum().to_be_bytes().to_vec().into());
        parts.push(chunk_of(*b"IEND", &[]).into());
        Self {
            parts,
            part: 0,
            at: 0,
        }
    }

    fn rest(&self) -> &[u8] {
        let part = self.parts.get(self.part);
        part.and_then(|part| part.get(self.at..))
            .unwrap_or_default()
    }

    fn skip_empty(&mut self) {
        while self.rest().is_empty() && self.part < self.parts.len() {
            self.part += 1;
            self.at = 0;
        }
    }
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Reduces a tRNS to valid values: for gray and RGB, the bits that samples have; for a palette, no more entries than
/// there are colours.
pub(crate) fn transparency(value: &[u8], bits: u8, colour: u8, colours: usize) -> Option<Vec<u8>> {
    match colour {
        0 | 2 => {
            let wanted = if colour == 0 { 2 } else { 6 };
            let mask = if bits < 16 {
                (1u16 << bits) - 1
            } else {
                u16::MAX
            };
            let pairs = value.get(..wanted)?.as_chunks().0.iter();
            let masked = pairs.flat_map(|pair| (u16::from_be_bytes(*pair) & mask).to_be_bytes());
            Some(masked.collect())
        }
        3 if !value.is_empty() => Some(value[..value.len().min(colours)].to_vec()),
        _ => None,
    }
}

fn chunk_of(kind: [u8; 4], value: &[u8]) -> Vec<u8> {
    let mut chunk = (value.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(value);
    let mut crc = Crc::new();
    crc.update(&chunk[4..]);
    chunk.extend(crc.sum().to_be_bytes());
    chunk
}

impl Read for PixelChunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.skip_empty();
        let read = self.rest().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl BufRead for PixelChunks<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.skip_empty();
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Seek for PixelChunks<'_> {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        let before = self.parts[..self.part].iter();
        let here = before.map(|part| part.len()).sum::<usize>() + self.at;
        let all: usize = self.parts.iter().map(|part| part.len()).sum();
        let to = match position {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(offset) => (here as u64).checked_add_signed(offset),
            SeekFrom::End(offset) => (all as u64).checked_add_signed(offset),
        };
        let to = to.ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut left = usize::try_from(to).unwrap_or(usize::MAX).min(all);
        self.part = 0;
        while let Some(part) = self.parts.get(self.part)
            && left > part.len()
        {
            left -= part.len();
            self.part += 1;
        }
        self.at = left;
        Ok(to)
    }
}
