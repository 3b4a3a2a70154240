//! Any replica can handle any request. The store is the only thing that replicas share: a write through one is visible
//! through another, a change is visible through the others within [`SEEN`], and concurrent writers never lose or mix
//! anything. The same holds on a folder and on a bucket.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tintype_testing::{Moto, S3sFs};

use crate::corpus;
use crate::harness::{App, Response, Start};
use crate::picture;

/// What the service promises (`record_cache` and the refresh of takedowns are five seconds each), and as much again for
/// a busy machine.
const SEEN: Duration = Duration::from_secs(10);

/// Two servers on one store.
struct Pair {
    one: App,
    two: App,
}

impl Pair {
    fn start(start: &Start) -> Self {
        let one = start.clone().run();
        let two = one.twin();
        Self { one, two }
    }

    /// Alternating, like a load balancer without stickiness.
    fn by_turns(&self, number: usize) -> &App {
        if number.is_multiple_of(2) {
            &self.one
        } else {
            &self.two
        }
    }
}

/// Tests a policy on a folder and on a bucket. The bucket is on a server with conditional writes.
fn on_each_store(policy: impl Fn(&Pair)) {
    policy(&Pair::start(&Start::dev()));
    let moto = Moto::start();
    policy(&Pair::start(&Start::bucket(&moto.environment())));
}

