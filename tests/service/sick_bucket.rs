//! A failing bucket. A failure affects only that request, that prefix, or that kind of operation; hits continue
//! whatever happens; permanent refusals are reported as such; and a service whose bucket is unavailable at start waits
//! for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tintype_testing::{Fault, Faulty, Operation, Proxy};

use crate::corpus;
use crate::harness::{ALL_SCOPES, App, Start, token};

fn on_bucket() -> (Faulty, App) {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    (server, app)
}

fn put_all(server: &Faulty, folder: &str, count: usize) {
    for n in 0..count {
        server.put(&format!("originals/{folder}/{n}.jpg"), corpus::tower());
    }
}

/// Requests cold images of one folder, one after the other; returns those that failed.
fn cold(app: &App, folder: &str, width: usize, count: usize) -> Vec<String> {
    let answers = (0..count).map(|n| app.get(&format!("/t/{folder}/{n}.jpg/w_{width}~f_jpeg")));
    let failed = answers.filter(|answer| answer.status != 200);
    failed.map(|answer| answer.text()).collect()
}

/// Even if most requests are for the throttled ones.
#[test]
fn a_prefix_that_is_throttled_is_that_prefix_alone() {
    let (server, app) = on_bucket();
    put_all(&server, "slow", 12);
    put_all(&server, "other", 12);
    server.script(
        Fault::SLOW_DOWN
            .on(Operation::GetObject)
            .of("originals/slow/"),
    );
    std::thread::scope(|scope| {
        for width in [50, 60, 70] {
            let app = &app;
            scope.spawn(move || {
                let refused = cold(app, "slow", width, 12);
                assert_eq!(refused.len(), 12);
                assert!(refused[0].contains("store-unavailable"), "{}", refused[0]);
            });
        }
        let none: [String; 0] = [];
        assert_eq!(cold(&app, "other", 80, 12), none);
        assert_eq!(cold(&app, "other", 90, 12), none);
    });
    assert_eq!(
        app.metric("tintype_storage_events_total", &["breaker-open"]),
        0
    );
    server.heal();
    std::thread::sleep(Duration::from_millis(1_100));
    let began = Instant::now();
    while !cold(&app, "slow", 100, 12).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5), "not back");
    }
}

#[test]
fn an_object_that_is_stuck_is_that_object_alone() {
    let (server, app) = on_bucket();
    put_all(&server, "a", 20);
    app.upload("stuck.jpg", &corpus::tower());
    server.script(
        Fault::Stall
            .on(Operation::GetObject)
            .of("originals/stuck.jpg"),
    );
    std::thread::scope(|scope| {
        for width in [50, 60, 70, 80] {
            let app = &app;
            scope.spawn(move || {
                for _ in 0..3 {
                    let began = Instant::now();
                    let path = format!("/t/stuck.jpg/w_{width}~f_jpeg");
                    app.get(&path).refused(503, "store-unavailable");
                    assert!(began.elapsed() < Duration::from_millis(2_500));
                }
            });
        }
        let none: [String; 0] = [];
        for width in [90, 100, 110] {
            assert_eq!(cold(&app, "a", width, 20), none);
        }
    });
    assert_eq!(
        app.metric("tintype_storage_events_total", &["breaker-open"]),
        0
    );
}

/// Only the service itself lists, to learn about takedowns by others.
#[test]
fn a_slow_listing_and_failing_work_behind_are_nobody_elses_trouble() {
    let (server, app) = on_bucket();
    put_all(&server, "a", 20);
    let late = Fault::Late(Duration::from_millis(1_300));
    server.script(late.on(Operation::ListObjectsV2));
    // Variants are stored after the response.
    server.script(Fault::INTERNAL.on(Operation::PutObject).of("/variants/"));
    let none: [String; 0] = [];
    for width in [50, 60, 70, 80, 90] {
        assert_eq!(cold(&app, "a", width, 20), none);
        app.upload(&format!("{width}.txt"), b"bytes");
        std::thread::sleep(Duration::from_millis(1_000));
    }
    assert!(server.count(Operation::ListObjectsV2) > 0);
    assert_eq!(
        app.metric("tintype_storage_events_total", &["breaker-open"]),
        0
    );
}

