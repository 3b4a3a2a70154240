//! JPEG: our own decoder at 1/2, 1/4 and 1/8; `jpeg-decoder` at full size.

use std::io::Cursor;
use std::time::Instant;

use tintype_jpeg::{Colour, Scale};

use super::{Band, Layout, Samples};
use crate::Error;
use crate::limits::{DeadlineReader, Limits};
use crate::probe::Header;
use crate::spec::Size;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    divisor: u32,
    limits: &Limits,
    deadline: Instant,
) -> Result<Band<'static>, Error> {
    let scale = match divisor {
        8 => Scale::Eighth,
        4 => Scale::Quarter,
        2 => Scale::Half,
        _ => {
            return match full(bytes, header, limits, deadline) {
                // Damaged: at half the size there is a decoder that shows what is left.
                Err(Error::Malformed(_) | Error::Unsupported(_)) => {
                    reduced(bytes, Scale::Half, limits, deadline)
                }
                other => other,
            };
        }
    };
    reduced(bytes, scale, limits, deadline)
}

fn reduced(
    bytes: &[u8],
    scale: Scale,
    limits: &Limits,
    deadline: Instant,
) -> Result<Band<'static>, Error> {
    let jpeg_limits = tintype_jpeg::Limits {
        max_pixels: limits.max_pixels,
        max_scans: limits.max_scans,
        max_coefficient_bytes: limits.max_decoded_bytes,
    };
    let go_on = || Instant::now() < deadline;
    let picture =
        tintype_jpeg::decode(bytes, scale, &jpeg_limits, &go_on).map_err(|error| match error {
            tintype_jpeg::Error::Malformed(why) => Error::malformed(why),
            tintype_jpeg::Error::Unsupported(what) => {
                Error::unsupported(format!("JPEG with {what}"))
            }
            tintype_jpeg::Error::OverLimit { what, is, limit } => {
                Error::OverLimit { what, is, limit }
            }
            tintype_jpeg::Error::Stopped => Error::DeadlineExceeded,
        })?;
    let layout = match picture.colour {
        Colour::Gray => Layout::Gray,
        Colour::Rgb => Layout::Rgb,
        Colour::Cmyk => Layout::Cmyk,
    };
    Ok(Band {
        size: Size::new(picture.width, picture.height),
        divisor: scale.divisor(),
        layout,
        samples: Samples::Eight(picture.samples.into()),
    })
}

fn full(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
) -> Result<Band<'static>, Error> {
    use jpeg_decoder::PixelFormat;
    let channels = if header.interlaced { 3 } else { 1 } * 4;
    Error::check(
        "bytes of the decoded picture",
        header.size.pixels() * channels,
        limits.max_decoded_bytes,
    )?;
    let mut decoder = jpeg_decoder::Decoder::new(DeadlineReader::new(Cursor::new(bytes), deadline));
    decoder.set_max_decoding_buffer_size(limits.max_decoded_bytes as usize);
    let mut samples = decoder.decode().map_err(|error| match error {
        jpeg_decoder::Error::Unsupported(what) => Error::unsupported(format!("JPEG with {what:?}")),
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        other => Error::malformed(other.to_string()),
    })?;
    let info = decoder
        .info()
        .ok_or_else(|| Error::internal("a decoded JPEG has no size"))?;
    let layout = match info.pixel_format {
        PixelFormat::L8 => Layout::Gray,
        PixelFormat::RGB24 => Layout::Rgb,
        PixelFormat::CMYK32 => Layout::Cmyk,
        PixelFormat::L16 => return Err(Error::unsupported("lossless JPEG")),
    };
    // It takes every CMYK file for one of Adobe's, which are inverted.
    if layout == Layout::Cmyk && !is_from_adobe(bytes) {
        samples
            .iter_mut()
            .for_each(|sample| *sample = 255 - *sample);
    }
    Ok(Band {
        size: Size::new(u32::from(info.width), u32::from(info.height)),
        divisor: 1,
        layout,
        samples: Samples::Eight(samples.into()),
    })
}

/// Whether there is an APP14 segment of Adobe's; it stands near the front, by custom before the frame.
fn is_from_adobe(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024 * 1024)];
    head.windows(9)
        .any(|window| window.starts_with(b"\xff\xee") && window.ends_with(b"Adobe"))
}
