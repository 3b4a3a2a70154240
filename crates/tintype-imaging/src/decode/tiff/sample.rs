//! Converts whole rows of samples from their stored depth to 8 bits, 16 bits or floating point, over the full range: 4
//! bits become 0..=255. Negative values are black.

use super::colours::{BandSamples, PixelConverter};
use super::form::{Depth, PageFormat};
use crate::Error;

/// The sample type of an image.
pub(super) trait TiffSample: Copy + Default + PartialEq {
    /// Fills `to` from a packed row. If `raw`, values stay as stored, unless they have more than 16 bits.
    fn unpack(packed: &[u8], form: &PageFormat, raw: bool, to: &mut [Self]);
    fn paint(colours: &PixelConverter, row: &[Self], to: &mut BandSamples) -> Result<(), Error>;
}

impl TiffSample for u8 {
    fn unpack(packed: &[u8], form: &PageFormat, raw: bool, to: &mut [Self]) {
        let Depth::Eight { bits, signed } = form.depth else {
            return;
        };
        match bits {
            8 => to.copy_from_slice(&packed[..to.len()]),
            1 => unpack_byte_by_byte::<1, 8>(packed, to),
            2 => unpack_byte_by_byte::<2, 4>(packed, to),
            4 => unpack_byte_by_byte::<4, 2>(packed, to),
            _ => unpack_bits(packed, bits, to, |value| value as u8),
        }
        if signed {
            let sign = 1 << (bits - 1);
            to.iter_mut()
                .for_each(|value| *value = if *value & sign == 0 { *value } else { 0 });
        }
        if !raw && bits < 8 {
            let most = (1u16 << bits) - 1;
            to.iter_mut()
                .for_each(|value| *value = (u16::from(*value) * 255 / most) as u8);
        }
    }

    fn paint(colours: &PixelConverter, row: &[Self], to: &mut BandSamples) -> Result<(), Error> {
        colours.paint_eight(row, to)
    }
}

impl TiffSample for u16 {
    fn unpack(packed: &[u8], form: &PageFormat, raw: bool, to: &mut [Self]) {
        let Depth::Sixteen { bits, signed } = form.depth else {
            return;
        };
        let little = form.little;
        match (bits, little) {
            (16, true) => {
                let pairs = packed.as_chunks().0.iter();
                to.iter_mut()
                    .zip(pairs)
                    .for_each(|(to, pair)| *to = u16::from_le_bytes(*pair));
            }
            (16, false) => {
                let pairs = packed.as_chunks().0.iter();
                to.iter_mut()
                    .zip(pairs)
                    .for_each(|(to, pair)| *to = u16::from_be_bytes(*pair));
            }
            (24 | 32 | 64, _) => {
                let size = bits as usize / 8;
                for (to, value) in to.iter_mut().zip(packed.chunks_exact(size)) {
                    let (upper, next) = match little {
                        true => (value[size - 1], value[size - 2]),
                        false => (value[0], value[1]),
                    };
                    *to = u16::from_be_bytes([upper, next]);
                }
            }
            (9..16, _) => unpack_bits(packed, bits, to, |value| value as u16),
            _ => unpack_bits(packed, bits, to, |value| (value >> (bits - 16)) as u16),
        }
        let bits = bits.min(16);
        if signed {
            let sign = 1 << (bits - 1);
            to.iter_mut()
                .for_each(|value| *value = if *value & sign == 0 { *value } else { 0 });
        }
        if !raw && bits < 16 {
            let most = (1u32 << bits) - 1;
            let whole = |value: u16| (u32::from(value) * 65_535 + most / 2) / most;
            to.iter_mut()
                .for_each(|value| *value = whole(*value) as u16);
        }
    }

    fn paint(colours: &PixelConverter, row: &[Self], to: &mut BandSamples) -> Result<(), Error> {
        colours.paint_sixteen(row, to)
    }
}

impl TiffSample for f32 {
    fn unpack(packed: &[u8], form: &PageFormat, _: bool, to: &mut [Self]) {
        let Depth::Float { bits } = form.depth else {
            return;
        };
        let size = bits as usize / 8;
        let mut bytes = [0; 8];
        for (to, value) in to.iter_mut().zip(packed.chunks_exact(size)) {
            // Most significant byte first.
            let bytes = &mut bytes[..size];
            bytes.copy_from_slice(value);
            if form.little {
                bytes.reverse();
            }
            *to = match *bytes {
                [a, b] => small(u32::from(u16::from_be_bytes([a, b])), 10, 15),
                [a, b, c] => small(u32::from_be_bytes([0, a, b, c]), 16, 63),
                [a, b, c, d] => f32::from_be_bytes([a, b, c, d]),
                [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]) as f32,
                _ => 0.0,
            };
        }
    }

    fn paint(colours: &PixelConverter, row: &[Self], to: &mut BandSamples) -> Result<(), Error> {
        colours.paint_float(row, to)
    }
}