/// A request that memory can satisfy never waits for the bucket, even while its outage is being detected, whether it is
/// for one image or for many.
#[test]
fn hits_do_not_wait_for_a_bucket_that_has_stopped() {
    let server = Faulty::start();
    let proxy = Proxy::start(server.address());
    let app = Start::bucket(&tintype_testing::environment(&proxy.endpoint()))
        .env("TINTYPE_RECORD_CACHE", "1s")
        .run();
    for n in 0..40 {
        app.upload(&format!("{n}.jpg"), &corpus::tower());
        app.get(&format!("/t/{n}.jpg/w_50~f_jpeg")).expect(200);
    }
    std::thread::sleep(Duration::from_millis(1_200));
    proxy.stall();
    let (began, mut asked, mut waited) = (Instant::now(), 0, 0);
    while began.elapsed() < Duration::from_secs(8) {
        let n = if asked % 2 == 0 { 0 } else { asked % 40 };
        let asking = Instant::now();
        app.get(&format!("/t/{n}.jpg/w_50~f_jpeg")).expect(200);
        waited += u32::from(asking.elapsed() > Duration::from_millis(200));
        asked += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    // The first ones, until the outage is known; some more on a busy machine.
    assert!(waited <= 5, "{waited} of {asked} hits waited");
    proxy.restore();
    let back = Instant::now();
    while app.get("/t/0.jpg/w_51~f_jpeg").status != 200 {
        assert!(back.elapsed() < Duration::from_secs(5));
    }
    // The recovered bucket is used again: a change is visible as soon as it should be.
    let embargo =
        serde_json::json!({"state": {"name": "embargo", "until": "2099-01-01T00:00:00Z"}});
    let other = app.twin();
    other.patch("0.jpg", &embargo).expect(200);
    std::thread::sleep(Duration::from_millis(2_100));
    app.get("/t/0.jpg/w_50~f_jpeg").expect(404);
}

/// Reported for what it is, once, and with S3's own words for clients with a token.
#[test]
fn what_is_refused_for_good_is_not_worth_another_try() {
    let server = Faulty::start();
    let (desk, configured) = token("desk", ALL_SCOPES);
    let app = Start::bucket(&server.environment())
        .env("TINTYPE_TOKENS", &configured)
        .token(&desk)
        .run();
    put_all(&server, "a", 3);
    let of = |name: &str| Fault::ACCESS_DENIED.on(Operation::GetObject).of(name);
    server.script(of("originals/a/0.jpg"));
    server.script(Fault::Refuse(400, "KMS.DisabledException").of("originals/a/1.jpg"));
    server.script(
        Fault::Refuse(403, "InvalidObjectState")
            .on(Operation::GetObject)
            .of("originals/a/2.jpg"),
    );
    for (n, code, reason) in [
        (0, "store-refused", "AccessDenied"),
        (1, "store-refused", ""),
        (2, "original-archived", "InvalidObjectState"),
    ] {
        let public = app.get(&format!("/t/a/{n}.jpg/w_50~f_jpeg"));
        public.refused(502, code);
        assert_eq!(public.json()["retryable"], false);
        assert!(public.json().get("reason").is_none(), "{}", public.text());
        let told = app.api("GET", &format!("/files/a/{n}.jpg"), &[], b"");
        told.refused(502, code);
        let said = told.json()["reason"].to_string();
        assert!(said.contains(reason), "{said}");
    }
    server.script(Fault::ACCESS_DENIED.on(Operation::PutObject));
    for _ in 0..10 {
        app.put("new.txt", b"x", &[]).refused(502, "store-refused");
    }
    server.heal();
    app.upload("new.txt", b"x");
    assert_eq!(
        app.metric("tintype_storage_events_total", &["breaker-open"]),
        0
    );
    let (_, stdout, stderr) = app.stop();
    let log = stdout + &stderr;
    assert!(log.contains("AccessDenied") && log.contains("InvalidObjectState"));
}

/// A bucket that accepts no writes still returns what it has.
#[test]
fn a_bucket_that_refuses_writes_is_shown_and_said() {
    let (server, app) = on_bucket();
    put_all(&server, "a", 3);
    server.script(Fault::ACCESS_DENIED.on(Operation::PutObject));
    for _ in 0..2 {
        let none: [String; 0] = [];
        assert_eq!(cold(&app, "a", 50, 3), none, "adopted, without a record");
        app.get("/t/a/0.jpg/f_json").expect(200);
        app.get("/o/a/0.jpg").expect(200);
    }
    std::thread::sleep(Duration::from_millis(5_100));
    let ready = app.admin("/readyz").expect(200).json();
    assert_eq!(ready["status"], "degraded", "{ready}");
    assert!(ready.to_string().contains("AccessDenied"), "{ready}");
}

#[test]
fn a_start_costs_ten_requests() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    let asked = server.take_counts();
    assert!(asked.values().sum::<u64>() <= 10, "{asked:?}");
    drop(app);
}

