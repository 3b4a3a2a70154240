//! A newcomer types one command, uploads a photograph and opens a thumbnail in a browser; it is right and cached,
//! without any configuration. Everything in the README works as shown.

use crate::corpus;
use crate::harness::App;
use crate::picture::{self, Kind};

#[test]
fn one_upload_and_one_thumbnail() {
    let app = App::dev();

    let answer = app
        .put("photos/wood.jpg", &corpus::read("photos/Wood.jpg"), &[])
        .expect(201);
    assert_eq!(answer.header("location"), "/api/v1/files/photos/wood.jpg");
    let record = answer.json();
    assert_eq!(record["key"], "photos/wood.jpg");
    assert_eq!(record["type"], "image/jpeg");
    assert_eq!(corpus::size(&record), (2560, 1920));

    let thumbnail = app.get("/t/photos/wood.jpg/w_640~f_jpeg").expect(200);
    assert_eq!(thumbnail.header("content-type"), "image/jpeg");
    assert_eq!(
        picture::kind(&thumbnail.body),
        Kind {
            format: "jpeg",
            width: 640,
            height: 480
        }
    );
    assert!(!thumbnail.header("etag").is_empty());

    let original = app.get("/o/photos/wood.jpg").expect(200);
    assert_eq!(original.body, corpus::read("photos/Wood.jpg"));
}

#[test]
fn a_browser_gets_the_best_format_it_names() {
    let app = App::dev();
    app.upload("tower.jpg", &corpus::tower());
    let chrome = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
    let path = "/t/tower.jpg/w_320";

    let best = app.get_with(path, &[("accept", chrome)]).expect(200);
    assert_eq!(best.header("content-type"), "image/avif");
    assert!(best.header("vary").eq_ignore_ascii_case("accept"));
    let old = app.get_with(path, &[("accept", "*/*")]).expect(200);
    assert_eq!(old.header("content-type"), "image/jpeg");
}

#[test]
fn originals_are_plain_files_in_the_media_folder() {
    let app = App::dev();
    app.upload("a/b/tower.jpg", &corpus::tower());
    assert_eq!(
        std::fs::read(app.media().join("a/b/tower.jpg")).unwrap(),
        corpus::tower()
    );
}

#[test]
fn files_that_are_already_there_are_served() {
    let app = App::dev();
    std::fs::create_dir_all(app.media().join("old")).unwrap();
    std::fs::write(app.media().join("old/tower.jpg"), corpus::tower()).unwrap();
    let thumbnail = app.get("/t/old/tower.jpg/w_100~f_png").expect(200);
    assert_eq!(
        picture::kind(&thumbnail.body),
        Kind {
            format: "png",
            width: 100,
            height: 100
        }
    );
}
