//! nginx in front: with our configuration, and with common ones that rewrite URLs. No URL redirects for ever, and none
//! is refused because of a proxy's spelling.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::corpus;
use crate::harness::{App, Response, Start, free_port};

/// Characters that some software encodes and other software does not.
const NAMES: [&str; 5] = [
    "photo (1).jpg",
    "it's+a@b,c;d.jpg",
    "a[1]&b=c:d!e*f$.jpg",
    "Zürich %.jpg",
    "plain-1_2~3.jpg",
];

/// Killed when dropped.
struct Front {
    nginx: Child,
    port: u16,
    // Dropped last, because nginx works in it.
    _folder: tempfile::TempDir,
}

impl Front {
    /// `configuration` is the content of `http { }`, with the placeholders PORT and FOLDER.
    fn start(configuration: &str) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        let http = configuration
            .replace("PORT", &port.to_string())
            .replace("FOLDER", &at);
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|what| format!("{what}_temp_path {at}/{what};\n"))
            .collect();
        let whole = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/errors;\n\
             events {{ }}\nhttp {{ access_log off;\n{temporary}{http}\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), whole).unwrap();
        let nginx = Command::new(program())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .args(["-e", &format!("{at}/errors")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut front = Self {
            nginx,
            port,
            _folder: folder,
        };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = front.nginx.try_wait().unwrap();
            let late = began.elapsed() > Duration::from_secs(20);
            if ended.is_some() || late {
                let errors = std::fs::read_to_string(front._folder.path().join("errors"));
                panic!("nginx does not listen: {ended:?} {errors:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        front
    }

    fn get(&self, app: &App, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        app.send_to("GET", &url, headers, b"")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
    }
}

fn program() -> std::path::PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join("nginx"));
    on_path
        .chain(["/usr/sbin/nginx".into()])
        .find(|path| path.is_file())
        .expect("no nginx in PATH or /usr/sbin: apt-get install nginx-light")
}

fn port_of(app: &App) -> String {
    app.url("").rsplit(':').next().unwrap().to_owned()
}

