//! Policy: a variant is never larger than the original unless `up` says so, never shows anything outside it, is never
//! off by more than the rounding of a pixel, and equal meanings have equal `Resolved` values.

use proptest::prelude::*;

use super::*;
use crate::spec::{Crop, Flip, Metadata, Rgba, Rotate};

const DEFAULTS: Defaults = Defaults {
    format: Format::Webp,
    quality: 78,
    focal: None,
    frames: 1,
};

fn decimal(text: &str) -> Decimal {
    let millionths = text.parse::<f64>().unwrap() * 1e6;
    Decimal::from_millionths(millionths.round() as u32)
}

fn point(x: &str, y: &str) -> Option<Gravity> {
    Some(Gravity::Point {
        x: decimal(x),
        y: decimal(y),
    })
}

fn boxed(width: u32, height: u32, fit: Fit) -> Request {
    Request {
        width: Some(width),
        height: Some(height),
        fit: Some(fit),
        ..Request::default()
    }
}

fn resolved(source: (u32, u32), request: &Request) -> Resolved {
    resolve(Size::new(source.0, source.1), request, &DEFAULTS).unwrap()
}

fn check_size(source: (u32, u32), request: &Request, expected: (u32, u32)) {
    let output = resolved(source, request).output();
    assert_eq!(
        (output.width, output.height),
        expected,
        "{source:?} {request:?}"
    );
}

fn check_crop(source: (u32, u32), request: &Request, expected: (u32, u32, u32, u32)) {
    let Rect {
        x,
        y,
        width,
        height,
    } = resolved(source, request).crop;
    assert_eq!((x, y, width, height), expected, "{source:?} {request:?}");
}

#[test]
fn contain_takes_the_limiting_side_exactly_and_rounds_the_other() {
    check_size((4000, 3000), &boxed(640, 640, Fit::Contain), (640, 480));
    check_size((3000, 4000), &boxed(640, 640, Fit::Contain), (480, 640));
    check_size((1000, 667), &boxed(300, 300, Fit::Contain), (300, 200));
    // 3 * 3 / 2 = 4.5
    check_size(
        (2, 3),
        &Request {
            width: Some(1),
            ..Request::default()
        },
        (1, 2),
    );
    check_size((10_000, 1), &boxed(10, 10, Fit::Contain), (10, 1));
    let width = Request {
        width: Some(400),
        ..Request::default()
    };
    check_size((4000, 3000), &width, (400, 300));
    let height = Request {
        height: Some(300),
        ..Request::default()
    };
    check_size((4000, 3000), &height, (400, 300));
}

#[test]
fn nothing_is_enlarged_unless_asked() {
    check_size((100, 50), &boxed(640, 640, Fit::Contain), (100, 50));
    check_size((100, 50), &boxed(640, 640, Fit::Cover), (50, 50));
    check_size((100, 50), &boxed(200, 50, Fit::Stretch), (100, 25));
    check_size((100, 50), &boxed(640, 640, Fit::Pad), (640, 640));
    let up = |fit| Request {
        enlarge: Some(true),
        ..boxed(640, 640, fit)
    };
    check_size((100, 50), &up(Fit::Contain), (640, 320));
    check_size((100, 50), &up(Fit::Cover), (640, 640));
    check_size((100, 50), &up(Fit::Stretch), (640, 640));
    let padded = resolved((100, 50), &up(Fit::Pad));
    assert_eq!(padded.size, Size::new(640, 320));
}

#[test]
fn without_a_box_the_picture_keeps_its_size() {
    let request = Request {
        dpr: Some(decimal("2")),
        ..Request::default()
    };
    check_size((100, 50), &request, (100, 50));
    let crop = Crop::Pixels(Rect {
        x: 10,
        y: 10,
        width: 30,
        height: 20,
    });
    let request = Request {
        crop: Some(crop),
        rotate: Some(Rotate::Quarter),
        ..Request::default()
    };
    check_size((100, 50), &request, (20, 30));
}

#[test]
fn dpr_multiplies_the_box_and_the_blur() {
    let request = Request {
        dpr: Some(decimal("1.5")),
        blur: Some(decimal("2.5")),
        ..boxed(333, 333, Fit::Cover)
    };
    // 333 * 1.5 = 499.5
    check_size((4000, 3000), &request, (500, 500));
    assert_eq!(resolved((4000, 3000), &request).blur, Some(decimal("3.75")));
}

