//! Tests that hold for either encoder. To test a plain build, which has the other one, run this target by name across
//! the whole workspace, so that features stay the same and nothing else is rebuilt:
//!
//! ```sh
//! cargo test --workspace --test each_encoder
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tintype_avif::{Chroma, Description, Primaries, Samples, encode};

/// No other crate here reads AVIF, so this checks that each kind of samples produces an AVIF with its metadata.
#[test]
fn samples_of_every_kind_are_written() {
    let (width, height) = (64, 48);
    let samples: Vec<u8> = (0..width * height * 4).map(|n| (n % 251) as u8).collect();
    let pixels = width * height;
    for samples in [
        Samples::Gray(&samples[..pixels]),
        Samples::Rgb(&samples[..3 * pixels]),
        Samples::Rgba(&samples),
    ] {
        let description = Description {
            primaries: Primaries::Srgb,
            exif: Some(b"II*\0\x08\0\0\0\0\0"),
            xmp: Some(b"<x:xmpmeta/>"),
        };
        let (width, height) = (width as u32, height as u32);
        let file = encode(samples, width, height, 80, Chroma::Quarter, description).unwrap();
        assert!(file[4..].starts_with(b"ftypavif"));
        assert!(file.windows(4).any(|window| window == b"II*\0"));
    }
}
