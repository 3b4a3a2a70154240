//! Success means that the bytes are stored, complete and exactly as sent. A taken name is never overwritten by
//! accident. A refused or aborted upload leaves nothing behind.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Start};

/// As in RFC 9530.
fn sha256(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(Sha256::digest(bytes)))
}

/// All files below a folder except records, relative to it.
fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        for entry in entries.map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.retain(|name| !name.starts_with(".tintype/locks"));
    found.sort();
    found
}

#[test]
fn what_was_sent_is_what_is_read() {
    let app = App::dev();
    let bytes = corpus::tower();
    let answer = app.put("tower.jpg", &bytes, &[]).expect(201);
    assert_eq!(answer.header("repr-digest"), sha256(&bytes));
    let read = app.api("GET", "/files/tower.jpg", &[], b"").expect(200);
    assert_eq!(read.body, bytes);
    assert_eq!(read.header("etag"), answer.header("etag"));
    assert_eq!(read.header("cache-control"), "private, no-store");

    let head = app.api("HEAD", "/files/tower.jpg", &[], b"").expect(200);
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    assert_eq!(head.header("etag"), answer.header("etag"));
    assert_eq!(head.header("tintype-image"), "w=512, h=512, format=jpeg");
}

#[test]
fn anything_may_be_stored() {
    let app = App::dev();
    for (key, body, media_type) in [
        ("a.pdf", corpus::read("media/basic.pdf"), "application/pdf"),
        (
            "a.mp4",
            corpus::read("media/mp4-with-audio.mp4"),
            "video/mp4",
        ),
        ("a.csv", b"a,b\n1,2\n".to_vec(), "text/csv"),
        ("empty", Vec::new(), "application/octet-stream"),
    ] {
        let record = app.upload(key, &body);
        assert_eq!(record["type"], media_type, "{key}");
        assert_eq!(record["size"], body.len(), "{key}");
        assert!(record["image"].is_null(), "{key}");
        assert_eq!(
            app.api("GET", &format!("/files/{key}"), &[], b"").body,
            body
        );
    }
}

#[test]
fn a_taken_name_is_a_conflict_unless_the_client_says_otherwise() {
    let app = App::dev();
    app.upload("a.txt", b"first");
    app.put("a.txt", b"second", &[]).refused(409, "key-exists");
    app.put("a.txt", b"second", &[("if-none-match", "*")])
        .refused(412, "precondition-failed");
    app.put("a.txt?on_conflict=fail", b"second", &[])
        .refused(409, "key-exists");
    assert_eq!(app.api("GET", "/files/a.txt", &[], b"").body, b"first");

    app.put("a.txt?on_conflict=overwrite", b"second", &[])
        .expect(200);
    assert_eq!(app.api("GET", "/files/a.txt", &[], b"").body, b"second");
}

/// Adopted folders contain links whose targets are gone.
#[test]
fn a_link_that_leads_nowhere_is_a_name_that_is_taken_and_can_be_overwritten() {
    let app = App::dev();
    for (name, retry) in [
        ("a.txt", None),
        ("b.txt", Some(("idempotency-key", "once"))),
    ] {
        let link = app.media().join(name);
        std::os::unix::fs::symlink("nothing", &link).unwrap();
        app.get(&format!("/o/{name}")).refused(404, "not-found");
        app.put(name, b"bytes", &[]).refused(409, "key-exists");
        let renamed = app.put(&format!("{name}?on_conflict=rename"), b"bytes", &[]);
        assert_ne!(renamed.expect(201).json()["key"], name);

        let overwrite = format!("{name}?on_conflict=overwrite");
        app.put(&overwrite, b"bytes", retry.as_slice()).expect(201);
        assert!(link.symlink_metadata().unwrap().is_file());
        assert_eq!(std::fs::read(&link).unwrap(), b"bytes");
        if retry.is_some() {
            let again = app.put(&overwrite, b"bytes", retry.as_slice());
            assert_eq!(again.expect(201).header("idempotency-replayed"), "?1");
        }
    }
}

#[test]
fn a_replacement_names_the_version_it_replaces() {
    let app = App::dev();
    let first = app.put("a.txt", b"first", &[]).expect(201);
    let second = app
        .put("a.txt", b"second", &[("if-match", first.header("etag"))])
        .expect(200);
    assert_ne!(first.header("etag"), second.header("etag"));
    let late = app.put("a.txt", b"third", &[("if-match", first.header("etag"))]);
    late.refused(412, "precondition-failed");
    app.put("absent.txt", b"x", &[("if-match", "\"any\"")])
        .refused(412, "precondition-failed");
    assert_eq!(app.api("GET", "/files/a.txt", &[], b"").body, b"second");
}

