//! On a bucket: what every request costs there, which object is where, and what happens while the bucket is
//! unavailable, slow, faulty or not ours. The S3 server is our own, which counts requests and fails on command.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tintype_testing::{Conditions, Fault, Faulty, Operation, Proxy};

use crate::corpus;
use crate::harness::{App, Start, tintype};

fn on_bucket() -> (Faulty, App) {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    (server, app)
}

/// The requests that `work` makes to the bucket, including those left to the background. Periodic requests, for
/// takedowns by other replicas and for health checks, are not counted.
fn cost(server: &Faulty, work: impl FnOnce()) -> BTreeMap<Operation, u64> {
    let quiet = || {
        let mut last = server.take_counts();
        let mut all = last.clone();
        loop {
            last.remove(&Operation::ListObjectsV2);
            if last.is_empty() {
                all.remove(&Operation::ListObjectsV2);
                return all;
            }
            std::thread::sleep(Duration::from_millis(300));
            last = server.take_counts();
            for (operation, count) in &last {
                *all.entry(*operation).or_default() += count;
            }
        }
    };
    quiet();
    work();
    std::thread::sleep(Duration::from_millis(300));
    quiet()
}

#[test]
fn every_request_costs_what_is_stated() {
    use Operation::{DeleteObject, GetObject, HeadObject, PutObject};
    let (server, app) = on_bucket();
    let counts = |counts: &[(Operation, u64)]| counts.iter().copied().collect::<BTreeMap<_, _>>();
    let small = "/t/a.jpg/w_100~f_jpeg";

    let upload = cost(&server, || drop(app.upload("a.jpg", &corpus::tower())));
    assert_eq!(upload, counts(&[(PutObject, 2)]), "original, record");

    let cold = cost(&server, || drop(app.get(small).expect(200)));
    let expected = counts(&[(GetObject, 2), (PutObject, 1)]);
    assert_eq!(cold, expected, "no variant, the original, the variant");

    let hit = cost(&server, || {
        for _ in 0..10 {
            app.get(small).expect(200);
        }
    });
    assert_eq!(hit, counts(&[]), "in memory");

    let app = app.restart();
    let stored = cost(&server, || drop(app.get(small).expect(200)));
    assert_eq!(stored, counts(&[(GetObject, 2)]), "record, variant");

    let warm = cost(&server, || {
        drop(app.get("/t/a.jpg/w_90~f_jpeg").expect(200))
    });
    let expected = counts(&[(GetObject, 2), (PutObject, 1)]);
    assert_eq!(warm, expected, "like the first, the record is at hand");

    let taken = cost(&server, || {
        app.put("a.jpg", b"x", &[]).refused(409, "key-exists")
    });
    assert_eq!(
        taken,
        counts(&[(PutObject, 1), (HeadObject, 1)]),
        "refused, and what is there"
    );

    let renamed = cost(&server, || {
        app.put("a.jpg?on_conflict=rename", b"x", &[]).expect(201);
    });
    let expected = counts(&[(PutObject, 3), (HeadObject, 1)]);
    assert_eq!(renamed, expected, "as refused, and then an upload");

    server.put("originals/adopted.jpg", corpus::tower());
    let adopted = cost(&server, || {
        drop(app.get("/t/adopted.jpg/w_100~f_jpeg").expect(200))
    });
    let most = counts(&[(GetObject, 4), (HeadObject, 1), (PutObject, 2)]);
    assert_eq!(
        adopted, most,
        "no record, look, hash, write the record; then as any first request"
    );

    let missing = cost(&server, || drop(app.get("/t/none.jpg/w_100").expect(404)));
    assert_eq!(
        missing,
        counts(&[(GetObject, 1), (HeadObject, 1)]),
        "no record, no original"
    );

    let deleted = cost(&server, || {
        app.api("DELETE", "/files/a.jpg", &[], b"").expect(204);
    });
    assert!(
        deleted[&DeleteObject] >= 2,
        "{deleted:?}: original and record"
    );
}

