//! A failing folder, or one that other programs write to. What can still be read is served; what cannot is reported for
//! what it is; and nothing needs a restart to recover.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tintype_testing::Faulty;

use crate::corpus;
use crate::harness::{App, Start};

/// Set when dropped.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A request without conditions never gets errors about our internal ones: it gets the current file, or is told to
/// retry.
#[test]
fn a_file_that_is_rewritten_in_place_is_never_a_failed_precondition() {
    let app = App::dev();
    // Small enough to be one chunk: a response that has begun can only be cut off.
    let pictures = [corpus::tower(), [corpus::tower(), vec![0; 999]].concat()];
    fs::create_dir_all(app.media()).unwrap();
    let file = app.media().join("live.jpg");
    fs::write(&file, &pictures[0]).unwrap();
    let paths = [
        "/t/live.jpg/w_100~f_jpeg",
        "/o/live.jpg",
        "/t/live.jpg/f_json",
    ];
    for path in paths {
        app.get(path).expect(200);
    }
    for (pause, rounds) in [
        (Duration::from_millis(700), 6),
        (Duration::from_millis(2), 3),
    ] {
        let never_still = pause < Duration::from_millis(10);
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for picture in pictures.iter().cycle() {
                    if is_done.load(Ordering::Relaxed) {
                        return;
                    }
                    // As most programs do it: truncated, and written again.
                    fs::write(&file, picture).unwrap();
                    std::thread::sleep(pause);
                }
            });
            // Also if something below panics.
            let done = Done(&is_done);
            let mut right = 0;
            for round in 0..rounds {
                for path in paths {
                    let answer = app.get(path);
                    match answer.status {
                        200 => right += 1,
                        // The file was empty or truncated at that moment.
                        422 => {}
                        503 => {
                            assert!(
                                ["original-changing", "store-unavailable"]
                                    .contains(&answer.code().as_str())
                            );
                            assert!(!answer.header("retry-after").is_empty());
                        }
                        other => panic!("{path}, round {round}: {other} {}", answer.text()),
                    }
                }
                let bytes = app.api("GET", "/files/live.jpg", &[], b"");
                assert!([200, 503].contains(&bytes.status), "{}", bytes.text());
                let whole = bytes.status != 200 || pictures.contains(&bytes.body);
                assert!(whole || never_still, "{} bytes", bytes.body.len());
            }
            drop(done);
            if !never_still {
                assert!(
                    right >= 9,
                    "{right} of 18 while it held still most of the time"
                );
            }
        });
    }
    // A file at rest is served at once.
    fs::write(&file, &pictures[1]).unwrap();
    let original = app.get("/o/live.jpg").expect(200);
    assert_eq!(original.body, pictures[1]);
    // A condition set by the client still applies.
    let own = app.get_with("/o/live.jpg", &[("if-match", "\"another\"")]);
    own.refused(412, "precondition-failed");
}

