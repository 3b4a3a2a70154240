//! Several processes on one folder, like replicas on one host: they agree on who was first, no update is lost, and
//! one that is killed leaves nothing half visible.
//!
//! Each test starts itself again as the other processes, which find their task in the environment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tintype_store::{Attributes, Condition, Error, Key, Object, Store, StoreUrl, WriteSource};

const FOLDER: &str = "TINTYPE_STORE_TEST_FOLDER";
const NUMBER: &str = "TINTYPE_STORE_TEST_NUMBER";

/// The folder and the number of this process, if a test has started it.
#[expect(
    clippy::disallowed_methods,
    reason = "not configuration: how a test talks to itself"
)]
fn task() -> Option<(PathBuf, usize)> {
    let number = std::env::var(NUMBER).ok()?.parse().unwrap();
    Some((std::env::var_os(FOLDER)?.into(), number))
}

fn start(test: &str, folder: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, folder)
        .env(NUMBER, number.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts processes that all begin at the same moment, and waits until all have succeeded.
fn race(test: &str, folder: &Path, processes: usize) {
    let line = File::create(start_line(folder)).unwrap();
    line.lock().unwrap();
    let children: Vec<_> = (0..processes)
        .map(|number| start(test, folder, number))
        .collect();
    line.unlock().unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

fn start_line(folder: &Path) -> PathBuf {
    folder.with_extension("start")
}

/// In a started process: opens the store, waits for the others, then does `work`.
fn take_part<F: Future<Output = ()>>(folder: &Path, work: impl FnOnce(Store) -> F) {
    run(async {
        let store = open(folder).await;
        File::open(start_line(folder))
            .unwrap()
            .lock_shared()
            .unwrap();
        work(store).await;
    });
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
        .block_on(future)
}

async fn open(folder: &Path) -> Store {
    Store::open(&StoreUrl::disk(folder)).await.unwrap()
}

fn original(key: &str) -> Object {
    Object::Original(Key::parse(key).unwrap())
}

async fn put(
    store: &Store,
    object: &Object,
    bytes: Vec<u8>,
    condition: Condition,
) -> Result<(), Error> {
    let source = WriteSource::Bytes(bytes.into());
    store
        .put(object, source, &condition, &Attributes::default())
        .await
        .map(|_| ())
}

async fn read(store: &Store, object: &Object) -> Bytes {
    store
        .get(object, None, None)
        .await
        .unwrap()
        .unwrap()
        .body
        .into_bytes(u64::MAX)
        .await
        .unwrap()
}

async fn keys(store: &Store) -> Vec<String> {
    let page = store.list("", false, None, 1000).await.unwrap();
    assert_eq!(page.cursor, None);
    page.files
        .into_iter()
        .map(|file| file.key.to_string())
        .collect()
}

#[test]
fn sixty_four_writers_of_one_name_in_eight_processes_make_sixty_four_files() {
    const PROCESSES: usize = 8;
    const WRITERS: usize = 8;
    // More than one write(2) each, so that mixed contents would show.
    let content = |writer: usize| format!("writer {writer}\n").repeat(10_000).into_bytes();
    if let Some((folder, number)) = task() {
        return take_part(&folder, |store| async move {
            let save = async |writer: usize| {
                // All try the same names, so that every one of them is contended.
                for attempt in 0.. {
                    let object = match attempt {
                        0 => original("2016/lion.jpg"),
                        attempt => original(&format!("2016/lion_{attempt}.jpg")),
                    };
                    match put(&store, &object, content(writer), Condition::Absent).await {
                        Ok(()) => return,
                        Err(Error::Precondition { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            };
            let writers = number * WRITERS..(number + 1) * WRITERS;
            futures_util::future::join_all(writers.map(save)).await;
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    race(
        "sixty_four_writers_of_one_name_in_eight_processes_make_sixty_four_files",
        &folder,
        PROCESSES,
    );
    run(async {
        let store = open(&folder).await;
        let keys = keys(&store).await;
        assert_eq!(keys.len(), PROCESSES * WRITERS);
        let mut contents = BTreeSet::new();
        for key in keys {
            contents.insert(read(&store, &original(&key)).await.to_vec());
        }
        assert!(contents == (0..PROCESSES * WRITERS).map(content).collect());
    });
}

#[test]
fn no_update_is_lost_when_processes_replace_what_they_have_read() {
    const PROCESSES: usize = 4;
    const UPDATES: usize = 50;
    let object = original("counter");
    if let Some((folder, _)) = task() {
        return take_part(&folder, |store| async move {
            let mut done = 0;
            while done < UPDATES {
                let get = store.get(&object, None, None).await.unwrap();
                let (count, condition) = match get {
                    None => (0, Condition::Absent),
                    Some(get) => {
                        let bytes = get.body.into_bytes(100).await.unwrap();
                        let count: usize = str::from_utf8(&bytes).unwrap().parse().unwrap();
                        (count, Condition::Match(get.meta.etag))
                    }
                };
                // Of constant length, so that size alone does not tell versions apart.
                match put(
                    &store,
                    &object,
                    format!("{:08}", count + 1).into(),
                    condition,
                )
                .await
                {
                    Ok(()) => done += 1,
                    Err(Error::Precondition { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    race(
        "no_update_is_lost_when_processes_replace_what_they_have_read",
        &folder,
        PROCESSES,
    );
    let count = run(async { read(&open(&folder).await, &object).await });
    assert_eq!(count, format!("{:08}", PROCESSES * UPDATES));
}

#[test]
fn creating_in_a_folder_never_loses_to_removing_it_when_it_is_empty() {
    const PROCESSES: usize = 2;
    const FOLDERS: usize = 8;
    const ROUNDS: usize = 100;
    if let Some((folder, number)) = task() {
        return take_part(&folder, |store| async move {
            let work = async |n: usize| {
                let object = original(&format!("{n}/a/b/{number}"));
                for _ in 0..ROUNDS {
                    put(&store, &object, b"here".to_vec(), Condition::Absent)
                        .await
                        .unwrap();
                    assert_eq!(read(&store, &object).await, "here");
                    assert!(store.delete(&object, &Condition::Any).await.unwrap());
                }
                put(&store, &object, b"stays".to_vec(), Condition::Absent)
                    .await
                    .unwrap();
            };
            futures_util::future::join_all((0..FOLDERS).map(work)).await;
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    race(
        "creating_in_a_folder_never_loses_to_removing_it_when_it_is_empty",
        &folder,
        PROCESSES,
    );
    let keys = run(async { keys(&open(&folder).await).await });
    assert_eq!(keys.len(), PROCESSES * FOLDERS);
}

#[test]
fn a_process_that_is_killed_loses_nothing_acknowledged_and_shows_nothing_unfinished() {
    const ROUNDS: usize = 50;
    // Starts with its own number and continues for up to 400 kB.
    let content = |number: usize| -> Vec<u8> {
        let line = format!("{number:08}\n");
        line.repeat(1 + number * 7919 % 44_000).into_bytes()
    };
    let overwritten = original("overwritten");
    if let Some((folder, first)) = task() {
        return run(async {
            let store = open(&folder).await;
            for number in first.. {
                let object = original(&format!("round/{first}/{number}"));
                put(&store, &object, content(number), Condition::Absent)
                    .await
                    .unwrap();
                put(&store, &overwritten, content(number), Condition::Any)
                    .await
                    .unwrap();
                // A single write, so that no line is cut.
                std::io::stdout()
                    .write_all(format!("\nacknowledged {number}\n").as_bytes())
                    .unwrap();
            }
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let mut unfinished = 0;
    for round in 0..ROUNDS {
        let first = round * 100_000;
        let mut child = start(
            "a_process_that_is_killed_loses_nothing_acknowledged_and_shows_nothing_unfinished",
            folder.path(),
            first,
        );
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut number = || {
            let line = lines
                .find(|line| line.as_ref().unwrap().starts_with("acknowledged "))?
                .unwrap();
            Some(line["acknowledged ".len()..].parse::<usize>().unwrap())
        };
        // After its start, so that the kill hits a write.
        let mut last = number().unwrap();
        let mut random = [0];
        getrandom::fill(&mut random).unwrap();
        std::thread::sleep(Duration::from_micros(u64::from(random[0]) * 80));
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(number) = number() {
            last = number;
        }
        acknowledged.extend((first..=last).map(|number| (first, number)));
        unfinished = leftovers(folder.path()).len().max(unfinished);
    }
    run(async {
        let store = open(folder.path()).await;
        for &(first, number) in &acknowledged {
            let object = original(&format!("round/{first}/{number}"));
            assert!(read(&store, &object).await == content(number), "{number}");
        }
        let mut seen = 0;
        let mut cursor = None;
        loop {
            let page = store
                .list("", false, cursor.as_deref(), 1000)
                .await
                .unwrap();
            for file in page.files {
                let bytes = read(&store, &Object::Original(file.key)).await;
                let number: usize = str::from_utf8(&bytes[..8]).unwrap().parse().unwrap();
                assert!(bytes == content(number), "{number}");
                seen += 1;
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert!(
            seen > acknowledged.len(),
            "each of them, and the one that is overwritten"
        );
    });
    assert!(unfinished > 0, "no kill fell into a write");

    // Leftovers are removed when they are a day old.
    let old = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    for path in leftovers(folder.path()) {
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(old)
            .unwrap();
    }
    run(open(folder.path()));
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
}

fn leftovers(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join(".tintype/tmp"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}
