//! JPEG: our own decoder, at 1/1, 1/2, 1/4 and 1/8.

use std::time::Instant;

use tintype_jpeg::{Colour, Scale};

use super::{Band, Layout, Samples};
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

pub(super) fn decode(
    bytes: &[u8],
    divisor: u32,
    limits: &Limits,
    deadline: Instant,
) -> Result<Band<'static>, Error> {
    let scale = Scale::eighths(8 / divisor);
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
        divisor,
        layout,
        samples: Samples::Eight(picture.samples.into()),
    })
}
