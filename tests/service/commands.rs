//! Maintenance commands report what they find and do, change nothing else, and exit with a code that a scheduler
//! understands.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::corpus;
use crate::harness::{App, SIGNING_KEY, Start, tintype, token};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A run with `--json`: the exit code, the lines, and standard error.
pub struct Run {
    code: i32,
    pub lines: Vec<Value>,
    pub stderr: String,
}

impl Run {
    pub fn of(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = tintype(folder);
        let output = command
            .args(arguments)
            .arg("--json")
            .env("TINTYPE_STORE", "file://./media")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Self {
            code: output.status.code().unwrap(),
            lines: stdout
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{:?}\n{}", self.lines, self.stderr);
        self
    }

    pub fn summary(&self) -> &Value {
        &self.lines.last().unwrap()["summary"]
    }

    /// `{key or path}: {finding or result}` of each line, in order.
    pub fn told(&self) -> Vec<String> {
        let text = |line: &Value, names: [&str; 2]| {
            let found = names.iter().find_map(|name| line[*name].as_str());
            found.map(str::to_owned)
        };
        let line = |line: &Value| {
            let name = text(line, ["key", "path"])?;
            Some(format!("{name}: {}", text(line, ["finding", "result"])?))
        };
        let mut told: Vec<_> = self.lines.iter().filter_map(line).collect();
        told.sort();
        told
    }
}

pub fn run(app: &App, arguments: &[&str]) -> Run {
    Run::of(app.folder().path(), arguments, &[])
}

pub fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn record_of(app: &App, key: &str) -> PathBuf {
    let name = format!(".tintype/records/{}.json", hash(key.as_bytes()));
    app.media().join(name)
}

fn variants_of(app: &App, key: &str) -> Vec<PathBuf> {
    let name = format!(".tintype/variants/{}", hash(key.as_bytes()));
    let Ok(entries) = std::fs::read_dir(app.media().join(name)) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn make_variant(app: &App, key: &str) {
    let before = variants_of(app, key).len();
    app.get(&format!("/t/{key}/w_50~f_jpeg")).expect(200);
    eventually(|| variants_of(app, key).len() > before);
}

/// For work done after the response; a hang fails, slowness does not.
pub fn eventually(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn age(path: &Path, days: u32) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - DAY * days).unwrap();
}

#[test]
fn verify_tells_what_is_damaged_from_what_is_merely_new() {
    let app = App::dev();
    for key in ["gone.txt", "good.txt", "rotten.txt", "touched.txt"] {
        app.upload(key, b"as it was uploaded");
    }
    let run_all = || run(&app, &["verify"]);
    let clean = run_all().expect(0);
    assert_eq!(clean.told(), [""; 0]);
    assert_eq!(clean.summary()["originals"], 4);
    assert_eq!(clean.summary()["bytes"], 4 * 18);

    // Other bytes that nobody uploaded.
    let rotten = File::options()
        .write(true)
        .open(app.media().join("rotten.txt"))
        .unwrap();
    let modified = rotten.metadata().unwrap().modified().unwrap();
    rotten.write_all_at(b"AS", 0).unwrap();
    rotten.set_modified(modified).unwrap();
    std::fs::remove_file(app.media().join("gone.txt")).unwrap();
    std::fs::write(app.media().join("touched.txt"), "by somebody else").unwrap();
    std::fs::write(app.media().join("new.txt"), "by somebody else").unwrap();
    // Such a young record may belong to an upload in progress.
    let damaged = run_all().expect(1);
    assert_eq!(damaged.summary()["missing"], 0);
    age(&record_of(&app, "gone.txt"), 1);
    let damaged = run_all().expect(1);
    assert_eq!(
        damaged.told(),
        [
            "gone.txt: missing",
            "new.txt: no-record",
            "rotten.txt: changed",
            "touched.txt: stale"
        ]
    );
    assert!(damaged.stderr.contains("2 originals are damaged"));
    run(&app, &["verify", "--prefix", "new"]).expect(0);
    run(&app, &["verify", "--prefix", "rot"]).expect(1);
    // A dry run.
    assert!(!record_of(&app, "new.txt").exists());
}

#[test]
fn sweep_removes_what_has_no_original_and_nothing_else() {
    let app = App::dev();
    for key in ["here.jpg", "gone.jpg", "said.jpg"] {
        app.upload(key, &corpus::tower());
        make_variant(&app, key);
    }
    app.patch("said.jpg", &json!({"meta": {"credit": "somebody"}}))
        .expect(200);
    std::fs::remove_file(app.media().join("gone.jpg")).unwrap();
    std::fs::remove_file(app.media().join("said.jpg")).unwrap();
    let blocked = json!({"state": {"name": "blocked", "reason": "a court"}});
    app.patch("here.jpg", &blocked).expect(200);

    // Young: an upload may be in progress.
    let young = run(&app, &["sweep"]).expect(0);
    assert_eq!(young.told(), [""; 0]);

    for key in ["gone.jpg", "said.jpg"] {
        let variants = variants_of(&app, key);
        variants.iter().for_each(|path| age(path, 2));
        age(&record_of(&app, key), 2);
    }
    age(&record_of(&app, "here.jpg"), 2);
    let dry = run(&app, &["sweep", "--dry-run"]).expect(0);
    let expected = (dry.summary().clone(), dry.told().len());
    assert_eq!(dry.summary()["records"], 1);
    assert_eq!(dry.summary()["kept_records"], 1);
    assert!(record_of(&app, "gone.jpg").exists());
    assert!(!variants_of(&app, "gone.jpg").is_empty());

    let swept = run(&app, &["sweep"]).expect(0);
    assert_eq!(swept.told().len(), expected.1);
    assert_eq!(swept.summary()["bytes"], expected.0["bytes"]);
    assert!(swept.lines[0]["actor"] == "sweep");
    assert!(!record_of(&app, "gone.jpg").exists());
    assert!(variants_of(&app, "gone.jpg").is_empty());
    assert!(variants_of(&app, "said.jpg").is_empty());
    assert!(record_of(&app, "said.jpg").exists());
    assert!(record_of(&app, "here.jpg").exists());
    app.api("GET", "/files/here.jpg", &[], b"")
        .refused(451, "blocked");

    let told = run(&app, &["sweep", "--records"]).expect(0);
    assert_eq!(told.summary()["records"], 1);
    assert!(!record_of(&app, "said.jpg").exists());
    assert_eq!(run(&app, &["sweep"]).expect(0).told(), [""; 0]);
}

#[test]
fn sweep_removes_variants_of_an_earlier_content_after_a_week() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    make_variant(&app, "a.jpg");
    let old = variants_of(&app, "a.jpg").remove(0);
    age(&old, 6);
    run(&app, &["sweep"]).expect(0);
    assert!(old.exists());
    age(&old, 8);
    let swept = run(&app, &["sweep"]).expect(0);
    assert_eq!(swept.summary()["variants"], 1);
    assert!(!old.exists());
    app.get("/t/a.jpg/w_60~f_jpeg").expect(200);
}

