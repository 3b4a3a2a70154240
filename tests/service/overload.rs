//! Beyond its limits tintype refuses at once and says when to retry. Existing variants are still served.

use std::sync::Barrier;

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Start};

#[test]
fn too_many_misses_are_refused_while_hits_go_on() {
    let app = Start::dev()
        .env("TINTYPE_WORKERS", "1")
        .env("TINTYPE_QUEUE", "2")
        .run();
    app.upload(
        "big.jpg",
        &corpus::read("photos/made-24mp-444-base-q82.jpg"),
    );
    let hit = "/t/big.jpg/w_100~f_jpeg";
    app.get(hit).expect(200);

    // More different images than the queue of one worker holds.
    let barrier = Barrier::new(65);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|n| {
                let (app, barrier) = (&app, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    app.get(&format!("/t/big.jpg/w_{}~f_png", 2000 + n))
                })
            })
            .collect();
        barrier.wait();
        for _ in 0..50 {
            app.get(hit).expect(200);
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != 200)
        .collect();
    assert!(
        !refused.is_empty() && refused.len() < answers.len(),
        "{} refused",
        refused.len()
    );
    for answer in refused {
        answer.refused(503, "overloaded");
        assert_eq!(answer.header("cache-control"), "no-store");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    app.get("/t/big.jpg/w_120~f_jpeg").expect(200);
}

/// A browser does not retry a thumbnail that was refused.
#[test]
fn small_pictures_are_made_however_many_large_ones_wait() {
    const LARGE: u64 = 32;
    let app = Start::dev()
        .env("TINTYPE_WORKERS", "1")
        // Far more than one large image takes and, with the tests' encoder, less than all of them together.
        .env("TINTYPE_QUEUE_WAIT", "8s")
        .env("TINTYPE_RENDER_DEADLINE", "60s")
        .run();
    app.upload("photo.jpg", &corpus::read("photos/Wood.jpg"));
    // From here on the service knows what a large one takes.
    app.get("/t/photo.jpg/w_639~f_avif").expect(200);

    let get = |path: String| {
        let app = &app;
        move || app.get(&path).status
    };
    std::thread::scope(|scope| {
        let large: Vec<_> = (0..LARGE)
            .map(|n| scope.spawn(get(format!("/t/photo.jpg/w_{}~f_avif", 640 + n))))
            .collect();
        eventually(|| arrived(&app) > LARGE);
        let small: Vec<_> = (0..6)
            .map(|n| scope.spawn(get(format!("/t/photo.jpg/w_{}~f_jpeg", 100 + n))))
            .collect();
        for small in small {
            assert_eq!(small.join().unwrap(), 200);
        }
        for large in large {
            let status = large.join().unwrap();
            assert!([200, 503].contains(&status), "{status}");
        }
    });
}

/// Renderings that wait, run, were refused or are done.
fn arrived(app: &App) -> u64 {
    ["queue_depth", "workers_busy", "shed_total"]
        .map(|name| app.metric(&format!("tintype_{name}"), &[]))
        .iter()
        .sum::<u64>()
        + app.metric("tintype_cache_events_total", &["\"miss\""])
}
