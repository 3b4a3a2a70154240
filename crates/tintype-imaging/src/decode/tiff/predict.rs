//! Undoes horizontal differencing (TIFF 6.0 section 14; for floating point, Adobe's technical note 3), row by row.

use super::form::{Depth, PageFormat, Predictor};

/// `apart`: the distance between samples of the same channel.
pub(super) fn undo(row: &mut [u8], scratch: &mut Vec<u8>, form: &PageFormat, apart: usize) {
    let size = form.depth.bits() as usize / 8;
    match (form.predictor, size) {
        (Predictor::None, _) => {}
        (Predictor::Horizontal, 1) => bytes(row, apart),
        (Predictor::Horizontal, _) => whole(row, size, form.little, apart),
        (Predictor::FloatingPoint, _) => {
            debug_assert!(matches!(form.depth, Depth::Float { .. }));
            bytes(row, apart);
            together(row, scratch, size, form.little);
        }
    }
}

fn bytes(row: &mut [u8], apart: usize) {
    for at in apart..row.len() {
        row[at] = row[at].wrapping_add(row[at - apart]);
    }
}

fn whole(row: &mut [u8], size: usize, little: bool, apart: usize) {
    let step = size * apart;
    let mut at = step;
    while at + size <= row.len() {
        let mut carry = 0;
        for byte in 0..size {
            let byte = if little { byte } else { size - 1 - byte };
            let sum = u16::from(row[at + byte]) + u16::from(row[at - step + byte]) + carry;
            row[at + byte] = sum as u8;
            carry = sum >> 8;
        }
        at += size;
    }
}

/// Joins the bytes of floating-point samples: the high bytes of all samples are stored first, then the next.
fn together(row: &mut [u8], scratch: &mut Vec<u8>, size: usize, little: bool) {
    scratch.clear();
    scratch.extend_from_slice(row);
    let count = row.len() / size;
    for (index, sample) in row.chunks_exact_mut(size).enumerate() {
        for (byte, to) in sample.iter_mut().enumerate() {
            let plane = if little { size - 1 - byte } else { byte };
            *to = scratch[plane * count + index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_go_into_the_next_byte_in_either_order() {
        let mut little = [0xff, 0x00, 0x02, 0x00];
        whole(&mut little, 2, true, 1);
        assert_eq!(little, [0xff, 0x00, 0x01, 0x01]);
        let mut big = [0x00, 0xff, 0x00, 0x02];
        whole(&mut big, 2, false, 1);
        assert_eq!(big, [0x00, 0xff, 0x01, 0x01]);
    }
}