#[test]
fn sweep_removes_expired_intents_and_unfinished_uploads() {
    let app = App::dev();
    for name in ["one", "two"] {
        let headers = [("idempotency-key", name)];
        let path = "/files/a.txt?on_conflict=overwrite";
        let response = app.api("PUT", path, &headers, name.as_bytes());
        assert!(response.status < 300, "{}", response.text());
    }
    let folder = app.media().join(".tintype/idem");
    let intents: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    age(&intents[0], 2);
    let leftover = app
        .media()
        .join(".tintype/tmp/put-00000000000000000000000000000000");
    std::fs::write(&leftover, "half").unwrap();
    age(&leftover, 2);
    let swept = run(&app, &["sweep"]).expect(0);
    assert_eq!(swept.summary()["intents"], 1);
    assert!(!intents[0].exists() && intents[1].exists());
    assert!(!leftover.exists());
}

#[test]
fn index_tells_what_it_costs_and_makes_every_record_once() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let media = folder.path().join("media");
    std::fs::create_dir_all(media.join("old")).unwrap();
    std::fs::write(media.join("old/a.jpg"), corpus::tower()).unwrap();
    std::fs::write(media.join("old/b.txt"), "text").unwrap();
    // Larger than what is hashed on first use.
    let large = File::create(media.join("large.bin")).unwrap();
    large.set_len(65 * 1024 * 1024).unwrap();
    let index = |arguments: &[&str]| {
        let arguments: Vec<_> = ["index"].iter().chain(arguments).copied().collect();
        Run::of(folder.path(), &arguments, &[])
    };
    let asked = index(&[]).expect(2);
    let plan = &asked.lines[0]["plan"];
    assert_eq!(plan["without_record"], 3);
    assert_eq!(
        plan["requests"],
        json!({"LIST": 1, "GET": 9, "HEAD": 4, "PUT": 4})
    );
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);

    assert_eq!(
        index(&["--prefix", "old/", "--yes"]).expect(0).told().len(),
        2
    );
    let rest = index(&["--yes"]).expect(0);
    assert_eq!(rest.told(), ["large.bin: made"]);
    assert_eq!(rest.summary()["made"], 1);
    let nothing = index(&[]).expect(0);
    assert_eq!(nothing.summary()["made"], 0);

    // With hashes, so that there is something to compare with.
    let verified = Run::of(folder.path(), &["verify"], &[]).expect(0);
    assert_eq!(verified.told(), [""; 0]);
    assert_eq!(verified.summary()["originals"], 3);
}

