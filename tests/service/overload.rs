//! Past its limits tintype refuses at once and says when to come back. What is already made is
//! served all the while.

use std::sync::Barrier;

use crate::corpus;
use crate::harness::Start;

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

    // As many different pictures as no queue of one worker holds.
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
