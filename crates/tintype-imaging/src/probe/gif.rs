//! The blocks of a GIF (89a), walked before a decoder sees them.

use std::io::{BufRead, Seek};

use super::metadata::Blocks;
use super::read::Reader;
use super::{ColourSpace, Colouring, Container, Header, SourceFormat};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    limits: &Limits,
) -> Result<Container, Error> {
    reader.skip(6)?;
    let head = reader.array::<7>()?;
    let side = |bytes: &[u8]| u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let size = Size::new(side(&head), side(&head[2..]));
    reader.skip(colour_table(head[4]))?;

    let mut walk = Walk::default();
    // Cut off after a frame: the frames before can be shown.
    match blocks(reader, size, limits, &mut walk) {
        Err(Error::Malformed(_)) if walk.frames > 0 => {}
        other => other?,
    }
    if walk.frames == 0 {
        return Err(Error::malformed("no frame"));
    }
    let header = Header {
        format: SourceFormat::Gif,
        size,
        orientation: 1,
        frames: walk.frames,
        has_alpha: walk.transparency,
        colour_space: ColourSpace::Rgb,
        bits: 8,
        scans: 1,
        interlaced: walk.interlaced,
    };
    Ok(Container {
        header,
        blocks: Blocks::default(),
        colouring: Colouring::Srgb,
    })
}

#[derive(Default)]
struct Walk {
    frames: u32,
    /// Of the first frame.
    interlaced: bool,
    transparency: bool,
}

fn blocks<R: BufRead + Seek>(
    reader: &mut Reader<R>,
    size: Size,
    limits: &Limits,
    walk: &mut Walk,
) -> Result<(), Error> {
    let mut extensions = 0;
    loop {
        match reader.byte()? {
            0x3b => return Ok(()),
            0x21 => {
                extensions += 1;
                // Each frame has an extension of its own, and may have a few more.
                let limit = u64::from(limits.max_metadata_parts) + 4 * u64::from(walk.frames);
                Error::check("number of GIF extensions", extensions, limit)?;
                let graphic_control = reader.byte()? == 0xf9;
                let length = reader.byte()?;
                if graphic_control && length >= 1 {
                    walk.transparency |= reader.byte()? & 1 != 0;
                    reader.skip(u64::from(length) - 1)?;
                } else {
                    reader.skip(u64::from(length))?;
                }
                if length > 0 {
                    sub_blocks(reader)?;
                }
            }
            0x2c => {
                let head = reader.array::<9>()?;
                let side = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
                // A frame that leaves some of the canvas bare lets the background through.
                if walk.frames == 0 && (side(4) < size.width || side(6) < size.height) {
                    walk.transparency = true;
                }
                if walk.frames == 0 {
                    walk.interlaced = head[8] & 0x40 != 0;
                }
                reader.skip(colour_table(head[8]))?;
                walk.frames += 1;
                Error::check(
                    "number of frames",
                    u64::from(walk.frames),
                    u64::from(limits.max_frames),
                )?;
                let pixels = size.pixels() * u64::from(walk.frames);
                if walk.frames > 1 {
                    Error::check("pixels times frames", pixels, limits.max_animation_pixels)?;
                }
                reader.skip(1)?;
                sub_blocks(reader)?;
            }
            // Padding, and what decoders forgive.
            _ => {}
        }
    }
}

fn sub_blocks<R: BufRead + Seek>(reader: &mut Reader<R>) -> Result<(), Error> {
    loop {
        match reader.byte()? {
            0 => return Ok(()),
            length => reader.skip(u64::from(length))?,
        }
    }
}

fn colour_table(flags: u8) -> u64 {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << (1 + (flags & 7))
    }
}
