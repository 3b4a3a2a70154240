//! Packs one block: from natural to zigzag order, without zeros.

use crate::idct::ZIGZAG;

/// Writes the nonzero AC coefficients to `values`, which has room for all 63, and returns a mask of their zigzag
/// positions.
#[inline(always)]
pub(super) fn packed(quantised: &[i16; 64], values: &mut [i16]) -> u64 {
    let ordered: [i16; 64] = std::array::from_fn(|index| quantised[usize::from(ZIGZAG[index])]);
    let mask = mask(&ordered) & !1;
    let mut left = mask;
    for value in values {
        if left == 0 {
            break;
        }
        *value = ordered[left.trailing_zeros() as usize & 63];
        left &= left - 1;
    }
    mask
}

/// Sets one bit per nonzero value.
#[inline(always)]
fn mask(values: &[i16; 64]) -> u64 {
    let flags: [u8; 64] = std::array::from_fn(|index| u8::from(values[index] != 0));
    let mut mask = 0;
    for (number, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        // The flags are bytes of 0 or 1; the multiplication gathers them in the highest byte.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (8 * number);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_zero_is_kept_in_coding_order() {
        let mut quantised = [0; 64];
        for (natural, value) in [(0, 9), (1, 1), (8, -2), (16, 3), (63, -4), (36, 5)] {
            quantised[natural] = value;
        }
        let mut values = [0; 64];
        let mask = packed(&quantised, &mut values);
        let places: Vec<usize> = (0..64).filter(|place| mask >> place & 1 == 1).collect();
        assert_eq!(places, [1, 2, 3, 39, 63]);
        assert_eq!(values[..5], [1, -2, 3, 5, -4]);
        assert_eq!(packed(&[7; 64], &mut values), !1);
    }
}
