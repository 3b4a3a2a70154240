//! Recovers truncated images. `image-webp` returns all of an image or nothing, so the missing end is filled in, twice
//! with different bytes: rows that agree in both come from the file.

use crate::Error;
use crate::spec::Size;

/// Bytes to fill a truncated file with. Some of them violate the format.
const FILLINGS: [u8; 8] = [0, 0xff, 0x55, 0xaa, 0x33, 0xcc, 0x69, 0x96];

/// Enough filling to complete most images.
pub(super) fn filling(size: Size) -> u64 {
    size.pixels() + 64 * 1024
}

/// Decodes an image; also returns how many of its rows are known. Returns the first error if there are none. Only one
/// image at a time is in memory: `sum` is the checksum of a row.
pub(super) fn decode<T>(
    is_cut: bool,
    size: Size,
    whole: impl FnOnce() -> Result<T, Error>,
    filled: impl Fn(u8) -> Result<T, Error>,
    sum: impl Fn(&T, usize) -> u32,
) -> Result<(T, usize), Error> {
    let height = size.height as usize;
    let error = match whole() {
        Ok(picture) => return Ok((picture, height)),
        Err(error @ Error::Malformed(_)) if is_cut => error,
        Err(error) => return Err(error),
    };
    let mut first: Option<Vec<u32>> = None;
    for byte in FILLINGS {
        let picture = match filled(byte) {
            Ok(picture) => picture,
            Err(Error::Malformed(_)) => continue,
            Err(error) => return Err(error),
        };
        let Some(sums) = &first else {
            first = Some((0..height).map(|row| sum(&picture, row)).collect());
            continue;
        };
        let unlike = (0..height).find(|row| sum(&picture, *row) != sums[*row]);
        return match unlike.unwrap_or(height) {
            0 => Err(error),
            known => Ok((picture, known)),
        };
    }
    Err(error)
}
