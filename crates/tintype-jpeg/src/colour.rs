//! The meaning of a file's components, and YCbCr to RGB (JFIF 1.02, section 7).

use fearless_simd::dispatch;

use crate::level::level;

/// The colour space of decoded samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Gray,
    Rgb,
    /// 255 is full ink, regardless of how the file stores it.
    Cmyk,
}

impl Colour {
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// How a file encodes colour in its components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gray,
    Rgb,
    YCbCr,
    /// 255 is no ink, as Adobe writes it; every decoder assumes this, with or without the marker.
    InvertedCmyk,
    /// Inverted CMYK whose CMY was converted to YCbCr as if 255 minus CMY were RGB. Decoding therefore returns ink for
    /// CMY, and still has to invert K.
    Ycck,
}

impl Coding {
    /// Decides from the segments before the first scan, as libjpeg does: JFIF means YCbCr, otherwise Adobe's transform
    /// flag decides, otherwise the component identifiers. There are 1, 3 or 4 components.
    pub(crate) fn of(ids: &[u8], jfif: bool, adobe: Option<u8>) -> Self {
        match (ids.len(), adobe) {
            (1, _) => Self::Gray,
            (3, _) if jfif => Self::YCbCr,
            (3, Some(0)) => Self::Rgb,
            (3, None) if ids == b"RGB" => Self::Rgb,
            (3, _) => Self::YCbCr,
            (_, None | Some(0)) => Self::InvertedCmyk,
            (_, Some(_)) => Self::Ycck,
        }
    }

    /// The colour space of the decoded samples.
    pub const fn colour(self) -> Colour {
        match self {
            Self::Gray => Colour::Gray,
            Self::Rgb | Self::YCbCr => Colour::Rgb,
            Self::InvertedCmyk | Self::Ycck => Colour::Cmyk,
        }
    }

    /// Interleaves one line of each component.
    pub(crate) fn write(self, row: &mut [u8], lines: &[Vec<u8>]) {
        match (self, lines) {
            (Self::Gray, [gray]) => row.copy_from_slice(gray),
            (Self::Rgb, [r, g, b]) => {
                for (((out, r), g), b) in row.chunks_exact_mut(3).zip(r).zip(g).zip(b) {
                    out.copy_from_slice(&[*r, *g, *b]);
                }
            }
            (Self::YCbCr, [luma, cb, cr]) => to_rgb([luma, cb, cr], row),
            (Self::InvertedCmyk, [c, m, y, k]) => {
                for ((((out, c), m), y), k) in row.chunks_exact_mut(4).zip(c).zip(m).zip(y).zip(k) {
                    out.copy_from_slice(&[255 - c, 255 - m, 255 - y, 255 - k]);
                }
            }
            (_, [luma, cb, cr, k]) => {
                let parts = row.chunks_exact_mut(4).zip(luma).zip(cb).zip(cr).zip(k);
                for ((((out, luma), cb), cr), k) in parts {
                    let [r, g, b] = rgb_of(*luma, *cb, *cr);
                    out.copy_from_slice(&[r, g, b, 255 - k]);
                }
            }
            // Each coding implies its number of components.
            _ => {}
        }
    }
}

/// Converts YCbCr to interleaved RGB.
pub fn to_rgb(components: [&[u8]; 3], rgb: &mut [u8]) {
    dispatch!(level(), _simd => interleave(components, rgb));
}

#[inline(always)]
fn interleave([luma, cb, cr]: [&[u8]; 3], rgb: &mut [u8]) {
    for (((out, luma), cb), cr) in rgb.chunks_exact_mut(3).zip(luma).zip(cb).zip(cr) {
        out.copy_from_slice(&rgb_of(*luma, *cb, *cr));
    }
}

#[inline(always)]
fn rgb_of(luma: u8, cb: u8, cr: u8) -> [u8; 3] {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// libjpeg's `jdapimin.c`, `default_decompress_parms`.
    #[test]
    fn colour_is_told_as_libjpeg_tells_it() {
        use Coding::{InvertedCmyk, Rgb, YCbCr, Ycck};
        let cases: [(&[u8], bool, Option<u8>, Coding); 12] = [
            (&[1, 2, 3], false, None, YCbCr),
            (&[1, 2, 3], false, Some(0), Rgb),
            (&[1, 2, 3], false, Some(1), YCbCr),
            (&[1, 2, 3], true, Some(0), YCbCr),
            (b"RGB", false, None, Rgb),
            (b"RGB", false, Some(1), YCbCr),
            (b"RGB", true, None, YCbCr),
            (&[0, 1, 2], false, None, YCbCr),
            (&[1, 2, 3, 4], false, None, InvertedCmyk),
            (&[1, 2, 3, 4], true, Some(0), InvertedCmyk),
            (&[1, 2, 3, 4], true, Some(2), Ycck),
            (b"CMYK", false, Some(1), Ycck),
        ];
        for (ids, jfif, adobe, expected) in cases {
            assert_eq!(
                Coding::of(ids, jfif, adobe),
                expected,
                "{ids:?} {jfif} {adobe:?}"
            );
        }
    }
}
