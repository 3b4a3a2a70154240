//! PNG, row by row. Only Adam7 needs the whole image in memory, because its passes are spread over all of it.

mod chunks;
mod coarse;
mod frames;

use std::time::Instant;

use png::{BitDepth, ColorType, Decoder, InterlaceInfo, Reader, Transformations};

use super::{Band, BandSink, ITS_OWN, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::spec::Size;
use chunks::PixelChunks;
pub(crate) use chunks::transparency;
pub(super) use frames::Frames;

type Rows<'a> = Reader<DeadlineReader<PixelChunks<'a>>>;

pub(super) fn decode(
    bytes: &[u8],
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    decode_chunks(PixelChunks::of(bytes), limits, deadline, take)
}

fn decode_chunks(
    chunks: PixelChunks<'_>,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let reader = DeadlineReader::new(chunks, deadline);
    let decoder_limits = png::Limits {
        bytes: limits.max_decoded_bytes as usize,
    };
    let mut decoder = Decoder::new_with_limits(reader, decoder_limits);
    // The probe has read them, within limits.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Expand palettes to RGB, less than 8 bits to 8, and tRNS to alpha.
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
    let mut emit = |samples: &[u8], depth| {
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
            reach: ITS_OWN,
            plane: None,
            layout,
            samples,
        })
    };
    if reader.info().interlaced {
        let (samples, depth) =
            interlaced(&mut reader, size, limits, MAX_SIXTEEN_BYTES, deadline).map_err(failed)?;
        let stride = samples.len() / size.height as usize;
        return samples
            .chunks(rows_of_a_band(stride) * stride)
            .try_for_each(|band| emit(band, depth));
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
        emit(&band[..rows * stride], depth)?;
        check_deadline(deadline)?;
        done += rows as u32;
        match ended {
            Ok(()) => {}
            // The data breaks off here; the rows above are worth showing.
            Err(_) if done > 0 && Instant::now() < deadline => break,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// Above this size, an interlaced 16-bit image keeps only the upper 8 bits.
pub(crate) const MAX_SIXTEEN_BYTES: usize = 128 * 1024 * 1024;

/// Decodes the whole image; also returns its depth.
fn interlaced(
    reader: &mut Rows<'_>,
    picture: Size,
    limits: &Limits,
    max_sixteen_bytes: usize,
    deadline: Instant,
) -> Result<(Vec<u8>, BitDepth), png::DecodingError> {
    let mut depth = reader.output_color_type().1;
    let is_cut_down =
        depth == BitDepth::Sixteen && reader.output_buffer_size() > Some(max_sixteen_bytes);
    let size = reader.output_buffer_size().map(|size| match is_cut_down {
        true => size / 2,
        false => size,
    });
    let size = size.filter(|size| *size as u64 <= limits.max_decoded_bytes);
    let mut samples = vec![0; size.ok_or(png::DecodingError::LimitsExceeded)?];
    if is_cut_down {
        depth = BitDepth::Eight;
    }
    let stride = samples.len() / picture.height.max(1) as usize;
    let bits = (8 * stride / picture.width.max(1) as usize) as u8;
    let mut upper = Vec::new();
    let mut rows = 0;
    loop {
        let row = match reader.next_interlaced_row() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(png::DecodingError::LimitsExceeded) => {
                return Err(png::DecodingError::LimitsExceeded);
            }
            // The data breaks off here.
            Err(_) if rows > 0 && Instant::now() < deadline => {
                coarse::fill(&mut samples, picture, rows);
                break;
            }
            Err(error) => return Err(error),
        };
        rows += 1;
        let InterlaceInfo::Adam7(pass) = row.interlace() else {
            continue;
        };
        let data = match is_cut_down {
            true => {
                upper.clear();
                upper.extend(row.data().iter().step_by(2));
                &upper
            }
            false => row.data(),
        };
        png::expand_interlaced_row(&mut samples, stride, data, pass, bits);
    }
    Ok((samples, depth))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    const SIZE: Size = Size::new(13, 9);
    /// First column and row of a pass, and the steps from there (PNG, section 8.2).
    const PASSES: [[u32; 4]; 7] = [
        [0, 0, 8, 8],
        [4, 0, 8, 8],
        [0, 4, 4, 8],
        [2, 0, 4, 4],
        [0, 2, 2, 4],
        [1, 0, 2, 2],
        [0, 1, 1, 2],
    ];

    fn sample(x: u32, y: u32, channel: u32) -> u16 {
        (x * 4_999 + y * 7_001 + channel * 13_007) as u16
    }

    fn file() -> Vec<u8> {
        let mut info = png::Info::with_size(SIZE.width, SIZE.height);
        (info.color_type, info.bit_depth) = (ColorType::Rgba, BitDepth::Sixteen);
        info.interlaced = true;
        let mut file = Vec::new();
        let encoder = png::Encoder::with_info(&mut file, info).unwrap();
        let mut writer = encoder.write_header().unwrap();
        let mut data = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        for [column, row, across, down] in PASSES {
            for y in (row..SIZE.height).step_by(down as usize) {
                // Filter type 0.
                data.write_all(&[0]).unwrap();
                for x in (column..SIZE.width).step_by(across as usize) {
                    for channel in 0..4 {
                        data.write_all(&sample(x, y, channel).to_be_bytes())
                            .unwrap();
                    }
                }
            }
        }
        writer
            .write_chunk(png::chunk::IDAT, &data.finish().unwrap())
            .unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn an_interlaced_picture_is_whole_and_a_large_one_keeps_its_upper_bits() {
        let file = file();
        for (most, expected) in [(usize::MAX, BitDepth::Sixteen), (0, BitDepth::Eight)] {
            let deadline = Instant::now() + Duration::from_secs(60);
            let reader = DeadlineReader::new(PixelChunks::of(&file), deadline);
            let mut reader = Decoder::new(reader).read_info().unwrap();
            let limits = Limits::default();
            let (samples, depth) = interlaced(&mut reader, SIZE, &limits, most, deadline).unwrap();
            assert_eq!(depth, expected);
            let mut samples = samples.into_iter();
            for y in 0..SIZE.height {
                for x in 0..SIZE.width {
                    for channel in 0..4 {
                        let [upper, lower] = sample(x, y, channel).to_be_bytes();
                        assert_eq!(samples.next(), Some(upper), "{x} {y} {channel}");
                        if depth == BitDepth::Sixteen {
                            assert_eq!(samples.next(), Some(lower), "{x} {y} {channel}");
                        }
                    }
                }
            }
            assert_eq!(samples.next(), None);
        }
    }
}
