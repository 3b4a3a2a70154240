//! A small picture from the scaled decoder must be what averaging the whole picture gives.
//!
//! The reference is another decoder at full size. Within a block an ideal low-pass and a box average
//! differ, but a block's mean is its first coefficient at every scale, so block means are compared:
//! an error in a table, in chroma placement or in a scan moves them by far more than the tolerance.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use tintype_jpeg::{Colour, Error, Limits, Picture, Scale, decode};

const LIMITS: Limits = Limits {
    max_pixels: 100_000_000,
    max_scans: 100,
    max_coefficient_bytes: 600 << 20,
};

fn jpegs(folder: &str) -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let mut files: Vec<_> = std::fs::read_dir(corpus.join(folder))
        .expect("the corpus lies beside the checkout")
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let head = std::fs::read(path).unwrap();
            head.starts_with(&[0xFF, 0xD8])
        })
        .collect();
    files.sort();
    files
}

#[derive(Clone)]
struct Reference {
    width: usize,
    height: usize,
    channels: usize,
    samples: Vec<u8>,
}

fn reference(bytes: &[u8]) -> Option<Reference> {
    use jpeg_decoder::PixelFormat;
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let samples = decoder.decode().ok()?;
    let info = decoder.info().unwrap();
    let channels = match info.pixel_format {
        PixelFormat::L8 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::CMYK32 => 4,
        PixelFormat::L16 => return None,
    };
    Some(Reference {
        width: usize::from(info.width),
        height: usize::from(info.height),
        channels,
        samples,
    })
}

/// The mean of `side` x `side` pixels of one channel.
fn mean(samples: &[u8], width: usize, channels: usize, side: usize, at: [usize; 3]) -> f64 {
    let [x, y, channel] = at;
    let mut total = 0u32;
    for dy in 0..side {
        for dx in 0..side {
            let pixel = (y * side + dy) * width + x * side + dx;
            total += u32::from(samples[pixel * channels + channel]);
        }
    }
    f64::from(total) / (side * side) as f64
}

/// Mean absolute difference between the block means of both, over whole blocks.
fn difference(picture: &Picture, reference: &Reference, scale: Scale) -> f64 {
    let channels = reference.channels;
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 0..reference.height / 8 {
        for x in 0..reference.width / 8 {
            for channel in 0..channels {
                let at = [x, y, channel];
                let expected = mean(&reference.samples, reference.width, channels, 8, at);
                let width = picture.width as usize;
                let got = mean(&picture.samples, width, channels, scale.block(), at);
                sum += (got - expected).abs();
                count += 1.0;
            }
        }
    }
    sum / f64::max(count, 1.0)
}

#[test]
fn real_pictures_agree_with_a_full_decode() {
    let mut compared = 0;
    for folder in ["photos", "formats", "colour", "orientation", "metadata"] {
        for path in jpegs(folder) {
            let bytes = std::fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some(reference) = reference(&bytes) else {
                continue;
            };
            if reference.width * reference.height > 30_000_000 || reference.width < 64 {
                continue;
            }
            for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
                let picture = match decode(&bytes, scale, &LIMITS, &|| true) {
                    Ok(picture) => picture,
                    Err(Error::Unsupported(what)) => {
                        println!("{name}: {what}");
                        continue;
                    }
                    Err(error) => panic!("{name}: {error}"),
                };
                assert_eq!(picture.colour.channels(), reference.channels, "{name}");
                assert_eq!(
                    picture.width as usize,
                    reference.width.div_ceil(scale.divisor() as usize)
                );
                if picture.damaged {
                    println!("{name}: damaged");
                    continue;
                }
                let mut difference = difference(&picture, &reference, scale);
                if reference.channels == 4 {
                    // The other decoder leaves the polarity of ink to its caller.
                    let inverted = reference
                        .samples
                        .iter()
                        .map(|sample| 255 - sample)
                        .collect();
                    let other = Reference {
                        samples: inverted,
                        ..reference.clone()
                    };
                    difference = difference.min(self::difference(&picture, &other, scale));
                }
                println!("{name} {scale:?}: {difference:.2}");
                assert!(difference < 3.0, "{name} at {scale:?}: {difference:.2}");
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "only {compared} comparisons were made");
}

#[test]
fn hostile_files_end_in_an_error_or_a_picture() {
    let mut seen = 0;
    for path in jpegs("hostile") {
        let bytes = std::fs::read(&path).unwrap();
        for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
            let _ = decode(&bytes, scale, &LIMITS, &|| true);
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
            for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
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
            let scale = [Scale::Eighth, Scale::Quarter, Scale::Half][random() % 3];
            let limits = Limits {
                max_pixels: 4_000_000,
                ..LIMITS
            };
            let _ = decode(&bytes, scale, &limits, &|| true);
        }
    }
}

#[test]
fn limits_are_kept_before_memory_is_taken() {
    let path = jpegs("formats")
        .into_iter()
        .find(|path| path.ends_with("jpg-progressive.jpg"));
    let bytes = std::fs::read(path.unwrap()).unwrap();
    let refused = |limits: Limits| match decode(&bytes, Scale::Half, &limits, &|| true) {
        Err(Error::OverLimit { what, .. }) => what,
        other => panic!("{:?}", other.map(|picture| picture.width)),
    };
    assert_eq!(
        refused(Limits {
            max_pixels: 10,
            ..LIMITS
        }),
        "the picture in pixels"
    );
    assert_eq!(
        refused(Limits {
            max_scans: 1,
            ..LIMITS
        }),
        "the number of scans"
    );
    let what = refused(Limits {
        max_coefficient_bytes: 10,
        ..LIMITS
    });
    assert_eq!(what, "the memory for coefficients in bytes");
    assert_eq!(
        decode(&bytes, Scale::Half, &LIMITS, &|| false).map(|p| p.width),
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
            Scale::Eighth,
            &LIMITS,
            &|| true,
        )
        .unwrap()
    };
    assert_eq!(find("grayscale.jpg").colour, Colour::Gray);
    assert_eq!(find("jpg-cmyk-1.jpg").colour, Colour::Cmyk);
    assert_eq!(find("ycck.jpg").colour, Colour::Cmyk);
}
