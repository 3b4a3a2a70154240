//! The probe agrees with other libraries about the corpus.

use crate::corpus::{header, read};

#[test]
fn sizes_frames_and_orientations_agree_with_the_manifest() {
    let manifest = String::from_utf8(read("MANIFEST.tsv")).unwrap();
    let mut lines = manifest.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name| names.iter().position(|n| *n == name).unwrap();
    let (file, format, width, height) = (
        column("file"),
        column("format"),
        column("width"),
        column("height"),
    );
    let (frames, orientation) = (column("frames"), column("orientation"));
    let (mut seen, mut wrong) = (0, Vec::new());
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let ours = ["JPEG", "PNG", "GIF", "BMP", "TIFF"].contains(&fields[format])
            || fields[format].ends_with("WEBP");
        let folder = fields[file].split('/').next().unwrap();
        if !ours || !["formats", "photos", "colour", "orientation", "metadata"].contains(&folder) {
            continue;
        }
        let Ok(expected_width) = fields[width].parse::<u32>() else {
            continue;
        };
        seen += 1;
        let header = match header(&read(fields[file])) {
            Ok(header) => header,
            Err(error) => {
                wrong.push(format!("{}: {error}", fields[file]));
                continue;
            }
        };
        let upright = header.upright();
        let expected = (expected_width, fields[height].parse::<u32>().unwrap());
        let sizes = [
            (header.size.width, header.size.height),
            (upright.width, upright.height),
        ];
        let same_frames = fields[frames]
            .parse::<u32>()
            .is_ok_and(|frames| frames == header.frames);
        let same_orientation = fields[orientation]
            .parse::<u8>()
            .map_or(true, |o| o == header.orientation);
        if !sizes.contains(&expected) || !same_frames || !same_orientation {
            wrong.push(format!(
                "{}: {sizes:?} frames {} orientation {}, manifest: {expected:?} frames {} orientation {}",
                fields[file], header.frames, header.orientation, fields[frames], fields[orientation]
            ));
        }
    }
    assert!(seen > 150, "{seen} files");
    wrong.retain(|line| !EXCEPTIONS.iter().any(|file| line.starts_with(file)));
    assert!(wrong.is_empty(), "of {seen}:\n{}", wrong.join("\n"));
}

/// Files where we differ, and why.
const EXCEPTIONS: &[&str] = &[
    // The other libraries refuse it too, so the manifest has no frames.
    "formats/12bit.cropped.rgb.tiff",
    "formats/gif.gif",
    // Arithmetic coding, 12 bits, lossless: refused on purpose.
    "formats/jpeg.jpg",
    "formats/test1.arith.jpg",
    "formats/made-jpeg-12bit-gray.jpg",
    "formats/made-jpeg-lossless-gray12.jpg",
];
