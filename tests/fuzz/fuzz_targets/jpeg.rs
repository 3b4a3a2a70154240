//! The JPEG decoder, at each of its scales.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tintype_jpeg::{Limits, Scale};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        max_pixels: 1_000_000,
        max_scans: 20,
        max_coefficient_bytes: 16 << 20,
    };
    for scale in (1..=8).map(Scale::eighths) {
        if let Ok(picture) = tintype_jpeg::decode(bytes, scale, &limits, &|| true) {
            let pixels = picture.width as usize * picture.height as usize;
            assert_eq!(picture.samples.len(), pixels * picture.colour.channels());
        }
    }
});
