//! Maintenance finds the same in a bucket as on a disk; an import can have a bucket at either end, and be interrupted.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tintype_testing::{Fault, Faulty, Operation, S3sFs};

use crate::commands::{Run, eventually, hash};
use crate::corpus;
use crate::harness::{App, Start, tintype};

const STORE: &str = "s3://media/originals";

/// Runs a command next to `app`, on its bucket.
fn run(app: &App, server: &Faulty, arguments: &[&str]) -> Run {
    run_with(app, &server.environment(), arguments)
}

fn run_with(app: &App, environment: &[(String, String)], arguments: &[&str]) -> Run {
    let mut all = vec![("TINTYPE_STORE", STORE)];
    all.extend(
        environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    Run::of(app.folder().path(), arguments, &all)
}

fn variants_of(server: &Faulty, key: &str) -> usize {
    let folder = format!("originals/.tintype/variants/{}/", hash(key.as_bytes()));
    let keys = server.keys();
    keys.iter().filter(|key| key.starts_with(&folder)).count()
}

fn make_variant(app: &App, server: &Faulty, key: &str) {
    app.get(&format!("/t/{key}/w_50~f_jpeg")).expect(200);
    eventually(|| variants_of(server, key) == 1);
}

#[test]
fn verify_finds_in_a_bucket_what_it_finds_on_a_disk() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    for key in ["gone.txt", "good.txt", "rotten.txt", "touched.txt"] {
        app.upload(key, b"as it was uploaded");
    }
    run(&app, &server, &["verify"]).expect(0);
    server.remove("originals/gone.txt");
    let record = format!("originals/.tintype/records/{}.json", hash(b"gone.txt"));
    server.age(&record, Duration::from_secs(24 * 60 * 60));
    server.rot("originals/rotten.txt", "AS it was uploaded");
    server.put("originals/touched.txt", "by somebody else");
    server.put("originals/new.txt", "by somebody else");
    let before = server.keys();
    let damaged = run(&app, &server, &["verify"]).expect(1);
    assert_eq!(
        damaged.told(),
        [
            "gone.txt: missing",
            "new.txt: no-record",
            // Found by the bucket's own checksum.
            "rotten.txt: unreadable",
            "touched.txt: stale"
        ]
    );
    assert_eq!(server.keys(), before, "it only looks");
}

#[test]
fn sweep_and_index_keep_a_bucket_in_order() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    for key in ["here.jpg", "gone.jpg"] {
        app.upload(key, &corpus::tower());
        make_variant(&app, &server, key);
    }
    // A multipart upload that was never finished.
    server.script(Fault::ACCESS_DENIED.on(Operation::UploadPart));
    server.script(Fault::ACCESS_DENIED.on(Operation::AbortMultipartUpload));
    app.put("large.bin", &vec![7; 17 << 20], &[])
        .refused(502, "store-refused");
    assert_eq!(server.unfinished_uploads(), 1);
    server.heal();
    server.remove("originals/gone.jpg");

    let young = run(&app, &server, &["sweep"]).expect(0);
    assert_eq!(young.told(), [""; 0], "an upload may be under way");
    let dry = run(&app, &server, &["sweep", "--dry-run", "--grace", "0s"]).expect(0);
    let before = server.keys();
    let swept = run(&app, &server, &["sweep", "--grace", "0s"]).expect(0);
    assert_eq!(swept.told().len(), dry.told().len());
    for (what, count) in [("variants", 1), ("records", 1), ("failed", 0)] {
        assert_eq!(dry.summary()[what], count, "{what}");
        assert_eq!(swept.summary()[what], count, "{what}");
    }
    assert_eq!(server.keys().len(), before.len() - 2);
    assert_eq!(variants_of(&server, "here.jpg"), 1);
    assert_eq!(server.unfinished_uploads(), 1, "younger than a day");

    // Adopted: another program has put it there.
    server.put("originals/old/b.txt", "text");
    let asked = run(&app, &server, &["index"]).expect(2);
    let plan = &asked.lines[0]["plan"];
    assert_eq!(plan["without_record"], 1, "{plan}");
    assert_eq!(
        run(&app, &server, &["index", "--yes"]).expect(0).told(),
        ["old/b.txt: made"]
    );
    assert_eq!(app.record("old/b.txt")["sha256"], hash(b"text").as_str());
}

#[test]
fn warm_and_purge_fill_and_empty_a_bucket() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    app.upload("photos/a.jpg", &corpus::tower());
    let url = app.url("");
    let warm = [
        "warm",
        "--url",
        &url,
        "--spec",
        "w_60~f_png",
        "--prefix",
        "photos/",
    ];
    assert_eq!(run(&app, &server, &warm).expect(0).summary()["warmed"], 1);
    eventually(|| variants_of(&server, "photos/a.jpg") == 1);
    let mut environment = server.environment();
    environment.push(("TINTYPE_TOKEN".into(), "dev".into()));
    let purge = ["purge", "--url", &url, "photos/a.jpg"];
    let purged = run_with(&app, &environment, &purge).expect(0);
    assert_eq!(purged.summary()["variants"], 1);
    assert_eq!(variants_of(&server, "photos/a.jpg"), 0);
}

