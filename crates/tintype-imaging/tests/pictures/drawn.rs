//! Drawings (screenshots, scans, charts, logos) are told from photographs by their pixels, at every size, and stay
//! sharp and small: no variant at the original's size is larger than the original.

use tintype_imaging::limits::Limits;
use tintype_imaging::placeholder;
use tintype_imaging::probe;
use tintype_imaging::render::{self, Rendered};
use tintype_imaging::spec::{Format, Resolved, Size};

use crate::corpus::{Picture, header, picture, read, read_png, soon, to_width, whole};

/// Tests it through a lossless variant: a JPEG is never classified as drawn.
fn is_drawn_at(bytes: &[u8], width: u32) -> bool {
    is_drawn(&to_width(bytes, width, Format::Png).unwrap().bytes)
}

fn is_drawn(bytes: &[u8]) -> bool {
    let header = header(bytes).unwrap();
    let made = placeholder::make(bytes, &header, &Limits::default(), soon());
    made.unwrap().is_drawn
}

#[test]
fn drawings_of_the_corpus() {
    for (file, down_to) in [
        ("reported/shot-palette.png", 640),
        ("reported/scan-1bit.png", 320),
        ("formats/lorem_ipsum_screenshot.png", 320),
        ("formats/fax4.tiff", 640),
        ("formats/1bit.png", 320),
        ("formats/alpha-premultiply-1024x768-paper.png", 320),
        ("formats/paletted-transparent.png", 300),
        ("formats/gif-interlaced.gif", 540),
        ("formats/Flag_of_the_Netherlands-16bit.png", 320),
        ("formats/animated-loop-3.webp", 320),
        ("formats/Core_1_Bit.bmp", 320),
        ("formats/made-group4.tif", 320),
        ("formats/cramps.gif", 159),
        ("colour/broken_iccp.png", 248),
    ] {
        let bytes = read(file);
        assert!(is_drawn(&bytes), "{file}");
        for width in [u32::MAX, 640, 320] {
            if width >= down_to {
                assert!(is_drawn_at(&bytes, width), "{file} at {width}");
            }
        }
    }
}

#[test]
fn photographs_of_the_corpus() {
    for file in [
        "photos/Blinds.jpg",
        "photos/Bridge_by_Sander_Klootwijk.jpg",
        "photos/DarkestHour.jpg",
        "photos/EveningGlow.jpg",
        "photos/Wood.jpg",
        "photos/dog_exif_extended_xmp_icc.jpg",
        "photos/jolla.jpg",
        "photos/phone12mp_baseline.jpg",
        "photos/picosdeeuropa_by_Aitzol_Berasategi.jpg",
        "photos/summer_1am.jpg",
        "photos/tower.jpg",
        "photos/tower_grayscale.jpg",
        // Photographs in formats typical of drawings, and with large flat areas: cut out, gray, or dithered.
        "formats/kodim23.png",
        "formats/1_webp_ll.webp",
        "formats/3_webp_ll.webp",
        "formats/4.webp",
        "formats/made-animated.gif",
        "colour/kodim03_grayscale_cicp.png",
        "colour/red-at-12-oclock-with-color-profile.png",
        "metadata/C.jpg",
        "metadata/DSCN0010.jpg",
    ] {
        let bytes = read(file);
        for width in [u32::MAX, 640, 320] {
            assert!(!is_drawn_at(&bytes, width), "{file} at {width}");
        }
    }
}

/// Creates an image from RGBA pixels.
fn made(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Picture {
    let at = |at: u32| pixel(at % width, at / width);
    Picture {
        size: Size::new(width, height),
        rgba: (0..width * height).flat_map(at).collect(),
    }
}

fn png(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.size.width, picture.size.height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&picture.rgba).unwrap();
    writer.finish().unwrap();
    bytes
}

