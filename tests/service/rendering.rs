//! An image has exactly the requested size and format, is upright, and is never larger than the original unless the URL
//! says so.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::corpus;
use crate::harness::App;
use crate::picture::{self, Kind};

#[track_caller]
fn check(app: &App, key: &str, spec: &str, format: &'static str, width: u32, height: u32) {
    let answer = app.get(&format!("/t/{key}/{spec}"));
    assert_eq!(answer.status, 200, "{key}/{spec}: {}", answer.text());
    assert_eq!(
        picture::kind(&answer.body),
        Kind {
            format,
            width,
            height
        },
        "{key}/{spec}"
    );
    assert_eq!(
        answer.header("content-type"),
        format!("image/{format}"),
        "{key}/{spec}"
    );
}

#[test]
fn sizes_and_formats() {
    let app = App::dev();
    app.upload("wood", &corpus::read("photos/Wood.jpg")); // 2560x1920
    for (spec, format, width, height) in [
        ("w_640~f_jpeg", "jpeg", 640, 480),
        ("h_480~f_jpeg", "jpeg", 640, 480),
        ("w_641~f_jpeg", "jpeg", 641, 481),
        ("w_300~h_300~f_webp", "webp", 300, 225),
        ("w_300~h_300~fit_cover~f_webp", "webp", 300, 300),
        ("w_300~h_300~fit_stretch~f_png", "png", 300, 300),
        ("w_300~h_300~fit_pad~f_png", "png", 300, 300),
        ("w_320~dpr_2~f_jpeg", "jpeg", 640, 480),
        ("w_4000~q_30~f_jpeg", "jpeg", 2560, 1920),
        ("w_2600~up_1~q_30~f_jpeg", "jpeg", 2600, 1950),
        ("crop_100x200x400x300~f_jpeg", "jpeg", 400, 300),
        ("w_64~crop_0.0x0.0x0.5x0.5~f_jpeg", "jpeg", 64, 48),
        ("w_64~f_avif", "avif", 64, 48),
        ("w_1~f_png", "png", 1, 1),
    ] {
        check(&app, "wood", spec, format, width, height);
    }
}

#[test]
fn every_photograph_of_the_corpus() {
    let app = App::dev();
    let photographs = corpus::list("photos");
    assert_eq!(photographs.len(), 18);
    for name in photographs {
        let record = app.upload(&name, &corpus::read(&format!("photos/{name}")));
        let (width, height) = corpus::size(&record);
        let expected = ((height as f64) * 320.0 / width as f64).round() as u32;
        check(&app, &name, "w_320~f_jpeg", "jpeg", 320, expected);
    }
}

#[test]
fn every_format_in() {
    let app = App::dev();
    for name in [
        "formats/bmp.bmp",
        "formats/alpha_gif_a.gif",
        "formats/kodim23.png",
        "formats/1_webp_a.webp",
        "formats/basn6a16.png",
        "formats/jpg-cmyk-1.jpg",
        "formats/jpg-gray.jpg",
        "formats/jpg-progressive.jpg",
        "formats/made-animated.gif",
        "formats/issue_69_lzw.tiff",
    ] {
        let key = name.rsplit('/').next().unwrap();
        let record = app.upload(key, &corpus::read(name));
        let (width, height) = corpus::size(&record);
        let (width, height) = (width as u32, height as u32);
        check(&app, key, "w_8192~f_png", "png", width, height);
    }
}

#[test]
fn pictures_are_upright() {
    let app = App::dev();
    let mut seen = 0;
    for name in corpus::list("orientation") {
        let is_ours =
            name.starts_with("made-orient-") && (name.ends_with(".webp") || name.ends_with(".tif"));
        if !is_ours {
            continue;
        }
        seen += 1;
        let record = app.upload(&name, &corpus::read(&format!("orientation/{name}")));
        assert_eq!(corpus::size(&record), (320, 200), "{name}");
        let answer = app.get(&format!("/t/{name}/w_320~f_png")).expect(200);
        let pixels = picture::png(&answer.body);
        assert_eq!(pixels.dimensions(), (320, 200), "{name}");
        let red = pixels.get_pixel(10, 10).0;
        assert!(
            red[0] > 180 && red[2] < 80,
            "{name}: top left is {red:?}, not red"
        );
        let blue = pixels.get_pixel(309, 189).0;
        assert!(
            blue[2] > 180 && blue[0] < 80,
            "{name}: bottom right is {blue:?}, not blue"
        );
    }
    assert_eq!(seen, 16);
}

