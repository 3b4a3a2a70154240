//! Whatever is uploaded and however it is requested, there is a response, never a 500, and the process survives.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use rustix::process::{Pid, Signal, kill_process};

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Start};

#[test]
fn hostile_files_never_break_it() {
    let mut app = App::dev();
    let names = corpus::list("hostile");
    assert!(names.len() >= 160, "{} files", names.len());
    for name in &names {
        let body = corpus::read(&format!("hostile/{name}"));
        let upload = app.put(name, &body, &[]);
        assert_eq!(upload.status, 201, "{name}: {}", upload.text());
        for spec in [
            "w_200~f_jpeg",
            "w_64~h_64~fit_cover~f_png",
            "f_json",
            "f_original",
        ] {
            let answer = app.get(&format!("/t/{name}/{spec}"));
            assert!(
                matches!(answer.status, 200 | 422 | 503),
                "{name}/{spec}: {} {}",
                answer.status,
                answer.text()
            );
        }
        assert_eq!(
            app.get(&format!("/o/{name}")).expect(200).body,
            body,
            "{name}"
        );
        assert!(app.is_running(), "{name}");
    }
    assert_eq!(app.metric("tintype_decode_panics_total", &[]), 0);
}

/// The decoder of AV1 is a process of its own. Ended from here, for no file is known that ends it.
#[test]
fn a_decoder_that_ends_takes_one_picture_with_it() {
    let mut app = App::dev();
    let pid = app.pid();
    let stop = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        let ending = scope.spawn(|| {
            let mut ended = 0;
            while !stop.load(Relaxed) {
                ended += end_decoders(pid);
            }
            ended
        });
        let original = corpus::read("colour/red-at-12-oclock-with-color-profile-10bpc.avif");
        app.upload("a.avif", &original);
        eventually(|| app.record("a.avif")["image"]["pending"] == false);
        stop.store(true, Relaxed);
        let image = app.record("a.avif")["image"].take();
        assert_eq!(image["renderable"], false, "{image}");
        assert_eq!(image["reason"]["code"], "corrupt-image", "{image}");
        ending.join().unwrap()
    });
    assert!(ended >= 1, "no decoder was seen");
    app.get("/t/a.avif/w_100~f_jpeg")
        .refused(422, "corrupt-image");
    app.upload("b.avif", &corpus::read("formats/kimono.avif"));
    app.get("/t/b.avif/w_100~f_jpeg").expect(200);
    assert!(app.is_running());
    assert_eq!(app.metric("tintype_decode_panics_total", &[]), 0);
}

/// Aborts the children of a process that decode; how many there were.
fn end_decoders(parent: u32) -> usize {
    let children = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let folder = entry.ok()?.path();
        let pid: i32 = folder.file_name()?.to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        // After the name, which is in brackets: its state, and its parent.
        let of = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        let command = std::fs::read(folder.join("cmdline")).ok()?;
        let decodes = String::from_utf8_lossy(&command).contains("decode-av1");
        (decodes && of == parent.to_string()).then_some(pid)
    });
    let end = |pid: &i32| kill_process(Pid::from_raw(*pid).unwrap(), Signal::ABORT).is_ok();
    children.filter(end).count()
}

#[test]
fn too_many_pixels_are_kept_but_not_rendered() {
    let app = Start::dev().env("TINTYPE_MAX_DECLARED_PIXELS", "1MP").run();
    let record = app.upload("wood.jpg", &corpus::read("photos/Wood.jpg"));
    assert_eq!(record["image"]["renderable"], false);
    assert_eq!(corpus::size(&record), (2560, 1920));
    app.get("/t/wood.jpg/w_100").refused(422, "too-many-pixels");
    app.get("/o/wood.jpg").expect(200);
}

/// What counts is not what a JPEG declares, but what has to be decoded of it.
#[test]
fn pixels_count_as_they_are_decoded() {
    let app = Start::dev().env("TINTYPE_MAX_PIXELS", "1MP").run();
    let record = app.upload("wood.jpg", &corpus::read("photos/Wood.jpg"));
    assert_eq!(record["image"]["renderable"], true);
    app.get("/t/wood.jpg/w_100").expect(200);
    app.get("/t/wood.jpg/w_1920")
        .refused(422, "too-many-pixels");
    let png = corpus::read("hostile/bomb-png-12000x12000-rgba.png");
    let record = app.upload("large.png", &png);
    assert_eq!(record["image"]["renderable"], false);
    app.get("/t/large.png/w_100")
        .refused(422, "too-many-pixels");
}

#[test]
fn malformed_requests_are_refused() {
    let mut app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let long = format!(
        "GET /t/{}/w_1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "a".repeat(90_000)
    );
    let headers = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(2000)
    );
    for request in [
        "GET /t/a.jpg/w_1 HTTP/1.1\r\n\r\n",
        "GET /t/a.jpg/w_1 HTTP/9.9\r\nhost: x\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /t/a b HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /t/a.jpg/w_1 HTTP/1.1\r\nhost: x\r\nhost : y\r\n\r\n",
        "POST /api/v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST /api/v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "POST /api/v1/files HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n",
        // Other spellings of an existing image's URL, and lines that another parser reads differently.
        "GET /t/a.jpg/w_1#x HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /o/a.jpg# HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET ftp://x/o/a.jpg HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /o/a.jpg HTTP/1.1\nhost: x\n\n",
        "GET /o/a.jpg HTTP/1.1\r\nhost: x y\r\n\r\n",
        "GET /o/a.jpg HTTP/1.1\r\nhost: x/y\r\n\r\n",
        "GET /o/a.jpg HTTP/1.1\r\nhost:\r\n\r\n",
        &long,
        &headers,
    ] {
        let answer = app.raw(request.as_bytes());
        let start = &request[..request.len().min(60)];
        let status: u16 = answer.get(9..12).unwrap_or("0").parse().unwrap();
        assert!((400..500).contains(&status), "{start:?}: {answer:?}");
        assert!(app.is_running(), "{start:?}");
    }
}

#[test]
fn odd_paths_never_leave_the_store() {
    let app = App::dev();
    std::fs::write(app.media().parent().unwrap().join("outside.txt"), "outside").unwrap();
    for path in [
        "/o/../outside.txt",
        "/o/%2e%2e/outside.txt",
        "/o/..%2foutside.txt",
        "/o/a/%2e%2e/%2e%2e/outside.txt",
        "/o//etc/passwd",
        "/o/%2Fetc/passwd",
        "/o/.tintype/records",
        "/o/%00",
        "/o/%ff",
        "/o/..%5coutside.txt",
        "/t/../outside.txt/f_original",
        "/t/%2e%2e/outside.txt/f_original",
        "/o/",
        "/t/",
        "/t//",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = app.raw(request.as_bytes());
        let status: u16 = answer.get(9..12).unwrap_or("0").parse().unwrap();
        assert!(matches!(status, 308 | 400 | 404), "{path}: {answer}");
        assert!(!answer.ends_with("outside"), "{path}");
    }
}

#[test]
fn slow_and_silent_clients_do_not_keep_others_waiting() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let silent: Vec<_> = (0..200)
        .map(|_| {
            use std::io::Write;
            let mut stream = app.connect();
            stream.write_all(b"GET /o/a.jpg HTTP/1.1\r\nhost:").unwrap();
            stream
        })
        .collect();
    app.get("/t/a.jpg/w_50").expect(200);
    drop(silent);
}
