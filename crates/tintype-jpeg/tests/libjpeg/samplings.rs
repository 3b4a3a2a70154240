//! Any sampling factors, size, table precision and order of scans decodes as in libjpeg.

use crate::djpeg::{difference, djpeg, ours, run};

const SIZES: [(u32, u32); 5] = [(128, 96), (33, 65), (17, 9), (8, 40), (1, 1)];

/// Of luma, then of each chroma component.
const SAMPLINGS: [&str; 10] = [
    "1x1",
    "2x1",
    "1x2",
    "2x2",
    "4x1",
    "1x4",
    "4x2",
    "2x4",
    "2x2,1x2,2x1",
    "2x2,2x1,1x1",
];

const KINDS: [&[&str]; 5] = [
    &["-quality", "90"],
    &["-quality", "90", "-progressive"],
    &["-quality", "90", "-restart", "3B", "-optimize"],
    // Quantisation tables of 16 bits.
    &["-quality", "1"],
    &["-quality", "1", "-progressive"],
];

/// Gradients of all colours.
fn picture((width, height): (u32, u32)) -> Vec<u8> {
    let mut pnm = format!("P6\n{width} {height}\n255\n").into_bytes();
    for y in 0..height {
        for x in 0..width {
            pnm.extend([
                (255 * x / width) as u8,
                (255 * y / height) as u8,
                (255 - (x + y) / 2 % 256) as u8,
            ]);
        }
    }
    pnm
}

fn has_wide_tables(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while jpeg[at + 1] != 0xDA {
        if jpeg[at + 1] == 0xDB && jpeg[at + 4] >> 4 == 1 {
            return true;
        }
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
    false
}

#[test]
fn every_sampling_size_and_kind_is_that_of_libjpeg() {
    let (mut compared, mut wide) = (0, 0);
    for size in SIZES {
        let pnm = picture(size);
        for sampling in SAMPLINGS {
            for kind in KINDS {
                let arguments = [&["-sample", sampling], kind].concat();
                let jpeg = run("cjpeg", &arguments, &pnm).expect("cjpeg writes it");
                let (shown, damaged) = ours(&jpeg, 8).unwrap();
                assert!(!damaged);
                let (mean, largest) = difference(&shown, &djpeg(&jpeg, 8).unwrap());
                assert!(
                    mean <= 0.3 && largest <= 4,
                    "{size:?} {sampling} {kind:?}: {mean}, {largest}"
                );
                wide += usize::from(has_wide_tables(&jpeg));
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 250);
    assert_eq!(wide, 100);
}
