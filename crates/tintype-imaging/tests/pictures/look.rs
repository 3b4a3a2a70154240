//! Decisions that depend on the pixels: where a border ends, to the pixel, in every format and orientation, and never
//! with nothing left; and which part a crop must keep. A plan made after analysing the image follows the same rules as
//! any other.

use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::limits::Limits;
use tintype_imaging::spec::{
    Crop, Decimal, Fit, Format, Gravity, Rect, Request, Resolved, Rotate, Size,
};
use tintype_imaging::{memory, render};

use crate::corpus::{Picture, header, jpeg, read, read_png, soon};

const DEFAULTS: Defaults = Defaults {
    format: Format::Png,
    quality: 80,
    focal: None,
    frames: 1,
};

fn trimmed() -> Request {
    Request {
        trim: Some(Decimal::ONE),
        ..Request::default()
    }
}

fn resolved(bytes: &[u8], request: &Request) -> Resolved {
    let upright = header(bytes).unwrap().upright();
    geometry::resolve(upright, request, &DEFAULTS).unwrap()
}

fn rendered(bytes: &[u8], request: &Request) -> Picture {
    let resolved = resolved(bytes, request);
    let rendered = render::render(bytes, &resolved, &Limits::default(), soon()).unwrap();
    read_png(&rendered.bytes)
}

fn png(size: Size, rgba: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let mut info = png::Info::with_size(size.width, size.height);
    info.color_type = png::ColorType::Rgba;
    info.bit_depth = png::BitDepth::Eight;
    let at = |at: u32| rgba(at % size.width, at / size.width);
    let samples: Vec<u8> = (0..size.width * size.height).flat_map(at).collect();
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&samples).unwrap();
    writer.finish().unwrap();
    bytes
}

/// An image of 200x120 with a border of this colour around a pattern of 60x40 at 90,30.
fn framed(border: [u8; 4]) -> Vec<u8> {
    png(Size::new(200, 120), |x, y| match (x, y) {
        (90..150, 30..70) => [200, (x * 3) as u8, (y * 5) as u8, 255],
        _ => border,
    })
}

#[test]
fn a_border_is_cut_off_to_the_pixel() {
    for border in [[255; 4], [0, 0, 0, 255], [10, 120, 40, 255], [9, 9, 9, 0]] {
        let bytes = framed(border);
        let picture = rendered(&bytes, &trimmed());
        assert_eq!(picture.size, Size::new(60, 40), "{border:?}");
        assert_eq!(picture.at(0, 0), [200, 14, 150, 255]);
        assert_eq!(picture.at(59, 39), [200, 191, 89, 255]);

        let square = Request {
            width: Some(20),
            height: Some(20),
            fit: Some(Fit::Cover),
            rotate: Some(Rotate::Quarter),
            ..trimmed()
        };
        assert_eq!(rendered(&bytes, &square).size, Size::new(20, 20));
        let turned = Request {
            rotate: Some(Rotate::Quarter),
            ..trimmed()
        };
        let turned = rendered(&bytes, &turned);
        assert_eq!(turned.size, Size::new(40, 60));
        assert_eq!(turned.at(39, 0), picture.at(0, 0));
        let narrow = Request {
            width: Some(30),
            ..trimmed()
        };
        assert_eq!(rendered(&bytes, &narrow).size, Size::new(30, 20));
    }
}

#[test]
fn a_crop_comes_first() {
    let bytes = framed([255; 4]);
    let request = Request {
        crop: Some(Crop::Pixels(Rect {
            x: 0,
            y: 0,
            width: 100,
            height: 50,
        })),
        ..trimmed()
    };
    assert_eq!(rendered(&bytes, &request).size, Size::new(10, 20));
}

