//! An animation stays animated on request (`anim_1`, in a URL or a preset), as WebP or GIF depending on what the client
//! accepts. One that is over a limit, or takes too long for now, is served as its first frame, and the response says
//! so. Formats for still images are refused, and `anim_1` does not change the variant of a still image.

use std::time::{Duration, Instant};

use crate::corpus;
use crate::harness::{App, Response, Start};

const BROWSER: &str = "image/avif,image/webp,image/apng,image/*,*/*;q=0.8";

/// Counts the frames of a GIF or a WebP by the bytes that precede each.
fn frames(answer: &Response) -> usize {
    let body = &answer.body;
    match answer.header("content-type") {
        "image/gif" => body
            .windows(3)
            .filter(|kind| kind == b"\x21\xf9\x04")
            .count(),
        "image/webp" => body.windows(4).filter(|kind| kind == b"ANMF").count(),
        other => panic!("{other} does not move"),
    }
}

/// A GIF of one pixel, with this many frames.
fn gif(frames: usize) -> Vec<u8> {
    let head = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0";
    let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [&head[..], &frame.repeat(frames), b"\x3b"].concat()
}

#[test]
fn an_animation_moves_in_what_the_client_takes() {
    let app = App::dev();
    for name in [
        "made-animated.gif",
        "made-animated.webp",
        "made-animated.png",
        "made-animated.avif",
        // Colours and alpha are two tracks.
        "colors-animated-8bpc-alpha-exif-xmp.avif",
    ] {
        let record = app.upload(name, &corpus::read(&format!("formats/{name}")));
        let count = record["image"]["frames"].as_u64().unwrap() as usize;
        assert!(count > 1);
        for (spec, accept, expected) in [
            ("w_120~anim_1", BROWSER, "image/webp"),
            ("w_120~anim_1", "image/avif", "image/webp"),
            ("w_120~anim_1", "*/*", "image/gif"),
            ("w_120~f_webp~anim_1", "*/*", "image/webp"),
            ("w_120~f_gif~anim_1", BROWSER, "image/gif"),
        ] {
            let path = format!("/t/{name}/{spec}");
            let answer = app.get_with(&path, &[("accept", accept)]).expect(200);
            assert_eq!(answer.header("content-type"), expected, "{path} {accept}");
            assert_eq!(frames(&answer), count, "{path}");
            assert_eq!(answer.header("tintype-animation"), "");
            let again = app.get_with(&path, &[("accept", accept)]).expect(200);
            assert_eq!(again.header("etag"), answer.header("etag"));
        }
        // Without `anim_1` it is a still image.
        let still = app.get(&format!("/t/{name}/w_120~f_gif")).expect(200);
        assert_eq!(frames(&still), 1, "{name}");
    }
}

#[test]
fn a_preset_moves_and_a_picture_that_does_not_is_one_variant() {
    let app = Start::dev()
        .env("TINTYPE_CONFIG_INLINE", "presets.card = \"w_90~anim_1\"")
        .run();
    app.upload("moving.gif", &corpus::read("formats/made-animated.gif"));
    app.upload("tower.jpg", &corpus::tower());
    let accept = [("accept", "image/webp")];
    let moving = app.get_with("/t/moving.gif/card", &accept).expect(200);
    assert!(frames(&moving) > 1);
    let stopped = app
        .get_with("/t/moving.gif/card~f_gif~anim_0", &accept)
        .expect(200);
    assert_eq!(frames(&stopped), 1);
    app.get("/t/moving.gif/card~f_jpeg")
        .refused(400, "invalid-spec");

    let asks = |path: &str| app.get_with(path, &accept).expect(200);
    let (asked, not) = (asks("/t/tower.jpg/card"), asks("/t/tower.jpg/w_90"));
    assert_eq!(asked.header("etag"), not.header("etag"));
    assert_eq!(asked.header("tintype-animation"), "");
}

#[test]
fn formats_of_one_picture_are_refused_by_name() {
    let app = App::dev();
    app.upload("moving.gif", &corpus::read("formats/made-animated.gif"));
    for format in ["jpeg", "png", "avif"] {
        let answer = app.get(&format!("/t/moving.gif/w_90~f_{format}~anim_1"));
        answer.refused(400, "invalid-spec");
        let json = answer.json();
        assert_eq!(json["item"], "anim");
        assert!(json["detail"].as_str().unwrap().contains(format), "{json}");
    }
}

#[test]
fn one_with_too_many_frames_is_its_first_and_says_so() {
    let app = App::dev();
    for (count, is_moving) in [(1_000, true), (1_001, false)] {
        let key = format!("{count}.gif");
        app.upload(&key, &gif(count));
        let answer = app.get(&format!("/t/{key}/f_gif~anim_1")).expect(200);
        assert_eq!(frames(&answer) == count, is_moving);
        let word = if is_moving { "" } else { "first-frame" };
        assert_eq!(answer.header("tintype-animation"), word);
        let still = app.get(&format!("/t/{key}/f_gif")).expect(200);
        let is_same = still.header("etag") == answer.header("etag");
        assert_eq!(is_same, !is_moving, "equal specs are one variant");
    }
}

#[test]
fn one_that_takes_long_is_its_first_frame_until_it_is_made() {
    // The prediction has a minimum per frame, which even frames of one pixel take.
    let app = Start::dev().env("TINTYPE_RENDER_DEADLINE", "2s").run();
    app.upload("long.gif", &gif(1_000));
    let path = "/t/long.gif/f_webp~anim_1";
    let first = app.get(path).expect(200);
    assert_eq!(first.header("tintype-animation"), "first-frame");
    let kept = first.header("cache-control");
    assert!(kept.contains("max-age=60,"), "{kept}");
    let began = Instant::now();
    loop {
        let answer = app.get(path).expect(200);
        if answer.header("tintype-animation").is_empty() {
            assert!(frames(&answer) > 1);
            assert_ne!(answer.header("etag"), first.header("etag"));
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never made");
        std::thread::sleep(Duration::from_millis(50));
    }
}
