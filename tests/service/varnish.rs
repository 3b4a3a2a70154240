//! Varnish in front, with our VCL: images come from its memory, and a change made through the API is visible there
//! within seconds, while neighbours stay cached.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::corpus;
use crate::harness::{App, Response, Start, free_port};
use crate::picture;

/// Notified at once; this only checks that it happens at all, on any machine.
const SEEN: Duration = Duration::from_secs(20);

/// A tintype behind Varnish. Killed when dropped.
struct Front {
    app: App,
    varnish: Child,
    port: u16,
    // Dropped last, because Varnish works in it.
    folder: tempfile::TempDir,
}

impl Front {
    fn start() -> Self {
        let port = free_port();
        let address = format!("http://127.0.0.1:{port}");
        let app = Start::dev().env("TINTYPE_PURGE_VARNISH", &address).run();
        let folder = tempfile::tempdir().unwrap();
        let vcl = std::fs::read_to_string(vcl_path()).unwrap();
        let origin = app.url("");
        let origin_port = origin.rsplit(':').next().unwrap();
        let ours = vcl.replace(".port = \"8080\"", &format!(".port = \"{origin_port}\""));
        assert_ne!(vcl, ours, "the VCL names another port than it used to");
        let vcl = folder.path().join("test.vcl");
        std::fs::write(&vcl, ours).unwrap();
        let work = folder.path().join("work");
        let varnish = Command::new(varnishd())
            .arg("-F")
            .args(["-j", "none", "-T", "none", "-s", "malloc,64m"])
            .args(["-p", "thread_pools=1", "-p", "thread_pool_min=20"])
            .args(["-a", &format!("127.0.0.1:{port}")])
            .arg("-f")
            .arg(&vcl)
            .arg("-n")
            .arg(&work)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut front = Self {
            app,
            varnish,
            port,
            folder,
        };
        front.wait();
        front
    }

    fn wait(&mut self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.varnish.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                panic!("varnishd ended with {status}: {log:?}");
            }
            assert!(began.elapsed() < SEEN, "varnishd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> Response {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        self.app.send_to("GET", &url, &[], b"")
    }

    /// Requests twice, so that the second response must come from memory.
    fn is_kept(&self, path: &str) -> Response {
        self.get(path).expect(200);
        let hit = self.get(path).expect(200);
        assert_eq!(hit.header("x-cache"), "hit", "{path}");
        hit
    }

