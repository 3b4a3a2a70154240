//! A variant has the requested size and format, and the same bytes every time.

use proptest::prelude::*;
use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::sniff;
use tintype_imaging::spec::{
    Background, Canvas, Decimal, Flip, Format, Rect, Resolved, Rgba, Rotate, Size,
};

use crate::corpus::{Picture, header, picture, read, soon, whole};

const FORMATS: [(Format, &str); 4] = [
    (Format::Jpeg, "image/jpeg"),
    (Format::Png, "image/png"),
    (Format::Webp, "image/webp"),
    (Format::Avif, "image/avif"),
];

const SOURCES: [&str; 5] = [
    "photos/tower.jpg",
    "photos/tower_grayscale.jpg",
    "orientation/Landscape_6.jpg",
    "orientation/png-orientation-8.png",
    "orientation/made-orient-7.webp",
];

fn rendered(bytes: &[u8], resolved: &Resolved) -> render::Rendered {
    render::render(bytes, resolved, &Limits::default(), soon()).unwrap()
}

#[test]
fn every_source_in_every_format() {
    for source in SOURCES {
        let bytes = read(source);
        let upright = header(&bytes).unwrap().upright();
        for (format, media_type) in FORMATS {
            let resolved = whole(upright, Size::new(61, 47), format);
            let first = rendered(&bytes, &resolved);
            assert_eq!(sniff::sniff(&first.bytes).media_type, media_type);
            assert_eq!(
                first.bytes,
                rendered(&bytes, &resolved).bytes,
                "{source} as {format:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_size_is_always_what_was_resolved(
        source in 0..SOURCES.len(),
        (left, top, right, bottom) in (0.0..0.9, 0.0..0.9, 0.0..1.0, 0.0..1.0),
        (width, height) in (1..300_u32, 1..300_u32),
        pad in proptest::option::of((0..40_u32, 0..40_u32)),
        (turn, gray, blur) in (0..8_usize, any::<bool>(), proptest::option::of(300_000..20_000_000_u32)),
    ) {
        let bytes = read(SOURCES[source]);
        let upright = header(&bytes).unwrap().upright();
        let cut = |start: f64, end: f64, whole: u32| {
            let at = (start * f64::from(whole)) as u32;
            (at, 1 + (end * f64::from(whole - at - 1)) as u32)
        };
        let (x, crop_width) = cut(left, right, upright.width);
        let (y, crop_height) = cut(top, bottom, upright.height);
        let mut resolved = whole(upright, Size::new(width, height), Format::Png);
        resolved.crop = Rect { x, y, width: crop_width, height: crop_height };
        resolved.rotate = [Rotate::None, Rotate::Quarter, Rotate::Half, Rotate::ThreeQuarters][turn % 4];
        resolved.flip = Flip { horizontal: turn >= 4, vertical: turn % 3 == 0 };
        resolved.gray = gray;
        resolved.blur = blur.map(Decimal::from_millionths);
        resolved.canvas = pad.map(|(x, y)| Canvas { size: Size::new(width + 2 * x, height + 3 * y), x, y });
        let answer = rendered(&bytes, &resolved);
        prop_assert_eq!(answer.size, resolved.output());
        prop_assert_eq!(header(&answer.bytes).unwrap().size, resolved.output());
    }
}

#[test]
fn quality_gives_way_to_max_bytes() {
    let bytes = read("photos/tower.jpg");
    let upright = header(&bytes).unwrap().upright();
    for format in [Format::Jpeg, Format::Webp] {
        let mut resolved = whole(upright, Size::new(300, 200), format);
        let free = rendered(&bytes, &resolved).bytes.len() as u64;
        resolved.max_bytes = Some(free * 2 / 3);
        let bound = rendered(&bytes, &resolved).bytes.len() as u64;
        assert!(bound <= free * 2 / 3, "{format:?}: {bound} of {free}");
        assert!(bound > free / 3, "{format:?}: {bound} of {free}");
    }
}

#[test]
fn a_padded_picture_sits_where_it_should() {
    let bytes = read("orientation/made-orient-6.tif");
    let mut resolved = whole(Size::new(320, 200), Size::new(160, 100), Format::Png);
    resolved.background = Some(Background::Colour(Rgba {
        r: 10,
        g: 20,
        b: 30,
        a: 255,
    }));
    resolved.canvas = Some(Canvas {
        size: Size::new(200, 160),
        x: 20,
        y: 30,
    });
    let picture = picture(&rendered(&bytes, &resolved).bytes, 200).unwrap();
    assert_eq!(picture.at(19, 30), [10, 20, 30, 255]);
    let [r, g, b, _] = picture.at(24, 34);
    assert!(r > 180 && g < 90 && b < 90, "{r},{g},{b}");
    assert_eq!(picture.at(199, 159), [10, 20, 30, 255]);
}

#[test]
fn a_picture_may_be_padded_by_itself_out_of_focus() {
    let bytes = read("orientation/made-orient-1.tif");
    let upright = Size::new(320, 200);
    for format in FORMATS.map(|(format, _)| format) {
        let mut resolved = whole(upright, Size::new(96, 60), format);
        resolved.background = Some(Background::Blur);
        resolved.canvas = Some(Canvas {
            size: Size::new(96, 180),
            x: 0,
            y: 60,
        });
        let answer = rendered(&bytes, &resolved);
        assert_eq!(answer.size, Size::new(96, 180));
        let shown = picture(&answer.bytes, 96).unwrap();
        let alone = picture(
            &rendered(&bytes, &whole(upright, Size::new(96, 60), format)).bytes,
            96,
        )
        .unwrap();
        let rows = |from: usize, to: usize| shown.rgba[from * 96 * 4..to * 96 * 4].to_vec();
        let inner = Picture {
            size: alone.size,
            rgba: rows(60, 120),
        };
        assert!(inner.difference(&alone) < 4.0, "{format:?}");
        // The padding is smooth, and not of one colour. From row 48 on, coding blocks contain parts of the image.
        let around = rows(0, 48);
        let steps = around.as_chunks::<4>().0.windows(2).enumerate();
        let widest = steps.filter(|(at, _)| at % 96 != 95).map(|(_, pair)| {
            (0..3)
                .map(|c| pair[0][c].abs_diff(pair[1][c]))
                .max()
                .unwrap_or_default()
        });
        assert!(widest.max() < Some(24), "{format:?}");
        assert!(around.chunks_exact(4).all(|pixel| pixel[3] == 255));
        let reds = || around.iter().step_by(4);
        assert!(
            reds().max() > Some(&(reds().min().unwrap() + 30)),
            "{format:?}"
        );
    }
}