#[test]
fn a_variant_that_is_stored_is_all_that_is_read() {
    let (server, app) = on_bucket();
    let wood = corpus::read("photos/Wood.jpg");
    app.upload("a.jpg", &wood);
    let path = "/t/a.jpg/w_200~f_jpeg";
    let variant = app.get(path).expect(200).body.len() as u64;
    cost(&server, || ());
    let app = app.restart();
    let before = server.sent_bytes();
    app.get(path).expect(200);
    let read = server.sent_bytes() - before;
    // Plus the record and the response's own metadata.
    assert!(
        read < variant + 8_192,
        "{read} bytes for a variant of {variant}"
    );
}

#[test]
fn originals_lie_under_their_names_and_what_is_derived_where_it_is_told() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment())
        .env("TINTYPE_DERIVED_STORE", "s3://media/derived")
        .run();
    let body = corpus::tower();
    app.upload("photos/2016/l%C3%B6we%201.jpg", &body);
    cost(&server, || {
        drop(
            app.get("/t/photos/2016/l%C3%B6we%201.jpg/w_100~f_jpeg")
                .expect(200),
        )
    });
    assert_eq!(
        server.object("originals/photos/2016/löwe 1.jpg").unwrap(),
        body
    );
    let keys = server.keys();
    let of = |prefix: &str| keys.iter().filter(|key| key.starts_with(prefix)).count();
    assert_eq!(of("derived/.tintype/variants/"), 1, "{keys:?}");
    assert_eq!(of("originals/.tintype/variants/"), 0, "{keys:?}");
    assert_eq!(of("originals/.tintype/records/"), 1, "{keys:?}");
    assert_eq!(of("derived/"), 1, "{keys:?}");
    let list = app.api("GET", "/list?prefix=", &[], b"").expect(200).json();
    assert_eq!(list["files"].as_array().unwrap().len(), 1, "{list}");
}

#[test]
fn an_answer_that_was_lost_is_no_failure_and_no_second_object() {
    let (server, app) = on_bucket();
    server.script(
        Fault::LoseAnswer
            .on(Operation::PutObject)
            .of("lost.jpg")
            .times(1),
    );
    app.upload("lost.jpg", &corpus::tower());
    server.script(
        Fault::CONFLICT
            .on(Operation::PutObject)
            .of("both.jpg")
            .times(2),
    );
    app.upload("both.jpg", &corpus::tower());
    let list = app.api("GET", "/list", &[], b"").json();
    assert_eq!(list["files"].as_array().unwrap().len(), 2, "{list}");
}

#[test]
fn damage_on_the_way_is_never_a_success() {
    let (server, app) = on_bucket();
    server.script(Fault::WrongChecksum.on(Operation::PutObject).of("bad.txt"));
    let retry = [("idempotency-key", "4b1d4a3e-0000-4000-8000-000000000003")];
    app.put("bad.txt", b"some bytes", &retry)
        .refused(503, "store-unavailable");
    server.heal();
    app.get("/o/bad.txt").expect(404);
    let again = app.put("bad.txt", b"some bytes", &retry).expect(201);
    assert_ne!(again.header("idempotency-replayed"), "?1");
    let wood = corpus::read("photos/Wood.jpg");
    app.upload("a.jpg", &wood);
    server.script(
        Fault::CutBody(1_000)
            .on(Operation::GetObject)
            .of("a.jpg")
            .times(1),
    );
    let whole = app.api("GET", "/files/a.jpg", &[], b"").expect(200);
    assert_eq!(whole.body, wood, "read on where it was cut");
}

