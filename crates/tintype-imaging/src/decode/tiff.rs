//! TIFF: the first page. Interleaved samples of 8 and 16 bits are read as they are, strip by strip where there
//! are several; what is rarer takes the way of the `image` crate.

use std::io::Cursor;
use std::time::Instant;

use tiff::decoder::{ChunkType, Decoder, DecodingResult};
use tiff::tags::{PlanarConfiguration, SampleFormat, Tag};
use tiff::{ColorType, TiffResult};

use super::{Band, Layout, Samples, Take, whole};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::probe::Header;
use crate::spec::Size;

type Reader<'a> = Decoder<DeadlineReader<Cursor<&'a [u8]>>>;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    if let Some((mut reader, layout)) = interleaved(bytes, limits, deadline) {
        let is_in_strips = reader.get_chunk_type() == ChunkType::Strip;
        let strips = match is_in_strips {
            true => reader.strip_count().unwrap_or(1),
            false => 1,
        };
        let mut given = false;
        for strip in 0..strips {
            let read = match strips {
                1 => reader.read_image(),
                _ => reader.read_chunk(strip),
            };
            let Some(band) = band(read, header.size, layout) else {
                break;
            };
            take(band)?;
            given = true;
        }
        // Where it breaks off, the rows above are worth showing.
        if given {
            return check_deadline(deadline);
        }
    }
    take(whole::decode(bytes, header, limits, deadline)?)
}

/// `None` for every other form.
fn interleaved<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    deadline: Instant,
) -> Option<(Reader<'a>, Layout)> {
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let mut tiff_limits = tiff::decoder::Limits::default();
    tiff_limits.decoding_buffer_size = limits.max_decoded_bytes as usize;
    tiff_limits.intermediate_buffer_size = limits.max_decoded_bytes as usize;
    let mut decoder = Decoder::new(reader).ok()?.with_limits(tiff_limits);
    let layout = match decoder.colortype().ok()? {
        ColorType::Gray(8 | 16) => Layout::Gray,
        ColorType::GrayA(8 | 16) => Layout::GrayAlpha,
        ColorType::RGB(8 | 16) => Layout::Rgb,
        ColorType::RGBA(8 | 16) => Layout::Rgba,
        ColorType::CMYK(8) => Layout::Cmyk,
        _ => return None,
    };
    let planes: Option<u16> = decoder.find_tag_unsigned(Tag::PlanarConfiguration).ok()?;
    let formats = decoder.find_tag_unsigned_vec(Tag::SampleFormat).ok()?;
    let is_whole = |format: &u16| *format == SampleFormat::Uint.to_u16();
    let is_usual = planes.is_none_or(|planes| planes == PlanarConfiguration::Chunky.to_u16())
        && formats.is_none_or(|formats| formats.iter().all(is_whole));
    is_usual.then_some((decoder, layout))
}

/// Whole rows. `None`: they are damaged, or of a form that was not foreseen.
fn band(read: TiffResult<DecodingResult>, size: Size, layout: Layout) -> Option<Band<'static>> {
    let samples = match read.ok()? {
        DecodingResult::U8(samples) => Samples::Eight(samples.into()),
        DecodingResult::U16(samples) => Samples::Sixteen(samples.into()),
        _ => return None,
    };
    let stride = size.width as usize * layout.channels();
    (samples.len() > 0 && samples.len().is_multiple_of(stride)).then_some(Band {
        size,
        divisor: 1,
        plane: None,
        layout,
        samples,
    })
}
