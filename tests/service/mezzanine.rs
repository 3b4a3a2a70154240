//! If configured, a large photograph is read and decoded once for all sizes: the first request makes a downscale that
//! the other sizes are made from, and that is deleted with them. A variant that needs more pixels is made from the
//! original, and there is no visible difference.

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Duration;

use crate::corpus;
use crate::harness::{App, Start};
use crate::picture;

const PHOTOGRAPH: &str = "photos/phone12mp_baseline.jpg";
const KEY: &str = "phone.jpg";

fn with_photograph() -> App {
    let app = Start::dev().env("TINTYPE_MEZZANINE", "1").run();
    app.upload(KEY, &corpus::read(PHOTOGRAPH));
    // Facts that are filled in after an upload need their own decode.
    while app.record(KEY)["image"]["thumbhash"].is_null() {
        std::thread::sleep(Duration::from_millis(20));
    }
    app
}

fn made(app: &App) -> u64 {
    let labels = ["tier=\"mezzanines\"", "event=\"miss\""];
    app.metric("tintype_cache_events_total", &labels)
}

fn gets(app: &App) -> u64 {
    let name = "tintype_storage_request_duration_seconds_count";
    app.metric(name, &["op=\"get\""])
}

/// The kept mezzanines of all originals.
fn kept(app: &App) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    walk(&app.media().join(".tintype/variants"), &mut found);
    found
}

/// Variants are stored after the response.
fn wait_for(app: &App, variants: usize) {
    while kept(app).len() != variants {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_sizes_of_a_page_cost_one_read_of_the_original() {
    let app = with_photograph();
    app.get(&format!("/t/{KEY}/f_json")).expect(200);
    let before = gets(&app);
    let widths = [320, 640, 960, 1280];
    let barrier = Barrier::new(widths.len());
    std::thread::scope(|scope| {
        for width in widths {
            let (app, barrier) = (&app, &barrier);
            scope.spawn(move || {
                barrier.wait();
                app.get(&format!("/t/{KEY}/w_{width}~f_jpeg")).expect(200);
            });
        }
    });
    assert_eq!(made(&app), 1);
    // One read of the original; the others look for variants and the mezzanine, which do not exist yet.
    assert_eq!(gets(&app) - before, 1 + widths.len() as u64 + 1);

    wait_for(&app, widths.len() + 1);
    let app = app.restart();
    app.get(&format!("/t/{KEY}/f_json")).expect(200);
    let before = gets(&app);
    app.get(&format!("/t/{KEY}/w_200~f_webp")).expect(200);
    assert_eq!(made(&app), 0);
    assert_eq!(gets(&app) - before, 2, "the variant and the mezzanine");
}

#[test]
fn what_needs_more_comes_from_the_original() {
    let app = with_photograph();
    for spec in [
        "w_1600~f_jpeg",
        "w_800~crop_1000x1000x800x800~f_jpeg",
        "w_640~f_jpeg~cs_p3",
        "w_640~f_jpeg~meta_keep",
    ] {
        app.get(&format!("/t/{KEY}/{spec}")).expect(200);
    }
    app.upload("small.jpg", &corpus::tower());
    app.get("/t/small.jpg/w_100~f_jpeg").expect(200);
    assert_eq!(made(&app), 0);
}

#[test]
fn a_picture_looks_the_same_whichever_way_it_came() {
    let through = with_photograph();
    let direct = App::dev();
    direct.upload(KEY, &corpus::read(PHOTOGRAPH));
    for spec in [
        "w_640~f_png",
        "w_480~crop_400x300x2000x1500~f_png",
        "w_300~h_300~fit_cover~g_ne~f_png",
        "w_200~f_png~rot_90",
        "w_400~h_300~fit_pad~f_png~bg_336699",
    ] {
        let path = format!("/t/{KEY}/{spec}");
        let [one, two] =
            [&through, &direct].map(|app| picture::png(&app.get(&path).expect(200).body));
        assert_eq!(one.dimensions(), two.dimensions(), "{spec}");
        let apart: u64 = one
            .iter()
            .zip(two.iter())
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        let mean = apart as f64 / one.len() as f64;
        assert!(mean < 1.0, "{spec}: {mean}");
    }
    assert_eq!((made(&through), made(&direct)), (1, 0));
}

#[test]
fn a_purge_takes_it_along() {
    let app = with_photograph();
    app.get(&format!("/t/{KEY}/w_320~f_jpeg")).expect(200);
    wait_for(&app, 2);
    let body = format!("{{\"key\":\"{KEY}\"}}");
    let headers = [("content-type", "application/json")];
    app.api("POST", "/purge", &headers, body.as_bytes())
        .expect(200);
    wait_for(&app, 0);
    app.get(&format!("/t/{KEY}/w_320~f_jpeg")).expect(200);
    assert_eq!(made(&app), 2);
}
