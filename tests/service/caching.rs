//! A variant is made once, however many clients request it at once, and kept until its original changes. A kept variant
//! is never returned for another image, and survives a restart.

use std::sync::Barrier;

use crate::corpus;
use crate::harness::App;
use crate::picture;

fn decodes(app: &App) -> u64 {
    app.metric(
        "tintype_stage_duration_seconds_count",
        &["stage=\"decode\""],
    )
}

fn gets(app: &App) -> u64 {
    app.metric(
        "tintype_storage_request_duration_seconds_count",
        &["op=\"get\""],
    )
}

#[test]
fn a_thousand_at_once_cost_one_decode_and_one_read_of_the_original() {
    let app = App::dev();
    app.upload("wood.jpg", &corpus::read("photos/Wood.jpg"));
    // Facts that are filled in after an upload need their own decode.
    while app.record("wood.jpg")["image"]["thumbhash"].is_null() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    app.get("/t/wood.jpg/f_json").expect(200);
    let (decoded, read) = (decodes(&app), gets(&app));

    let barrier = Barrier::new(1000);
    let bodies: Vec<_> = std::thread::scope(|scope| {
        let ask = || {
            barrier.wait();
            app.get("/t/wood.jpg/w_320~f_jpeg").expect(200).body
        };
        let threads: Vec<_> = (0..1000)
            .map(|_| {
                let builder = std::thread::Builder::new().stack_size(256 * 1024);
                builder.spawn_scoped(scope, ask).unwrap()
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(bodies.iter().all(|body| body == &bodies[0]));
    assert_eq!(decodes(&app) - decoded, 1);
    // Reads of the missing variant, and of the original.
    assert!(gets(&app) - read <= 2, "{} reads", gets(&app) - read);
}

#[test]
fn a_hit_costs_nothing_from_the_store() {
    let app = App::dev();
    app.upload("tower.jpg", &corpus::tower());
    let first = app.get("/t/tower.jpg/w_100~f_jpeg").expect(200);
    let requests = || app.metric("tintype_storage_request_duration_seconds_count", &[]);
    settle(&requests);
    let (before, decoded) = (requests(), decodes(&app));
    for _ in 0..10 {
        assert_eq!(
            app.get("/t/tower.jpg/w_100~f_jpeg").expect(200).body,
            first.body
        );
    }
    assert_eq!((requests(), decodes(&app)), (before, decoded));
}

/// Waits until background work is done.
fn settle(count: &dyn Fn() -> u64) {
    loop {
        let before = count();
        std::thread::sleep(std::time::Duration::from_millis(200));
        if count() == before {
            return;
        }
    }
}

#[test]
fn a_restart_forgets_nothing() {
    let app = App::dev();
    app.upload("tower.jpg", &corpus::tower());
    let spec = "/t/tower.jpg/w_100~f_jpeg";
    let before = app.get(spec).expect(200);
    settle(&|| app.metric("tintype_storage_request_duration_seconds_count", &[]));

    let app = app.restart();
    let after = app.get(spec).expect(200);
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(
        after.header("last-modified"),
        before.header("last-modified")
    );
    assert_eq!(after.body, before.body);
    assert_eq!(decodes(&app), 0, "the variant was kept in the store");
    app.get_with(spec, &[("if-none-match", before.header("etag"))])
        .expect(304);
}

#[test]
fn the_same_picture_again_is_the_same_bytes() {
    let etags: Vec<_> = (0..2)
        .map(|_| {
            let app = App::dev();
            app.upload("tower.jpg", &corpus::tower());
            app.get("/t/tower.jpg/w_100~f_webp")
                .expect(200)
                .header("etag")
                .to_owned()
        })
        .collect();
    assert_eq!(etags[0], etags[1], "two servers that share nothing");
}

#[test]
fn an_overwrite_shows_at_once() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let spec = "/t/a.jpg/w_300~f_jpeg";
    let old = app.get(spec).expect(200);
    assert_eq!(picture::kind(&old.body).height, 300);
    app.put(
        "a.jpg?on_conflict=overwrite",
        &corpus::read("photos/Wood.jpg"),
        &[],
    )
    .expect(200);
    let new = app.get(spec).expect(200);
    assert_eq!(picture::kind(&new.body).height, 225);
    assert_ne!(old.header("etag"), new.header("etag"));
    app.get_with(spec, &[("if-none-match", old.header("etag"))])
        .expect(200);
}

#[test]
fn a_new_focal_point_shows_at_once() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    let spec = "/t/a.jpg/w_300~h_100~fit_cover~f_jpeg";
    let old = app.get(spec).expect(200);
    let top = serde_json::json!({ "focal_point": { "x": 0.5, "y": 0 } });
    app.patch("a.jpg", &top).expect(200);
    assert_ne!(app.get(spec).expect(200).body, old.body);
}

#[test]
fn a_deleted_original_takes_its_variants_along() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.get("/t/a.jpg/w_100~f_jpeg").expect(200);
    let variants = app.media().join(".tintype/variants");
    let count = || -> usize {
        let Ok(folders) = std::fs::read_dir(&variants) else {
            return 0;
        };
        folders
            .map(|entry| std::fs::read_dir(entry.unwrap().path()).map_or(0, Iterator::count))
            .sum()
    };
    while count() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    app.api("DELETE", "/files/a.jpg", &[], b"").expect(204);
    app.get("/t/a.jpg/w_100~f_jpeg").refused(404, "not-found");
    assert_eq!(count(), 0);
}

#[test]
fn a_purge_makes_the_variants_anew() {
    let app = App::dev();
    app.upload("p/a.jpg", &corpus::tower());
    app.upload("p/b.jpg", &corpus::tower());
    let ask = || {
        app.get("/t/p/a.jpg/w_100~f_jpeg").expect(200);
        app.get("/t/p/b.jpg/w_100~f_jpeg").expect(200);
    };
    ask();
    let once = decodes(&app);
    ask();
    assert_eq!(decodes(&app), once);
    let requests = || app.metric("tintype_storage_request_duration_seconds_count", &[]);
    settle(&requests);
    app.post("/purge", &serde_json::json!({ "key": "p/a.jpg" }))
        .expect(200);
    ask();
    assert_eq!(decodes(&app), once + 1);
    settle(&requests);
    app.post("/purge", &serde_json::json!({ "prefix": "p/" }))
        .expect(200);
    ask();
    assert_eq!(decodes(&app), once + 3);
}