#[test]
fn the_server_picks_a_free_name_as_django_does() {
    let app = App::dev();
    app.upload("in/a.tar.gz", b"first");
    let record = app
        .put("in/a.tar.gz?on_conflict=rename", b"second", &[])
        .expect(201)
        .json();
    let key = record["key"].as_str().unwrap();
    let suffix = key
        .strip_prefix("in/a_")
        .and_then(|key| key.strip_suffix(".tar.gz"));
    let suffix = suffix.unwrap_or_else(|| panic!("{key}"));
    assert!(
        suffix.len() == 7 && suffix.bytes().all(|b| b.is_ascii_alphanumeric()),
        "{key}"
    );
    assert_eq!(
        app.api("GET", "/files/in/a.tar.gz", &[], b"").body,
        b"first"
    );
    assert_eq!(
        app.api("GET", &format!("/files/{key}"), &[], b"").body,
        b"second"
    );

    let free = app
        .put("in/free.txt?on_conflict=rename", b"x", &[])
        .expect(201)
        .json();
    assert_eq!(free["key"], "in/free.txt");

    app.upload("in/abcdefghij.txt", b"x");
    let path = "in/abcdefghij.txt?on_conflict=rename&max_length=17";
    let short = app.put(path, b"x", &[]).expect(201).json();
    let key = short["key"].as_str().unwrap();
    assert!(
        key.len() <= 17 && key.starts_with("in/a") && key.ends_with(".txt"),
        "{key}"
    );
}

#[test]
fn sixteen_uploads_of_one_name_give_sixteen_files() {
    let app = App::dev();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let app = &app;
            scope.spawn(move || {
                let body = format!("number {number}");
                let path = "same.txt?on_conflict=rename";
                let record = app.put(path, body.as_bytes(), &[]).expect(201).json();
                let key = record["key"].as_str().unwrap();
                assert_eq!(
                    app.api("GET", &format!("/files/{key}"), &[], b"").text(),
                    body
                );
            });
        }
    });
    let list = app
        .api("GET", "/list?prefix=same", &[], b"")
        .expect(200)
        .json();
    assert_eq!(list["files"].as_array().unwrap().len(), 16);
}

#[test]
fn a_wrong_checksum_stores_nothing() {
    let app = App::dev();
    let body = corpus::tower();
    for (name, value) in [
        ("content-digest", sha256(b"something else")),
        ("repr-digest", sha256(b"something else")),
        ("content-md5", BASE64.encode([0; 16])),
    ] {
        app.put("a.jpg", &body, &[(name, &value)])
            .refused(400, "digest-mismatch");
    }
    app.api("GET", "/files/a.jpg", &[], b"")
        .refused(404, "not-found");
    assert_eq!(files(&app.media()), Vec::<String>::new());
    app.put("a.jpg", &body, &[("content-digest", &sha256(&body))])
        .expect(201);
}

#[test]
fn a_retried_request_with_an_idempotency_key_happens_once() {
    let app = App::dev();
    for path in [
        "a.txt",
        "b.txt?on_conflict=rename",
        "c.txt?on_conflict=overwrite",
    ] {
        let retry = [("idempotency-key", path)];
        let first = app.put(path, b"same bytes", &retry).expect(201).json();
        let again = app.put(path, b"same bytes", &retry).expect(201);
        assert_eq!(again.header("idempotency-replayed"), "?1", "{path}");
        assert_eq!(first["key"], again.json()["key"], "{path}");
        assert_eq!(first["etag"], again.json()["etag"], "{path}");
        app.put(path, b"other bytes", &retry)
            .refused(422, "idempotency-mismatch");
    }
    let list = app.api("GET", "/list", &[], b"").json();
    assert_eq!(list["files"].as_array().unwrap().len(), 3);
}

#[test]
fn a_replay_never_writes_over_a_newer_object() {
    let app = App::dev();
    let retry = [("idempotency-key", "4b1d4a3e-0000-4000-8000-000000000002")];
    app.put("a.txt?on_conflict=overwrite", b"old", &retry)
        .expect(201);
    app.put("a.txt?on_conflict=overwrite", b"new", &[])
        .expect(200);
    app.put("a.txt?on_conflict=overwrite", b"old", &retry);
    assert_eq!(app.api("GET", "/files/a.txt", &[], b"").body, b"new");
}