#[test]
fn crops_are_clipped_to_the_original() {
    let pixels = |x, y, width, height| Request {
        crop: Some(Crop::Pixels(Rect {
            x,
            y,
            width,
            height,
        })),
        ..Request::default()
    };
    check_crop((100, 50), &pixels(90, 40, 20, 20), (90, 40, 10, 10));
    check_crop((100, 50), &pixels(99, 49, 1, 1), (99, 49, 1, 1));
    for (x, y) in [(100, 0), (0, 50), (u32::MAX, u32::MAX)] {
        let outside = resolve(Size::new(100, 50), &pixels(x, y, 10, 10), &DEFAULTS);
        assert_eq!(outside, Err(GeometryError::CropOutside(Size::new(100, 50))));
    }
}

#[test]
fn crops_in_fractions_meet_without_gap_and_keep_a_pixel() {
    let crop = |x, y, width, height| Request {
        crop: Some(Crop::Fractions {
            x: decimal(x),
            y: decimal(y),
            width: decimal(width),
            height: decimal(height),
        }),
        ..Request::default()
    };
    check_crop((101, 50), &crop("0", "0", "0.5", "1"), (0, 0, 51, 50));
    check_crop((101, 50), &crop("0.5", "0", "0.5", "1"), (51, 0, 50, 50));
    check_crop(
        (10, 10),
        &crop("0.999", "0.999", "0.000001", "0.000001"),
        (9, 9, 1, 1),
    );
    check_crop((10, 10), &crop("0.5", "0.5", "1", "1"), (5, 5, 5, 5));
    let outside = resolve(Size::new(10, 10), &crop("1", "0", "1", "1"), &DEFAULTS);
    assert!(matches!(outside, Err(GeometryError::CropOutside(_))));
}

#[test]
fn cover_keeps_the_focal_point_as_near_the_middle_as_the_edges_allow() {
    let square = boxed(100, 100, Fit::Cover);
    let at = |x, y| Request {
        gravity: point(x, y),
        ..square.clone()
    };
    check_crop((400, 200), &square, (100, 0, 200, 200));
    check_crop((400, 200), &at("0.25", "0.5"), (0, 0, 200, 200));
    check_crop((400, 200), &at("0.3", "0.5"), (20, 0, 200, 200));
    check_crop((400, 200), &at("0.99", "0.99"), (200, 0, 200, 200));
    check_crop((401, 200), &at("0.5", "0.5"), (101, 0, 200, 200));
    check_crop((401, 200), &square, (101, 0, 200, 200));

    let focal = Defaults {
        focal: Some((decimal("0.3"), decimal("0.5"))),
        ..DEFAULTS
    };
    let size = Size::new(400, 200);
    let by_record = resolve(size, &square, &focal).unwrap();
    assert_eq!(by_record, resolved((400, 200), &at("0.3", "0.5")));
    let west = Gravity::Compass(Compass::West);
    let explicit = Request {
        gravity: Some(west),
        ..square
    };
    assert_eq!(resolve(size, &explicit, &focal).unwrap().crop.x, 0);
}

#[test]
fn the_focal_point_is_of_the_upright_original_and_the_compass_of_the_turned_picture() {
    let crop = Crop::Pixels(Rect {
        x: 100,
        y: 0,
        width: 300,
        height: 200,
    });
    let request = |rotate, gravity| Request {
        crop: Some(crop),
        rotate: Some(rotate),
        gravity,
        ..boxed(100, 100, Fit::Cover)
    };
    let east = Some(Gravity::Compass(Compass::East));
    let north = Some(Gravity::Compass(Compass::North));
    // The point lies at 40 of the cropped 300 pixels, so the cut starts at the crop's left edge.
    for rotate in [
        Rotate::None,
        Rotate::Quarter,
        Rotate::Half,
        Rotate::ThreeQuarters,
    ] {
        check_crop(
            (400, 200),
            &request(rotate, point("0.35", "0.5")),
            (100, 0, 200, 200),
        );
    }
    check_crop((400, 200), &request(Rotate::None, east), (200, 0, 200, 200));
    check_crop((400, 200), &request(Rotate::Half, east), (100, 0, 200, 200));
    // A quarter turn puts the left edge on top.
    check_crop(
        (400, 200),
        &request(Rotate::Quarter, north),
        (100, 0, 200, 200),
    );
    check_crop(
        (400, 200),
        &request(Rotate::ThreeQuarters, north),
        (200, 0, 200, 200),
    );
    let mut mirrored = request(Rotate::None, east);
    mirrored.flip = Some(Flip {
        horizontal: true,
        vertical: false,
    });
    check_crop((400, 200), &mirrored, (100, 0, 200, 200));
}

