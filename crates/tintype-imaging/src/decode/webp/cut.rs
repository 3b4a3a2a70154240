//! Pictures that break off. `image-webp` gives all of one or nothing; so it is given something to go on with, and
//! that twice: the rows in which both agree were told by the file.

use crate::Error;
use crate::spec::Size;

/// Bytes that follow a file which breaks off. What some of them say is against the rules.
const FILLINGS: [u8; 8] = [0, 0xff, 0x55, 0xaa, 0x33, 0xcc, 0x69, 0x96];

/// Bytes that are enough for the rest of most pictures, when they are read on without much sense.
pub(super) fn filling(size: Size) -> u64 {
    size.pixels() + 64 * 1024
}

/// What was decoded, and how many of its rows are known. With the first error, where there is nothing. One picture
/// at a time is in memory: `sum` is a checksum of a row.
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