/// Decodes a float with a sign bit, an exponent with this bias, and a mantissa of `mantissa_bits`.
fn small(value: u32, mantissa_bits: u32, bias: i32) -> f32 {
    let exponent_mask = 2 * bias as u32 + 1;
    let mantissa = value & ((1 << mantissa_bits) - 1);
    let exponent = (value >> mantissa_bits & exponent_mask) as i32;
    let is_negative = value >> mantissa_bits > exponent_mask;
    let fraction = mantissa as f32 / (1 << mantissa_bits) as f32;
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(1 - bias),
        _ if exponent == exponent_mask as i32 => match mantissa {
            0 => f32::INFINITY,
            _ => f32::NAN,
        },
        _ => (1.0 + fraction) * 2f32.powi(exponent - bias),
    };
    if is_negative { -magnitude } else { magnitude }
}

/// Unpacks the usual depths, as [`unpack_bits`] does, several times as fast.
fn unpack_byte_by_byte<const BITS: usize, const IN_BYTE: usize>(packed: &[u8], to: &mut [u8]) {
    let value = |byte: u8, at: usize| byte >> (8 - BITS * (at + 1)) & (u8::MAX >> (8 - BITS));
    let (whole, rest) = to.as_chunks_mut::<IN_BYTE>();
    for (values, byte) in whole.iter_mut().zip(packed) {
        *values = std::array::from_fn(|at| value(*byte, at));
    }
    let last = packed.get(whole.len()).copied().unwrap_or(0);
    for (at, to) in rest.iter_mut().enumerate() {
        *to = value(last, at);
    }
}

/// Unpacks values of any number of bits, most significant first, ignoring byte boundaries.
fn unpack_bits<T>(packed: &[u8], bits: u32, to: &mut [T], of: impl Fn(u64) -> T) {
    let mask = u64::MAX >> (64 - bits);
    let (mut held, mut count) = (0u128, 0);
    let mut bytes = packed.iter();
    for to in to {
        while count < bits {
            held = held << 8 | u128::from(*bytes.next().unwrap_or(&0));
            count += 8;
        }
        count -= bits;
        *to = of((held >> count) as u64 & mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floating_point_is_read_as_ieee_754_has_it() {
        let half = |bits| small(bits, 10, 15);
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 2f32.powi(-24)),
            (0x3555, 0.333_251_95),
        ];
        for (bits, expected) in cases {
            assert_eq!(half(bits), expected, "{bits:#x}");
        }
        assert!(half(0x7c01).is_nan() && half(0x7c00).is_infinite());
        assert_eq!(small(0x3f_0000, 16, 63), 1.0);
    }

    #[test]
    fn the_usual_depths_are_unpacked_like_all_others() {
        let packed: Vec<u8> = (0..40_u8).map(|n| n.wrapping_mul(83)).collect();
        for length in 0..81 {
            for bits in [1, 2, 4] {
                let (mut values, mut expected) = (vec![0; length], vec![0; length]);
                match bits {
                    1 => unpack_byte_by_byte::<1, 8>(&packed, &mut values),
                    2 => unpack_byte_by_byte::<2, 4>(&packed, &mut values),
                    _ => unpack_byte_by_byte::<4, 2>(&packed, &mut values),
                }
                unpack_bits(&packed, bits, &mut expected, |value| value as u8);
                assert_eq!(values, expected, "{length} of {bits} bits");
            }
        }
    }

    #[test]
    fn bits_follow_each_other_across_bytes() {
        let mut values = [0u16; 3];
        unpack_bits(&[0xab, 0xcd, 0xef, 0x12, 0x30], 12, &mut values, |v| {
            v as u16
        });
        assert_eq!(values, [0xabc, 0xdef, 0x123]);
        let mut values = [0u64; 2];
        unpack_bits(&[0xff; 16], 63, &mut values, |v| v);
        assert_eq!(values, [u64::MAX >> 1; 2]);
    }
}