#[test]
fn pad_places_by_compass_and_ignores_the_focal_point() {
    let canvas = |gravity| {
        let request = Request {
            gravity,
            ..boxed(100, 100, Fit::Pad)
        };
        let focal = Defaults {
            focal: Some((Decimal::ZERO, Decimal::ZERO)),
            ..DEFAULTS
        };
        let resolved = resolve(Size::new(400, 199), &request, &focal).unwrap();
        resolved.canvas.map(|canvas| (canvas.x, canvas.y))
    };
    assert_eq!(canvas(None), Some((0, 25)));
    assert_eq!(canvas(Some(Gravity::Compass(Compass::North))), Some((0, 0)));
    assert_eq!(
        canvas(Some(Gravity::Compass(Compass::SouthEast))),
        Some((0, 50))
    );

    let on_point = Request {
        gravity: point("0.1", "0.1"),
        ..boxed(100, 100, Fit::Pad)
    };
    let refused = resolve(Size::new(400, 200), &on_point, &DEFAULTS);
    assert_eq!(refused, Err(GeometryError::PointOnCanvas));
}

#[test]
fn what_is_off_changes_nothing() {
    let size = Size::new(400, 200);
    let off = Request {
        trim: Some(Decimal::ZERO),
        animate: Some(false),
        ..Request::default()
    };
    assert_eq!(
        resolve(size, &off, &DEFAULTS),
        resolve(size, &Request::default(), &DEFAULTS)
    );
}

#[test]
fn frames_are_kept_where_there_are_some_within_bounds_and_where_the_format_can() {
    let animate = Request {
        width: Some(200),
        animate: Some(true),
        ..Request::default()
    };
    let in_format = |size, format, frames| {
        let defaults = Defaults {
            format,
            frames,
            ..DEFAULTS
        };
        resolve(size, &animate, &defaults)
    };
    let size = Size::new(400, 200);
    for format in [Format::Webp, Format::Gif] {
        assert!(in_format(size, format, 2).unwrap().animated);
        // Equal meanings have equal values.
        let still = Request {
            animate: None,
            ..animate.clone()
        };
        let defaults = Defaults { format, ..DEFAULTS };
        assert_eq!(in_format(size, format, 1), resolve(size, &still, &defaults));
    }
    for format in [Format::Jpeg, Format::Png, Format::Avif] {
        assert!(!in_format(size, format, 2).unwrap().animated);
    }
    let is_kept = |size, frames| in_format(size, Format::Webp, frames).unwrap().animated;
    assert!(is_kept(size, MAX_FRAMES) && !is_kept(size, MAX_FRAMES + 1));
    assert!(is_kept(Size::new(5_000, 5_000), 20) && !is_kept(Size::new(5_000, 5_000), 21));
    let tall = Size::new(200, 10_000);
    assert!(is_kept(tall, 50) && !is_kept(tall, 51), "in the answer");
}

#[test]
fn results_have_a_longest_side_and_a_most_of_pixels() {
    let up = |width, height| Request {
        dpr: Some(decimal("4")),
        enlarge: Some(true),
        ..boxed(width, height, Fit::Stretch)
    };
    let refused = |request: &Request| {
        matches!(
            resolve(Size::new(100, 100), request, &DEFAULTS),
            Err(GeometryError::TooLarge(_))
        )
    };
    assert!(refused(&up(4096, 10)));
    assert!(!refused(&up(4095, 10)));
    assert!(refused(&up(4000, 4000)));
}