#[test]
fn names_are_refused_never_repaired() {
    let app = App::dev();
    let long_segment = format!("{}.jpg", "a".repeat(252));
    let long_key = format!("{}/a", vec!["a".repeat(200); 5].join("/"));
    for key in [
        "a/../b",
        "%2e%2e/b",
        "./a",
        "a//b",
        "a/",
        "%2Fa",
        "a%5Cb",
        "a%00b",
        "a%0Ab",
        "a%E2%80%AEb",
        ".tintype/a",
        ".tintype",
        "a%FF",
        &long_segment,
        &long_key,
    ] {
        let answer = app.put(key, b"x", &[]);
        assert!(
            (400..500).contains(&answer.status),
            "{key}: {}",
            answer.status
        );
        let code = answer.code();
        assert!(
            matches!(code.as_str(), "invalid-key" | "name-too-long"),
            "{key}: {code}"
        );
    }
    assert_eq!(files(&app.media()), Vec::<String>::new());

    let umlaut = app.upload("gr%C3%BC%C3%9Fe%20%2B.txt", b"x");
    assert_eq!(umlaut["key"], "grüße +.txt");
}

#[test]
fn a_folder_is_not_a_file() {
    let app = App::dev();
    app.upload("a/b.txt", b"x");
    app.upload("file", b"x");
    let answer = app.put("file/under", b"x", &[]);
    assert_eq!(answer.status, 409, "{}", answer.text());
    for path in ["a", "a?on_conflict=overwrite"] {
        let answer = app.put(path, b"x", &[]);
        assert_eq!(answer.status, 409, "{}", answer.text());
    }
}

#[test]
fn limits_are_named_and_hold_before_the_body_is_read() {
    let app = Start::dev().env("TINTYPE_MAX_UPLOAD_BYTES", "100KiB").run();
    let answer = app.put("a.bin", &vec![7; 200_000], &[]);
    answer.refused(413, "too-large");
    assert_eq!(answer.json()["limit"], 102_400);

    // A body of unknown size is cut off at the limit.
    let mut request =
        b"PUT /api/v1/files/b.bin HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
            .to_vec();
    for _ in 0..200 {
        request.extend_from_slice(b"400\r\n");
        request.extend_from_slice(&[7; 1024]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = app.raw(&request);
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("too-large"),
        "{answer}"
    );
    assert_eq!(files(&app.media()), Vec::<String>::new());
}

#[test]
fn a_full_spool_is_refused_before_the_body_is_sent() {
    let app = Start::dev().env("TINTYPE_SPOOL_BYTES", "1MiB").run();
    let answer = app.raw(
        b"PUT /api/v1/files/a.bin HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev\r\n\
        content-length: 10000000\r\nexpect: 100-continue\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 507 "), "{answer}");
    assert!(answer.contains("insufficient-storage"), "{answer}");
    app.upload("small.bin", &[7; 1000]);
}

#[test]
fn only_allowed_types_by_content() {
    let app = Start::dev()
        .env("TINTYPE_ALLOW_TYPES", "image/*,application/pdf")
        .run();
    app.upload("a.jpg", &corpus::tower());
    app.upload("a.pdf", &corpus::read("media/basic.pdf"));
    app.put("b.jpg", b"just text", &[])
        .refused(415, "type-not-allowed");
    app.put("c.jpg", b"<html><script>alert(1)</script></html>", &[])
        .refused(415, "type-not-allowed");
}

