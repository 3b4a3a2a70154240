//! An import loses nothing and overwrites nothing: every original arrives complete, under its name and with its
//! metadata; any that does not is reported; and a second run continues where the first ended.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::corpus;
use crate::harness::{ALL_SCOPES, App, Start, tintype, token};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn import(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(tintype(self.0.path()).arg("import").args(arguments))
    }
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    fn lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// `result key` of each original, in order.
    fn results(&self) -> Vec<String> {
        let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        let lines = self.lines();
        let originals = lines.iter().filter(|line| line["key"].is_string());
        let mut results: Vec<_> = originals
            .map(|line| format!("{} {}", text(line, "result"), text(line, "key")))
            .collect();
        results.sort();
        results
    }

    fn summary(&self) -> Value {
        self.lines().pop().unwrap()["summary"].clone()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_arrives_whole_and_only_once() {
    let folder = Folder::new();
    let large: Vec<u8> = (0..9 << 20).map(|at: u32| (at >> 9) as u8).collect();
    for (name, bytes) in [
        ("old/a.jpg", corpus::tower().as_slice()),
        ("old/photos/Ünï 1.txt", b"text"),
        ("old/photos/large.bin", &large),
        ("old/empty", b""),
    ] {
        folder.write(name, bytes);
    }
    let dry = folder
        .import(&["old", "new", "--dry-run", "--json"])
        .expect(0);
    assert_eq!(dry.summary()["would_copy"], 4);
    assert!(!folder.path("new").exists());

    let first = folder
        .import(&["old", "new", "--json", "--jobs", "2"])
        .expect(0);
    assert_eq!(
        first.results(),
        [
            "copied a.jpg",
            "copied empty",
            "copied photos/large.bin",
            "copied photos/Ünï 1.txt"
        ]
    );
    assert_eq!(folder.read("new/photos/large.bin"), large);
    assert_eq!(folder.read("new/photos/Ünï 1.txt"), b"text");
    assert!(names(&folder.path("new/.tintype/tmp")).is_empty());
    assert_eq!(names(&folder.path("old")), ["a.jpg", "empty", "photos"]);

    std::fs::remove_file(folder.path("new/a.jpg")).unwrap();
    let second = folder.import(&["old", "new", "--json"]).expect(0);
    assert_eq!(second.summary()["copied"], 1);
    assert_eq!(second.summary()["same"], 3);

    let words = folder
        .import(&["old", "new", "--prefix", "photos/"])
        .expect(0);
    assert_eq!(words.stdout.trim(), "2 there already; 0 bytes");
    assert_eq!(words.stderr, "");
}

#[test]
fn other_bytes_under_a_name_are_a_conflict_and_stay() {
    let folder = Folder::new();
    for (name, bytes) in [
        ("old/a", b"same".as_slice()),
        ("old/b", b"mine"),
        ("old/c", b"new"),
        ("new/a", b"same"),
        ("new/b", b"ours"),
    ] {
        folder.write(name, bytes);
    }
    let outcome = folder.import(&["old", "new", "--json"]).expect(1);
    assert_eq!(outcome.results(), ["conflict b", "copied c", "same a"]);
    assert_eq!(folder.read("new/b"), b"ours");
    assert!(
        outcome.stderr.contains("1 were not imported"),
        "{}",
        outcome.stderr
    );

    let outcome = folder
        .import(&["old", "new", "--json", "--overwrite"])
        .expect(0);
    assert_eq!(outcome.results(), ["copied b", "same a", "same c"]);
    assert_eq!(folder.read("new/b"), b"mine");
}

#[test]
fn what_cannot_be_an_original_is_told() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write("old/a", b"a");
    folder.write("old/.tintype/records/x.json", b"{}");
    folder.write("outside", b"x");
    let odd = std::ffi::OsStr::from_bytes(b"old/\xff.jpg");
    std::fs::write(folder.0.path().join(odd), b"x").unwrap();
    symlink("../outside", folder.path("old/out")).unwrap();
    symlink("nowhere", folder.path("old/dangling")).unwrap();
    symlink("a", folder.path("old/link")).unwrap();
    let outcome = folder.import(&["old", "new", "--json"]).expect(1);
    assert_eq!(
        outcome.results(),
        [
            "copied a",
            "copied link",
            "odd dangling",
            "odd out",
            "odd \u{fffd}.jpg"
        ]
    );
    assert_eq!(names(&folder.path("new")), [".tintype", "a", "link"]);
}

