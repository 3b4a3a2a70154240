//! Sixteen processes on one bucket, like replicas; the test starts itself again as each of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tintype_store::{Condition, Error, Store, StoreUrl};
use tintype_testing::Moto;

use super::{put, read, settings};

const PROCESSES: usize = 16;
const ENDPOINT: &str = "TINTYPE_STORE_TEST_ENDPOINT";
const NUMBER: &str = "TINTYPE_STORE_TEST_NUMBER";
/// Locked until all may begin.
const START_LINE: &str = "TINTYPE_STORE_TEST_START_LINE";

/// The task of this process, if a test has started it.
#[expect(
    clippy::disallowed_methods,
    reason = "not configuration: how a test talks to itself"
)]
fn task() -> Option<(String, usize, PathBuf)> {
    let number = std::env::var(NUMBER).ok()?.parse().unwrap();
    let start_line = std::env::var_os(START_LINE)?.into();
    Some((std::env::var(ENDPOINT).ok()?, number, start_line))
}

/// Without testing the server, which one process has done.
async fn join(endpoint: &str) -> Store {
    let url = StoreUrl::S3(settings(endpoint));
    Store::open_untried(&url).await.unwrap()
}

fn content(number: usize) -> String {
    format!("process {number}\n").repeat(1_000)
}

async fn take_part(endpoint: &str, number: usize, start_line: PathBuf) {
    let store = join(endpoint).await;
    let line = File::open(start_line).unwrap();
    line.lock_shared().unwrap();
    // All try the same names, so that every one of them is contended.
    for attempt in 0.. {
        let key = format!("2016/lion_{attempt}.jpg");
        match put(&store, &key, content(number), &Condition::Absent).await {
            Ok(_) => return,
            Err(Error::Precondition { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn sixteen_processes_that_want_one_name_make_sixteen_files() {
    if let Some((endpoint, number, start_line)) = task() {
        return take_part(&endpoint, number, start_line).await;
    }
    // It decides conditions between concurrent writers, as s3s-fs does not.
    let server = Moto::start();
    let line = tempfile::NamedTempFile::new().unwrap();
    line.as_file().lock().unwrap();
    let children: Vec<_> = (0..PROCESSES)
        .map(|number| start(&server.endpoint(), number, line.path()))
        .collect();
    line.as_file().unlock().unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
    }

    let store = join(&server.endpoint()).await;
    let page = store.list("", false, None, 1_000).await.unwrap();
    let keys: BTreeSet<_> = page.files.iter().map(|file| file.key.to_string()).collect();
    let names = (0..PROCESSES).map(|attempt| format!("2016/lion_{attempt}.jpg"));
    assert_eq!(keys, names.collect());
    let mut contents = BTreeSet::new();
    for key in &keys {
        contents.insert(read(&store, key).await.unwrap().to_vec());
    }
    let written = (0..PROCESSES).map(|number| content(number).into_bytes());
    assert!(contents == written.collect());
}

fn start(endpoint: &str, number: usize, start_line: &std::path::Path) -> Child {
    let test = "replicas::sixteen_processes_that_want_one_name_make_sixteen_files";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ENDPOINT, endpoint)
        .env(NUMBER, number.to_string())
        .env(START_LINE, start_line)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}
