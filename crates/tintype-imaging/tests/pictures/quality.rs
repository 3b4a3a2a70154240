//! `q` gives about the same visual quality in every format: that of a JPEG.

use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::spec::{Format, Metadata, Resolved, Size};
use tintype_score::Picture;

use crate::corpus::{header, read, soon, to_width, whole};

/// Three photographs of the corpus whose scores are near the mean of all, as thumbnails.
const PHOTOGRAPHS: [(&str, u32); 3] = [
    ("formats/1.webp", 214),
    ("formats/kodim23.png", 213),
    ("metadata/Landscape_9.jpg", 246),
];

/// The mean score, if the format can be decoded here, and the total bytes.
fn looks(format: Format, q: u8) -> (Option<f64>, usize) {
    let (mut scores, mut bytes) = (Vec::new(), 0);
    for (file, height) in PHOTOGRAPHS {
        let source = read(file);
        let mut resolved = whole(
            header(&source).unwrap().upright(),
            Size::new(320, height),
            Format::Png,
        );
        resolved.metadata = Metadata::None;
        resolved.quality = q;
        let as_format = |format| {
            let resolved = Resolved {
                format,
                ..resolved.clone()
            };
            render::render(&source, &resolved, &Limits::default(), soon())
                .unwrap()
                .bytes
        };
        let original = Picture::decode(&as_format(Format::Png)).unwrap();
        let answer = as_format(format);
        bytes += answer.len();
        scores.extend(Picture::decode(&answer).map(|picture| original.score(&picture)));
    }
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    ((!scores.is_empty()).then_some(mean), bytes)
}

fn check(q: u8, near: f64) {
    let (jpeg, jpeg_bytes) = looks(Format::Jpeg, q);
    let jpeg = jpeg.expect("JPEG can be read");
    for format in [Format::Webp, Format::Avif] {
        let (score, bytes) = looks(format, q);
        let ratio = bytes as f64 / jpeg_bytes as f64;
        println!("q {q}: {format:?} {score:?} with {ratio:.2} of the bytes, JPEG {jpeg:.1}");
        assert!(
            (0.6..1.3).contains(&ratio),
            "{format:?}: {ratio:.2} of JPEG's bytes"
        );
        // A build with rav1e cannot decode AVIF, and compares only bytes.
        if let Some(score) = score {
            assert!(
                (score - jpeg).abs() < near,
                "{format:?}: {score:.1}, JPEG {jpeg:.1}"
            );
        } else {
            assert_eq!(format, Format::Avif);
        }
    }
}

#[test]
fn what_nobody_asked_for_looks_the_same() {
    // Two points over the 25 photographs of `cargo bench --bench quality`; these three are slightly further apart since
    // JPEG is decoded as in libjpeg.
    check(80, 2.25);
}

#[test]
fn less_is_less_by_as_much() {
    check(50, 3.0);
}

/// Components are resized at their own resolution, even if chroma has to be enlarged for it.
#[test]
fn slightly_reduced_photographs_look_like_a_reduction_of_their_pixels() {
    for (file, width) in [
        ("photos/Blinds.jpg", 1200),
        ("photos/Blinds.jpg", 1900),
        ("photos/tower.jpg", 300),
        ("photos/tower.jpg", 500),
    ] {
        let jpeg = read(file);
        let pixels = to_width(&jpeg, u32::MAX, Format::Png).unwrap().bytes;
        let reduced = |bytes: &[u8]| {
            let answer = to_width(bytes, width, Format::Png).unwrap().bytes;
            Picture::decode(&answer).unwrap()
        };
        let score = reduced(&pixels).score(&reduced(&jpeg));
        println!("{file} at {width}: {score:.1}");
        assert!(score > 90.0, "{file} at {width}: {score:.1}");
    }
}