#[test]
fn a_large_adopted_original_gets_its_version_in_the_background() {
    let app = App::dev();
    let path = app.media().join("large.bin");
    std::fs::create_dir_all(app.media()).unwrap();
    let large = File::create(&path).unwrap();
    large.set_len(65 * 1024 * 1024).unwrap();
    assert!(app.record("large.bin")["version"].is_null());
    eventually(|| app.record("large.bin")["version"].is_string());
    let expected = hash(&vec![0; 65 * 1024 * 1024]);
    assert_eq!(app.record("large.bin")["sha256"], expected.as_str());
}

#[test]
fn warm_has_every_format_made_and_purge_removes_them() {
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", "presets.card = \"w_80\"")
        .run();
    app.upload("photos/a.jpg", &corpus::tower());
    let url = app.url("");
    let environment = [
        ("TINTYPE_SIGNING_KEYS", SIGNING_KEY),
        ("TINTYPE_CONFIG_INLINE", "presets.card = \"w_80\""),
    ];
    let folder = app.folder();
    let warm = |arguments: &[&str]| {
        let fixed = ["warm", "--url", &url];
        let arguments: Vec<_> = fixed.iter().chain(arguments).copied().collect();
        Run::of(folder.path(), &arguments, &environment)
    };
    let made = warm(&[
        "--preset",
        "card",
        "--spec",
        "w_60~f_png",
        "--prefix",
        "photos/",
    ])
    .expect(0);
    assert_eq!(made.summary()["warmed"], 4);
    eventually(|| variants_of(&app, "photos/a.jpg").len() == 4);
    let missing = warm(&["--preset", "card", "photos/none.jpg"]).expect(1);
    assert_eq!(missing.summary()["failed"], 3);
    assert!(
        missing.lines[0]["problem"]
            .as_str()
            .unwrap()
            .starts_with("not-found")
    );
    let unknown = warm(&["--preset", "nonsense", "photos/a.jpg"]).expect(2);
    assert!(unknown.stderr.contains("nonsense is not a preset") && unknown.stderr.contains("card"));
    warm(&["--spec", "nonsense~w_60", "--prefix", "photos/"]).expect(2);
    let slip = warm(&["--preset", "card", "--prefix", "fotos/"]).expect(0);
    assert!(slip.stderr.contains("nothing was found under \"fotos/\""));

    let (plain, _) = token("ops", "purge");
    let purge = |arguments: &[&str], token: &str| {
        let fixed = ["purge", "--url", &url];
        let arguments: Vec<_> = fixed.iter().chain(arguments).copied().collect();
        let environment = [("TINTYPE_TOKEN", token)];
        Run::of(folder.path(), &arguments, &environment)
    };
    let refused = purge(&["photos/a.jpg"], "tt_ops_wrong").expect(1);
    assert!(
        refused.lines[0]["problem"]
            .as_str()
            .unwrap()
            .starts_with("token-invalid")
    );
    assert!(!refused.stderr.contains("tt_ops"));
    let purged = purge(&["--prefix", "photos/"], &plain).expect(0);
    assert_eq!(purged.summary()["originals"], 1);
    assert_eq!(purged.summary()["variants"], 4);
    assert!(variants_of(&app, "photos/a.jpg").is_empty());
}

