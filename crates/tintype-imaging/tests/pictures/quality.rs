//! `q` gives about the same visual quality in every format: that of a JPEG.

use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::spec::{Format, Metadata, Resolved, Size};
use tintype_score::Picture;

use crate::corpus::{header, jpeg, read, soon, to_width, whole};

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

/// From JPEG to JPEG, luma and chroma stay apart, with odd sizes and turned ones too. The detour over pixels is no better.
#[test]
fn what_was_a_jpeg_looks_as_good_as_its_pixels_would() {
    for (file, width) in [
        ("photos/Blinds.jpg", 1200),
        ("photos/tower.jpg", 301),
        ("photos/tower_progressive.jpg", 97),
        ("photos/made-24mp-444-base-q82.jpg", 321),
        ("photos/phone12mp_baseline.jpg", 403),
        ("reported/photo12mp-portrait.jpg", 241),
        ("orientation/Landscape_6.jpg", 151),
        ("orientation/Landscape_7.jpg", 150),
    ] {
        let jpeg = read(file);
        let pixels = to_width(&jpeg, width, Format::Png).unwrap();
        let original = Picture::decode(&pixels.bytes).unwrap();
        let score = |bytes: &[u8]| {
            let answer = to_width(bytes, width, Format::Jpeg).unwrap();
            assert_eq!(answer.size, pixels.size);
            // It may be kept for long.
            assert_eq!(answer.bytes.capacity(), answer.bytes.len());
            (
                original.score(&Picture::decode(&answer.bytes).unwrap()),
                answer.bytes.len(),
            )
        };
        let ((apart, bytes), (detour, detour_bytes)) = (score(&jpeg), score(&pixels.bytes));
        println!("{file}: {apart:.2} in {bytes}, by pixels {detour:.2} in {detour_bytes}");
        assert!(apart > detour - 0.5, "{file}: {apart:.2}, {detour:.2}");
        assert!(
            bytes as f64 <= 1.03 * detour_bytes as f64,
            "{file}: {bytes}, {detour_bytes}"
        );
    }
}

/// A screenshot keeps sharp colours, and what is gray has one component, as if its pixels were looked at.
#[test]
fn letters_keep_their_colours_and_gray_stays_gray() {
    let components = |bytes: &[u8]| {
        let frame = tintype_jpeg::read_frame(bytes).unwrap();
        let mut decoder = tintype_jpeg::Decoder::new(
            bytes,
            tintype_jpeg::Scale::FULL,
            tintype_jpeg::Chroma::Scaled,
            &tintype_jpeg::Limits {
                max_pixels: 1_000_000,
                max_scans: 100,
            },
        )
        .unwrap();
        decoder.advance();
        let sizes = decoder.sizes(0);
        (frame.width, sizes)
    };
    let screenshot = to_width(&read("reported/shot-palette.png"), u32::MAX, Format::Jpeg);
    let screenshot = screenshot.unwrap();
    let half = to_width(&screenshot.bytes, screenshot.size.width / 2, Format::Jpeg).unwrap();
    let (width, sizes) = components(&half.bytes);
    assert_eq!(sizes[1].0, width as usize, "full chroma");

    let photograph = to_width(&read("photos/tower.jpg"), 300, Format::Jpeg).unwrap();
    let (width, sizes) = components(&photograph.bytes);
    assert_eq!(sizes[1].0, (width as usize).div_ceil(2));

    let gray: Vec<u8> = (0..256 * 256)
        .flat_map(|at| [(at * 7 % 251) as u8; 3])
        .collect();
    let gray = jpeg(&gray, Size::new(256, 256));
    assert_eq!(components(&gray).1.len(), 3);
    let small = to_width(&gray, 100, Format::Jpeg).unwrap();
    assert_eq!(components(&small.bytes).1.len(), 1);
}
