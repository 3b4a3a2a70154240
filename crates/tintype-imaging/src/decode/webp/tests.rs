//! Every decoding path other than the `image` crate's produces the same pixels.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::probe;

#[test]
fn every_picture_is_as_the_image_crate_decodes_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let mut compared = 0;
    for folder in ["photos", "formats", "colour", "reported", "orientation"] {
        for entry in std::fs::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "webp")
            {
                let bytes = std::fs::read(&path).unwrap();
                compared += u32::from(compare(&bytes, &path.display().to_string()));
            }
        }
    }
    assert!(compared >= 10, "{compared} pictures");
}

/// Sides of one pixel and odd sides, where chroma has no neighbour, and every alpha filter.
#[test]
fn small_and_odd_sizes_with_and_without_alpha_too() {
    for (width, height) in [(1, 1), (1, 7), (2, 2), (3, 5), (16, 16), (17, 33), (64, 3)] {
        let image = image::RgbaImage::from_fn(width, height, |x, y| {
            let wave = |factor: u32| (x * factor + y * 31 + x * y) as u8;
            image::Rgba([wave(7), wave(50), wave(111), wave(13)])
        });
        let opaque = image::DynamicImage::from(image.clone()).into_rgb8();
        for encoder in [
            webp::Encoder::from_rgba(&image, width, height),
            webp::Encoder::from_rgb(&opaque, width, height),
        ] {
            for lossless in [false, true] {
                for filtering in 0..3 {
                    let mut config = webp::WebPConfig::new().unwrap();
                    config.lossless = i32::from(lossless);
                    config.alpha_filtering = filtering;
                    let bytes = encoder.encode_advanced(&config).unwrap();
                    let what = format!("{width}x{height}, lossless {lossless}, {filtering}");
                    assert!(compare(&bytes, &what), "{what}");
                }
            }
        }
    }
}

/// Where half the size suffices, decoding at half size equals averaging the whole image, except for chroma, which full
/// decoding smooths.
#[test]
fn half_a_picture_is_the_whole_at_half_its_size() {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    for (width, height) in [(1, 1), (64, 48), (65, 65), (201, 100)] {
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90])
        });
        let encoder = webp::Encoder::from_rgb(&image, width, height);
        let bytes = encoder.encode(90.0);
        let container = probe::container(Cursor::new(&bytes[..]), &limits, deadline).unwrap();
        let decoded = |divisor| {
            let (mut size, mut pixels) = (Size::new(0, 0), Vec::new());
            let mut take = |band: Band<'_>| {
                assert_eq!(band.reach, (f64::from(divisor), f64::from(divisor)));
                size = band.size;
                pixels.extend(rgba(&band));
                Ok(())
            };
            decode(
                &bytes,
                &container.header,
                divisor,
                &limits,
                deadline,
                &mut take,
            )
            .unwrap();
            (size, pixels)
        };
        let ((_, whole), (size, half)) = (decoded(1), decoded(2));
        assert_eq!(size, Size::new(width.div_ceil(2), height.div_ceil(2)));
        assert_eq!(half.len() as u64, size.pixels());
        for (at, pixel) in (0..).zip(half) {
            let (x, y) = (at % size.width * 2, at / size.width * 2);
            for channel in 0..3 {
                let of = |x: u32, y: u32| {
                    let (x, y) = (x.min(width - 1), y.min(height - 1));
                    u32::from(whole[(y * width + x) as usize][channel])
                };
                let mean = (of(x, y) + of(x + 1, y) + of(x, y + 1) + of(x + 1, y + 1)) / 4;
                let apart = mean.abs_diff(u32::from(pixel[channel]));
                assert!(apart <= 6, "{width}x{height} at {x} {y}: {mean}, {pixel:?}");
            }
        }
    }
}

/// Returns whether there was something to compare.
fn compare(bytes: &[u8], what: &str) -> bool {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let Ok(container) = probe::container(Cursor::new(bytes), &limits, deadline) else {
        return false;
    };
    let header = &container.header;
    let Ok(expected) = image::load_from_memory_with_format(bytes, image::ImageFormat::WebP) else {
        return false;
    };
    let mut samples = Vec::new();
    let mut take = |band: Band<'_>| {
        assert_eq!((band.size, band.reach), (header.size, (1.0, 1.0)), "{what}");
        samples.extend(rgba(&band));
        Ok(())
    };
    decode(bytes, header, 1, &limits, deadline, &mut take).unwrap();
    assert!(
        samples.as_flattened() == expected.into_rgba8().as_raw(),
        "{what}"
    );
    true
}

fn rgba(band: &Band<'_>) -> Vec<[u8; 4]> {
    match (&band.samples, band.layout) {
        (Samples::Eight(samples), Layout::Rgba) => samples.as_chunks().0.to_vec(),
        (Samples::Eight(samples), Layout::Rgb) => {
            let opaque = samples.as_chunks().0.iter();
            opaque.map(|[r, g, b]| [*r, *g, *b, 255]).collect()
        }
        _ => panic!("{:?}", band.layout),
    }
}
