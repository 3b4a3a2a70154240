//! WebP as libtiff stores it in a strip or tile: a complete file.

use std::io::Cursor;
use std::time::Instant;

use image_webp::WebPDecoder;

use super::{Shape, fit};
use crate::Error;
use crate::limits::{DeadlineReader, Limits};

pub(super) fn decode(
    bytes: &[u8],
    shape: &Shape,
    limits: &Limits,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let failed = |error: image_webp::DecodingError| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        other => Error::malformed(other.to_string()),
    };
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let mut decoder = WebPDecoder::new(reader).map_err(failed)?;
    let (width, height) = decoder.dimensions();
    Error::check_pixels(u64::from(width) * u64::from(height), limits.max_pixels)?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let size = (width as usize, height as usize);
    let mut samples = vec![0; size.0 * size.1 * channels];
    decoder.read_image(&mut samples).map_err(failed)?;
    Ok(fit(samples, size, channels, shape))
}
