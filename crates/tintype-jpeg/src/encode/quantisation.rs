//! Quantisation tables by quality, scaled as in libjpeg.

use crate::idct::ZIGZAG;

/// The base tables that quality scales, for luma and chroma, in natural order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseTables {
    /// The example tables of T.81 K.1, which libjpeg uses.
    Standard,
    /// mozjpeg's tables, tuned for MS-SSIM.
    MsSsim,
}

impl BaseTables {
    /// Returns the tables in zigzag order.
    pub(super) fn at(self, quality: u8) -> [[u8; 64]; 2] {
        let quality = u32::from(quality.clamp(1, 100));
        let percent = if quality < 50 {
            5000 / quality
        } else {
            200 - 2 * quality
        };
        let scaled = |value: u8| ((u32::from(value) * percent + 50) / 100).clamp(1, 255) as u8;
        let tables = match self {
            Self::Standard => [&STANDARD_LUMA, &STANDARD_CHROMA],
            Self::MsSsim => [&MS_SSIM_LUMA, &MS_SSIM_CHROMA],
        };
        tables.map(|table| ZIGZAG.map(|place| scaled(table[usize::from(place)])))
    }
}

#[rustfmt::skip]
const STANDARD_LUMA: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

#[rustfmt::skip]
const STANDARD_CHROMA: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

#[rustfmt::skip]
const MS_SSIM_LUMA: [u8; 64] = [
    12, 17, 20, 21, 30, 34, 56, 63,
    18, 20, 20, 26, 28, 51, 61, 55,
    19, 20, 21, 26, 33, 58, 69, 55,
    26, 26, 26, 30, 46, 87, 86, 66,
    31, 33, 36, 40, 46, 96, 100, 73,
    40, 35, 46, 62, 81, 100, 111, 91,
    46, 66, 76, 86, 102, 121, 120, 101,
    68, 90, 90, 96, 113, 102, 105, 103,
];

#[rustfmt::skip]
const MS_SSIM_CHROMA: [u8; 64] = [
    8, 12, 15, 15, 86, 96, 96, 98,
    13, 13, 15, 26, 90, 96, 99, 98,
    12, 15, 18, 96, 99, 99, 99, 99,
    17, 16, 90, 96, 99, 99, 99, 99,
    96, 96, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_is_the_table_itself_and_a_hundred_is_ones() {
        let [luma, chroma] = BaseTables::Standard.at(50);
        assert_eq!((luma[0], luma[1], luma[2], luma[63]), (16, 11, 12, 99));
        assert_eq!((chroma[0], chroma[63]), (17, 99));
        assert_eq!(BaseTables::MsSsim.at(100), [[1; 64]; 2]);
        assert_eq!(BaseTables::Standard.at(1)[0][0], 255);
    }
}
