//! libjpeg-turbo decodes our files as we do; they are as close to the original pixels as libjpeg-turbo's own at the
//! same quality, and as small.

use tintype_jpeg::{
    BaseTables, Chroma, Decoder, Encoding, Error, Samples, Sampling, Scale, encode,
};

use crate::djpeg::{LIMITS, Pixels, difference, djpeg, ours, read, run};

const BASELINE: Encoding<'_> = Encoding {
    quality: 80,
    tables: BaseTables::Standard,
    sampling: Sampling::Quarter,
    progressive: false,
    segments: &[],
};

fn photograph() -> Pixels {
    djpeg(&read("photos/phone12mp_baseline.jpg"), 2).unwrap()
}

fn cut(pixels: &Pixels, width: usize, height: usize) -> Pixels {
    let stride = pixels.width * pixels.channels;
    let lines = pixels.samples.chunks(stride).skip(100).take(height);
    let part = 300..300 + width * pixels.channels;
    Pixels {
        width,
        height,
        channels: pixels.channels,
        samples: lines
            .flat_map(|line| &line[part.clone()])
            .copied()
            .collect(),
    }
}

fn gray(pixels: &Pixels) -> Pixels {
    Pixels {
        channels: 1,
        samples: pixels.samples.iter().skip(1).step_by(3).copied().collect(),
        ..*pixels
    }
}

fn encoded(pixels: &Pixels, encoding: &Encoding<'_>) -> Vec<u8> {
    let samples = match pixels.channels {
        1 => Samples::Gray(&pixels.samples),
        _ => Samples::Rgb(&pixels.samples),
    };
    encode(samples, pixels.width as u32, pixels.height as u32, encoding).unwrap()
}

/// Encodes with libjpeg-turbo, with optimised tables like ours.
fn cjpeg(pixels: &Pixels, quality: u8, sampling: Sampling, further: &[&str]) -> Vec<u8> {
    let kind = if pixels.channels == 1 { "P5" } else { "P6" };
    let mut pnm = format!("{kind}\n{} {}\n255\n", pixels.width, pixels.height).into_bytes();
    pnm.extend(&pixels.samples);
    let sample = match sampling {
        Sampling::Quarter => "2x2",
        Sampling::Full => "1x1",
    };
    let quality = quality.to_string();
    let mut arguments = vec!["-quality", &quality, "-sample", sample, "-optimize"];
    arguments.extend(further);
    run("cjpeg", &arguments, &pnm).unwrap()
}

/// Counts the segments of a kind before and between the scans.
fn count(bytes: &[u8], marker: u8) -> usize {
    bytes
        .windows(2)
        .filter(|pair| *pair == [0xFF, marker])
        .count()
}

#[test]
fn every_size_and_form_is_read_back() {
    let photograph = photograph();
    let sizes = [1, 7, 8, 9, 16, 17];
    let sides = sizes
        .iter()
        .flat_map(|&w| sizes.iter().map(move |&h| (w, h)));
    for (width, height) in sides.chain([(333, 217), (512, 384)]) {
        let colour = cut(&photograph, width, height);
        for pixels in [&colour, &gray(&colour)] {
            for (sampling, progressive) in [
                (Sampling::Quarter, false),
                (Sampling::Quarter, true),
                (Sampling::Full, false),
                (Sampling::Full, true),
            ] {
                let encoding = Encoding {
                    quality: 92,
                    sampling,
                    progressive,
                    ..BASELINE
                };
                let bytes = encoded(pixels, &encoding);
                let case = format!("{width}x{height} of {}, {encoding:?}", pixels.channels);
                let theirs = djpeg(&bytes, 8).unwrap();
                let (shown, damaged) = ours(&bytes, 8).unwrap();
                assert!(!damaged, "{case}");
                assert!(difference(&shown, &theirs).1 <= 3, "{case}");
                let reference = cjpeg(pixels, 92, sampling, &[]);
                let reference = difference(&djpeg(&reference, 8).unwrap(), pixels).0;
                let off = difference(&theirs, pixels).0;
                assert!(off <= reference * 1.03 + 0.3, "{case}: {off}, {reference}");
            }
        }
    }
}