#[test]
fn the_crop_keeps_what_the_gravity_names() {
    let app = App::dev();
    app.upload("boxes", &corpus::read("orientation/made-orient-1.tif"));
    let corner = |spec: &str, x, y| {
        let answer = app.get(&format!("/t/boxes/{spec}~f_png")).expect(200);
        picture::png(&answer.body).get_pixel(x, y).0
    };
    let red = corner("w_100~h_200~fit_cover~g_w", 10, 10);
    assert!(red[0] > 180 && red[2] < 80, "left side: {red:?}");
    let blue = corner("w_100~h_200~fit_cover~g_e", 89, 189);
    assert!(blue[2] > 180 && blue[0] < 80, "right side: {blue:?}");
    let red = corner("w_100~h_200~fit_cover~g_0x0.5", 10, 10);
    assert!(red[0] > 180 && red[2] < 80, "focal point left: {red:?}");

    // The record's focal point applies if the URL has none.
    app.patch(
        "boxes",
        &serde_json::json!({ "focal_point": { "x": 1, "y": 1 } }),
    )
    .expect(200);
    let blue = corner("w_100~h_200~fit_cover", 89, 189);
    assert!(
        blue[2] > 180 && blue[0] < 80,
        "focal point of the record: {blue:?}"
    );
}