#[test]
fn keys_come_from_standard_input_too() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let mut command = tintype(app.folder().path());
    let mut child = command
        .args(["warm", "--spec", "w_40~f_jpeg", "--url", &app.url(""), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"a.jpg\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("1 variants of "), "{said}");
}

/// Reported items are not processed again; the others are.
#[test]
fn a_walk_goes_on_after_what_it_has_said() {
    let app = App::dev();
    for key in ["a.txt", "b/c.txt", "b/d.txt", "e.txt"] {
        app.upload(key, b"text");
        age(&record_of(&app, key), 2);
    }
    let verified = |arguments: &[&str]| {
        let arguments: Vec<_> = ["verify"].iter().chain(arguments).copied().collect();
        run(&app, &arguments).expect(0).summary()["originals"].clone()
    };
    assert_eq!(verified(&["--after", "b/c.txt"]), 2);
    assert_eq!(verified(&["--after", "b/c.txt", "--prefix", "b/"]), 1);
    // In the middle of the records, which come after all originals.
    assert_eq!(verified(&["--after", ".tintype/records/8"]), 0);
    let nothing = run(&app, &["verify", "--after", "z"]).expect(0);
    assert!(
        nothing
            .stderr
            .contains("nothing was found in the store after \"z\"")
    );

    std::fs::remove_dir_all(app.media().join("b")).unwrap();
    let all = run(&app, &["sweep", "--dry-run"]).expect(0).told();
    let paths: Vec<_> = all
        .iter()
        .map(|told| told.split(':').next().unwrap())
        .collect();
    assert_eq!(paths.len(), 2, "{all:?}");
    let rest = run(&app, &["sweep", "--dry-run", "--after", paths[0]]).expect(0);
    assert_eq!(rest.told(), all[1..]);
    let none = run(&app, &["sweep", "--dry-run", "--after", ".tintype/idem/0"]).expect(0);
    assert_eq!(none.told(), [""; 0]);
    run(&app, &["sweep", "--after", "e.txt"]).expect(2);

    let planned = run(&app, &["index", "--after", "a.txt"]).expect(0);
    assert_eq!(planned.lines[0]["plan"]["originals"], 1);
    let url = app.url("");
    let warm = [
        "warm",
        "--url",
        &url,
        "--spec",
        "f_original",
        "--prefix",
        "",
        "--after",
        "a.txt",
    ];
    assert_eq!(run(&app, &warm).expect(0).summary()["warmed"], 1);
    let keys = [
        "warm",
        "--url",
        &url,
        "--spec",
        "f_original",
        "--after",
        "a.txt",
        "e.txt",
    ];
    run(&app, &keys).expect(2);
}

#[test]
fn a_store_that_is_not_there_is_named_and_not_made() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for command in ["verify", "sweep", "index"] {
        let refused = Run::of(folder.path(), &[command], &[]).expect(2);
        assert!(
            refused.stderr.contains("TINTYPE_STORE"),
            "{}",
            refused.stderr
        );
        assert!(!folder.path().join("media").exists());
    }
    let refused = Run::of(folder.path(), &["purge", "a.jpg"], &[]).expect(2);
    assert!(
        refused.stderr.contains("TINTYPE_TOKEN"),
        "{}",
        refused.stderr
    );
}