    #[track_caller]
    fn within_seconds(&self, path: &str, right: impl Fn(&Response) -> bool) -> Response {
        let began = Instant::now();
        loop {
            let answer = self.get(path);
            if right(&answer) {
                return answer;
            }
            let (status, cache) = (answer.status, answer.header("x-cache"));
            assert!(began.elapsed() < SEEN, "{path} is still {status}, {cache}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Varnish's own probes use another method.
    fn requests_to_origin(&self) -> u64 {
        let count = |route| {
            let labels = [&*format!("route=\"{route}\""), "method=\"GET\""];
            self.app.metric("tintype_http_requests_total", &labels)
        };
        ["variant", "original"].map(count).iter().sum()
    }

    /// Checks that a URL is still in memory, at no cost to the origin.
    fn is_untouched(&self, path: &str) {
        let before = self.requests_to_origin();
        let answer = self.get(path).expect(200);
        assert_eq!(answer.header("x-cache"), "hit", "{path}");
        assert_eq!(self.requests_to_origin(), before);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Terminated rather than killed, so that it ends its worker as well.
        if let Ok(pid) = i32::try_from(self.varnish.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.varnish.wait();
    }
}

fn vcl_path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/varnish/default.vcl")
}

fn varnishd() -> std::path::PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join("varnishd"));
    let known = std::path::PathBuf::from("/usr/sbin/varnishd");
    on_path
        .chain([known])
        .find(|path| path.is_file())
        .expect("no varnishd in PATH or /usr/sbin: apt-get install varnish")
}

const A: &str = "/t/news/a.jpg/w_200~h_100~fit_cover~f_jpeg";
const CONTAINED: &str = "/t/news/a.jpg/w_200~f_jpeg";
const NEIGHBOUR: &str = "/t/news/b.jpg/w_200~f_jpeg";

fn front() -> Front {
    let front = Front::start();
    front.app.upload("news/a.jpg", &corpus::tower());
    front
        .app
        .upload("news/b.jpg", &corpus::read("photos/Wood.jpg"));
    front
}

#[test]
fn a_change_shows_within_seconds_and_neighbours_stay() {
    let front = front();
    let app = &front.app;
    let original = front.is_kept("/o/news/a.jpg");
    assert_eq!(original.header("surrogate-key"), "", "tags are for caches");
    front.is_kept(CONTAINED);
    front.is_kept(NEIGHBOUR);

    // A focal point.
    let before = front.is_kept(A).body;
    let top = json!({ "focal_point": { "x": 0.5, "y": 0 } });
    app.patch("news/a.jpg", &top).expect(200);
    front.within_seconds(A, |answer| answer.status == 200 && answer.body != before);
    front.is_untouched(NEIGHBOUR);

    // A change that no image depends on.
    let settled = app.metric("tintype_purges_total", &["delivered"]);
    app.patch("news/a.jpg", &json!({ "meta": { "credit": "x" } }))
        .expect(200);

    // Other bytes.
    front.is_kept(CONTAINED);
    let wood = corpus::read("photos/Wood.jpg");
    app.put("news/a.jpg?on_conflict=overwrite", &wood, &[])
        .expect(200);
    let wood_shows =
        |answer: &Response| answer.status == 200 && picture::kind(&answer.body).height == 150;
    front.within_seconds(CONTAINED, wood_shows);
    assert!(app.metric("tintype_purges_total", &["delivered"]) >= settled);
    front.is_untouched(NEIGHBOUR);

    // Hidden, and shown again.
    front.is_kept(CONTAINED);
    let blocked = json!({ "state": { "name": "blocked", "reason": "rights" } });
    app.patch("news/a.jpg", &blocked).expect(200);
    front.within_seconds(CONTAINED, |answer| answer.status == 451);
    // The neighbour has the same bytes, and a takedown applies to them wherever they are.
    front.within_seconds(NEIGHBOUR, |answer| answer.status == 451);
    let public = json!({ "state": { "name": "public" } });
    app.patch("news/a.jpg", &public).expect(200);
    front.within_seconds(CONTAINED, wood_shows);
    front.within_seconds(NEIGHBOUR, wood_shows);

    // Deleted.
    front.within_seconds(CONTAINED, |answer| answer.header("x-cache") == "hit");
    front.within_seconds(NEIGHBOUR, |answer| answer.header("x-cache") == "hit");
    app.api("DELETE", "/files/news/a.jpg", &[], b"").expect(204);
    front.within_seconds(CONTAINED, |answer| answer.status == 404);
    front.is_untouched(NEIGHBOUR);
}

#[test]
fn a_folder_is_purged_by_its_tag_and_others_stay() {
    let front = front();
    front.app.upload("sport/c.jpg", &corpus::tower());
    let other = "/t/sport/c.jpg/w_200~f_jpeg";
    for path in [CONTAINED, NEIGHBOUR, other] {
        front.is_kept(path);
    }
    let answer = front.app.post("/purge", &json!({ "prefix": "news/" }));
    let answer = answer.expect(200).json();
    assert_eq!(
        (&answer["purged"], &answer["purgers"]),
        (&json!(2), &json!(["varnish"]))
    );
    front.within_seconds(CONTAINED, |answer| answer.header("x-cache") == "miss");
    front.within_seconds(NEIGHBOUR, |answer| answer.header("x-cache") == "miss");
    front.is_untouched(other);
}

#[test]
fn what_browsers_accept_makes_three_pictures_at_most() {
    let front = front();
    let path = "/t/news/a.jpg/w_200";
    let accepts = [
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "image/avif,image/webp,*/*",
        "image/webp,*/*",
        "image/png,image/*;q=0.8",
        "image/webp;q=0, */*",
        "*/*",
        "",
    ];
    let url = format!("http://127.0.0.1:{}{path}", front.port);
    let types: Vec<_> = accepts
        .iter()
        .map(|accept| {
            let answer = front.app.send_to("GET", &url, &[("accept", accept)], b"");
            answer.expect(200).header("content-type").to_owned()
        })
        .collect();
    assert_eq!(
        types,
        [
            "image/avif",
            "image/avif",
            "image/webp",
            "image/jpeg",
            "image/jpeg",
            "image/jpeg",
            "image/jpeg"
        ]
    );
    assert_eq!(front.requests_to_origin(), 3);
}

#[test]
fn nobody_bans_what_is_no_tag() {
    let front = front();
    front.is_kept(CONTAINED);
    for bad in ["", ".*", "a|b", "tt-1 && obj.status == 200"] {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", front.port)).unwrap();
        let request = format!(
            "BAN / HTTP/1.1\r\nhost: x\r\nsurrogate-key: {bad}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
    }
    front.is_untouched(CONTAINED);
}

/// Also the first time, when its length is not known yet.
#[test]
fn a_part_of_a_large_original_costs_the_origin_that_part() {
    let mut front = Front::start();
    let film: Vec<u8> = (0..70_000_000u32).map(|at| (at >> 8) as u8).collect();
    front.app.put("film.mp4", &film, &[]).expect(201);
    let part = |path: &str, range| {
        let url = format!("http://127.0.0.1:{}{path}", front.port);
        front
            .app
            .send_to("GET", &url, &[("range", range)], b"")
            .expect(206)
            .body
    };
    for path in ["/o/film.mp4", "/t/film.mp4/f_original"] {
        for _ in 0..2 {
            assert_eq!(part(path, "bytes=-10"), film[film.len() - 10..]);
            assert_eq!(part(path, "bytes=5-8"), film[5..=8]);
        }
    }
    // A small one that was requested as a whole is cached, and so are its parts.
    front.app.upload("news/a.jpg", &corpus::tower());
    front.is_kept("/o/news/a.jpg");
    let before = front.requests_to_origin();
    assert_eq!(part("/o/news/a.jpg", "bytes=0-3"), corpus::tower()[..4]);
    assert_eq!(front.requests_to_origin(), before);

    let sent = front.app.stopped_after_sending(&["original", "variant"]);
    assert!(sent < 1_000_000, "{sent} bytes");
}
