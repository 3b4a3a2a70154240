//! Colours are output as sRGB, however the original describes them.

use crate::corpus::{files, header, picture, read, read_png};

/// Levels out of 255. A swapped channel or a missed curve costs 15 or more.
const MEAN_ERROR: f64 = 4.0;

#[test]
fn every_description_of_the_same_scene_looks_the_same() {
    let base = read("colour/base-srgb.jpg");
    let mut seen = 0;
    for file in files("colour")
        .iter()
        .filter(|file| file.contains("/made-") && !file.ends_with(".avif"))
    {
        let bytes = read(file);
        let width = header(&bytes).unwrap().size.width.min(320);
        let picture = picture(&bytes, width).unwrap();
        let mut base = crate::corpus::picture(&base, width).unwrap();
        if file.contains("gray") {
            let luma = |p: &[u8]| {
                (0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]))
                    .round() as u8
            };
            base.rgba = base
                .rgba
                .chunks_exact(4)
                .flat_map(|p| [luma(p), luma(p), luma(p), 255])
                .collect();
        }
        let difference = picture.difference(&base);
        println!("{file}: {difference:.2}");
        let limit = match () {
            () if file.contains("gray") => GRAY_ERROR,
            () if file.contains("noprofile") => INK_ERROR,
            () => MEAN_ERROR,
        };
        assert!(difference < limit, "{file}: mean error {difference:.2}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

/// CMYK without a profile is a guess: the press, and how much black it uses, are unknown.
const INK_ERROR: f64 = 5.0;

/// How the reference converts to gray is unknown (luma weights, before or after the curve).
const GRAY_ERROR: f64 = 8.0;

/// The references are from libvips, which uses other kernels, hence the tolerance.
#[test]
fn renderings_agree_with_the_references() {
    let mut seen = 0;
    for reference in files("refs") {
        let source = reference
            .trim_start_matches("refs/")
            .trim_end_matches(".ref320.png")
            .replacen("__", "/", 1);
        let bytes = read(&source);
        let Ok(header) = header(&bytes) else {
            println!("{source}: not decodable here");
            continue;
        };
        let expected = read_png(&read(&reference));
        let picture = picture(&bytes, expected.size.width).unwrap();
        if picture.size != expected.size {
            println!(
                "{source} {:?}: {:?} against {:?}",
                header.size, picture.size, expected.size
            );
            continue;
        }
        let difference = picture.difference(&expected);
        println!("{source}: {difference:.2}");
        assert!(
            difference < MEAN_ERROR,
            "{source}: mean error {difference:.2}"
        );
        seen += 1;
    }
    assert!(seen >= 10, "{seen} references compared");
}
