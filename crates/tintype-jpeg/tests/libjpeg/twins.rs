//! The same coefficients decode to the same pixels however they are coded, at each scale alone and at several in one pass.
//! `jpegtran` recodes a file without changing them.

use std::path::Path;

use tintype_jpeg::{Chroma, Decoder, Scale};

use crate::djpeg::{LIMITS, read, run};

const FILES: [&str; 4] = [
    "photos/tower.jpg",
    "formats/made-jpeg-420-base.jpg",
    "formats/made-jpeg-444-prog.jpg",
    "photos/tower_grayscale.jpg",
];

/// Spectral selections and successive approximations: libjpeg's own, and unusual ones.
const SCRIPTS: [&str; 3] = [
    "0 1 2: 0-0, 0, 1; 0: 1-5, 0, 2; 2: 1-63, 0, 1; 1: 1-63, 0, 1; 0: 6-63, 0, 2; 0: 1-63, 2, 1; 0 1 2: 0-0, 1, 0;
     2: 1-63, 1, 0; 1: 1-63, 1, 0; 0: 1-63, 1, 0;",
    "0 1 2: 0-0, 0, 0; 0: 1-2, 0, 3; 0: 3-13, 0, 1; 0: 14-63, 0, 2; 0: 1-2, 3, 2; 0: 1-2, 2, 1; 0: 14-63, 2, 1;
     0: 1-63, 1, 0; 1: 1-63, 0, 0; 2: 1-63, 0, 0;",
    "0: 0-0, 0, 0; 1: 0-0, 0, 0; 2: 0-0, 0, 0; 0: 1-63, 0, 0; 1: 1-63, 0, 0; 2: 1-63, 0, 0;",
];

/// The stripes of every component, one after the other, of each of these scales.
fn at_scales(bytes: &[u8], scales: &[Scale]) -> Vec<Vec<u8>> {
    let scales: Vec<_> = scales
        .iter()
        .map(|scale| (*scale, Chroma::Scaled))
        .collect();
    let decoder = Decoder::at_scales(bytes, &scales, &LIMITS).unwrap();
    stripes(decoder, scales.len())
}

fn alone(bytes: &[u8], scale: Scale) -> Vec<u8> {
    let decoder = Decoder::new(bytes, scale, Chroma::Scaled, &LIMITS).unwrap();
    stripes(decoder, 1).remove(0)
}

fn stripes(mut decoder: Decoder<'_>, outputs: usize) -> Vec<Vec<u8>> {
    let mut samples = vec![Vec::new(); outputs];
    while decoder.advance() {
        for (output, samples) in samples.iter_mut().enumerate() {
            for (component, (width, _)) in decoder.sizes(output).into_iter().enumerate() {
                let stripe = decoder.stripe(output, component);
                let lines = stripe.samples.chunks_exact(stripe.stride);
                lines.for_each(|line| samples.extend(&line[..width]));
            }
        }
    }
    assert!(!decoder.is_damaged());
    samples
}

fn scales() -> Vec<Scale> {
    (1..=8).map(Scale::eighths).collect()
}

fn recoded(file: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = read(file);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut twins = vec![];
    let mut add = |name: &str, arguments: &[&str]| {
        let twin = run("jpegtran", arguments, &bytes).expect("jpegtran recodes it");
        twins.push((format!("{file} as {name}"), twin));
    };
    add("baseline", &["-optimize"]);
    add("progressive", &["-progressive"]);
    add("restarts", &["-restart", "3B", "-progressive"]);
    let of_colours = SCRIPTS.iter().filter(|_| !file.contains("gray"));
    for (index, script) in of_colours.enumerate() {
        let path = folder.join(format!("{}-{index}", file.replace('/', "-")));
        std::fs::write(&path, script).unwrap();
        let arguments = ["-scans", path.to_str().unwrap()];
        add(&format!("script {index}"), &arguments);
    }
    twins
}

#[test]
fn the_same_coefficients_are_the_same_pixels_at_every_scale() {
    for file in FILES {
        let bytes = read(file);
        let expected: Vec<Vec<u8>> = scales().iter().map(|s| alone(&bytes, *s)).collect();
        for (name, twin) in recoded(file) {
            for (scale, expected) in scales().into_iter().zip(&expected) {
                assert!(alone(&twin, scale) == *expected, "{name} at {scale:?}");
            }
        }
    }
}

#[test]
fn several_scales_at_once_have_the_pixels_of_each_alone() {
    for file in FILES {
        let bytes = read(file);
        let expected: Vec<Vec<u8>> = scales().iter().map(|s| alone(&bytes, *s)).collect();
        for (name, twin) in recoded(file) {
            assert!(at_scales(&twin, &scales()) == expected, "{name}");
            let (some, few) = ([Scale::EIGHTH, Scale::HALF], [0, 3]);
            let few = few.map(|index| expected[index].clone());
            assert!(at_scales(&twin, &some) == few, "{name}, two");
        }
    }
}