/// It listens and says why nothing is available yet; it does not exit, which would only cause another start.
#[test]
fn a_start_waits_for_a_bucket_that_is_away() {
    for stall in [false, true] {
        let server = Faulty::start();
        let proxy = Proxy::start(server.address());
        if stall {
            proxy.stall();
        } else {
            proxy.cut();
        }
        let folder = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let environment = tintype_testing::environment(&proxy.endpoint());
        let mut app = Start::bucket(&environment).spawn_in(folder);
        let began = Instant::now();
        loop {
            assert!(app.is_running(), "it ended");
            let started = app.try_admin("/startupz");
            if let Some(started) = started
                && started.text().contains("does not respond")
            {
                started.expect(503);
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "says nothing");
            std::thread::sleep(Duration::from_millis(50));
        }
        app.admin("/livez").expect(200);
        let ready = app.admin("/readyz").expect(503);
        assert!(
            ready.text().contains("AWS_ENDPOINT_URL"),
            "{}",
            ready.text()
        );
        app.get("/t/a.jpg/w_50").refused(503, "store-unavailable");
        app.put("a.txt", b"x", &[])
            .refused(503, "store-unavailable");
        // The metrics for alarms exist by then.
        let metrics = app.admin("/metrics").expect(200).text();
        let shed = "tintype_shed_total{reason=\"queue-full\"} 0";
        assert!(metrics.contains(shed), "{metrics}");
        proxy.restore();
        app.wait_until_ready();
        app.admin("/startupz").expect(200);
        app.upload("a.txt", b"x");
    }
}

#[test]
fn a_service_that_waits_for_its_bucket_stops_when_it_is_told() {
    let server = Faulty::start();
    server.script(Fault::Stall);
    let folder = Arc::new(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let app = Start::bucket(&server.environment()).spawn_in(folder);
    let began = Instant::now();
    while app.try_admin("/livez").is_none() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let (status, _, stderr) = app.stop();
    assert!(status.success(), "{stderr}");
}

#[test]
fn encryption_and_storage_class_are_options() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment())
        .env("TINTYPE_S3_ENCRYPTION", "aws:kms")
        .env("TINTYPE_S3_KMS_KEY", "alias/media")
        .env("TINTYPE_S3_BUCKET_KEY", "1")
        .env("TINTYPE_S3_STORAGE_CLASS", "STANDARD_IA")
        .run();
    app.upload("a.txt", b"x");
    let header = |name: &str| server.header("originals/a.txt", name);
    assert_eq!(header("x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(header("x-amz-storage-class"), "STANDARD_IA");
}