/// Between two buckets of one server, and between a bucket and a folder, with each original's metadata.
#[test]
fn a_bucket_can_be_either_end_of_an_import() {
    let (verifies, decides) = (S3sFs::start(), Faulty::start());
    for environment in [verifies.environment(), decides.environment()] {
        let app = Start::bucket(&environment).run();
        app.upload("photos/a.jpg", &corpus::tower());
        app.upload("photos/%C3%9Cn%C3%AF%201.txt", b"text");
        // A multipart upload.
        let large: Vec<u8> = (0..17 << 20).map(|at: u32| (at >> 9) as u8).collect();
        app.upload("large.bin", &large);
        let said = json!({"focal_point": {"x": 0.25, "y": 0.75}, "meta": {"credit": "Ünï"}});
        app.patch("photos/a.jpg", &said).expect(200);
        let before = app.record("photos/a.jpg");

        let import = |from: &str, to: &str, arguments: &[&str]| {
            let arguments: Vec<_> = ["import", from, to]
                .into_iter()
                .chain(arguments.iter().copied())
                .collect();
            run_with(&app, &environment, &arguments)
        };
        let dry = import(STORE, "copy", &["--dry-run"]).expect(0);
        assert_eq!(dry.summary()["would_copy"], 3);
        let first = import(STORE, "copy", &[]).expect(0);
        assert_eq!(first.summary()["copied"], 3);
        let copy = app.folder().path().join("copy");
        assert_eq!(std::fs::read(copy.join("large.bin")).unwrap(), large);

        let back = "s3://media/second";
        assert_eq!(import("copy", back, &[]).expect(0).summary()["copied"], 3);
        assert_eq!(import(STORE, back, &[]).expect(0).summary()["same"], 3);
        let second = Start::bucket(&environment).env("TINTYPE_STORE", back).run();
        let after = second.record("photos/a.jpg");
        for name in [
            "sha256",
            "version",
            "focal_point",
            "meta",
            "image",
            "created",
        ] {
            assert_eq!(after[name], before[name], "{name}");
        }
        assert!(second.get("/o/large.bin").expect(200).body == large);
    }
}

/// Ctrl-C: work in progress is finished, the rest is left, and a second run does only that.
#[test]
fn an_interrupted_import_says_so_and_goes_on_where_it_was() {
    let server = Faulty::start();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::create_dir(folder.path().join("old")).unwrap();
    for number in 0..40 {
        let name = format!("old/{number}.txt");
        std::fs::write(folder.path().join(name), number.to_string()).unwrap();
    }
    let arguments = ["import", "old", STORE, "--jobs", "2"];
    let late = Fault::Late(Duration::from_millis(100)).on(Operation::PutObject);
    server.script(late.of(".txt"));
    let child = tintype(folder.path())
        .args(arguments)
        .arg("--json")
        .envs(server.environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let arrived = || {
        server
            .keys()
            .iter()
            .filter(|key| key.ends_with(".txt"))
            .count()
    };
    eventually(|| arrived() >= 4);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    let before = arrived();
    assert!(before < 40);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        told.matches("\"copied\",").count() + told.matches("\"copied\"}").count(),
        before
    );

    server.heal();
    let environment = server.environment();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let rest = Run::of(folder.path(), &arguments, &environment).expect(0);
    assert_eq!(rest.summary()["same"], before);
    assert_eq!(rest.summary()["copied"], 40 - before);
}

/// A scheduler that reads the lines sees the progress, and after a stop the next run does the rest and nothing twice.
#[test]
fn a_long_walk_tells_how_far_it_is_and_where_to_go_on() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    for number in 0..30 {
        app.upload(&format!("{number:02}.txt"), b"text");
    }
    let late = Fault::Late(Duration::from_millis(100)).on(Operation::GetObject);
    server.script(late.of(".txt"));
    let mut child = tintype(app.folder().path())
        .args(["verify", "--jobs", "2", "--json", "--every", "50ms"])
        .env("TINTYPE_STORE", STORE)
        .envs(server.environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Option<Value> {
        let line = lines.next()?.unwrap();
        Some(serde_json::from_str(&line).unwrap())
    };
    let told = loop {
        let progress = next().unwrap()["progress"].take();
        if progress["done"].as_u64().unwrap() >= 4 {
            break progress;
        }
    };
    assert!(told["after"].as_str().unwrap() >= "02.txt", "{told}");
    assert!(told["seconds"].is_u64(), "{told}");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let summary = std::iter::from_fn(next).last().unwrap()["summary"].take();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let (after, done) = (summary["after"].as_str().unwrap(), &summary["originals"]);
    assert!(said.contains(&format!("--after '{after}'")), "{said}");
    assert!(
        said.contains("Press Ctrl-C again to stop at once"),
        "{said}"
    );

    server.heal();
    let rest = run(&app, &server, &["verify", "--after", after]).expect(0);
    let done = done.as_u64().unwrap() + rest.summary()["originals"].as_u64().unwrap();
    assert_eq!(done, 30, "{summary} {after}");
    assert!(rest.summary()["after"].is_null());
}

/// On a terminal, which `script` emulates, the user is asked before an adopted store causes costs, and sees the
/// progress.
#[test]
fn a_person_at_a_terminal_is_asked_and_sees_progress() {
    for (typed, exit) in [("n\n", 1), ("y\n", 0)] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::create_dir(folder.path().join("media")).unwrap();
        std::fs::write(folder.path().join("media/a.txt"), "text").unwrap();
        let mut child = std::process::Command::new("script")
            .args(["--quiet", "--return", "--command"])
            .arg(concat!(env!("CARGO_BIN_EXE_tintype"), " index"))
            .arg("/dev/null")
            .current_dir(folder.path())
            .env("TINTYPE_STORE", "file://./media")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut keyboard, typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(exit), "{said}");
        assert!(said.contains("Go on? [y/N]"), "{said}");
        assert_eq!(said.contains("0 of 1,"), exit == 0, "{said}");
    }
}