#[test]
fn a_place_that_is_wrong_is_said_before_anything_is_done() {
    let folder = Folder::new();
    folder.write("old/a", b"a");
    for (arguments, code, words) in [
        (["missing", "new"], 1, "FROM: file://./missing"),
        (["old", "no/such/parent"], 1, "TO: file://./no/such/parent"),
        (["old", "old"], 2, "are the same"),
        (["old", "old/new"], 2, "are the same"),
        (["ftp://x", "new"], 2, "file://"),
        (["https://x/?token=1", "new"], 2, "TINTYPE_IMPORT_TOKEN"),
    ] {
        // Only an existing store can contain the other one.
        if arguments[1] == "old/new" {
            std::fs::create_dir(folder.path("old/new")).unwrap();
        }
        let outcome = folder.import(&arguments).expect(code);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    assert!(!folder.path("new").exists());
}

/// An original with a focal point, one under embargo, one that is taken down.
fn fill(app: &App) -> Value {
    app.upload("photos/a.jpg", &corpus::tower());
    app.upload("photos/secret.jpg", &corpus::tower()[..5000]);
    app.upload("photos/gone.txt", b"taken down");
    app.upload("photos/plain.txt", b"nothing said");
    let said = json!({
        "focal_point": {"x": 0.25, "y": 0.75},
        "meta": {"credit": "Ünï".repeat(2000)}
    });
    app.patch("photos/a.jpg", &said).expect(200);
    let hidden = json!({"state": {"name": "embargo", "until": "2999-01-01T00:00:00Z"}});
    app.patch("photos/secret.jpg", &hidden).expect(200);
    let blocked = json!({"state": {"name": "blocked", "reason": "court order"}});
    app.patch("photos/gone.txt", &blocked).expect(200);
    app.record("photos/a.jpg")
}

/// Checks that everything from `fill` has arrived.
fn has_come_along(app: &App, before: &Value) {
    let after = app.record("photos/a.jpg");
    for name in ["sha256", "version", "focal_point", "meta", "image"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    app.get("/t/photos/a.jpg/w_64").expect(200);
    app.get("/o/photos/secret.jpg").expect(404);
    app.get("/o/photos/plain.txt").expect(200);
}

#[test]
fn what_was_said_comes_along_from_store_to_store() {
    let app = App::dev();
    let before = fill(&app);
    let (folder, old, _kept) = (Folder::new(), app.media(), app.folder());
    app.stop();
    let old = old.to_str().unwrap();
    let outcome = folder.import(&[old, "media", "--json"]).expect(0);
    assert_eq!(outcome.summary()["copied"], 4);

    let app = Start::dev().run_in(folder.0.into());
    has_come_along(&app, &before);
    app.get("/o/photos/gone.txt").expect(451);
    app.put("copy.txt", b"taken down", &[]).expect(201);
    app.get("/o/copy.txt").expect(451);
    assert_eq!(app.record("photos/a.jpg")["created"], before["created"]);
}

#[test]
fn a_service_can_be_either_end() {
    let (secret, entry) = token("mover", ALL_SCOPES);
    let start = || {
        Start::dev()
            .env("TINTYPE_TOKENS", &entry)
            .token(&secret)
            .run()
    };
    let (one, two) = (start(), start());
    let before = fill(&one);
    let (from, to) = (one.url(""), two.url(""));
    let folder = Folder::new();
    let import = |arguments: &[&str]| {
        let mut command = tintype(folder.0.path());
        command.env("TINTYPE_IMPORT_TOKEN", &secret);
        Outcome::of(command.arg("import").args(arguments))
    };

    let outcome = import(&[&from, "media", "--json"]).expect(0);
    assert_eq!(
        outcome.results(),
        [
            "blocked photos/gone.txt",
            "copied photos/a.jpg",
            "copied photos/plain.txt",
            "copied photos/secret.jpg"
        ]
    );
    let again = import(&[&from, "media", "--json"]).expect(0);
    assert_eq!(again.summary()["same"], 3);

    let outcome = import(&["media", &to, "--json"]).expect(0);
    assert_eq!(outcome.summary()["copied"], 3);
    has_come_along(&two, &before);
    let again = import(&["media", &to, "--json"]).expect(0);
    assert_eq!(again.summary()["same"], 3);

    // A changed original is a conflict, and replaced only on request.
    two.put("photos/plain.txt?on_conflict=overwrite", b"changed", &[])
        .expect(200);
    let conflict = import(&[&from, &to, "--json"]).expect(1);
    assert_eq!(conflict.summary()["conflicts"], 1);
    import(&[&from, &to, "--overwrite"]).expect(0);
    assert_eq!(
        two.get("/o/photos/plain.txt").expect(200).body,
        b"nothing said"
    );

    let refused = folder.import(&[&from, "other"]).expect(1);
    assert!(
        refused.stderr.contains("unauthorized"),
        "{}",
        refused.stderr
    );
}