#[test]
fn it_is_as_small_and_as_close_as_libjpegs() {
    let pixels = photograph();
    for (quality, sampling) in [
        (50, Sampling::Quarter),
        (80, Sampling::Quarter),
        (95, Sampling::Full),
    ] {
        for progressive in [false, true] {
            let encoding = Encoding {
                quality,
                sampling,
                progressive,
                ..BASELINE
            };
            let further: &[&str] = if progressive { &["-progressive"] } else { &[] };
            let bytes = encoded(&pixels, &encoding);
            let reference = cjpeg(&pixels, quality, sampling, further);
            let off = |bytes: &[u8]| difference(&djpeg(bytes, 8).unwrap(), &pixels).0;
            println!(
                "{encoding:?}: {} bytes, {:.3} off; libjpeg {}, {:.3}",
                bytes.len(),
                off(&bytes),
                reference.len(),
                off(&reference)
            );
            assert!(bytes.len() as f64 <= 1.005 * reference.len() as f64);
            assert!(off(&bytes) <= 1.005 * off(&reference));
        }
    }
}

/// A reader needs only one row of blocks at a time.
#[test]
fn there_is_one_scan_with_tables_of_its_own() {
    let colour = cut(&photograph(), 100, 75);
    for pixels in [&colour, &gray(&colour)] {
        let bytes = encoded(pixels, &BASELINE);
        assert_eq!(count(&bytes, 0xDA), 1);
        assert_eq!(count(&bytes, 0xC4), 1);
        assert_eq!(count(&bytes, 0xC0), 1);
        let channels = bytes
            .windows(2)
            .position(|pair| pair == [0xFF, 0xDA])
            .unwrap()
            + 4;
        assert_eq!(usize::from(bytes[channels]), pixels.channels);
    }
}

#[test]
fn progressive_shows_what_one_scan_shows() {
    let colour = cut(&photograph(), 331, 217);
    for pixels in [&colour, &gray(&colour)] {
        let encoding = Encoding {
            progressive: true,
            ..BASELINE
        };
        let (baseline, progressive) = (encoded(pixels, &BASELINE), encoded(pixels, &encoding));
        assert_eq!(count(&progressive, 0xC2), 1);
        let shown = |bytes: &[u8]| djpeg(bytes, 8).unwrap().samples;
        assert_eq!(shown(&progressive), shown(&baseline));
    }
}

#[test]
fn metadata_stands_behind_the_header() {
    let exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    let encoding = Encoding {
        segments: &[(1, exif)],
        ..BASELINE
    };
    let bytes = encoded(&cut(&photograph(), 16, 16), &encoding);
    assert_eq!(&bytes[..4], [0xFF, 0xD8, 0xFF, 0xE0]);
    assert_eq!(&bytes[20..24], [0xFF, 0xE1, 0, 22]);
    assert_eq!(&bytes[24..34], b"Exif\0\0II*\0");
    let long = vec![0; 70_000];
    let encoding = Encoding {
        segments: &[(1, long)],
        ..BASELINE
    };
    let refused = encode(Samples::Gray(&[0]), 1, 1, &encoding);
    assert!(matches!(refused, Err(Error::BadInput(_))));
}