#[test]
fn the_noise_of_a_jpeg_is_border_and_a_tolerance_says_how_much_more() {
    let size = Size::new(200, 120);
    let pixel = |at: u32| match (at % 200, at / 200) {
        (80..160, 32..72) => [20_u8, 60, 90],
        (x, _) if x >= 184 => [225, 225, 225],
        _ => [250, 248, 250],
    };
    let samples: Vec<u8> = (0..200 * 120).flat_map(pixel).collect();
    let bytes = jpeg(&samples, size);
    let tolerance = |millionths| Request {
        trim: Some(Decimal::from_millionths(millionths)),
        ..Request::default()
    };
    // The edges are at block boundaries, which ringing does not cross.
    assert_eq!(
        rendered(&bytes, &tolerance(150_000)).size,
        Size::new(80, 40)
    );
    assert_eq!(rendered(&bytes, &trimmed()).size, Size::new(120, 120));
}

#[test]
fn a_picture_of_nothing_but_border_is_left_as_it_is() {
    for colour in [[255; 4], [7, 8, 9, 0]] {
        let bytes = png(Size::new(31, 17), |_, _| colour);
        assert_eq!(rendered(&bytes, &trimmed()).size, Size::new(31, 17));
    }
    let photograph = read("photos/tower.jpg");
    let upright = header(&photograph).unwrap().upright();
    let request = Request {
        width: Some(100),
        ..trimmed()
    };
    let plain = Request {
        width: Some(100),
        ..Request::default()
    };
    assert!(upright.width > 100);
    let (trimmed, plain) = (
        rendered(&photograph, &request),
        rendered(&photograph, &plain),
    );
    assert_eq!(trimmed.rgba, plain.rgba);
}

/// The image is too large to be analysed at its own size.
#[test]
fn of_a_large_picture_nothing_but_border_is_lost() {
    let bytes = png(Size::new(3001, 2003), |x, y| match (x, y) {
        (501..2500, 301..1800) => [30, 60, 90, 255],
        _ => [255; 4],
    });
    let picture = rendered(&bytes, &trimmed());
    let Size { width, height } = picture.size;
    assert!((1999..=2003).contains(&width) && (1499..=1503).contains(&height));
}

#[test]
fn memory_is_claimed_for_whatever_is_left() {
    let bytes = framed([255; 4]);
    let source =
        tintype_imaging::cost::SourceImage::of(&header(&bytes).unwrap(), bytes.len() as u64);
    let claim = |request: &Request| memory::render(&source, &resolved(&bytes, request));
    let narrow = Request {
        width: Some(10),
        ..Request::default()
    };
    let both = Request {
        trim: Some(Decimal::ONE),
        ..narrow.clone()
    };
    assert!(claim(&both) > claim(&narrow));
}

/// On a plain background, wherever the object is.
#[test]
fn a_smart_cut_keeps_what_stands_out() {
    for left in [0, 150, 330] {
        let bytes = png(Size::new(400, 100), |x, y| {
            if (left..left + 60).contains(&x) && (20..80).contains(&y) {
                return [190, 110, 80 + (x * y % 40) as u8, 255];
            }
            [120 + (x / 40) as u8, 140, 150, 255]
        });
        let request = Request {
            width: Some(50),
            height: Some(50),
            fit: Some(Fit::Cover),
            gravity: Some(Gravity::Smart),
            ..Request::default()
        };
        let picture = rendered(&bytes, &request);
        assert_eq!(picture.size, Size::new(50, 50));
        let skin = picture.rgba.as_chunks::<4>().0.iter();
        let count = skin
            .filter(|pixel| pixel[0] > 160 && pixel[2] < 130)
            .count();
        // Of 60x60 pixels at half size, 900 would be all.
        assert!(count > 800, "at {left}: {count}");
    }
}

#[test]
fn looking_twice_sees_the_same() {
    let request = Request {
        width: Some(80),
        height: Some(200),
        fit: Some(Fit::Cover),
        gravity: Some(Gravity::Smart),
        ..trimmed()
    };
    for file in [
        "photos/tower.jpg",
        "orientation/Landscape_6.jpg",
        "orientation/made-orient-7.webp",
    ] {
        let bytes = read(file);
        assert_eq!(
            rendered(&bytes, &request).rgba,
            rendered(&bytes, &request).rgba
        );
    }
}