/// The same on every run.
fn noise(x: u32, y: u32) -> u8 {
    let mixed =
        (x.wrapping_mul(0x9e37_79b9) ^ y.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
    (mixed >> 24) as u8
}

#[test]
fn what_merely_resembles_a_drawing_is_none() {
    let photograph = picture(&read("photos/picosdeeuropa_by_Aitzol_Berasategi.jpg"), 600).unwrap();
    let before_white = made(900, 900, |x, y| {
        let inside = (150..750).contains(&x) && (300..700).contains(&y);
        match inside {
            true => photograph.at(x - 150, y - 300),
            false => [255; 4],
        }
    });
    let gradient = made(640, 480, |x, y| {
        [(x * 255 / 640) as u8, (y * 255 / 480) as u8, 128, 255]
    });
    let grain = made(320, 240, |x, y| {
        [noise(x, y), noise(x + 999, y), noise(x, y + 999), 255]
    });
    for (name, picture) in [
        ("before white", before_white),
        ("gradient", gradient),
        ("grain", grain),
    ] {
        assert!(!is_drawn(&png(&picture)), "{name}");
    }
}

/// Two thirds text, one third photograph.
fn screenshot_of_a_photograph() -> Picture {
    let text = picture(&read("reported/shot-palette.png"), u32::MAX).unwrap();
    let photograph = picture(&read("photos/phone12mp_baseline.jpg"), 640).unwrap();
    made(1200, 800, |x, y| {
        if (500..1140).contains(&x) && (200..680).contains(&y) {
            photograph.at(x - 500, y - 200)
        } else {
            text.at(x, y)
        }
    })
}

fn rendered(bytes: &[u8], resolved: &Resolved) -> Rendered {
    render::render(bytes, resolved, &Limits::default(), soon()).unwrap()
}

fn own_size(bytes: &[u8], format: Format) -> Vec<u8> {
    to_width(bytes, u32::MAX, format).unwrap().bytes
}

/// Decodes with our own decoder, losslessly.
fn seen(bytes: &[u8]) -> Picture {
    read_png(&own_size(bytes, Format::Png))
}

#[test]
fn no_answer_is_larger_than_the_drawing_and_none_loses_anything() {
    for (file, webp_bytes) in [
        ("reported/shot-palette.png", 24_000),
        ("reported/scan-1bit.png", 9_000),
        ("formats/lorem_ipsum_screenshot.png", 40_000),
    ] {
        let bytes = read(file);
        let webp = own_size(&bytes, Format::Webp);
        assert!(webp.len() <= webp_bytes, "{file}: {} bytes", webp.len());
        let png = own_size(&bytes, Format::Png);
        assert!(png.len() <= bytes.len(), "{file}: {} bytes", png.len());
        let original = read_png(&bytes);
        assert!(read_png(&png).rgba == original.rgba, "{file}");
        assert!(seen(&webp).rgba == original.rgba, "{file}");
    }
}

/// However an editor saved it: true colour, GIF, BMP, gray as RGB.
#[test]
fn how_a_drawing_was_stored_makes_no_difference() {
    for (file, png_bytes, webp_bytes) in [
        ("reported/shot-palette.png", 75_000, 24_000),
        ("reported/scan-1bit.png", 11_000, 9_000),
    ] {
        let palette = read(file);
        let picture = read_png(&palette);
        let image = image::RgbaImage::from_raw(
            picture.size.width,
            picture.size.height,
            picture.rgba.clone(),
        );
        let image = image::DynamicImage::from(image.unwrap()).into_rgb8();
        let saved = |format| {
            let mut bytes = std::io::Cursor::new(Vec::new());
            image.write_to(&mut bytes, format).unwrap();
            bytes.into_inner()
        };
        for (name, stored) in [
            ("true colour", png(&picture)),
            ("BMP", saved(image::ImageFormat::Bmp)),
            ("GIF", saved(image::ImageFormat::Gif)),
        ] {
            assert!(is_drawn(&stored), "{file} as {name}");
            let png = own_size(&stored, Format::Png).len();
            assert!(png <= png_bytes, "{file} as {name}: {png} bytes");
            let webp = own_size(&stored, Format::Webp).len();
            assert!(webp <= webp_bytes, "{file} as {name}: {webp} bytes");
        }
    }
}

/// A chart with few colours, some of them translucent.
#[test]
fn a_palette_keeps_its_transparency() {
    let chart = made(400, 300, |x, y| match (x / 40 % 2, y > 300 - x * 3 / 4) {
        (0, true) => [200, 30, 30, 255],
        (1, true) => [30, 30, 200, 128],
        // Invisible, of any colour.
        _ => [noise(x, y), 7, 9, 0],
    });
    let answer = own_size(&png(&chart), Format::Png);
    let info = png::Decoder::new(std::io::Cursor::new(&answer))
        .read_info()
        .unwrap();
    assert_eq!(info.info().color_type, png::ColorType::Indexed);
    assert_eq!(info.info().bit_depth, png::BitDepth::Two);
    let shown = read_png(&answer);
    for (shown, drawn) in shown.rgba.chunks_exact(4).zip(chart.rgba.chunks_exact(4)) {
        assert_eq!(shown[3], drawn[3]);
        assert!(drawn[3] == 0 || shown == drawn);
    }
}

/// The largest difference of any sample, and how many pixels per thousand differ by more than 40.
fn harm(a: &Picture, b: &Picture) -> (u8, usize) {
    let worst = |(a, b): (&[u8], &[u8])| (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap();
    let each = || {
        a.rgba
            .chunks_exact(4)
            .zip(b.rgba.chunks_exact(4))
            .map(worst)
    };
    let pixels = a.size.pixels() as usize;
    (
        each().max().unwrap(),
        each().filter(|&worst| worst > 40).count() * 1000 / pixels,
    )
}

#[test]
fn coloured_letters_keep_their_colour() {
    let bytes = read("reported/shot-palette.png");
    let original = read_png(&bytes);
    let (worst, _) = harm(&seen(&own_size(&bytes, Format::Webp)), &original);
    assert_eq!(worst, 0);
    let (_, spoilt) = harm(&seen(&own_size(&bytes, Format::Jpeg)), &original);
    println!("{spoilt} of a thousand pixels");
    assert!(spoilt <= 3, "{spoilt} of a thousand pixels");
    let red = |picture: &Picture| {
        let is_red = |(drawn, _): &(&[u8], &[u8])| drawn[0] > 200 && drawn[1] < 20 && drawn[2] < 20;
        let pairs = original
            .rgba
            .chunks_exact(4)
            .zip(picture.rgba.chunks_exact(4));
        let differences: Vec<u32> = pairs
            .filter(is_red)
            .map(|(drawn, shown)| (0..3).map(|c| u32::from(drawn[c].abs_diff(shown[c]))).sum())
            .collect();
        assert!(differences.len() > 100, "{} red pixels", differences.len());
        differences.iter().sum::<u32>() / differences.len() as u32
    };
    let difference = red(&seen(&own_size(&bytes, Format::Jpeg)));
    assert!(difference < 45, "{difference}");
}

#[test]
fn a_photograph_in_a_screenshot_is_not_kept_at_any_price() {
    let bytes = png(&screenshot_of_a_photograph());
    assert!(is_drawn(&bytes));
    let webp = own_size(&bytes, Format::Webp);
    assert!(!is_lossless(&webp));
    assert!(
        webp.len() * 3 < bytes.len(),
        "{} of {}",
        webp.len(),
        bytes.len()
    );
}

/// Brush strokes of thousands of translucent colours: lossy, with exact alpha, and edges free of the colour of invisible
/// pixels.
#[test]
fn a_painted_cut_out_is_lossy_around_exact_alpha() {
    let bytes = read("formats/alpha-premultiply-1024x768-paper.png");
    let webp = to_width(&bytes, 640, Format::Webp).unwrap().bytes;
    assert!(!is_lossless(&webp));
    assert!(webp.len() <= 84_000, "{} bytes", webp.len());
    let original = read_png(&to_width(&bytes, 640, Format::Png).unwrap().bytes);
    let shown = seen(&webp);
    let pairs = original
        .rgba
        .chunks_exact(4)
        .zip(shown.rgba.chunks_exact(4));
    let mut worst = 0;
    for (drawn, shown) in pairs {
        assert_eq!(drawn[3], shown[3]);
        let apart = (0..3).map(|channel| u32::from(drawn[channel].abs_diff(shown[channel])));
        worst = worst.max(apart.max().unwrap_or_default() * u32::from(drawn[3]) / 255);
    }
    assert!(worst <= 70, "{worst}");
}

fn is_lossless(webp: &[u8]) -> bool {
    webp.windows(4).take(1024).any(|kind| kind == b"VP8L")
}

/// Lossless output has no quality to reduce, so it becomes lossy.
#[test]
fn a_drawing_gives_way_to_max_bytes() {
    let bytes = read("reported/shot-palette.png");
    let size = header(&bytes).unwrap().size;
    let mut resolved = whole(size, Size::new(900, 600), Format::Webp);
    let free = rendered(&bytes, &resolved).bytes.len() as u64;
    resolved.max_bytes = Some(free / 2);
    let bound = rendered(&bytes, &resolved).bytes;
    assert!(bound.len() as u64 <= free / 2, "{} of {free}", bound.len());
    assert!(!is_lossless(&bound));
}

/// A lossless WebP contains rights too.
#[test]
fn a_lossless_webp_holds_what_a_lossy_one_does() {
    let bytes = super::own::with_png_text(&read("reported/scan-1bit.png"));
    let mut resolved = whole(Size::new(1200, 800), Size::new(1200, 800), Format::Webp);
    let kept = rendered(&bytes, &resolved).bytes;
    assert!(is_lossless(&kept));
    assert!(kept.windows(4).any(|part| part == b"\x98\x82\x02\0"));
    assert!(seen(&kept).rgba == read_png(&bytes).rgba);
    resolved.metadata = tintype_imaging::spec::Metadata::None;
    let dropped = rendered(&bytes, &resolved).bytes;
    assert!(!dropped.windows(4).any(|part| part == b"\x98\x82\x02\0"));
}

#[test]
fn gray_stays_gray_however_it_was_stored() {
    let gray = picture(&read("photos/tower_grayscale.jpg"), u32::MAX).unwrap();
    let stored = png(&gray);
    let answer = own_size(&stored, Format::Png);
    let info = png::Decoder::new(std::io::Cursor::new(&answer))
        .read_info()
        .unwrap();
    assert_eq!(info.info().color_type, png::ColorType::Grayscale);
    let jpeg = header(&own_size(&stored, Format::Jpeg)).unwrap();
    assert_eq!(jpeg.colour_space, probe::ColourSpace::Gray);
}
