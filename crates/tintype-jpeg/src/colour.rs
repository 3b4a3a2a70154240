//! From planes to interleaved pixels: chroma up to size, YCbCr to RGB (JFIF 1.02, section 7).

use crate::frame::{Frame, Plane};
use crate::{Error, Scale};

/// How the components of a file code colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gray,
    Rgb,
    YCbCr,
    Cmyk,
    /// Adobe's: 255 is no ink.
    InvertedCmyk,
    /// Adobe's: inverted CMYK, of which CMY became YCbCr as if 255 minus it were RGB. So decoding
    /// gives ink for CMY and still inverts K.
    Ycck,
}

pub(crate) fn assemble(
    frame: &Frame,
    planes: &[Plane],
    scale: Scale,
    coding: Coding,
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<u8>, Error> {
    let width = scale.apply(frame.width) as usize;
    let height = scale.apply(frame.height) as usize;
    let channels = planes.len();
    let mut samples = vec![0; width * height * channels];
    let mut lines = vec![vec![0u8; width]; channels];
    for (y, row) in samples.chunks_exact_mut(width * channels).enumerate() {
        if y % 64 == 0 && !go_on() {
            return Err(Error::Stopped);
        }
        for (index, line) in lines.iter_mut().enumerate() {
            let plane = &planes[index];
            let [(over_x, under_x), (over_y, under_y)] = frame.reach(index, plane, scale);
            let start = y * over_y / under_y * plane.stride;
            let source = &plane.pixels[start..start + plane.stride];
            stretch(source, line, over_x, under_x);
        }
        write(row, &lines, coding);
    }
    Ok(samples)
}

/// Repeats the pixels of a narrower line. Repetition is centred, and the picture is going to be
/// made smaller.
fn stretch(source: &[u8], line: &mut [u8], over: usize, under: usize) {
    if over == under {
        line.copy_from_slice(&source[..line.len()]);
    } else if under == over * 2 {
        for (pair, &value) in line.chunks_mut(2).zip(source) {
            pair.fill(value);
        }
    } else {
        for (x, out) in line.iter_mut().enumerate() {
            *out = source[x * over / under];
        }
    }
}

fn write(row: &mut [u8], lines: &[Vec<u8>], coding: Coding) {
    match (coding, lines) {
        (Coding::Gray, [gray]) => row.copy_from_slice(gray),
        (Coding::Rgb, [r, g, b]) => {
            for (((out, r), g), b) in row.chunks_exact_mut(3).zip(r).zip(g).zip(b) {
                out.copy_from_slice(&[*r, *g, *b]);
            }
        }
        (Coding::YCbCr, [luma, cb, cr]) => {
            for (((out, luma), cb), cr) in row.chunks_exact_mut(3).zip(luma).zip(cb).zip(cr) {
                out.copy_from_slice(&rgb(*luma, *cb, *cr));
            }
        }
        (Coding::Cmyk | Coding::InvertedCmyk, [c, m, y, k]) => {
            let turn = if coding == Coding::Cmyk { 0 } else { 255 };
            for ((((out, c), m), y), k) in row.chunks_exact_mut(4).zip(c).zip(m).zip(y).zip(k) {
                out.copy_from_slice(&[c ^ turn, m ^ turn, y ^ turn, k ^ turn]);
            }
        }
        (_, [luma, cb, cr, k]) => {
            let parts = row.chunks_exact_mut(4).zip(luma).zip(cb).zip(cr).zip(k);
            for ((((out, luma), cb), cr), k) in parts {
                let [r, g, b] = rgb(*luma, *cb, *cr);
                out.copy_from_slice(&[r, g, b, 255 - k]);
            }
        }
        // A coding goes with its number of components.
        _ => {}
    }
}

#[inline(always)]
fn rgb(luma: u8, cb: u8, cr: u8) -> [u8; 3] {
    let luma = (i32::from(luma) << 16) + (1 << 15);
    let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
    let part = |value: i32| (value >> 16).clamp(0, 255) as u8;
    // 1.402, 0.344136, 0.714136 and 1.772 in 16.16 fixed point.
    [
        part(luma + 91_881 * cr),
        part(luma - 22_554 * cb - 46_802 * cr),
        part(luma + 116_130 * cb),
    ]
}
