//! Walks the blocks of a GIF (89a) before a decoder sees them.

use std::io::{BufRead, Seek};

use super::metadata::MetadataBlocks;
use super::read::ContainerReader;
use super::{Colouring, Header};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

const TRAILER: u8 = 0x3b;
const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    header.frames = 0;
    reader.skip(6)?;
    let head = reader.array::<7>()?;
    header.size = Size::new(side(&head), side(&head[2..]));
    reader.skip(colour_table(head[4]))?;

    let mut walk = Walk {
        reader,
        limits,
        header,
        extensions: 0,
        data: 0,
        xmp: None,
    };
    match walk.blocks() {
        // Truncated after a frame: the frames before it can be shown.
        Err(Error::Malformed(_)) if walk.header.frames > 0 => walk.header.truncated = true,
        other => other?,
    }
    if walk.header.frames == 0 {
        return Err(Error::malformed("no frame"));
    }
    let blocks = MetadataBlocks {
        xmp: walk.xmp,
        ..MetadataBlocks::default()
    };
    Ok((blocks, Colouring::Srgb))
}

/// Identifies the XMP extension. It stores XMP unblocked: its bytes act as block lengths, and a trailer ends them.
const XMP: &[u8; 11] = b"XMP DataXMP";
const XMP_END_BYTES: usize = 257;

struct Walk<'a, R> {
    reader: &'a mut ContainerReader<R>,
    limits: &'a Limits,
    header: &'a mut Header,
    extensions: u64,
    /// Sub-blocks of frames and extensions together.
    data: u64,
    xmp: Option<Vec<u8>>,
}

impl<R: BufRead + Seek> Walk<'_, R> {
    fn blocks(&mut self) -> Result<(), Error> {
        loop {
            match self.next_block()? {
                EXTENSION => self.extension()?,
                FRAME => self.frame()?,
                _ => return Ok(()),
            }
        }
    }

    /// Skips padding, and other things that decoders tolerate.
    fn next_block(&mut self) -> Result<u8, Error> {
        loop {
            let window = self.reader.window()?;
            let found = window
                .iter()
                .position(|byte| matches!(*byte, TRAILER | EXTENSION | FRAME));
            let (block, passed) = match found {
                Some(at) => (Some(window[at]), at + 1),
                None => (None, window.len()),
            };
            self.reader.consume(passed);
            if let Some(block) = block {
                return Ok(block);
            }
        }
    }

    fn extension(&mut self) -> Result<(), Error> {
        self.extensions += 1;
        // Each frame has one extension, and may have a few more.
        let limit = u64::from(self.limits.max_metadata_parts) + 4 * u64::from(self.header.frames);
        Error::check("number of GIF extensions", self.extensions, limit)?;
        let label = self.reader.byte()?;
        let graphic_control = label == 0xf9;
        let length = self.reader.byte()?;
        if label == 0xff && length == 11 {
            let name = self.reader.array::<11>()?;
            return match &name == XMP && self.xmp.is_none() {
                true => self.packet(),
                false => self.sub_blocks(),
            };
        }
        if graphic_control && length >= 1 {
            self.header.has_alpha |= self.reader.byte()? & 1 != 0;
            self.reader.skip(u64::from(length) - 1)?;
        } else {
            self.reader.skip(u64::from(length))?;
        }
        if length > 0 {
            self.sub_blocks()?;
        }
        Ok(())
    }

    /// Reads all bytes of the sub-blocks, including their length bytes.
    fn packet(&mut self) -> Result<(), Error> {
        let mut packet = Vec::new();
        loop {
            let length = self.reader.byte()?;
            self.data += 1;
            let limit = u64::from(self.limits.max_pixel_blocks);
            Error::check("number of GIF data blocks", self.data, limit)?;
            if length == 0 {
                packet.truncate(packet.len().saturating_sub(XMP_END_BYTES));
                self.xmp = Some(packet);
                return Ok(());
            }
            packet.push(length);
            packet.extend(self.reader.vec(u64::from(length))?);
            let bytes = packet.len() as u64;
            Error::check("bytes of XMP", bytes, self.limits.max_xmp_bytes)?;
        }
    }

    fn frame(&mut self) -> Result<(), Error> {
        let head = self.reader.array::<9>()?;
        self.reader.skip(colour_table(head[8]))?;
        let header = &mut *self.header;
        if header.frames == 0 {
            // The canvas grows if the first frame does not fit; some files declare no canvas size.
            let reach = |start: usize, length: usize| side(&head[start..]) + side(&head[length..]);
            header.size.width = header.size.width.max(reach(0, 4));
            header.size.height = header.size.height.max(reach(2, 6));
        }
        let size = header.size;
        // A frame that does not cover the canvas leaves it transparent there.
        if header.frames == 0 && (side(&head[4..]) < size.width || side(&head[6..]) < size.height) {
            header.has_alpha = true;
        }
        if header.frames == 0 {
            header.interlaced = head[8] & 0x40 != 0;
        }
        header.frames += 1;
        let frames = u64::from(header.frames);
        Error::check(
            "number of frames",
            frames,
            u64::from(self.limits.max_frames),
        )?;
        if frames > 1 {
            let pixels = size.pixels() * frames;
            let limit = self.limits.max_animation_pixels;
            Error::check("pixels times frames", pixels, limit)?;
        }
        self.reader.skip(1)?;
        self.sub_blocks()
    }

    /// A file can contain a sub-block for every two bytes, so they are counted without being read one by one.
    fn sub_blocks(&mut self) -> Result<(), Error> {
        let limit = u64::from(self.limits.max_pixel_blocks);
        loop {
            let window = self.reader.window()?;
            let (mut at, mut ended) = (0, false);
            while let Some(&length) = window.get(at)
                && !ended
            {
                at += 1 + usize::from(length);
                ended = length == 0;
                self.data += 1;
            }
            let inside = at.min(window.len());
            self.reader.consume(inside);
            self.reader.skip((at - inside) as u64)?;
            Error::check("number of GIF data blocks", self.data, limit)?;
            if ended {
                return Ok(());
            }
        }
    }
}

fn side(bytes: &[u8]) -> u32 {
    u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn colour_table(flags: u8) -> u64 {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << (1 + (flags & 7))
    }
}
