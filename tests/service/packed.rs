//! Objects that another program has stored compressed with gzip (django-storages' `gzip`) behave like their
//! uncompressed content: a browser gets them labelled, a client without gzip gets them decoded, images are rendered,
//! copies stay readable, an import decompresses them and `verify` reports them. An object that is falsely labelled as
//! compressed, or has an unknown coding, is never lost.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::json;
use tintype_testing::{BUCKET, Faulty, Moto, REGION};

use crate::commands::{Run, hash};
use crate::corpus;
use crate::harness::{App, Start};

const CSS: &[u8] = b"body { color: black } /* as it is written */\n";
const GZIP: (&str, &str) = ("accept-encoding", "gzip, br");

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// As another program writes it.
fn put(moto: &Moto, key: &str, bytes: &[u8], encoding: &str) {
    ureq::put(format!("{}/{BUCKET}/originals/{key}", moto.endpoint()))
        .header("host", format!("s3.{REGION}.amazonaws.com"))
        .header("content-encoding", encoding)
        .send(bytes)
        .unwrap();
}

fn start(environment: &[(String, String)]) -> App {
    Start::bucket(environment).run()
}

#[test]
fn a_style_sheet_is_labelled_for_browsers_and_decoded_for_others() {
    let moto = Moto::start();
    let stored = packed(CSS);
    put(&moto, "site.css", &stored, "gzip");
    let app = start(&moto.environment());

    let labelled = app.get_with("/o/site.css", &[GZIP]).expect(200);
    assert_eq!(labelled.header("content-encoding"), "gzip");
    assert_eq!(labelled.header("content-type"), "text/css");
    assert_eq!(labelled.header("vary"), "accept-encoding");
    assert_eq!(labelled.body, stored);

    let plain = app.get("/o/site.css").expect(200);
    assert_eq!(plain.body, CSS);
    assert_eq!(plain.header("content-length"), CSS.len().to_string());
    assert_eq!(plain.header("content-type"), "text/css");
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_ne!(plain.header("etag"), labelled.header("etag"), "other bytes");

    for (etag, headers) in [
        (labelled.header("etag"), &[GZIP][..]),
        (plain.header("etag"), &[]),
    ] {
        let mut headers = headers.to_vec();
        headers.push(("if-none-match", etag));
        app.get_with("/o/site.css", &headers).expect(304);
    }
}

#[test]
fn ranges_are_of_what_goes_out() {
    let server = Faulty::start();
    let stored = packed(CSS);
    server.put_packed("originals/site.css", &stored, "gzip");
    let app = start(&server.environment());
    let part = app
        .get_with("/o/site.css", &[GZIP, ("range", "bytes=2-5")])
        .expect(206);
    assert_eq!(part.body, &stored[2..6]);
    assert_eq!(part.header("content-encoding"), "gzip");
    // A range of what is decoded on the fly cannot be found without the rest.
    let whole = app
        .get_with("/o/site.css", &[("range", "bytes=2-5")])
        .expect(200);
    assert_eq!(whole.body, CSS);
    assert_eq!(whole.header("accept-ranges"), "none");
}

#[test]
fn the_api_gives_what_was_packed_and_says_so() {
    let server = Faulty::start();
    let stored = packed(CSS);
    server.put_packed("originals/site.css", &stored, "gzip,aws-chunked");
    let app = start(&server.environment());
    let record = app.record("site.css");
    assert_eq!(
        record["encoding"],
        json!({"name": "gzip", "decoded": CSS.len()})
    );
    assert_eq!(record["size"], stored.len());
    assert_eq!(record["sha256"], hash(&stored));
    assert_eq!(record["type"], "text/css");

    let plain = app.api("GET", "/files/site.css", &[], b"").expect(200);
    assert_eq!(plain.body, CSS);
    assert!(
        !plain.headers.contains_key("repr-digest"),
        "it is of the packed bytes"
    );
    let labelled = app.api("GET", "/files/site.css", &[GZIP], b"").expect(200);
    assert_eq!(unpacked(&labelled.body), CSS);
    assert!(labelled.headers.contains_key("repr-digest"));
    // A change is bound to the version, in whichever coding it was read.
    let etag = plain.header("etag");
    assert_eq!(etag, labelled.header("etag"));
    let replaced = app
        .put("site.css", b"b {}", &[("if-match", etag)])
        .expect(200);
    assert_eq!(replaced.json()["encoding"], json!(null));
    let now = app.get_with("/o/site.css", &[GZIP]).expect(200);
    assert_eq!(now.body, b"b {}");
    assert!(!now.headers.contains_key("vary"));
}