#[test]
fn an_aborted_upload_leaves_nothing() {
    let app = App::dev();
    for head in ["content-length: 100000", "transfer-encoding: chunked"] {
        let mut stream = app.connect();
        let request = format!(
            "PUT /api/v1/files/a.jpg HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev\r\n\
             {head}\r\n\r\n800\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream.write_all(&[7; 1000]).unwrap();
        drop(stream);
    }
    let began = std::time::Instant::now();
    while files(&app.media())
        .iter()
        .any(|name| name.contains("/tmp/"))
    {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            files(&app.media())
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    app.api("GET", "/files/a.jpg", &[], b"")
        .refused(404, "not-found");
    assert_eq!(files(&app.media()), Vec::<String>::new());
}

#[test]
fn a_form_uploads_like_a_put() {
    let app = App::dev();
    let form = |parts: &[(&str, &[u8])]| {
        let mut body = Vec::new();
        for (head, content) in parts {
            let head = format!("--limit\r\ncontent-disposition: form-data; {head}\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--limit--\r\n");
        app.api(
            "POST",
            "/files",
            &[("content-type", "multipart/form-data; boundary=limit")],
            &body,
        )
    };
    let tower = corpus::tower();
    let file = (
        "name=\"file\"; filename=\"../evil/t.jpg\"",
        tower.as_slice(),
    );

    let record = form(&[("name=\"key\"", b"form/t.jpg"), file])
        .expect(201)
        .json();
    assert_eq!(record["key"], "form/t.jpg");
    assert_eq!(corpus::size(&record), (512, 512));
    let record = form(&[("name=\"prefix\"", b"under/"), file])
        .expect(201)
        .json();
    assert_eq!(record["key"], "under/t.jpg");
    form(&[("name=\"key\"", b"form/t.jpg"), file]).refused(409, "key-exists");
    let answer = form(&[("name=\"key\"", b"form/u.jpg")]);
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn the_record_travels_with_the_upload() {
    let app = App::dev();
    let said = json!({
        "focal_point": { "x": 0.25, "y": 0.75 },
        "meta": { "photographer": "A. Name" },
    });
    let headers = [("tintype-record", said.to_string())];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let record = app
        .put("a.jpg", &corpus::tower(), &headers)
        .expect(201)
        .json();
    assert_eq!(record["focal_point"], said["focal_point"]);
    assert_eq!(record["meta"], said["meta"]);
    assert_eq!(app.record("a.jpg")["meta"], said["meta"]);

    app.put(
        "b.jpg",
        &corpus::tower(),
        &[("tintype-record", "{\"focal_pint\":1}")],
    )
    .expect(400);
    app.api("GET", "/files/b.jpg", &[], b"")
        .refused(404, "not-found");
}

#[test]
fn the_answer_tells_what_the_picture_is() {
    let app = App::dev();
    let record = app.upload(
        "dog.jpg",
        &corpus::read("photos/dog_exif_extended_xmp_icc.jpg"),
    );
    assert_eq!(corpus::size(&record), (3024, 4032), "upright");
    let image = &record["image"];
    assert_eq!(image["format"], "jpeg");
    assert_eq!(image["orientation"], 6);
    assert_eq!(image["frames"], 1);
    assert_eq!(image["alpha"], false);
    assert_eq!(record["version"].as_str().unwrap().len(), 16);
    assert_eq!(record["sha256"].as_str().unwrap().len(), 64);

    // Facts that need a decode may arrive a little later, but they do arrive.
    let began = std::time::Instant::now();
    loop {
        let image = app.record("dog.jpg")["image"].take();
        if let (Some(colour), Some(hash)) = (
            image["dominant_colour"].as_str(),
            image["thumbhash"].as_str(),
        ) {
            assert!(colour.len() == 7 && colour.starts_with('#'), "{colour}");
            assert!(BASE64.decode(hash).unwrap().len() >= 5, "{hash}");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{image}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whatever its format.
#[test]
fn the_pixels_of_a_dear_image_are_looked_at_behind_the_answer() {
    let app = App::dev();
    let small = app.upload("tower.jpg", &corpus::tower());
    assert!(small["image"]["thumbhash"].is_string(), "{small}");
    assert_eq!(small["image"]["damaged"], false, "{small}");
    for (file, size) in [
        ("photos/phone12mp_baseline.jpg", (4032, 3024)),
        ("formats/4.webp", (1024, 772)),
        ("formats/kimono.avif", (722, 1024)),
    ] {
        let dear = app.upload(file, &corpus::read(file));
        assert_eq!(dear["image"]["thumbhash"], serde_json::Value::Null);
        assert_eq!(dear["image"]["pending"], true, "{dear}");
        assert_eq!(dear["image"]["renderable"], true, "{dear}");
        assert_eq!(corpus::size(&dear), size);
        eventually(|| app.record(file)["image"]["thumbhash"].is_string());
        let image = app.record(file)["image"].take();
        assert_eq!(image["pending"], false, "{image}");
        assert_eq!(image["drawn"], false, "{image}");
    }
    // Truncation is reported too.
    app.upload("half.jpg", &corpus::tower()[..30_000]);
    let image = app.record("half.jpg")["image"].take();
    assert_eq!(
        (&image["truncated"], &image["damaged"]),
        (&true.into(), &true.into())
    );
}

#[test]
fn without_a_valid_token_nothing_is_read_or_written() {
    let app = App::dev();
    app.upload("a.txt", b"x");
    for (method, path) in [
        ("PUT", "/api/v1/files/b.txt"),
        ("GET", "/api/v1/files/a.txt"),
        ("DELETE", "/api/v1/files/a.txt"),
        ("GET", "/api/v1/records/a.txt"),
        ("GET", "/api/v1/list"),
    ] {
        let wrong = [("authorization", "Bearer wrong")];
        for (headers, code) in [(&[][..], "unauthorized"), (&wrong, "token-invalid")] {
            let answer = app.call(method, path, headers, b"");
            answer.refused(401, code);
            let asked_for = answer.header("www-authenticate");
            assert!(
                asked_for.starts_with("Bearer"),
                "{method} {path}: {asked_for}"
            );
        }
    }
    assert_eq!(app.api("GET", "/files/a.txt", &[], b"").body, b"x");
}