/// A red square on the left of a white background.
fn square() -> Vec<u8> {
    let square = image::RgbImage::from_fn(300, 100, |x, y| {
        match (40..90).contains(&x) && (20..70).contains(&y) {
            true => image::Rgb([200, 40, 40]),
            false => image::Rgb([255, 255, 255]),
        }
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    square
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn what_is_in_the_picture_decides_where_that_is_asked() {
    let app = App::dev();
    app.upload("square.png", &square());
    check(&app, "square.png", "f_png~trim_1", "png", 50, 50);
    check(&app, "square.png", "w_20~f_webp~trim_1", "webp", 20, 20);
    let pixel = |spec: &str, x, y| {
        let answer = app.get(&format!("/t/square.png/{spec}~f_png")).expect(200);
        picture::png(&answer.body).get_pixel(x, y).0
    };
    let smart = "w_100~h_100~fit_cover~g_smart";
    assert_eq!(pixel(smart, 60, 45), [200, 40, 40, 255]);
    // A focal point set by a person takes precedence.
    let focal = serde_json::json!({ "focal_point": { "x": 1, "y": 0.5 } });
    app.patch("square.png", &focal).expect(200);
    assert_eq!(pixel(smart, 60, 45), [255; 4]);
}

#[test]
fn a_picture_is_its_own_padding_where_that_is_asked() {
    let app = App::dev();
    app.upload("tower", &corpus::tower());
    let answer = app.get("/t/tower/w_200~h_100~fit_pad~f_png~bg_blur");
    let answer = picture::png(&answer.expect(200).body);
    let (left, right) = (answer.get_pixel(3, 50).0, answer.get_pixel(196, 50).0);
    assert_eq!((left[3], right[3]), (255, 255));
    assert_ne!(left, answer.get_pixel(3, 5).0);
    let alone = app.get("/t/tower/w_200~h_100~bg_blur");
    alone.refused(400, "invalid-spec");
}

#[test]
fn metadata_stays_where_that_is_asked() {
    let app = App::dev();
    app.upload("camera.jpg", &corpus::read("metadata/DSCN0010.jpg"));
    let has = |spec: &str, words: &[u8]| {
        let answer = app.get(&format!("/t/camera.jpg/{spec}")).expect(200);
        answer.body.windows(words.len()).any(|part| part == words)
    };
    assert!(has("w_100~f_jpeg~meta_keep", b"COOLPIX"));
    assert!(!has("w_100~f_jpeg~meta_keep", b"GPS"));
    assert!(!has("w_100~f_jpeg", b"COOLPIX"));
}

#[test]
fn an_answer_has_as_many_bytes_as_were_asked_for_at_most() {
    let app = App::dev();
    app.upload("tower", &corpus::tower());
    for format in ["jpeg", "webp"] {
        let length = |spec: &str| app.get(&format!("/t/tower/{spec}")).expect(200).body.len();
        let free = length(&format!("w_300~f_{format}"));
        let most = free * 2 / 3;
        let bound = length(&format!("w_300~f_{format}~max_{most}"));
        assert!(
            bound <= most && bound > most / 2,
            "{format}: {bound} of {free}"
        );
    }
}

#[test]
fn padding_has_the_colour_that_was_asked_for() {
    let app = App::dev();
    app.upload("tower", &corpus::tower());
    let answer = app
        .get("/t/tower/w_200~h_100~fit_pad~f_png~bg_00ff00")
        .expect(200);
    assert_eq!(
        picture::png(&answer.body).get_pixel(5, 50).0,
        [0, 255, 0, 255]
    );
    let answer = app.get("/t/tower/w_200~h_100~fit_pad~f_png").expect(200);
    assert_eq!(
        picture::png(&answer.body).get_pixel(5, 50).0[3],
        0,
        "transparent by default"
    );
}

#[test]
fn transparency_does_not_bleed() {
    let app = App::dev();
    app.upload(
        "a.png",
        &corpus::read("formats/made-hidden-magenta-alpha.png"),
    );
    let answer = app.get("/t/a.png/w_50~f_png").expect(200);
    for pixel in picture::png(&answer.body).pixels() {
        let [red, green, blue, alpha] = pixel.0;
        let magenta = red > 200 && blue > 200 && green < 60;
        assert!(
            alpha < 16 || !magenta,
            "hidden magenta shows: {:?}",
            pixel.0
        );
    }
}

/// Uploaded unchanged: their media type, their orientation, and that there is a thumbnail.
#[test]
fn pictures_of_phones_are_shown_and_kept_as_they_are() {
    let app = App::dev();
    for (file, format, media_type, size, orientation) in [
        (
            "formats/IMG_5195.HEIC",
            "heic",
            "image/heic",
            (2566, 3313),
            1,
        ),
        (
            "formats/samplefilehub.heif",
            "heic",
            "image/heic",
            (640, 426),
            1,
        ),
        (
            "orientation/made-orient-6.avif",
            "avif",
            "image/avif",
            (320, 200),
            6,
        ),
    ] {
        let bytes = corpus::read(file);
        let record = app.upload(file, &bytes);
        let image = &record["image"];
        assert_eq!(record["type"], media_type, "{file}: {record}");
        assert_eq!(image["format"], format, "{file}: {record}");
        assert_eq!(image["renderable"], true, "{file}: {record}");
        assert_eq!(image["orientation"], orientation, "{file}: {record}");
        assert_eq!(corpus::size(&record), size, "{file}");
        let original = app.get(&format!("/o/{file}")).expect(200);
        assert_eq!(original.header("content-type"), media_type, "{file}");
        assert_eq!(original.body, bytes, "{file}");
        let thumbnail = app.get(&format!("/t/{file}/w_64~f_png")).expect(200);
        let thumbnail = picture::png(&thumbnail.body);
        assert_eq!(thumbnail.width(), 64, "{file}");
        assert_eq!(
            u64::from(thumbnail.height()),
            (64 * size.1 + size.0 / 2) / size.0,
            "{file}"
        );
    }
}

/// Sharp at the requested size, and the SVG itself is never served inline.
#[test]
fn a_drawing_of_vectors_is_drawn_and_not_delivered_as_one() {
    let app = App::dev();
    let record = app.upload("logo.svg", &corpus::read("formats/logo.svg"));
    assert_eq!(record["image"]["format"], "svg", "{record}");
    assert_eq!(record["image"]["renderable"], true, "{record}");
    let drawn = app.get("/t/logo.svg/w_1000~f_png").expect(200);
    assert_eq!(picture::png(&drawn.body).width(), 1000);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&corpus::read("formats/logo.svg")).unwrap();
    let packed = packed.finish().unwrap();
    let record = app.upload("logo.svgz", &packed);
    assert_eq!(record["type"], "image/svg+xml", "{record}");
    let same = app.get("/t/logo.svgz/w_1000~f_png").expect(200);
    assert_eq!(same.body, drawn.body);
    let original = app.get("/o/logo.svgz").expect(200);
    assert_eq!(original.body, packed);
    assert!(
        original
            .header("content-disposition")
            .starts_with("attachment")
    );
    let original = app.get("/o/logo.svg").expect(200);
    assert!(
        original
            .header("content-disposition")
            .starts_with("attachment")
    );
    for answer in ["/t/logo.svg/w_100", "/t/logo.svg/w_100~f_webp"] {
        assert!(
            !app.get(answer)
                .expect(200)
                .header("content-type")
                .contains("svg")
        );
    }
}

#[test]
fn what_is_no_picture_cannot_be_rendered() {
    let app = App::dev();
    app.upload("a.pdf", &corpus::read("media/basic.pdf"));
    app.get("/t/a.pdf/w_100").refused(422, "unsupported-format");
    app.upload("a.jpg", &corpus::read("hostile/corrupt-header.jpg"));
    let answer = app.get("/t/a.jpg/w_100");
    assert!(answer.status == 422, "{}", answer.text());
}

#[test]
fn equal_pictures_are_one_variant() {
    let app = App::dev();
    app.upload("tower", &corpus::tower());
    let a = app.get("/t/tower/w_512~f_jpeg").expect(200);
    let b = app.get("/t/tower/w_4000~f_jpeg").expect(200);
    assert_eq!(a.header("etag"), b.header("etag"));
    assert_eq!(
        app.metric(
            "tintype_cache_events_total",
            &["tier=\"variants\"", "event=\"miss\""]
        ),
        1
    );
}
