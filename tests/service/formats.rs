//! A browser gets the best available format, and always an image. If a format cannot hold the image, the next one
//! replaces it for good; if it costs too much now, the next one replaces it for a minute, it is made in the background,
//! and is the response from then on, on every replica. Two formats never share an ETag, and a URL that names its format
//! gets that format or a clear refusal.

use std::time::{Duration, Instant};

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Response, Start};
use crate::picture;

/// Chrome's header for an `<img>`.
const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

const PATIENCE: Duration = Duration::from_secs(60);

fn asks(app: &App, path: &str, accept: &str) -> Response {
    app.get_with(path, &[("accept", accept)])
}

/// Nothing is within the budget: any format that costs more than another comes later.
fn frugal() -> Start {
    Start::dev().env("TINTYPE_FORMAT_BUDGET", "0s")
}

/// Requests as a browser until the response is AVIF.
#[track_caller]
fn once_made(app: &App, path: &str) -> Response {
    let began = Instant::now();
    loop {
        let answer = asks(app, path, BROWSER).expect(200);
        if answer.header("content-type") == "image/avif" {
            return answer;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "still {}",
            answer.header("content-type")
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn however_large_the_picture_a_browser_sees_it() {
    let app = App::dev();
    let photograph = corpus::read("reported/photo12mp-portrait.jpg");
    let record = app.upload("portrait.jpg", &photograph);
    let version = record["version"].as_str().unwrap();
    for spec in ["w_1700", "w_2000", "w_1024~dpr_2", &format!("v_{version}")] {
        for accept in [BROWSER, "image/avif", "image/webp,*/*", "*/*"] {
            let answer = asks(&app, &format!("/t/portrait.jpg/{spec}"), accept).expect(200);
            let format = answer.header("content-type");
            let taken = format == "image/jpeg" || accept.contains(format);
            assert!(taken, "{spec} for {accept} is {format}");
            assert_eq!(answer.header("vary"), "accept");
            assert_eq!(
                format,
                format!("image/{}", picture::kind(&answer.body).format)
            );
        }
    }
}

#[test]
fn a_format_that_was_asked_for_by_name_is_refused_past_its_limit() {
    let app = App::dev();
    app.upload("tower.jpg", &corpus::tower());
    let answer = app.get("/t/tower.jpg/w_5100~h_5100~fit_stretch~up_1~f_avif");
    answer.refused(422, "too-complex");
    assert_eq!(answer.json()["limit"].as_u64().unwrap() % 1_000_000, 0);
    let negotiated = asks(
        &app,
        "/t/tower.jpg/w_5100~h_5100~fit_stretch~up_1",
        "image/avif",
    );
    assert_eq!(negotiated.expect(200).header("content-type"), "image/jpeg");
}

#[test]
fn a_dear_format_comes_later_and_stays() {
    let app = frugal().run();
    let version = app.upload("wood.jpg", &corpus::read("photos/Wood.jpg"))["version"].clone();
    let path = format!("/t/wood.jpg/w_400~v_{}", version.as_str().unwrap());

    let first = asks(&app, &path, BROWSER).expect(200);
    assert_ne!(first.header("content-type"), "image/avif");
    assert_eq!(first.header("vary"), "accept");
    let kept = first.header("cache-control");
    assert!(
        kept.contains("max-age=60,") && !kept.contains("immutable"),
        "{kept}"
    );

    let better = once_made(&app, &path);
    assert_eq!(
        better.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_ne!(better.header("etag"), first.header("etag"));
    let mine = [("accept", BROWSER), ("if-none-match", first.header("etag"))];
    let revalidated = app.get_with(&path, &mine).expect(200);
    assert_eq!(revalidated.body, better.body, "the old ETag is not of this");
    let named = app.get(&path.replace("w_400", "w_400~f_avif")).expect(200);
    assert_eq!(named.header("etag"), better.header("etag"), "one variant");

    let count = |metric: &str, label: &str| app.metric(metric, &[label]);
    assert!(count("tintype_formats_deferred_total", "reason=\"dear\"") >= 1);
    let made = "tintype_formats_made_later_total";
    // It is counted once it is stored, and only once, however often it was requested.
    eventually(|| count(made, "result=\"made\"") == 1);
}

#[test]
fn what_was_made_later_is_the_answer_of_every_replica() {
    let one = frugal().run();
    let two = one.twin();
    one.upload("wood.jpg", &corpus::read("photos/Wood.jpg"));
    let interim = |app: &App| {
        let answer = asks(app, "/t/wood.jpg/w_320", BROWSER).expect(200);
        answer.header("content-type").to_owned()
    };
    assert_ne!(interim(&one), "image/avif");
    let first = once_made(&one, "/t/wood.jpg/w_320");
    let second = once_made(&two, "/t/wood.jpg/w_320");
    assert_eq!(first.header("etag"), second.header("etag"));
    let made = |app: &App| app.metric("tintype_formats_made_later_total", &["result=\"made\""]);
    assert!(made(&one) <= 1 && made(&two) <= 1);

    let restarted = one.restart();
    let answer = asks(&restarted, "/t/wood.jpg/w_320", BROWSER).expect(200);
    assert_eq!(
        answer.header("etag"),
        first.header("etag"),
        "kept in the store"
    );
    assert_eq!(
        restarted.metric(
            "tintype_stage_duration_seconds_count",
            &["stage=\"decode\""]
        ),
        0
    );
}

#[test]
fn what_is_within_the_budget_is_answered_at_once() {
    let app = Start::dev().env("TINTYPE_FORMAT_BUDGET", "60s").run();
    app.upload("tower.jpg", &corpus::tower());
    let answer = asks(&app, "/t/tower.jpg/w_300", BROWSER).expect(200);
    assert_eq!(answer.header("content-type"), "image/avif");
    assert_eq!(app.metric("tintype_formats_deferred_total", &[]), 0);
}

#[test]
fn a_drawing_stays_exact_and_is_never_larger_than_its_original() {
    let app = App::dev();
    for (name, file) in [
        ("shot.png", "reported/shot-palette.png"),
        ("scan.png", "reported/scan-1bit.png"),
    ] {
        let original = corpus::read(file);
        let record = app.upload(name, &original);
        assert_eq!(record["image"]["drawn"], true, "{name}");
        for (accept, format) in [
            (BROWSER, "image/webp"),
            ("image/webp", "image/webp"),
            ("*/*", "image/png"),
        ] {
            let answer = asks(&app, &format!("/t/{name}/w_1200"), accept).expect(200);
            assert_eq!(answer.header("content-type"), format, "{name} for {accept}");
            assert!(answer.body.len() <= original.len(), "{name} as {format}");
        }
    }
    assert_eq!(
        app.upload("tower.jpg", &corpus::tower())["image"]["drawn"],
        false
    );
}

/// Nobody keeps a response for long whose format may change once the pixels have been looked at. Several uploads, because
/// that may come before the request on a busy machine.
#[test]
fn before_it_is_known_whether_an_image_is_drawn_its_format_is_for_a_minute() {
    let app = Start::dev().env("TINTYPE_FORMAT_BUDGET", "60s").run();
    let photograph = corpus::read("formats/4.webp");
    let ask = |key: &str, version: &str, spec: &str| {
        let answer = asks(&app, &format!("/t/{key}/{spec}~v_{version}"), BROWSER).expect(200);
        answer.header("cache-control").to_owned()
    };
    let is_brief = |number: usize| {
        let key = format!("{number}.webp");
        let record = app.upload(&key, &photograph);
        let version = record["version"].as_str().unwrap();
        let [named, negotiated] = ["w_80~f_webp", "w_80"].map(|spec| ask(&key, version, spec));
        assert!(named.contains("immutable"), "{named}");
        eventually(|| ask(&key, version, "w_80").contains("immutable"));
        negotiated.contains("max-age=60,") && !negotiated.contains("immutable")
    };
    assert!((0..20).any(is_brief));
}

/// A low-quality JPEG, which no output format makes smaller without visible loss.
#[test]
fn a_picture_at_its_own_size_is_handed_out_as_it_is_coded_where_that_is_smaller() {
    let app = App::dev();
    let photograph = app.upload("tower.jpg", &corpus::tower());
    let poor = app.get("/t/tower.jpg/w_500~q_12~f_jpeg").expect(200);
    app.upload("poor.jpg", &poor.body);
    assert_eq!(photograph["image"]["format"], "jpeg");
    for accept in [BROWSER, "image/webp", "*/*"] {
        let answer = asks(&app, "/t/poor.jpg/w_500", accept).expect(200);
        assert_eq!(answer.header("content-type"), "image/jpeg", "{accept}");
        assert!(answer.body.len() <= poor.body.len(), "{accept}");
    }
    let named = app.get("/t/poor.jpg/w_500~f_webp").expect(200);
    assert_eq!(named.header("content-type"), "image/webp");

    // The same after a restart, from the stored bytes.
    let first = asks(&app, "/t/poor.jpg/w_500", BROWSER).expect(200);
    let app = app.restart();
    let again = asks(&app, "/t/poor.jpg/w_500", BROWSER).expect(200);
    assert_eq!(again.header("content-type"), "image/jpeg");
    assert_eq!(again.header("etag"), first.header("etag"));
}
