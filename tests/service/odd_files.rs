//! An odd file causes no more than one failure: if probing it fails, the response to its upload and its record say what
//! is known and why there is no more, requests for variants are refused with the same code, and it is not probed again
//! before its bytes, the renderer or a limit change. Failures that the machine may have caused are retried, with
//! growing pauses.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Start};

/// Longer than the pauses after the first two failed probes, much shorter than the third.
const A_WHILE: Duration = Duration::from_secs(4);

#[test]
fn what_is_refused_says_so_at_once_and_at_every_request() {
    let app = App::dev();
    for (name, code, limit) in [
        (
            "bomb-jpeg-many-scans.jpg",
            "too-complex",
            "scans times pixels",
        ),
        (
            "bomb-png-iccp.png",
            "too-complex",
            "bytes of the colour profile",
        ),
        (
            "bomb-gif-many-frames.gif",
            "too-complex",
            "pixels times frames",
        ),
        (
            "bomb-png-30000x30000-1bit.png",
            "too-many-pixels",
            "number of pixels",
        ),
        ("bomb-gif-canvas.gif", "too-many-pixels", "number of pixels"),
        ("x_ihdr_missing.png", "corrupt-image", ""),
        ("trunc-10pct.webp", "corrupt-image", ""),
        ("17000x17000.avif", "too-many-pixels", "number of pixels"),
        ("bomb-heic-ispe.heic", "too-many-pixels", "number of pixels"),
    ] {
        let record = app.upload(name, &corpus::read(&format!("hostile/{name}")));
        let (image, answer) = (&record["image"], app.get(&format!("/t/{name}/w_50")));
        assert_eq!(image["renderable"], false, "{name}: {record}");
        assert_eq!(image["pending"], false, "{name}: {record}");
        answer.refused(422, code);
        for told in [&image["reason"], &answer.json()] {
            assert_eq!(told["code"], code, "{name}: {told}");
            assert_eq!(
                told["limit_of"].as_str().unwrap_or(""),
                limit,
                "{name}: {told}"
            );
            assert_eq!(told["limit"].is_u64(), !limit.is_empty(), "{name}: {told}");
        }
    }
    let size = |name: &str| corpus::size(&app.record(name));
    assert_eq!(size("bomb-jpeg-many-scans.jpg"), (4000, 4000));
    assert_eq!(size("bomb-gif-many-frames.gif"), (2000, 2000));
    assert_eq!(
        app.record("x_ihdr_missing.png")["image"]["width"],
        Value::Null
    );
}

/// Requests get the same result as the record of any odd file, once its pixels have been looked at.
#[test]
fn a_record_and_a_request_never_disagree() {
    let app = App::dev();
    let mut answers = Vec::new();
    for name in corpus::list("hostile") {
        let record = app.upload(&name, &corpus::read(&format!("hostile/{name}")));
        let media_type = record["type"].as_str().unwrap();
        if media_type.starts_with("image/") {
            let answer = app.get(&format!("/t/{name}/w_40~f_jpeg"));
            answers.push((name, answer));
        }
    }
    let (mut refused, mut rendered) = (0, 0);
    for (name, answer) in answers {
        eventually(|| {
            let image = app.record(&name)["image"].take();
            image["pending"] == false || image["reason"].is_object()
        });
        let record = app.record(&name);
        let image = &record["image"];
        assert!(image.is_object(), "{name}: {record}");
        if image["renderable"] == true {
            assert_eq!(answer.status, 200, "{name}: {record} {}", answer.text());
            rendered += 1;
        } else {
            let code = image["reason"]["code"].as_str();
            answer.refused(422, code.unwrap_or_else(|| panic!("{name}: {record}")));
            refused += 1;
        }
    }
    assert!(
        refused > 60 && rendered > 20,
        "{refused} refused, {rendered} rendered"
    );
}