#[test]
fn text_names_every_field_and_equal_pictures_have_equal_text() {
    let request = Request {
        rotate: Some(Rotate::Quarter),
        flip: Some(Flip {
            horizontal: true,
            vertical: false,
        }),
        blur: Some(decimal("1.25")),
        sharpen: Some(decimal("0.5")),
        gray: Some(true),
        background: Some(Background::Colour(Rgba {
            r: 1,
            g: 2,
            b: 255,
            a: 0,
        })),
        metadata: Some(Metadata::Keep),
        max_bytes: Some(50_000),
        ..boxed(100, 100, Fit::Pad)
    };
    assert_eq!(
        resolved((400, 200), &request).to_string(),
        "crop=0,0,400,200;rot=90;flip=1,0;size=50,100;canvas=100,100,25,0;blur=1.25;sharpen=0.5;\
         gray=1;bg=0102ff00;f=webp;q=78;meta=keep;max=50000;progressive=0;own=0"
    );
    assert_eq!(
        resolved((400, 200), &Request::default()).to_string(),
        "crop=0,0,400,200;rot=0;flip=0,0;size=400,200;canvas=;blur=0;sharpen=0;gray=0;bg=;f=webp;\
         q=78;meta=copyright;max=;progressive=0;own=0"
    );
    let turned = |rotate, horizontal, vertical| {
        let flip = Some(Flip {
            horizontal,
            vertical,
        });
        resolved(
            (400, 200),
            &Request {
                rotate: Some(rotate),
                flip,
                ..Request::default()
            },
        )
    };
    assert_eq!(
        turned(Rotate::Half, false, false),
        turned(Rotate::None, true, true)
    );
    assert_eq!(
        turned(Rotate::Quarter, false, true),
        turned(Rotate::ThreeQuarters, true, false)
    );
    assert_eq!(
        turned(Rotate::Half, true, true),
        turned(Rotate::None, false, false)
    );

    let lossless = Defaults {
        format: Format::Png,
        ..DEFAULTS
    };
    let size = Size::new(4, 4);
    let quality = Request {
        quality: Some(10),
        ..Request::default()
    };
    assert_eq!(
        resolve(size, &quality, &lossless),
        resolve(size, &Request::default(), &lossless)
    );
}

fn any_fraction() -> impl Strategy<Value = Decimal> {
    (0..=1_000_000u32).prop_map(Decimal::from_millionths)
}

fn any_side() -> impl Strategy<Value = u32> {
    prop_oneof![1..10u32, 1..9_000u32]
}

