//! Colours are output as sRGB, however the original describes them.

use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::spec::{Background, Canvas, Format, Gamut, Resolved, Rgba, Size};

use crate::corpus::{files, header, jpeg, picture, read, read_png, soon, to_width, whole};

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

/// An orange of Display P3 that sRGB has not, described by code points.
fn orange() -> Vec<u8> {
    let size = Size::new(64, 64);
    let mut info = png::Info::with_size(size.width, size.height);
    (info.color_type, info.bit_depth) = (png::ColorType::Rgb, png::BitDepth::Eight);
    let mut bytes = written(info, &[255, 128, 0].repeat(64 * 64));
    // After the header, with its checksum.
    let code_points = b"\0\0\0\x04cICP\x0c\x0d\0\x01\x6e\x03\xe3\xef";
    bytes.splice(33..33, *code_points);
    bytes
}

fn written(info: png::Info<'static>, samples: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    bytes
}

const RED: Rgba = Rgba {
    r: 255,
    g: 0,
    b: 0,
    a: 255,
};

fn near(pixel: [u8; 4], expected: [u8; 3]) -> bool {
    let mut channels = pixel.iter().zip(expected);
    channels.all(|(channel, expected)| channel.abs_diff(expected) <= 4)
}

#[test]
fn wide_colours_are_kept_on_request() {
    let original = orange();
    let size = Size::new(64, 64);
    for format in Format::ALL.into_iter().filter(|format| format.holds_p3()) {
        let plain = Resolved {
            gamut: Gamut::P3,
            quality: 95,
            ..whole(size, Size::new(32, 32), format)
        };
        let padded = Resolved {
            canvas: Some(Canvas {
                size: Size::new(96, 64),
                x: 32,
                y: 16,
            }),
            background: Some(Background::Colour(RED)),
            ..plain.clone()
        };
        let [plain, padded] = [plain, padded]
            .map(|wanted| render::render(&original, &wanted, &Limits::default(), soon()).unwrap());
        // Its samples are still those of P3, which its profile or code points say: as sRGB they are others.
        let again = Resolved {
            gamut: Gamut::P3,
            ..whole(plain.size, plain.size, Format::Png)
        };
        let samples = render::render(&plain.bytes, &again, &Limits::default(), soon()).unwrap();
        let own = read_png(&samples.bytes).at(9, 9);
        assert!(near(own, [255, 128, 0]), "{format:?}: {own:?}");
        let shown = picture(&plain.bytes, 32).unwrap().at(9, 9);
        assert!(near(shown, [255, 118, 0]), "{format:?}: {shown:?}");
        // A background is a colour of sRGB.
        let behind = picture(&padded.bytes, 96).unwrap().at(2, 2);
        assert!(near(behind, [255, 0, 0]), "{format:?}: {behind:?}");
    }
    // Unasked, and where nothing is wide, there is no profile.
    let unasked = to_width(&original, 32, Format::Png).unwrap();
    assert!(near(read_png(&unasked.bytes).at(9, 9), [255, 118, 0]));
    let srgb = read("colour/base-srgb.jpg");
    let upright = header(&srgb).unwrap().upright();
    let asked = Resolved {
        gamut: Gamut::P3,
        ..whole(upright, Size::new(32, 32), Format::Png)
    };
    let asked = render::render(&srgb, &asked, &Limits::default(), soon()).unwrap();
    for bytes in [unasked.bytes, asked.bytes] {
        assert!(!bytes.windows(4).any(|chunk| chunk == b"iCCP"));
    }
}

/// Black and white of equal areas: half the light is 188 of 255.
#[test]
fn light_is_averaged_on_request() {
    let size = Size::new(128, 128);
    let white = |at: u32| (at % 2 + at / 128 % 2) % 2 == 1;
    let board: Vec<u8> = (0..128 * 128).map(|at| 255 * u8::from(white(at))).collect();
    let png = |colour, samples: &[u8]| {
        let mut info = png::Info::with_size(128, 128);
        (info.color_type, info.bit_depth) = (colour, png::BitDepth::Eight);
        written(info, samples)
    };
    let times = |channels: usize| -> Vec<u8> {
        board
            .iter()
            .flat_map(|&sample| vec![sample; channels])
            .collect()
    };
    let translucent: Vec<u8> = board.iter().flat_map(|&sample| [sample, 128]).collect();
    for file in [
        png(png::ColorType::Grayscale, &board),
        png(png::ColorType::Rgb, &times(3)),
        png(png::ColorType::GrayscaleAlpha, &translucent),
        jpeg(&times(3), size),
    ] {
        for (linear, expected) in [(false, 128), (true, 188)] {
            let resolved = Resolved {
                linear,
                ..whole(size, Size::new(16, 16), Format::Png)
            };
            let rendered = render::render(&file, &resolved, &Limits::default(), soon()).unwrap();
            let [gray, _, _, _] = read_png(&rendered.bytes).at(8, 8);
            assert!(gray.abs_diff(expected) <= 3, "{linear}: {gray}");
        }
    }
}

/// Three columns of 100.49 and one of 101 are 100.6 together; of eight bits each, they would be 100.25.
#[test]
fn sixteen_bits_are_rounded_once() {
    let levels = [100.49, 100.49, 100.49, 101.0_f64];
    let row = levels.repeat(16);
    let row = row
        .iter()
        .flat_map(|level| ((level * 257.0) as u16).to_be_bytes());
    let row: Vec<u8> = row.collect();
    let mut info = png::Info::with_size(64, 64);
    (info.color_type, info.bit_depth) = (png::ColorType::Grayscale, png::BitDepth::Sixteen);
    let small = picture(&written(info, &row.repeat(64)), 8).unwrap();
    assert_eq!(small.at(4, 4), [101, 101, 101, 255]);
}