/// Flat, least and most noise, and a single colour: each omits most symbols.
#[test]
fn extremes_are_read_back() {
    let mut seed = 1u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if seed >> 31 == 1 { 255 } else { 0 }
    };
    let (width, height) = (70, 50);
    let noise: Vec<u8> = (0..3 * width * height).map(|_| random()).collect();
    for samples in [vec![0; noise.len()], vec![255; noise.len()], noise] {
        let pixels = Pixels {
            width,
            height,
            channels: 3,
            samples,
        };
        for quality in [1, 100] {
            for progressive in [false, true] {
                let encoding = Encoding {
                    quality,
                    progressive,
                    sampling: Sampling::Full,
                    ..BASELINE
                };
                let bytes = encoded(&pixels, &encoding);
                let (shown, damaged) = ours(&bytes, 8).unwrap();
                assert!(!damaged);
                // At quality 1, values exceed the range of libjpeg's lookup table.
                if quality == 100 {
                    assert!(difference(&shown, &djpeg(&bytes, 8).unwrap()).0 < 0.1);
                    assert!(difference(&shown, &pixels).0 < 1.0);
                }
            }
        }
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    for (width, height, length) in [(0, 1, 0), (1, 0, 0), (65_536, 1, 65_536), (2, 2, 3)] {
        let samples = vec![0; length];
        let refused = encode(Samples::Gray(&samples), width, height, &BASELINE);
        assert!(
            matches!(refused, Err(Error::BadInput(_))),
            "{width}x{height}"
        );
    }
}

/// Components that are apart already become the same image as the pixels that they make up.
#[test]
fn components_need_no_pixels() {
    for (width, height) in [(64, 48), (33, 31), (16, 17), (1, 1), (2, 3)] {
        let pixels = cut(&photograph(), width, height);
        let quality = 95;
        let encoding = Encoding {
            quality,
            ..BASELINE
        };
        let file = encoded(&pixels, &encoding);

        let mut decoder = Decoder::new(&file, Scale::FULL, Chroma::Scaled, &LIMITS).unwrap();
        let mut planes = [const { Vec::new() }; 3];
        while decoder.advance() {
            for (component, plane) in planes.iter_mut().enumerate() {
                let (width, _) = decoder.sizes(0)[component];
                let stripe = decoder.stripe(0, component);
                let lines = stripe.samples.chunks_exact(stripe.stride);
                lines.for_each(|line| plane.extend(&line[..width]));
            }
        }
        let [luma, cb, cr] = &planes;
        let samples = Samples::YCbCr420 {
            luma,
            chroma: [cb, cr],
        };
        let again = encode(samples, width as u32, height as u32, &encoding).unwrap();
        let (shown, damaged) = ours(&again, 8).unwrap();
        assert!(!damaged);
        let first = ours(&file, 8).unwrap().0;
        assert!(difference(&shown, &first).0 < 0.6, "{width}x{height}");
        let full = Encoding {
            sampling: Sampling::Full,
            ..encoding
        };
        let refused = encode(samples, width as u32, height as u32, &full);
        assert!(matches!(refused, Err(Error::BadInput(_))));
    }
}

/// Chroma that is not subsampled is decoded at half the scale, and reaches as far.
#[test]
fn chroma_may_be_halved() {
    let pixels = photograph();
    for (sampling, is_halved) in [(Sampling::Full, true), (Sampling::Quarter, false)] {
        let file = encoded(
            &pixels,
            &Encoding {
                sampling,
                ..BASELINE
            },
        );
        for eighths in 1..=8 {
            let scale = Scale::eighths(eighths);
            let reaches = |chroma| {
                let decoder = Decoder::new(&file, scale, chroma, &LIMITS).unwrap();
                decoder.reaches(0)
            };
            let (as_stored, halved) = (reaches(Chroma::Scaled), reaches(Chroma::Halved));
            assert_eq!(as_stored[0], halved[0], "luma at {eighths}/8");
            for component in [1, 2] {
                let ratio = halved[component].0 / as_stored[component].0;
                let expected = match is_halved {
                    true => f64::from(eighths) / f64::from(eighths.div_ceil(2)),
                    false => 1.0,
                };
                assert!((ratio - expected).abs() < 1e-9, "{eighths}/8: {ratio}");
            }
        }
    }
}
