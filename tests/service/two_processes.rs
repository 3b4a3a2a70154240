//! The store is the only thing that servers share. What one has written another shows, and writers
//! that meet never lose or mix anything.

use std::sync::Arc;

use crate::corpus;
use crate::harness::{App, Start};

fn pair() -> (App, App) {
    let one = App::dev();
    let two = Start::dev().run_in(Arc::clone(&one.folder()));
    (one, two)
}

#[test]
fn each_shows_what_the_other_has_written() {
    let (one, two) = pair();
    let uploaded = one.upload("a.jpg", &corpus::tower());
    assert_eq!(two.record("a.jpg")["version"], uploaded["version"]);
    let (a, b) = (
        one.get("/t/a.jpg/w_100~f_jpeg"),
        two.get("/t/a.jpg/w_100~f_jpeg"),
    );
    assert_eq!(a.expect(200).header("etag"), b.expect(200).header("etag"));
    two.put("a.jpg", b"x", &[]).refused(409, "key-exists");
}

#[test]
fn new_bytes_are_never_shown_under_an_old_record() {
    let (one, two) = pair();
    one.upload("a.jpg", &corpus::tower());
    two.get("/t/a.jpg/w_100~f_jpeg").expect(200);
    one.put(
        "a.jpg?on_conflict=overwrite",
        &corpus::read("photos/Wood.jpg"),
        &[],
    )
    .expect(200);
    // The record that the other has in memory may be seconds old, but what it makes from the new
    // bytes has their shape.
    let answer = two.get("/t/a.jpg/w_200~f_jpeg").expect(200);
    assert_eq!(crate::picture::kind(&answer.body).height, 150);
}

#[test]
fn both_may_write_one_name_at_once() {
    let (one, two) = pair();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let app = if number % 2 == 0 { &one } else { &two };
            scope.spawn(move || {
                let body = format!("number {number}");
                let path = "same.txt?on_conflict=rename";
                let key = app.put(path, body.as_bytes(), &[]).expect(201).json()["key"].take();
                let path = format!("/files/{}", key.as_str().unwrap());
                assert_eq!(app.api("GET", &path, &[], b"").text(), body);
            });
        }
    });
    let list = two
        .api("GET", "/list?prefix=same", &[], b"")
        .expect(200)
        .json();
    assert_eq!(list["files"].as_array().unwrap().len(), 16);
}
