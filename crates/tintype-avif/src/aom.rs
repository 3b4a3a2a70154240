//! libaom encodes AV1; libavif writes the container.

use libavif::{AvifImage, Encoder, RgbPixels, YuvFormat};

use crate::{Chroma, Description, Samples, container};

/// Logged at start, and part of a variant's name.
pub const ENCODER: &str = "libaom 3.11";

/// CPU time per pixel of a one-megapixel photograph, in a release build on one core of a virtual EPYC.
pub const NANOSECONDS_PER_PIXEL: u64 = 80;

/// Larger images are refused: this many take some two seconds and 350 MB, which is 14 bytes per pixel.
pub const MAX_PIXELS: u64 = 25_000_000;

/// `q` on JPEG's scale, and the encoder's own quality that looks alike at [`SPEED`], for an image of 320x240 and for
/// one of 1200x900.
pub const ON_JPEGS_SCALE: &[(u8, u8, u8)] = &[
    (0, 0, 0),
    (20, 35, 36),
    (40, 47, 50),
    (60, 54, 57),
    (70, 58, 63),
    (80, 67, 75),
    (90, 79, 85),
    (100, 100, 100),
];

/// Whether the container can name the primaries of Display P3.
pub const HOLDS_P3: bool = true;

/// libavif's scale, 0..=10; 9 is the fastest that libaom supports.
const SPEED: u8 = 9;

/// Artefacts in alpha show at edges, and high quality costs little.
const ALPHA_QUALITY: u8 = 90;

pub(crate) fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    quality: u8,
    chroma: Chroma,
    description: Description<'_>,
) -> Result<Vec<u8>, String> {
    let format = match chroma {
        Chroma::Quarter => YuvFormat::Yuv420,
        Chroma::Full => YuvFormat::Yuv444,
    };
    let failed = |error: libavif::Error| error.to_string();
    let image = match samples {
        Samples::Gray(samples) => AvifImage::from_luma8(width, height, samples),
        Samples::Rgb(samples) | Samples::Rgba(samples) => {
            RgbPixels::new(width, height, samples).map(|pixels| pixels.to_image(format))
        }
    };
    let mut encoder = Encoder::new();
    encoder
        .set_max_threads(1)
        .set_speed(SPEED)
        .set_quality(quality)
        .set_alpha_quality(ALPHA_QUALITY.max(quality));
    let file = encoder.encode(&image.map_err(failed)?).map_err(failed)?;
    container::finish(&file, &description)
        .ok_or_else(|| "libavif wrote a file of another form".to_owned())
}

pub(crate) fn decode(file: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    let pixels = libavif::decode_rgb(file).ok()?;
    let (rgba, _) = pixels.as_slice().as_chunks::<4>();
    let rgb = rgba.iter().flat_map(|&[r, g, b, _]| [r, g, b]);
    Some((pixels.width(), pixels.height(), rgb.collect()))
}

#[cfg(test)]
mod tests {
    //! Files are read back by a part of libavif other than the one that wrote them, after our own edits.

    use super::*;
    use crate::Primaries;

    const PLAIN: Description<'_> = Description {
        primaries: Primaries::Srgb,
        exif: None,
        xmp: None,
    };
    const EXIF: &[u8] = b"II*\0\x08\0\0\0\0\0the photographer's name";

    /// Red at the left, blue at the right, and decreasing alpha.
    fn rgba(width: usize, height: usize) -> Vec<u8> {
        let pixel = |x| match x < width / 2 {
            true => [220, 20, 20],
            false => [20, 20, 220],
        };
        let row = |y: usize| {
            (0..width).flat_map(move |x| {
                let [r, g, b] = pixel(x);
                [r, g, b, (255 - 255 * y / height) as u8]
            })
        };
        (0..height).flat_map(row).collect()
    }

    fn near(found: (u8, u8, u8, u8), expected: [u8; 4]) -> bool {
        let (r, g, b, a) = found;
        [r, g, b, a]
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.abs_diff(expected) < 12)
    }

    #[test]
    fn pixels_of_every_kind_come_back() {
        let (width, height) = (64, 48);
        let rgba = rgba(width, height);
        let opaque: Vec<u8> = rgba
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|p| p[..3].to_vec())
            .collect();
        let gray = vec![130; width * height];
        let (width, height) = (width as u32, height as u32);
        for exif in [None, Some(EXIF)] {
            for chroma in [Chroma::Quarter, Chroma::Full] {
                let read = |samples| {
                    let described = Description {
                        exif,
                        xmp: exif,
                        ..PLAIN
                    };
                    let file = encode(samples, width, height, 90, chroma, described).unwrap();
                    let pixels = RgbPixels::from(libavif::decode(&file).unwrap());
                    assert_eq!((pixels.width(), pixels.height()), (width, height));
                    pixels
                };
                let pixels = read(Samples::Rgba(&rgba));
                assert!(near(pixels.pixel(4, 0), [220, 20, 20, 255]));
                assert!(near(pixels.pixel(60, 24), [20, 20, 220, 128]));
                let pixels = read(Samples::Rgb(&opaque));
                assert!(near(pixels.pixel(60, 40), [20, 20, 220, 255]));
                let pixels = read(Samples::Gray(&gray));
                assert!(near(pixels.pixel(9, 9), [130, 130, 130, 255]));
            }
        }
    }

    #[test]
    fn the_colours_are_said_and_exif_is_where_the_file_says() {
        let gray = vec![130; 64 * 48];
        let file = encode(
            Samples::Gray(&gray),
            64,
            48,
            80,
            Chroma::Quarter,
            Description {
                exif: Some(EXIF),
                xmp: Some(b"<x:xmpmeta/>"),
                ..PLAIN
            },
        )
        .unwrap();
        let find = |what: &[u8]| file.windows(what.len()).position(|window| window == what);
        assert!(find(b"colrnclx\0\x01\0\x0d\0\x06").is_some());
        let at = find(EXIF).unwrap() - 4;
        let end = at + 4 + EXIF.len();
        assert_eq!(&file[end..], b"<x:xmpmeta/>");
        let place = [0, 0, 0, 1].into_iter().chain((at as u32).to_be_bytes());
        let entry: Vec<u8> = [0, 3].into_iter().chain(place).collect();
        assert!(find(&entry).is_some(), "the item is listed with its place");
        let place = [0, 0, 0, 1].into_iter().chain((end as u32).to_be_bytes());
        let entry: Vec<u8> = [0, 4].into_iter().chain(place).collect();
        assert!(find(&entry).is_some(), "and so is the other");

        let wide = Description {
            primaries: Primaries::DisplayP3,
            ..PLAIN
        };
        let file = encode(Samples::Gray(&gray), 64, 48, 80, Chroma::Quarter, wide).unwrap();
        let find = |what: &[u8]| file.windows(what.len()).any(|window| window == what);
        assert!(find(b"colrnclx\0\x0c\0\x0d\0\x06"));
    }

    #[test]
    fn gray_is_one_plane() {
        let gray: Vec<u8> = (0..64 * 48).map(|n| (n % 251) as u8).collect();
        let rgb: Vec<u8> = gray.iter().flat_map(|&gray| [gray; 3]).collect();
        let size = |samples| {
            encode(samples, 64, 48, 80, Chroma::Full, PLAIN)
                .unwrap()
                .len()
        };
        assert!(size(Samples::Gray(&gray)) < size(Samples::Rgb(&rgb)));
    }
}
