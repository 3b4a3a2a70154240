//! AWS's own variables, each case in a separate process, which is this test started again.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tintype_store::{Condition, Store, StoreUrl};
use tintype_testing::{ACCESS_KEY, REGION, S3sFs, SECRET_KEY};

use super::{MIB, bytes, put, read};

const URL: &str = "TINTYPE_STORE_TEST_URL";
const SECONDS: &str = "TINTYPE_STORE_TEST_SECONDS";

#[expect(
    clippy::disallowed_methods,
    reason = "not configuration: how a test talks to itself"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::print_stdout, reason = "how a started test answers")]
fn say(text: &str) {
    println!("{text}");
}

/// Stores and reads back for the given time, or returns what is wrong with the set-up.
async fn work(url: &str) {
    let url: StoreUrl = url.parse().unwrap();
    let store = match Store::open(&url).await {
        Ok(store) => store,
        Err(error) => return say(&format!("refused: {error}")),
    };
    let seconds = variable(SECONDS).map_or(0, |text| text.parse().unwrap());
    let began = Instant::now();
    loop {
        for len in [0, 1_000, MIB, 17 * MIB] {
            let content = bytes(len);
            // A separate name for each, because s3s-fs keeps the checksum of earlier content in one part.
            let key = &format!("{len}");
            put(&store, key, content.clone(), &Condition::Any)
                .await
                .unwrap();
            assert!(read(&store, key).await.unwrap() == content, "{len}");
        }
        if began.elapsed() >= Duration::from_secs(seconds) {
            return say("worked");
        }
    }
}

/// The output of a process with only this environment.
fn run(url: &str, environment: &[(String, String)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "environment::it_is_all_in_the_environment",
            "--nocapture",
        ])
        .env_clear()
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env(URL, url)
        .envs(environment.iter().cloned())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[tokio::test]
async fn it_is_all_in_the_environment() {
    if let Some(url) = variable(URL) {
        return work(&url).await;
    }
    let server = S3sFs::start();
    let endpoint = server.endpoint();
    let all = tintype_testing::environment(&endpoint);
    let without = |name: &str| -> Vec<_> {
        let others = all.iter().filter(|(variable, _)| variable != name);
        others.cloned().collect()
    };
    let (url, works) = ("s3://media/some/where", |text: &str| {
        text.contains("worked")
    });
    assert!(works(&run(url, &all)));

    // An endpoint for S3 only, no region, and a server that refuses the newer checksums.
    let mut own = without("AWS_ENDPOINT_URL");
    own.retain(|(name, _)| name != "AWS_REGION");
    own.extend(pairs(&[
        ("AWS_ENDPOINT_URL_S3", &endpoint),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
    ]));
    assert!(works(&run(url, &own)));

    let nobody = run(url, &without("AWS_ACCESS_KEY_ID"));
    for text in [
        "refused",
        "no credentials",
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
    ] {
        assert!(nobody.contains(text), "{nobody}");
    }
    let nowhere: Vec<_> = pairs(&[
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
    ]);
    let nowhere = run(url, &nowhere);
    assert!(nowhere.contains("set AWS_REGION"), "{nowhere}");
}

/// Credentials of a task expire, and new ones are fetched before: ten seconds before, less up to five that the SDK
/// draws at random, so the six seconds of work see at least one expiry.
#[test]
fn the_role_of_a_task_is_renewed() {
    let server = S3sFs::start();
    let fetched = Arc::new(AtomicU32::new(0));
    let role = role(fetched.clone());
    let environment = pairs(&[
        ("AWS_ENDPOINT_URL", &server.endpoint()),
        ("AWS_REGION", REGION),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &role),
        (SECONDS, "6"),
    ]);
    let text = run("s3://media/task", &environment);
    assert!(text.contains("worked"), "{text}");
    let fetched = fetched.load(Ordering::Relaxed);
    assert!(
        fetched >= 3,
        "{fetched}: at start, for the first request, and again"
    );
}

/// The URL of a service that hands out credentials for ten seconds, like that of ECS.
fn role(fetched: Arc<AtomicU32>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.map_while(Result::ok).find(|line| line.is_empty());
            fetched.fetch_add(1, Ordering::Relaxed);
            let end = SystemTime::now() + Duration::from_secs(10);
            let end = jiff::Timestamp::try_from(end).unwrap();
            let body = format!(
                r#"{{"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}","Token":"t","Expiration":"{end:.0}"}}"#
            );
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });
    format!("http://{address}/role")
}
