//! The alpha of a lossy image (RFC 9649, section 2.7.1.2).

use std::time::Instant;

use super::lossless;
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

/// Decodes alpha, one byte per pixel.
pub(super) fn decode(
    chunk: &[u8],
    size: Size,
    limits: &Limits,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let (info, stream) = chunk
        .split_first()
        .ok_or_else(|| Error::malformed("cut off"))?;
    let mut alpha = match info & 3 {
        0 => stream
            .get(..size.pixels() as usize)
            .ok_or_else(|| Error::malformed("cut off"))?
            .to_vec(),
        1 => {
            let pixels = lossless::decode(stream, size, limits, deadline)?;
            pixels.iter().map(|[_, green, ..]| *green).collect()
        }
        _ => return Err(Error::malformed("alpha with unknown compression")),
    };
    let width = size.width as usize;
    match info >> 2 & 3 {
        0 => {}
        1 => unfilter(&mut alpha, width, |left, _, _| left),
        2 => unfilter(&mut alpha, width, |_, above, _| above),
        _ => unfilter(&mut alpha, width, |left, above, corner| {
            let gradient = i16::from(left) + i16::from(above) - i16::from(corner);
            gradient.clamp(0, 255) as u8
        }),
    }
    Ok(alpha)
}

/// Adds to each value its prediction from the values to the left, above and above left. At the edges, the prediction is
/// the one neighbour that exists.
fn unfilter(alpha: &mut [u8], width: usize, predict: impl Fn(u8, u8, u8) -> u8) {
    let (first, _) = alpha.split_at_mut(width);
    let mut left = 0;
    for value in first {
        left = value.wrapping_add(left);
        *value = left;
    }
    for start in (width..alpha.len()).step_by(width) {
        let (before, rows) = alpha.split_at_mut(start);
        let above = &before[start - width..];
        let mut left = above[0];
        let mut corner = above[0];
        for (value, above) in rows.iter_mut().zip(above) {
            left = value.wrapping_add(predict(left, *above, corner));
            (*value, corner) = (left, *above);
        }
    }
}