/// A response to a read before a change must not be trusted if it arrives after the change.
#[test]
fn a_late_answer_does_not_bring_back_what_was_changed() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment())
        .env("TINTYPE_RECORD_CACHE", "3s")
        .run();
    app.upload("a.jpg", &corpus::tower());
    let path = "/t/a.jpg/w_100~f_jpeg";
    app.get(path).expect(200);
    std::thread::sleep(Duration::from_millis(3_100));
    let late = Fault::Late(Duration::from_millis(700)).on(Operation::GetObject);
    server.script(late.of("records/").times(1));
    std::thread::scope(|scope| {
        scope.spawn(|| app.get(path));
        std::thread::sleep(Duration::from_millis(200));
        let embargo = json!({"state": {"name": "embargo", "until": "2099-01-01T00:00:00Z"}});
        app.patch("a.jpg", &embargo).expect(200);
        app.get(path).expect(404);
    });
    app.get(path).expect(404);
}

/// Hits continue quietly; requests that need the bucket are refused soon and without a storm of retries; and when the
/// bucket is back, everything works.
#[test]
fn while_the_bucket_is_away_hits_go_on_and_misses_say_when_to_come_back() {
    for stall in [false, true] {
        let server = Faulty::start();
        let proxy = Proxy::start(server.address());
        let app = Start::bucket(&tintype_testing::environment(&proxy.endpoint()))
            // Records are used for longer than this only because the bucket is unavailable.
            .env("TINTYPE_RECORD_CACHE", "1s")
            .run();
        app.upload("a.jpg", &corpus::tower());
        app.upload("other.jpg", &corpus::tower());
        let hit = "/t/a.jpg/w_100~f_jpeg";
        let etag = app.get(hit).expect(200).header("etag").to_owned();
        std::thread::sleep(Duration::from_millis(1_200));
        if stall {
            proxy.stall();
        } else {
            proxy.cut();
        }
        let connections = proxy.connections();
        let away = Instant::now();
        let mut asked = 0;
        while away.elapsed() < Duration::from_secs(6) {
            assert_eq!(app.get(hit).expect(200).header("etag"), etag);
            let began = Instant::now();
            let miss = app.get(&format!("/t/other.jpg/w_{}~f_jpeg", 10 + asked));
            miss.refused(503, "store-unavailable");
            assert!(!miss.header("retry-after").is_empty());
            assert!(
                began.elapsed() < Duration::from_millis(2_500),
                "{:?}",
                began.elapsed()
            );
            asked += 1;
        }
        app.put("new.txt", b"x", &[])
            .refused(503, "store-unavailable");
        let ready = app.admin("/readyz").expect(200).json();
        assert_eq!(ready["status"], "degraded", "{ready}");
        let tried = proxy.connections() - connections;
        let is_open = |app: &App| app.metric("tintype_breaker_open", &["of=\"all\""]);
        assert_eq!(is_open(&app), 1);
        for event in ["breaker-open", "retry"] {
            assert!(app.metric("tintype_storage_events_total", &[event]) > 0);
        }
        assert!(
            tried < 60,
            "{tried} connections for {asked} misses in six seconds"
        );

        proxy.restore();
        let back = Instant::now();
        while app.get("/t/other.jpg/w_77~f_jpeg").status != 200 {
            assert!(
                back.elapsed() < Duration::from_secs(5),
                "not back after five seconds"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        app.upload("new.txt", b"x");
        assert_eq!(is_open(&app), 0);
    }
}

#[test]
fn conditions_that_the_server_ignores_are_said_and_uploads_go_on() {
    let server = Faulty::start();
    server.conditions(Conditions::Ignored);
    server.unversioned();
    let app = Start::bucket(&server.environment()).run();
    let ready = app.admin("/readyz").expect(200).json();
    let warnings = ready["warnings"].to_string();
    assert!(warnings.contains("If-None-Match"), "{ready}");
    assert!(warnings.contains("version"), "{ready}");
    app.upload("a.txt", b"first");
    // One process still serialises its own writers.
    app.put("a.txt", b"second", &[]).refused(409, "key-exists");
    let (_, stdout, stderr) = app.stop();
    let log = stdout + &stderr;
    assert!(log.contains("If-None-Match"), "{log}");
}

/// The fault, the server's behaviour, the configuration, and the words of the message.
type Case = (
    &'static str,
    Option<Fault>,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

/// One message names the problem, the variable and the fix, and the service does not listen.
#[test]
fn a_bucket_that_cannot_be_used_is_refused_at_the_start() {
    let cases: [Case; 7] = [
        (
            "no bucket",
            None,
            &[("TINTYPE_STORE", "s3://nowhere/x")],
            &["TINTYPE_STORE", "nowhere"],
        ),
        (
            "wrong key",
            Some(Fault::WRONG_KEY),
            &[],
            &["AWS_ACCESS_KEY_ID"],
        ),
        (
            "wrong secret",
            Some(Fault::WRONG_SECRET),
            &[],
            &["AWS_SECRET_ACCESS_KEY"],
        ),
        (
            "no permission",
            Some(Fault::ACCESS_DENIED),
            &[],
            &["s3:", "TaskRole"],
        ),
        (
            "wrong region",
            Some(Fault::WRONG_REGION_SIGNED),
            &[],
            &["AWS_REGION"],
        ),
        ("wrong clock", Some(Fault::CLOCK_SKEWED), &[], &["clock"]),
        ("no S3", Some(Fault::NotS3), &[], &["AWS_ENDPOINT_URL"]),
    ];
    for (case, fault, environment, words) in cases {
        let server = Faulty::start();
        if let Some(fault) = fault {
            server.script(fault);
        }
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let output = tintype(folder.path())
            .args(["serve", "--dev"])
            .env("TINTYPE_BIND", "127.0.0.1:0")
            .env("TINTYPE_ADMIN_BIND", "127.0.0.1:0")
            .env("TINTYPE_STORE", "s3://media/x")
            .envs(server.environment())
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{case}:\n{stderr}");
        for word in words {
            assert!(stderr.contains(word), "{case}: {word} in\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{case}:\n{stderr}");
    }
}

/// For platforms that cannot mount files. Liveness does not depend on it.
#[test]
fn the_configuration_may_lie_in_a_bucket() {
    let server = Faulty::start();
    let preset = |width: u32| format!("presets.card = \"w_{width}\"");
    server.put("ops/tintype.toml", preset(80));
    // With originals in the bucket too, for the sake of the variables.
    let app = Start::bucket(&server.environment())
        .env("TINTYPE_CONFIG", "s3://media/ops/tintype.toml")
        .run();
    app.upload("a.jpg", &corpus::tower());
    let card = app.get("/t/a.jpg/card~f_jpeg").expect(200);
    assert_eq!(crate::picture::kind(&card.body).width, 80);

    let admin = app.admin_url("").replace("http://", "");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let run = |command: &str, config: &str| {
        let output = tintype(folder.path())
            .arg(command)
            .env("TINTYPE_CONFIG", config)
            .env("TINTYPE_STORE", "file://./media")
            .env("TINTYPE_TOKENS", "none")
            .env("TINTYPE_UNSIGNED", "any")
            .env("TINTYPE_ADMIN_BIND", &admin)
            .envs(server.environment())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    for (config, words) in [
        ("s3://media/ops/typo.toml", "no such object"),
        ("s3://media/ops/broken.toml", "not TOML in line 2"),
        ("s3://media/ops/large.toml", "limit is 1048576"),
        ("s3://nowhere/tintype.toml", "nowhere"),
    ] {
        server.put("ops/broken.toml", preset(80) + "\nb =");
        server.put("ops/large.toml", vec![b'#'; 2 << 20]);
        let (code, stderr) = run("config", config);
        assert_eq!(code, Some(2), "{config}: {stderr}");
        for word in [words, config] {
            assert!(stderr.contains(word), "{config}: {word} in\n{stderr}");
        }
    }
    server.script(Fault::ACCESS_DENIED);
    let (code, stderr) = run("config", "s3://media/ops/tintype.toml");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("allow s3:ListBucket"), "{stderr}");
    let (code, stderr) = run("healthcheck", "s3://media/ops/tintype.toml");
    assert_eq!(code, Some(0), "{stderr}");
}