/// Waits for a result of `/readyz`, which is cached for some seconds.
fn ready_says(app: &App, status: u16, words: &str) {
    let began = Instant::now();
    loop {
        let ready = app.admin("/readyz");
        if ready.status == status && ready.text().contains(words) {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{words:?} is not in {} {}",
            ready.status,
            ready.text()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Facts that cannot be stored are kept in memory, and so are variants.
#[test]
fn a_disk_that_is_full_is_still_read() {
    let folder = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    fs::create_dir(folder.path().join("media")).unwrap();
    fs::write(folder.path().join("a.jpg"), corpus::tower()).unwrap();
    let full = "mount -t tmpfs -o size=4m tmpfs media; cp a.jpg media/a.jpg; \
        mkdir -p media/.tintype/tmp media/.tintype/locks; \
        cat /dev/zero > media/filler 2> /dev/null || true";
    let app = Start::dev().before(full).run_in(folder);
    for _ in 0..3 {
        app.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        app.get("/t/a.jpg/w_100~f_webp").expect(200);
        app.get("/o/a.jpg").expect(200);
        app.get("/t/a.jpg/f_json").expect(200);
        app.api("GET", "/files/a.jpg", &[], b"").expect(200);
    }
    app.put("new.bin", &vec![7; 1 << 20], &[])
        .refused(507, "insufficient-storage");
    ready_says(&app, 200, "no space is left");
}

#[test]
fn a_folder_that_vanishes_is_noticed_and_so_is_its_return() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let away = app.folder().path().join("away");
    fs::rename(app.media(), &away).unwrap();
    app.get("/o/new.jpg").refused(503, "store-unavailable");
    app.put("b.bin", &vec![7; 1 << 20], &[])
        .refused(503, "store-unavailable");
    ready_says(&app, 503, "reading the store's folder");
    fs::rename(&away, app.media()).unwrap();
    app.get("/o/a.jpg").expect(200);
    app.upload("b.bin", &vec![7; 1 << 20]);
    ready_says(&app, 200, "ok");

    // Another folder in its place is the store from now on.
    fs::rename(app.media(), &away).unwrap();
    fs::create_dir(app.media()).unwrap();
    app.upload("c.bin", &vec![7; 1 << 20]);
    assert!(app.media().join("c.bin").exists());
    fs::remove_dir_all(app.media()).unwrap();
    fs::create_dir(app.media()).unwrap();
    app.upload("d.bin", &vec![7; 1 << 20]);
}

/// A mount may be missing; a new, empty store in its place would be filled.
#[test]
fn a_service_does_not_make_the_folder_of_its_store() {
    let folder = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let (status, _, stderr) = Start::production().spawn_in(folder.clone()).ended();
    assert!(!status.success());
    assert!(!folder.path().join("media").exists());
    for words in ["TINTYPE_STORE", "media", "mount"] {
        assert!(stderr.contains(words), "{words} is not in {stderr}");
    }
}

#[test]
fn a_spool_that_cannot_be_written_is_refused_at_the_start_and_shown_later() {
    let server = Faulty::start();
    let folder = || Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let start = Start::bucket(&server.environment());
    let nowhere = start.clone().env("TINTYPE_SPOOL_DIR", "/proc/nowhere");
    let (status, _, stderr) = nowhere.spawn_in(folder()).ended();
    assert!(!status.success());
    let uid = format!("uid {}", rustix::process::geteuid().as_raw());
    for words in ["TINTYPE_SPOOL_DIR", "/proc/nowhere", &uid] {
        assert!(stderr.contains(words), "{words} is not in {stderr}");
    }

    let app = start.env("TINTYPE_SPOOL_DIR", "spool").run();
    let spool = app.folder().path().join("spool");
    fs::remove_dir_all(&spool).unwrap();
    let large = vec![7; 1 << 20];
    app.put("a.bin", &large, &[])
        .refused(503, "spool-unavailable");
    ready_says(&app, 200, "spool");
    fs::create_dir(&spool).unwrap();
    app.upload("a.bin", &large);
}

fn files(folder: &PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Bytes that are no longer an image are rendered anew, to the same result as before.
#[test]
fn variants_that_are_damaged_are_made_anew() {
    let mut app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let path = "/t/a.jpg/w_100~f_jpeg";
    let first = app.get(path).expect(200);
    let variants = app.media().join(".tintype/variants");
    crate::commands::eventually(|| variants.is_dir() && files(&variants).len() == 1);
    let file = files(&variants).remove(0);
    let whole = fs::read(&file).unwrap();
    let cut = whole[..whole.len() / 2].to_vec();
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 4;
    let script = b"<script>alert(1)</script>".to_vec();
    // As stored by an earlier release.
    let unsealed = first.body.clone();
    for damaged in [cut, Vec::new(), flipped, script, unsealed] {
        fs::write(&file, damaged).unwrap();
        app = app.restart();
        let again = app.get(path).expect(200);
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.header("content-type"), "image/jpeg");
        crate::commands::eventually(|| fs::read(&file).is_ok_and(|kept| kept == whole));
    }
    let decodes = |app: &App| app.metric("tintype_render_seconds_count", &["decode"]);
    app = app.restart();
    app.get(path).expect(200);
    assert_eq!(decodes(&app), 0, "what is whole is taken as it is");
}

/// Never treated as "public", and no reason to give up the original.
#[test]
fn records_that_are_damaged_are_named_and_mended() {
    let mut app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.upload("blocked.jpg", &corpus::read("photos/Wood.jpg"));
    let blocked = serde_json::json!({"state": {"name": "blocked", "reason": "a court"}});
    app.patch("blocked.jpg", &blocked).expect(200);
    let records = [
        crate::commands::record_of(&app, "a.jpg"),
        crate::commands::record_of(&app, "blocked.jpg"),
    ];
    let whole = fs::read(&records[0]).unwrap();
    let damages = [
        whole[..whole.len() / 2].to_vec(),
        Vec::new(),
        b"null".to_vec(),
        b"{\"key\": 7}".to_vec(),
        vec![b' '; 5 << 20],
    ];
    for (round, damage) in damages.iter().enumerate() {
        for record in &records {
            fs::write(record, damage).unwrap();
        }
        app = app.restart();
        for path in ["/t/a.jpg/w_50", "/o/a.jpg", "/t/a.jpg/f_json"] {
            let answer = app.get(path);
            answer.refused(503, "record-damaged");
            assert!(answer.text().contains(".tintype/records/"));
        }
        let page = app.api("GET", "/list?records=1", &[], b"").expect(200);
        assert_eq!(page.json()["files"].as_array().unwrap().len(), 2);
        let verified = crate::commands::run(&app, &["verify"]).expect(1);
        assert!(verified.told().contains(&"a.jpg: bad-record".to_owned()));
        match round % 3 {
            0 => {
                for key in ["a.jpg", "blocked.jpg"] {
                    let overwrite = format!("{key}?on_conflict=overwrite");
                    app.put(&overwrite, &corpus::tower(), &[]).expect(200);
                }
            }
            1 => {
                let run = crate::commands::run(&app, &["index", "--yes"]).expect(0);
                assert_eq!(run.summary()["mended"], 2);
            }
            _ => {
                let run = crate::commands::run(&app, &["sweep"]).expect(0);
                assert_eq!(run.summary()["damaged_records"], 2);
            }
        }
        app = app.restart();
        app.get("/t/a.jpg/w_50").expect(200);
        app.get("/t/blocked.jpg/w_50").refused(451, "blocked");
        crate::commands::run(&app, &["verify"]).expect(0);
    }
}
