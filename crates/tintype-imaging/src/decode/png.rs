//! PNG, row by row.

use std::io::Cursor;
use std::time::Instant;

use png::{BitDepth, ColorType, Decoder, Transformations};

use super::{Decoded, Layout, Samples};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::spec::Size;

pub(super) fn decode(bytes: &[u8], limits: &Limits, deadline: Instant) -> Result<Decoded, Error> {
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let decoder_limits = png::Limits {
        bytes: limits.max_decoded_bytes as usize,
    };
    let mut decoder = Decoder::new_with_limits(reader, decoder_limits);
    // The walk has read them, within limits.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palette to RGB, fewer than 8 bits to 8, tRNS to alpha.
    decoder.set_transformations(Transformations::EXPAND);
    let failed = |error: png::DecodingError| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        png::DecodingError::LimitsExceeded => Error::OverLimit {
            what: "bytes of the decoded picture",
            is: limits.max_decoded_bytes + 1,
            limit: limits.max_decoded_bytes,
        },
        other => Error::malformed(other.to_string()),
    };
    let mut reader = decoder.read_info().map_err(failed)?;
    let (colour, depth) = reader.output_color_type();
    let layout = match colour {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(Error::internal("a PNG palette was not expanded")),
    };
    let length = reader
        .output_buffer_size()
        .ok_or_else(|| Error::malformed("impossible size"))?;
    Error::check(
        "bytes of the decoded picture",
        length as u64,
        limits.max_decoded_bytes,
    )?;
    let mut samples = vec![0; length];
    let size = Size::new(reader.info().width, reader.info().height);
    if reader.info().interlaced {
        reader.next_frame(&mut samples).map_err(failed)?;
    } else {
        let stride = length / size.height as usize;
        for (number, row) in samples.chunks_exact_mut(stride).enumerate() {
            match reader.read_row(row) {
                Ok(_) => {}
                // It breaks off here: the rows above are worth showing.
                Err(_) if number > 0 && Instant::now() < deadline => break,
                Err(error) => return Err(failed(error)),
            }
        }
    }
    check_deadline(deadline)?;
    let samples = match depth {
        BitDepth::Sixteen => Samples::Sixteen(
            samples
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect(),
        ),
        _ => Samples::Eight(samples),
    };
    Ok(Decoded {
        size,
        divisor: 1,
        layout,
        samples,
    })
}
