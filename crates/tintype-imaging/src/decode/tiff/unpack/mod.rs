//! Unpacks the bytes of a strip or tile to rows of packed samples. Most compressions are streamed; JPEG and WebP are
//! decoded as a whole.

mod fax;
mod jpeg;
mod lzw;
mod packbits;
mod webp;

use std::borrow::Cow;
use std::io::{Cursor, Read};

use flate2::read::ZlibDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

use super::chunk::PageChunks;
use super::form::Packing;
use crate::Error;

/// The maximum window or dictionary. The highest presets of xz and zstd use 64 and 128 MiB; most files compress each
/// strip separately and need no more than a strip.
const MAX_WINDOW_BYTES: u64 = 64 * 1024 * 1024;

/// The rows needed from a strip or tile.
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) rows: u32,
    /// Samples per pixel, in this plane.
    pub(super) samples: usize,
}

pub(super) fn open<'c>(
    chunks: &'c PageChunks<'_>,
    bytes: &'c [u8],
    shape: &Shape,
    row_bytes: usize,
) -> Result<Box<dyn Read + 'c>, Error> {
    if bytes.is_empty() {
        return Err(Error::malformed("a part is missing"));
    }
    let packing = chunks.form.packing;
    let bytes: Cow<'c, [u8]> = match chunks.page.reversed && packing != Packing::Jpeg {
        true => bytes.iter().map(|byte| byte.reverse_bits()).collect(),
        false => bytes.into(),
    };
    let (limits, deadline) = (chunks.limits, chunks.deadline);
    Ok(match packing {
        Packing::None => Box::new(Cursor::new(bytes)),
        Packing::Lzw => Box::new(lzw::Lzw::new(bytes)),
        Packing::Deflate => Box::new(ZlibDecoder::new(Cursor::new(bytes))),
        Packing::PackBits => Box::new(packbits::PackBits::new(bytes)),
        Packing::Zstd => {
            let cursor = Cursor::new(bytes);
            let decoder = StreamingDecoder::new_with_max_window_size(cursor, MAX_WINDOW_BYTES);
            let failed = |_| Error::malformed("its zstd data cannot be read");
            Box::new(decoder.map_err(failed)?)
        }
        Packing::Lzma => {
            let kib = (MAX_WINDOW_BYTES / 1024) as u32 + 1024;
            Box::new(XzReader::new_mem_limit(Cursor::new(bytes), false, kib))
        }
        Packing::Fax(coding) => Box::new(fax::Fax::new(bytes, coding, shape, row_bytes)),
        Packing::Jpeg => {
            let rows = jpeg::decode(chunks, &bytes, shape, limits, deadline)?;
            Box::new(Cursor::new(rows))
        }
        Packing::Webp => Box::new(Cursor::new(webp::decode(&bytes, shape, limits, deadline)?)),
    })
}

/// Crops or pads the rows of a decoded image to the required width.
fn fit(
    samples: Vec<u8>,
    (width, height): (usize, usize),
    channels: usize,
    shape: &Shape,
) -> Vec<u8> {
    let wanted = shape.width as usize;
    if width == wanted && channels == shape.samples {
        return samples;
    }
    let rows = height.min(shape.rows as usize);
    let mut fitted = vec![255; rows * wanted * shape.samples];
    let lines = samples.chunks_exact(width * channels);
    for (to, line) in fitted.chunks_exact_mut(wanted * shape.samples).zip(lines) {
        let pixels = to.chunks_exact_mut(shape.samples);
        for (to, pixel) in pixels.zip(line.chunks_exact(channels)) {
            let both = channels.min(shape.samples);
            to[..both].copy_from_slice(&pixel[..both]);
        }
    }
    fitted
}
