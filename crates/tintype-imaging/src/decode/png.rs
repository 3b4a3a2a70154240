//! PNG, row by row. Only Adam7 has to be whole: its passes lie all over the picture.

use std::io::Cursor;
use std::time::Instant;

use png::{BitDepth, ColorType, Decoder, Reader, Transformations};

use super::{Band, Layout, Samples, Take, rows_of_a_band};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::spec::Size;

type Rows<'a> = Reader<DeadlineReader<Cursor<&'a [u8]>>>;

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    deadline: Instant,
    take: &mut Take<'_>,
) -> Result<(), Error> {
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
        png::DecodingError::LimitsExceeded => limits.too_many_decoded_bytes(),
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
    let size = Size::new(reader.info().width, reader.info().height);
    let mut give = |samples: &[u8]| {
        let samples = match depth {
            BitDepth::Sixteen => {
                let (pairs, _) = samples.as_chunks();
                let sixteen = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
                Samples::Sixteen(sixteen.collect())
            }
            _ => Samples::Eight(samples.into()),
        };
        take(Band {
            size,
            divisor: 1,
            layout,
            samples,
        })
    };
    if reader.info().interlaced {
        let samples = interlaced(&mut reader, limits, failed)?;
        let stride = samples.len() / size.height as usize;
        return samples
            .chunks(rows_of_a_band(stride) * stride)
            .try_for_each(give);
    }
    let stride = reader
        .output_line_size(size.width)
        .ok_or_else(|| Error::malformed("impossible size"))?;
    let at_once = rows_of_a_band(stride).min(size.height as usize);
    let mut band = vec![0; at_once * stride];
    let mut done = 0;
    while done < size.height {
        let (mut rows, wanted) = (0, at_once.min((size.height - done) as usize));
        let mut ended = Ok(());
        for row in band.chunks_exact_mut(stride).take(wanted) {
            if let Err(error) = reader.read_row(row) {
                ended = Err(error);
                break;
            }
            rows += 1;
        }
        give(&band[..rows * stride])?;
        check_deadline(deadline)?;
        done += rows as u32;
        match ended {
            Ok(()) => {}
            // It breaks off here: the rows above are worth showing.
            Err(_) if done > 0 && Instant::now() < deadline => break,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn interlaced(
    reader: &mut Rows<'_>,
    limits: &Limits,
    failed: impl Fn(png::DecodingError) -> Error,
) -> Result<Vec<u8>, Error> {
    let length = reader
        .output_buffer_size()
        .ok_or_else(|| Error::malformed("impossible size"))?;
    Error::check(
        "bytes of the decoded picture",
        length as u64,
        limits.max_decoded_bytes,
    )?;
    let mut samples = vec![0; length];
    reader.next_frame(&mut samples).map_err(failed)?;
    Ok(samples)
}