prop_compose! {
    fn any_request()(
        (width, height) in (prop::option::of(any_side()), prop::option::of(any_side())),
        fit in prop::sample::select(vec![Fit::Contain, Fit::Cover, Fit::Stretch, Fit::Pad]),
        gravity in prop_oneof![
            Just(None),
            Just(Some(Gravity::Compass(Compass::SouthWest))),
            (any_fraction(), any_fraction()).prop_map(|(x, y)| Some(Gravity::Point { x, y })),
        ],
        crop in prop_oneof![
            Just(None),
            (0..5_000u32, 0..5_000u32, any_side(), any_side())
                .prop_map(|(x, y, width, height)| Some(Crop::Pixels(Rect { x, y, width, height }))),
            (any_fraction(), any_fraction(), any_fraction(), any_fraction())
                .prop_map(|(x, y, width, height)| Some(Crop::Fractions { x, y, width, height })),
        ],
        dpr in (1_000_000..=4_000_000u32).prop_map(Decimal::from_millionths),
        enlarge in any::<bool>(),
        rotate in prop::sample::select(
            vec![Rotate::None, Rotate::Quarter, Rotate::Half, Rotate::ThreeQuarters]),
        (horizontal, vertical) in (any::<bool>(), any::<bool>()),
    ) -> Request {
        Request {
            width,
            height,
            fit: Some(fit),
            gravity,
            crop,
            dpr: Some(dpr),
            enlarge: Some(enlarge),
            rotate: Some(rotate),
            flip: Some(Flip { horizontal, vertical }),
            ..Request::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_answer_lies_inside_its_original_and_its_limits(
        source in (any_side(), any_side()),
        request in any_request(),
    ) {
        let source = Size::new(source.0, source.1);
        let Ok(resolved) = resolve(source, &request, &DEFAULTS) else { return Ok(()) };
        let Rect { x, y, width, height } = resolved.crop;
        prop_assert!(width > 0 && height > 0);
        prop_assert!(x + width <= source.width && y + height <= source.height);
        prop_assert!(resolved.size.width > 0 && resolved.size.height > 0);
        let cut = match resolved.rotate {
            Rotate::None | Rotate::Half => Size::new(width, height),
            Rotate::Quarter | Rotate::ThreeQuarters => Size::new(height, width),
        };
        if request.enlarge != Some(true) {
            prop_assert!(resolved.size.width <= cut.width && resolved.size.height <= cut.height);
        }
        if let Some(canvas) = resolved.canvas {
            prop_assert!(canvas.x + resolved.size.width <= canvas.size.width);
            prop_assert!(canvas.y + resolved.size.height <= canvas.size.height);
        }
        // Distortion is at most the rounding of one pixel, on the side that was rounded.
        if request.fit != Some(Fit::Stretch) {
            let size = resolved.size;
            let across = product(size.width, cut.height);
            let down = product(size.height, cut.width);
            let pixel = u64::from(cut.width.max(cut.height).max(size.width).max(size.height));
            prop_assert!(across.abs_diff(down) <= pixel, "{cut:?} {size:?}");
        }
    }

    #[test]
    fn asking_for_the_result_again_gives_the_same_picture(
        source in (any_side(), any_side()),
        request in any_request(),
    ) {
        let source = Size::new(source.0, source.1);
        let Ok(first) = resolve(source, &request, &DEFAULTS) else { return Ok(()) };
        let spelled_out = Request {
            crop: Some(Crop::Pixels(first.crop)),
            rotate: Some(first.rotate),
            flip: Some(first.flip),
            width: Some(first.size.width),
            height: Some(first.size.height),
            fit: Some(Fit::Stretch),
            enlarge: Some(true),
            ..Request::default()
        };
        let mut again = resolve(source, &spelled_out, &DEFAULTS).unwrap();
        again.canvas = first.canvas;
        prop_assert_eq!(first, again);
    }
}

#[test]
fn what_only_the_picture_tells_is_planned_when_it_is_seen() {
    let size = Size::new(400, 200);
    let request = Request {
        trim: Some(decimal("0.1")),
        gravity: Some(Gravity::Smart),
        crop: Some(Crop::Pixels(Rect {
            x: 100,
            y: 0,
            width: 300,
            height: 200,
        })),
        rotate: Some(Rotate::Quarter),
        ..boxed(50, 50, Fit::Cover)
    };
    let planned = resolve(size, &request, &DEFAULTS).unwrap();
    let look = planned.look.clone().unwrap();
    let within = Rect {
        x: 100,
        y: 0,
        width: 300,
        height: 200,
    };
    assert_eq!((look.trim, look.within), (Some(26), within));
    assert!(look.framing.is_smart() && !planned.is_original(size));
    assert_eq!(planned.size, Size::new(50, 50));

    let kept = Rect {
        x: 150,
        y: 20,
        width: 120,
        height: 60,
    };
    assert_eq!(window(&planned, &look.framing, kept), Size::new(60, 60));
    let seen = seen(size, &planned, &look.framing, kept, point("0.6", "0.2")).unwrap();
    let expected = Rect {
        x: 210,
        y: 20,
        width: 60,
        height: 60,
    };
    assert_eq!(
        (seen.crop, seen.size, seen.look),
        (expected, Size::new(50, 50), None)
    );
}

#[test]
fn a_focal_point_is_worth_more_than_what_smart_sees() {
    let size = Size::new(400, 200);
    let focal = Defaults {
        focal: Some((decimal("0.1"), decimal("0.5"))),
        ..DEFAULTS
    };
    let smart = Request {
        gravity: Some(Gravity::Smart),
        ..boxed(50, 50, Fit::Cover)
    };
    let plain = boxed(50, 50, Fit::Cover);
    assert_eq!(resolve(size, &smart, &focal), resolve(size, &plain, &focal));
}

#[test]
fn a_trimmed_answer_is_never_larger_than_was_reckoned_with() {
    let size = Size::new(400, 200);
    let widths = [(1, 200), (400, 1), (30, 150), (390, 190)];
    let asks = [
        (Some(50), None),
        (None, Some(60)),
        (Some(300), Some(300)),
        (None, None),
    ];
    for (width, height) in asks {
        for (enlarge, rotate) in [(false, Rotate::None), (true, Rotate::Quarter)] {
            let request = Request {
                width,
                height,
                trim: Some(Decimal::ONE),
                rotate: Some(rotate),
                enlarge: Some(enlarge),
                ..Request::default()
            };
            let planned = resolve(size, &request, &DEFAULTS).unwrap();
            let most = most(&planned);
            for (width, height) in widths {
                let kept = Rect {
                    x: 0,
                    y: 0,
                    width,
                    height,
                };
                let framing = planned.look.as_ref().unwrap().framing;
                let Ok(seen) = seen(size, &planned, &framing, kept, None) else {
                    continue;
                };
                let (is, limit) = (seen.output(), most);
                assert!(
                    is.width <= limit.width && is.height <= limit.height,
                    "{request:?} {is:?}"
                );
            }
        }
    }
}
