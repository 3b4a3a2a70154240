//! CloudFront, emulated by moto: a change becomes an invalidation of the paths concerned, and changes that happen
//! together become one.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::corpus;
use crate::harness::{App, Headers, Start, free_port};
use serde_json::json;

/// Sent six seconds after the change, after waiting another second for more.
const SEEN: Duration = Duration::from_secs(40);

/// It imports most of Python before it listens.
const STARTED: Duration = Duration::from_secs(120);

const API: &str = "/2020-05-31/distribution";

const DISTRIBUTION: &str = r#"<?xml version="1.0"?>
<DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">
<CallerReference>test</CallerReference><Comment>test</Comment><Enabled>true</Enabled>
<Origins><Quantity>1</Quantity><Items><Origin><Id>tintype</Id>
<DomainName>origin.example.org</DomainName><CustomOriginConfig><HTTPPort>80</HTTPPort>
<HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>https-only</OriginProtocolPolicy>
</CustomOriginConfig></Origin></Items></Origins>
<DefaultCacheBehavior><TargetOriginId>tintype</TargetOriginId>
<ViewerProtocolPolicy>https-only</ViewerProtocolPolicy></DefaultCacheBehavior>
</DistributionConfig>"#;

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

/// The paths of each invalidation.
fn invalidations(moto: &Moto, app: &App, distribution: &str) -> Vec<Vec<String>> {
    let base = format!("{}{API}/{distribution}/invalidation", moto.endpoint());
    let list = app.send_to("GET", &base, AS_AWS, b"").expect(200).text();
    between(&list, "<Id>", "</Id>")
        .into_iter()
        .map(|id| {
            let one = app
                .send_to("GET", &format!("{base}/{id}"), AS_AWS, b"")
                .expect(200)
                .text();
            let mut paths: Vec<String> = between(&one, "<Path>", "</Path>")
                .into_iter()
                .map(str::to_owned)
                .collect();
            paths.sort();
            paths
        })
        .collect()
}

/// moto identifies services by this, and checks no signature.
const AS_AWS: Headers<'static> = &[(
    "authorization",
    "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/cloudfront/aws4_request, SignedHeaders=host, \
     Signature=x",
)];

#[test]
fn changes_that_come_together_are_one_invalidation() {
    let moto = Moto::start();
    let plain = App::dev();
    let url = format!("{}{API}", moto.endpoint());
    let made = plain.send_to("POST", &url, AS_AWS, DISTRIBUTION.as_bytes());
    let made = made.expect(201).text();
    let distribution = between(&made, "<Id>", "</Id>")[0].to_owned();
    let mut start = Start::dev().env("TINTYPE_PURGE_CLOUDFRONT", &distribution);
    for (name, value) in [
        ("AWS_ENDPOINT_URL_CLOUDFRONT", &*moto.endpoint()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        start = start.env(name, value);
    }
    let app = start.run();
    for key in ["a%20b.jpg", "b.jpg", "kept.jpg"] {
        app.upload(key, &corpus::tower());
    }
    app.api("DELETE", "/files/a%20b.jpg", &[], b"").expect(204);
    let top = json!({ "focal_point": { "x": 0.5, "y": 0 } });
    app.patch("b.jpg", &top).expect(200);
    let began = Instant::now();
    while invalidations(&moto, &app, &distribution).is_empty() {
        assert!(began.elapsed() < SEEN, "no invalidation");
        std::thread::sleep(Duration::from_millis(100));
    }
    let expected = ["/o/a%20b.jpg", "/o/b.jpg", "/t/a%20b.jpg/*", "/t/b.jpg/*"];
    assert_eq!(invalidations(&moto, &app, &distribution), [expected]);
    assert_eq!(
        app.metric("tintype_purges_total", &["cloudfront", "delivered"]),
        2
    );
}

/// AWS services in one Python process.
struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    /// The program is the one in `TINTYPE_TEST_MOTO`, or the one that `tests/run` installs.
    fn start() -> Self {
        let installed = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../target/venv/bin/moto_server"
        );
        let program = std::env::var_os("TINTYPE_TEST_MOTO").unwrap_or(installed.into());
        let port = free_port();
        let child = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; tests/run installs it", program.display())
            });
        let moto = Self { child, port };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < STARTED, "moto does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