#[test]
fn a_packed_picture_is_rendered() {
    let server = Faulty::start();
    server.put_packed("originals/tower.jpg", &packed(&corpus::tower()), "gzip");
    let app = start(&server.environment());
    let record = app.record("tower.jpg");
    assert_eq!(record["image"]["format"], "jpeg");
    assert_eq!(record["image"]["renderable"], true);
    let thumbnail = app.get("/t/tower.jpg/w_40~f_jpeg").expect(200);
    assert_eq!(thumbnail.header("content-type"), "image/jpeg");
    assert!(!thumbnail.headers.contains_key("content-encoding"));
    let original = app.get("/t/tower.jpg/f_original").expect(200);
    assert_eq!(original.body, corpus::tower());
}

#[test]
fn what_is_falsely_said_to_be_packed_goes_out_as_it_is() {
    let server = Faulty::start();
    server.put_packed("originals/plain.css", CSS, "gzip");
    server.put_packed("originals/other.css", b"\x0b\x02\x80bo", "br");
    let app = start(&server.environment());
    for headers in [&[][..], &[GZIP]] {
        let plain = app.get_with("/o/plain.css", headers).expect(200);
        assert_eq!(plain.body, CSS);
        assert!(!plain.headers.contains_key("content-encoding"));
        let other = app.get_with("/o/other.css", headers).expect(200);
        assert_eq!(other.body, b"\x0b\x02\x80bo");
        assert_eq!(other.header("content-encoding"), "br");
    }
}

#[test]
fn a_copy_stays_readable() {
    let server = Faulty::start();
    server.put_packed("originals/site.css", &packed(CSS), "gzip");
    let app = start(&server.environment());
    app.post("/copy", &json!({"from": "site.css", "to": "copy.css"}))
        .expect(201);
    let copy = app.get_with("/o/copy.css", &[GZIP]).expect(200);
    assert_eq!(copy.header("content-encoding"), "gzip");
    assert_eq!(unpacked(&copy.body), CSS);
    app.post("/move", &json!({"from": "copy.css", "to": "moved.css"}))
        .expect(201);
    assert_eq!(app.get("/o/moved.css").expect(200).body, CSS);
}

#[test]
fn an_import_unpacks_and_verify_tells() {
    let moto = Moto::start();
    put(&moto, "site.css", &packed(CSS), "gzip");
    put(&moto, "used.css", &packed(b"u {}"), "gzip");
    put(&moto, "plain.txt", b"plain", "identity");
    let app = start(&moto.environment());
    app.get("/o/used.css").expect(200);
    app.get("/o/plain.txt").expect(200);
    let environment = moto.environment();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let store = format!("s3://{BUCKET}/originals");

    let mut verifying = environment.clone();
    verifying.push(("TINTYPE_STORE", &store));
    let told = Run::of(app.folder().path(), &["verify"], &verifying).expect(0);
    assert_eq!(told.told(), ["site.css: no-record", "used.css: packed"]);

    let import = || {
        Run::of(
            app.folder().path(),
            &["import", &store, "./moved"],
            &environment,
        )
        .expect(0)
    };
    let first = [
        "plain.txt: copied",
        "site.css: unpacked",
        "used.css: unpacked",
    ];
    assert_eq!(import().told(), first);
    let again = ["plain.txt: same", "site.css: same", "used.css: same"];
    assert_eq!(import().told(), again);
    let moved = |name: &str| std::fs::read(app.folder().path().join("moved").join(name)).unwrap();
    assert_eq!(moved("site.css"), CSS);
    assert_eq!(moved("used.css"), b"u {}");

    let there = Start::dev().run();
    let from_service = || {
        let from = app.url("");
        let to = there.url("");
        let tokens = [
            ("TINTYPE_IMPORT_TOKEN", "dev"),
            ("TINTYPE_IMPORT_TOKEN_TO", "dev"),
        ];
        Run::of(app.folder().path(), &["import", &from, &to], &tokens).expect(0)
    };
    assert_eq!(from_service().told(), first);
    assert_eq!(from_service().told(), again);
    let arrived = there.get_with("/o/site.css", &[GZIP]).expect(200);
    assert_eq!(arrived.body, CSS);
    assert_eq!(there.record("used.css")["encoding"], json!(null));
}
