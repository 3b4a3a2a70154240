//! Every JPEG of the corpus is compared with libjpeg-turbo; every other file must be survived.
//!
//! At full size both decoders agree up to rounding, so pixels are compared. For reduced blocks their low-pass filters
//! differ, but the mean of a block is its DC coefficient at every scale, so block means are compared: an error in a
//! table, in chroma placement or in a scan moves them far beyond the tolerance.

use std::path::PathBuf;

use tintype_jpeg::{Colour, Error, Limits, Scale, decode};

use crate::djpeg::{LIMITS, Pixels, corpus, difference, djpeg, ours};

const SMALL: Limits = Limits {
    max_pixels: 4_000_000,
    ..LIMITS
};

const SCALES: [Scale; 4] = [Scale::EIGHTH, Scale::QUARTER, Scale::HALF, Scale::FULL];

/// Files for which libjpeg guesses missing coefficients, and files covered by `damage`.
const OTHERWISE: [&str; 3] = [
    "partial_progressive.jpg",
    "corrupt-middle.jpg",
    "restart-marker-missing.jpg",
];

fn jpegs(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(corpus(folder))
        .expect("the corpus lies beside the checkout")
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let head = std::fs::read(path).unwrap();
            head.starts_with(&[0xFF, 0xD8]) && !path.ends_with("made-jpeg-ls.jls")
        })
        .collect();
    files.sort();
    files
}

/// The mean of `side` x `side` pixels of one channel.
fn mean(pixels: &Pixels, side: usize, [x, y, channel]: [usize; 3]) -> f64 {
    let mut total = 0u32;
    for dy in 0..side {
        for dx in 0..side {
            let pixel = (y * side + dy) * pixels.width + x * side + dx;
            total += u32::from(pixels.samples[pixel * pixels.channels + channel]);
        }
    }
    f64::from(total) / (side * side) as f64
}

/// The mean difference between block means, over whole blocks.
fn difference_of_blocks(one: &Pixels, other: &Pixels, side: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 0..one.height / side {
        for x in 0..one.width / side {
            for channel in 0..one.channels {
                let at = [x, y, channel];
                sum += (mean(one, side, at) - mean(other, side, at)).abs();
                count += 1.0;
            }
        }
    }
    sum / f64::max(count, 1.0)
}

fn check(name: &str, bytes: &[u8], eighths: u32) -> Option<()> {
    let ours = match ours(bytes, eighths) {
        Ok((ours, _)) => ours,
        Err(Error::Unsupported(_)) => return None,
        Err(error) => panic!("{name}: {error}"),
    };
    let reference = djpeg(bytes, eighths).filter(|_| !OTHERWISE.contains(&name))?;
    let (mean, largest) = difference(&ours, &reference);
    let blocks = difference_of_blocks(&ours, &reference, eighths as usize);
    println!("{name} {eighths}/8: {mean:.3}, at most {largest}; blocks {blocks:.3}");
    if eighths == 8 {
        // CMYK inks are multiplied here.
        assert!(mean <= 0.2 && largest <= 4, "{name}: {mean}, {largest}");
    } else if ours.width >= 16 * eighths as usize {
        assert!(blocks <= 1.5, "{name} at {eighths}/8: {blocks}");
    }
    Some(())
}

#[test]
fn real_pictures_are_those_of_libjpeg() {
    let mut compared = 0;
    for folder in [
        "photos",
        "formats",
        "colour",
        "orientation",
        "metadata",
        "reported",
    ] {
        for path in jpegs(folder) {
            let bytes = std::fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // All scales of a large file take seconds.
            let scales = match bytes.len() {
                0..50_000 => 1..=8,
                50_000..700_000 => 8..=8,
                _ => 1..=1,
            };
            for eighths in scales {
                compared += usize::from(check(&name, &bytes, eighths).is_some());
            }
        }
    }
    assert!(compared > 300, "only {compared} comparisons were made");
}

#[test]
fn hostile_files_end_in_an_error_or_a_picture() {
    let mut seen = 0;
    for path in jpegs("hostile") {
        let bytes = std::fs::read(&path).unwrap();
        for scale in SCALES {
            let _ = decode(&bytes, scale, &SMALL, &|| true);
        }
        seen += 1;
    }
    assert!(seen >= 40, "only {seen} files were found");
}

#[test]
fn every_truncation_of_a_picture_is_survived() {
    for name in [
        "jpg-progressive.jpg",
        "jpeg.jpg",
        "restarts.jpg",
        "non-interleaved-mcu.jpg",
    ] {
        let path = jpegs("formats")
            .into_iter()
            .find(|path| path.ends_with(name))
            .unwrap();
        let bytes = std::fs::read(path).unwrap();
        let step = (bytes.len() / 300).max(1);
        for end in (0..bytes.len()).step_by(step) {
            for scale in SCALES {
                if let Ok(picture) = decode(&bytes[..end], scale, &LIMITS, &|| true) {
                    let pixels = picture.width as usize * picture.height as usize;
                    assert_eq!(picture.samples.len(), pixels * picture.colour.channels());
                }
            }
        }
    }
}

#[test]
fn flipped_bytes_are_survived() {
    let path = jpegs("formats")
        .into_iter()
        .find(|path| path.ends_with("jpg-progressive.jpg"));
    let progressive = std::fs::read(path.unwrap()).unwrap();
    let path = jpegs("formats")
        .into_iter()
        .find(|path| path.ends_with("restarts.jpg"));
    let sequential = std::fs::read(path.unwrap()).unwrap();
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for original in [progressive, sequential] {
        for _ in 0..600 {
            let mut bytes = original.clone();
            for _ in 0..=random() % 8 {
                let at = random() % bytes.len();
                bytes[at] = random() as u8;
            }
            let scale = SCALES[random() % 4];
            let _ = decode(&bytes, scale, &SMALL, &|| true);
        }
    }
}

#[test]
fn limits_are_kept_before_memory_is_taken() {
    let path = jpegs("formats")
        .into_iter()
        .find(|path| path.ends_with("jpg-progressive.jpg"));
    let bytes = std::fs::read(path.unwrap()).unwrap();
    let refused = |limits: Limits| match decode(&bytes, Scale::HALF, &limits, &|| true) {
        Err(Error::OverLimit { what, .. }) => what,
        other => panic!("{:?}", other.map(|picture| picture.width)),
    };
    assert_eq!(
        refused(Limits {
            max_pixels: 10,
            ..LIMITS
        }),
        "the image in pixels"
    );
    assert_eq!(
        refused(Limits {
            max_scans: 1,
            ..LIMITS
        }),
        "the number of scans"
    );
    assert_eq!(
        decode(&bytes, Scale::HALF, &LIMITS, &|| false).map(|p| p.width),
        Err(Error::Stopped)
    );
}

#[test]
fn gray_stays_gray_and_ink_is_full_at_255() {
    let find = |name: &str| {
        let path = jpegs("formats")
            .into_iter()
            .find(|path| path.ends_with(name))
            .unwrap();
        decode(
            &std::fs::read(path).unwrap(),
            Scale::EIGHTH,
            &LIMITS,
            &|| true,
        )
        .unwrap()
    };
    assert_eq!(find("grayscale.jpg").colour, Colour::Gray);
    assert_eq!(find("jpg-cmyk-1.jpg").colour, Colour::Cmyk);
    assert_eq!(find("ycck.jpg").colour, Colour::Cmyk);
}