/// As `encodeURI`, `encodeURIComponent` and a strict RFC 3986 encoder write a name.
fn spellings(name: &str) -> [String; 3] {
    let but = |kept: &str| -> String {
        name.bytes()
            .map(|byte| match char::from(byte) {
                c if c.is_ascii_alphanumeric() || "-._~".contains(c) || kept.contains(c) => {
                    c.to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    [but("!*'();/:@&=+$,"), but("!*'()"), but("")]
}

#[test]
fn a_proxy_that_writes_addresses_anew_sends_nobody_round() {
    let app = App::dev();
    let front = Front::start(&format!(
        "server {{ listen PORT; location / {{ proxy_pass http://127.0.0.1:{}/; }} }}",
        port_of(&app)
    ));
    for name in NAMES {
        let [.., canonical] = spellings(name);
        app.put(&canonical, &corpus::tower(), &[]).expect(201);
        for spelling in spellings(name) {
            for (path, at_last) in [
                (
                    format!("/t/{spelling}/w_60"),
                    format!("/t/{canonical}/w_60"),
                ),
                (format!("/o/{spelling}"), format!("/o/{canonical}")),
            ] {
                let answer = front.get(&app, &path, &[]).expect(200);
                let direct = app.get(&at_last).expect(200);
                assert_eq!(answer.header("etag"), direct.header("etag"), "{path}");
                assert_eq!(direct.header("content-location"), "", "{path}");
                // Directly, without the proxy.
                let answer = app.get(&path).expect(200);
                let expected = if path == at_last { "" } else { &at_last };
                assert_eq!(answer.header("content-location"), expected, "{path}");
                let etag = answer.header("etag").to_owned();
                let unchanged = app.get_with(&path, &[("if-none-match", &etag)]).expect(304);
                assert_eq!(unchanged.header("content-location"), expected, "{path}");
            }
        }
        // A URL that an author has written differently still redirects to the canonical one.
        let answer = front.get(&app, &format!("/t/{canonical}/h_50~w_60?x=1"), &[]);
        let location = answer.expect(308).header("location").to_owned();
        assert_eq!(location, format!("/t/{canonical}/w_60~h_50"));
        front.get(&app, &location, &[]).expect(200);
    }
}

#[test]
fn a_public_address_with_a_path_works_whether_or_not_a_proxy_strips_it() {
    let app = Start::dev()
        .env("TINTYPE_PUBLIC_URL", "https://example.org/media/")
        .run();
    let port = port_of(&app);
    let front = Front::start(&format!(
        "server {{ listen PORT; location /media/ {{ proxy_pass http://127.0.0.1:{port}/; }}
                   location /whole/media/ {{ rewrite ^/whole(.*)$ $1 break; proxy_pass http://127.0.0.1:{port}; }} }}"
    ));
    app.upload("a/b.jpg", &corpus::tower());
    for below in ["/media", "/whole/media"] {
        front
            .get(&app, &format!("{below}/t/a/b.jpg/w_60"), &[])
            .expect(200);
        front
            .get(&app, &format!("{below}/o/a/b.jpg"), &[])
            .expect(200);
        let moved = front.get(&app, &format!("{below}/t/a/b.jpg/h_50~w_60"), &[]);
        let location = moved.expect(308).header("location").to_owned();
        assert_eq!(location, "/media/t/a/b.jpg/w_60~h_50");
        front.get(&app, &location, &[]).expect(200);
        let moved = front
            .get(&app, &format!("{below}/o/a/b.jpg?x"), &[])
            .expect(308);
        assert_eq!(moved.header("location"), "/media/o/a/b.jpg");
        front
            .get(&app, &format!("{below}/t/a/b.jpg"), &[])
            .refused(400, "invalid-spec");
    }
    // Other routes are not available below it.
    app.get("/media/api/v1/records/a/b.jpg").expect(404);
}

/// Our configuration, with the port and its cache folder.
fn delivered(app: &App) -> Front {
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/nginx/tintype.conf");
    let delivered = std::fs::read_to_string(file).unwrap();
    let ours = [
        ("listen 6080;", "listen PORT;".to_owned()),
        ("/var/cache/nginx/tintype", "FOLDER/cache".to_owned()),
        (
            "server 127.0.0.1:8080;",
            format!("server 127.0.0.1:{};", port_of(app)),
        ),
    ]
    .into_iter()
    .fold(delivered, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, &to)
    });
    Front::start(&ours)
}

#[test]
fn ours_keeps_a_picture_for_each_class_of_browsers() {
    let app = App::dev();
    let front = delivered(&app);
    app.upload("a/b%20%281%29.jpg", &corpus::tower());
    let chromium = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
    for (accept, media_type, cache) in [
        (chromium, "image/avif", "MISS"),
        ("image/avif, image/webp", "image/avif", "HIT"),
        ("image/webp,*/*", "image/webp", "MISS"),
        ("image/avif;q=0,image/webp", "image/webp", "HIT"),
        ("*/*", "image/jpeg", "MISS"),
        ("image/webp;q=0,*/*", "image/jpeg", "HIT"),
    ] {
        let answer = front.get(&app, "/t/a/b%20(1).jpg/w_200", &[("accept", accept)]);
        let answer = answer.expect(200);
        assert_eq!(
            (answer.header("content-type"), answer.header("x-cache")),
            (media_type, cache),
            "{accept}"
        );
        assert_eq!(answer.header("surrogate-key"), "");
    }
    front.get(&app, "/api/v1/list", &[]).expect(404);
}

#[test]
fn ours_fetches_of_a_film_what_is_asked_for() {
    let mut app = App::dev();
    let front = delivered(&app);
    let film: Vec<u8> = (0..40_000_000u32).map(|at| (at >> 8) as u8).collect();
    app.put("film.mp4", &film, &[]).expect(201);
    let answer = front
        .get(&app, "/o/film.mp4", &[("range", "bytes=-10")])
        .expect(206);
    assert_eq!(answer.body, film[film.len() - 10..]);
    assert_eq!(
        answer.header("content-range"),
        "bytes 39999990-39999999/40000000"
    );
    let whole = front.get(&app, "/o/film.mp4", &[]).expect(200);
    assert!(whole.body == film);
    // One slice for the ten bytes, and one more to learn the length; then the others.
    let sent = app.stopped_after_sending(&["original"]);
    assert!(sent < 50_000_000, "{sent} bytes");
}