/// Repeats a request until the response is right; fails with the last response after [`SEEN`].
#[track_caller]
fn within_seconds(ask: impl Fn() -> Response, right: impl Fn(&Response) -> bool) -> Response {
    let began = Instant::now();
    loop {
        let answer = ask();
        if right(&answer) {
            return answer;
        }
        assert!(
            began.elapsed() < SEEN,
            "after {:?} still {}: {}",
            began.elapsed(),
            answer.status,
            answer.text()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_shows_what_the_other_has_written() {
    on_each_store(|pair| {
        let uploaded = pair.one.upload("a.jpg", &corpus::tower());
        assert_eq!(pair.two.record("a.jpg")["version"], uploaded["version"]);
        let (a, b) = (
            pair.one.get("/t/a.jpg/w_100~f_jpeg").expect(200),
            pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200),
        );
        assert_eq!((a.header("etag"), &a.body), (b.header("etag"), &b.body));
        pair.two.put("a.jpg", b"x", &[]).refused(409, "key-exists");
        for number in 0..10 {
            let key = format!("turns/{number}.txt");
            pair.by_turns(number).upload(&key, key.as_bytes());
            let other = pair.by_turns(number + 1);
            let got = other
                .api("GET", &format!("/files/{key}"), &[], b"")
                .expect(200);
            assert_eq!(got.text(), key);
            let list = other.api("GET", "/list?prefix=turns/", &[], b"").json();
            assert_eq!(list["files"].as_array().unwrap().len(), number + 1);
        }
    });
}

#[test]
fn new_bytes_are_never_shown_under_an_old_record() {
    on_each_store(|pair| {
        pair.one.upload("a.jpg", &corpus::tower());
        pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        pair.one
            .put(
                "a.jpg?on_conflict=overwrite",
                &corpus::read("photos/Wood.jpg"),
                &[],
            )
            .expect(200);
        // The other replica's cached record may be seconds old, but what it renders from the new bytes has their shape.
        let answer = pair.two.get("/t/a.jpg/w_200~f_jpeg").expect(200);
        assert_eq!(picture::kind(&answer.body).height, 150);
    });
}

#[test]
fn an_overwrite_reaches_the_variants_of_every_replica() {
    on_each_store(|pair| {
        pair.one.upload("a.jpg", &corpus::tower());
        pair.one.upload("neighbour.jpg", &corpus::tower());
        let before = pair.two.get("/t/a.jpg/w_200~f_jpeg").expect(200).body;
        pair.two.get("/t/neighbour.jpg/w_200~f_jpeg").expect(200);
        let wood = corpus::read("photos/Wood.jpg");
        let replaced = pair
            .one
            .put("a.jpg?on_conflict=overwrite", &wood, &[])
            .expect(200)
            .json();
        let after = within_seconds(
            || pair.two.get("/t/a.jpg/w_200~f_jpeg"),
            |answer| answer.status == 200 && answer.body != before,
        );
        assert_eq!(picture::kind(&after.body).height, 150);
        // A version in the URL is news even to a replica that has just read the record.
        let version = replaced["version"].as_str().unwrap();
        let pinned = pair.two.get(&format!("/t/a.jpg/w_200~f_jpeg~v_{version}"));
        assert!(
            pinned
                .expect(200)
                .header("cache-control")
                .contains("immutable")
        );
    });
}

#[test]
fn a_delete_reaches_every_replica() {
    on_each_store(|pair| {
        pair.one.upload("a.jpg", &corpus::tower());
        pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        pair.one.api("DELETE", "/files/a.jpg", &[], b"").expect(204);
        within_seconds(
            || pair.two.get("/t/a.jpg/w_100~f_jpeg"),
            |answer| answer.status == 404,
        );
        pair.two.api("GET", "/files/a.jpg", &[], b"").expect(404);
        // The name is free for everybody.
        pair.two.upload("a.jpg", &corpus::tower());
    });
}

#[test]
fn a_moved_focal_point_changes_the_crops_and_nothing_else() {
    on_each_store(|pair| {
        pair.one.upload("a.jpg", &corpus::read("photos/Wood.jpg"));
        let (crop, whole) = (
            "/t/a.jpg/w_100~h_300~fit_cover~f_png",
            "/t/a.jpg/w_100~f_png",
        );
        let cropped = pair.two.get(crop).expect(200).body;
        let etag = pair.two.get(whole).expect(200).header("etag").to_owned();
        let change = json!({"focal_point": {"x": 0.05, "y": 0.5}});
        pair.one.patch("a.jpg", &change).expect(200);
        within_seconds(
            || pair.two.get(crop),
            |answer| answer.status == 200 && answer.body != cropped,
        );
        let decodes = |app: &App| {
            app.metric(
                "tintype_stage_duration_seconds_count",
                &["stage=\"decode\""],
            )
        };
        let before = decodes(&pair.two);
        assert_eq!(pair.two.get(whole).expect(200).header("etag"), etag);
        assert_eq!(decodes(&pair.two), before);
    });
}

#[test]
fn a_takedown_reaches_every_replica_and_outlives_what_it_is_about() {
    on_each_store(|pair| {
        let tower = corpus::tower();
        pair.one.upload("a.jpg", &tower);
        pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        let blocked = json!({"state": {"name": "blocked", "reason": "court order"}});
        pair.one.patch("a.jpg", &blocked).expect(200);
        let gone = |path: &'static str| {
            within_seconds(|| pair.two.get(path), |answer| answer.status == 451)
                .refused(451, "blocked");
        };
        gone("/t/a.jpg/w_100~f_jpeg");
        pair.two
            .api("GET", "/files/a.jpg", &[], b"")
            .refused(451, "blocked");

        // By content: the same bytes under another name, through the other replica.
        pair.two.upload("b.jpg", &tower);
        gone("/t/b.jpg/w_100~f_jpeg");
        // By key: other bytes under the same name.
        pair.two.api("DELETE", "/files/a.jpg", &[], b"").expect(204);
        pair.two.upload("a.jpg", &corpus::read("photos/Wood.jpg"));
        gone("/t/a.jpg/w_100~f_jpeg");
        gone("/o/a.jpg");
    });
}

#[test]
fn an_embargo_is_kept_by_every_replica() {
    on_each_store(|pair| {
        pair.one.upload("a.jpg", &corpus::tower());
        pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        let embargo = json!({"state": {"name": "embargo", "until": "2099-01-01T00:00:00Z"}});
        pair.one.patch("a.jpg", &embargo).expect(200);
        within_seconds(
            || pair.two.get("/t/a.jpg/w_100~f_jpeg"),
            |answer| answer.status == 404,
        );
        pair.two
            .patch("a.jpg", &json!({"state": {"name": "public"}}))
            .expect(200);
        within_seconds(
            || pair.one.get("/t/a.jpg/w_100~f_jpeg"),
            |answer| answer.status == 200,
        );
    });
}

#[test]
fn a_purge_through_one_empties_what_both_share() {
    on_each_store(|pair| {
        pair.one.upload("a.jpg", &corpus::tower());
        let before = pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        let stage = ["stage=\"encode\""];
        let made = || {
            pair.two
                .metric("tintype_stage_duration_seconds_count", &stage)
        };
        let once = made();
        pair.one
            .post("/purge", &json!({"key": "a.jpg"}))
            .expect(200);
        // The other replica's cached variant is no longer used.
        within_seconds(
            || pair.two.get("/t/a.jpg/w_100~f_jpeg").expect(200),
            |_| made() == once + 1,
        );
        let after = pair.one.get("/t/a.jpg/w_100~f_jpeg").expect(200);
        assert_eq!(before.header("etag"), after.header("etag"));
    });
}

#[test]
fn a_request_that_is_repeated_at_another_replica_is_answered_once() {
    on_each_store(|pair| {
        let key = [("idempotency-key", "save-0001")];
        let path = "story/lion.txt?on_conflict=rename";
        let first = pair.one.put(path, b"roar", &key).expect(201).json();
        let again = pair.two.put(path, b"roar", &key).expect(201).json();
        assert_eq!(first["key"], again["key"]);
        assert_eq!(first["etag"], again["etag"]);
        pair.two
            .put(path, b"other", &key)
            .refused(422, "idempotency-mismatch");
        let list = pair.two.api("GET", "/list?prefix=story/", &[], b"").json();
        assert_eq!(list["files"].as_array().unwrap().len(), 1, "{list}");

        let replace = [("idempotency-key", "save-0002")];
        let path = "story/lion.txt?on_conflict=overwrite";
        let first = pair.one.put(path, b"ROAR", &replace).expect(200).json();
        let again = pair.two.put(path, b"ROAR", &replace).expect(200).json();
        assert_eq!(first["etag"], again["etag"]);
    });
}

#[test]
fn both_may_write_one_name_at_once() {
    on_each_store(|pair| {
        std::thread::scope(|scope| {
            for number in 0..16 {
                let app = pair.by_turns(number);
                scope.spawn(move || {
                    let body = format!("number {number}");
                    let path = "same.txt?on_conflict=rename";
                    let key = app.put(path, body.as_bytes(), &[]).expect(201).json()["key"].take();
                    let path = format!("/files/{}", key.as_str().unwrap());
                    assert_eq!(app.api("GET", &path, &[], b"").text(), body);
                });
            }
        });
        let list = pair
            .two
            .api("GET", "/list?prefix=same", &[], b"")
            .expect(200)
            .json();
        assert_eq!(list["files"].as_array().unwrap().len(), 16);
    });
}

/// A load balancer sends requests according to `/readyz`, while one replica after the other is stopped as by an
/// orchestrator, and replaced.
#[test]
fn a_rolling_restart_under_load_fails_no_request() {
    let server = S3sFs::start();
    let start = Start::bucket(&server.environment()).env("TINTYPE_LAME_DUCK", "2s");
    let Pair { one, two } = Pair::start(&start);
    one.upload("a.jpg", &corpus::tower());
    let fleet = Fleet::new(vec![one, two]);
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (fleet, stop, answered) = (&fleet, &stop, &answered);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let app = fleet.ready(number);
                    let key = format!("load/{client}-{number}.txt");
                    app.put(&key, key.as_bytes(), &[]).expect(201);
                    let width = 50 + number % 20;
                    app.get(&format!("/t/a.jpg/w_{width}~f_jpeg")).expect(200);
                    answered.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            fleet.replace_oldest();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered > 20, "only {answered} requests were made");
}

/// The replicas that take requests.
struct Fleet {
    ready: Mutex<Vec<Arc<App>>>,
}

impl Fleet {
    fn new(apps: Vec<App>) -> Self {
        let ready = apps.into_iter().map(Arc::new).collect();
        Self {
            ready: Mutex::new(ready),
        }
    }

    fn ready(&self, number: usize) -> Arc<App> {
        let ready = self.ready.lock().unwrap();
        ready[number % ready.len()].clone()
    }

    /// Starts a new replica, then stops the oldest and leaves it alone once it reports that it is stopping.
    fn replace_oldest(&self) {
        let old = self.ready.lock().unwrap()[0].clone();
        let new = old.twin();
        self.ready.lock().unwrap().push(Arc::new(new));
        old.terminate();
        while old.admin("/readyz").status == 200 {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.ready.lock().unwrap().remove(0);
        let mut old = old;
        let mut old = loop {
            // A client may still be waiting for a response.
            match Arc::try_unwrap(old) {
                Ok(old) => break old,
                Err(shared) => old = shared,
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(old.wait().success());
    }
}