#[test]
fn a_picture_that_breaks_off_says_so() {
    let app = App::dev();
    for (name, renderable) in [
        ("hostile/trunc-50pct.jpg", true),
        ("hostile/trunc-90pct.png", true),
        ("hostile/trunc-progressive.jpg", true),
        ("reported/trunc-eoi-only.jpg", true),
        ("hostile/trunc-10pct.webp", false),
    ] {
        let record = app.upload(name, &corpus::read(name));
        assert_eq!(record["image"]["truncated"], true, "{name}: {record}");
        assert_eq!(
            record["image"]["renderable"], renderable,
            "{name}: {record}"
        );
    }
    for name in [
        "photos/tower.jpg",
        "hostile/trailing-garbage.jpg",
        "photos/tower_progressive.jpg",
    ] {
        let record = app.upload(name, &corpus::read(name));
        assert_eq!(record["image"]["truncated"], false, "{name}: {record}");
    }
}

/// This image made a decoder panic.
#[test]
fn planes_in_tiles_that_do_not_divide_are_rendered() {
    let app = App::dev();
    let record = app.upload(
        "planar.tif",
        &corpus::read("reported/planar-tiled-none.tif"),
    );
    assert_eq!(record["image"]["renderable"], true, "{record}");
    app.get("/t/planar.tif/w_40").expect(200);
    assert_eq!(panics(&app), 0);
}

#[test]
fn a_later_renderer_and_a_raised_limit_look_again() {
    let app = Start::dev().env("TINTYPE_MAX_DECLARED_PIXELS", "1MP").run();
    app.upload("wood.jpg", &corpus::read("photos/Wood.jpg"));
    app.get("/t/wood.jpg/w_40").refused(422, "too-many-pixels");
    let folder = app.folder();
    drop(app);
    let app = Start::dev().run_in(folder);
    app.get("/t/wood.jpg/w_40").expect(200);
    eventually(|| app.record("wood.jpg")["image"]["thumbhash"].is_string());
    assert_eq!(app.record("wood.jpg")["image"]["reason"], Value::Null);

    // As an earlier renderer may have judged it.
    change_record(&app, |record| {
        record["image"]["renderable"] = false.into();
        record["image"]["reason"] =
            json!({"code": "unsupported-format", "detail": "not yet", "epoch": 0, "tries": 1});
    });
    let app = app.restart();
    app.get("/t/wood.jpg/w_50").expect(200);
    eventually(|| app.record("wood.jpg")["image"]["renderable"] == true);
}

#[test]
fn records_that_did_not_say_why_are_completed() {
    let app = App::dev();
    app.upload("x.png", &corpus::read("hostile/x_ihdr_missing.png"));
    change_record(&app, |record| record["image"] = Value::Null);
    let app = app.restart();
    app.get("/t/x.png/w_40").refused(422, "unsupported-format");
    eventually(|| app.record("x.png")["image"]["reason"]["code"] == "corrupt-image");
}

#[test]
fn what_is_too_large_for_this_machine_is_tried_again_after_growing_pauses() {
    let app = Start::dev().env("TINTYPE_MEMORY_BUDGET", "128MiB").run();
    // 26 bytes that claim 9,999 x 9,999 pixels.
    let side = 9_999_u32 - 1;
    let bits = (side | side << 14).to_le_bytes();
    let webp = [
        b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f".as_slice(),
        &bits,
        b"\0",
    ]
    .concat();
    let record = app.upload("large.webp", &webp);
    assert_eq!(record["image"]["pending"], true, "{record}");
    assert_eq!(app.get("/t/large.webp/w_40").status, 422);
    eventually(|| app.record("large.webp")["image"]["reason"]["tries"] == 2);
    std::thread::sleep(A_WHILE);
    let reason = &app.record("large.webp")["image"]["reason"];
    // The third comes after eight seconds.
    assert!(reason["tries"].as_u64().unwrap() <= 3, "{reason}");
    assert!(reason["again"].is_string(), "{reason}");
}

fn panics(app: &App) -> u64 {
    app.metric("tintype_decode_panics_total", &[])
}

fn only_record(app: &App) -> PathBuf {
    let mut records = fs::read_dir(app.media().join(".tintype/records")).unwrap();
    let path = records.next().unwrap().unwrap().path();
    assert!(records.next().is_none());
    path
}

fn change_record(app: &App, change: impl FnOnce(&mut Value)) {
    let path = only_record(app);
    let mut record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut record);
    fs::write(&path, record.to_string()).unwrap();
}
