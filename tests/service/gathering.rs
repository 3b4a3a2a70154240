//! Sizes of one large original that are requested together share one read and one decode, and have the same bytes as
//! alone.

use std::sync::Barrier;
use std::time::Duration;

use crate::corpus;
use crate::harness::App;

const KEY: &str = "phone.jpg";

fn with(photograph: &str) -> App {
    let app = App::dev();
    app.upload(KEY, &corpus::read(photograph));
    // Facts filled in after the upload need a decode of their own.
    while app.record(KEY)["image"]["thumbhash"].is_null() {
        std::thread::sleep(Duration::from_millis(20));
    }
    app
}

/// Different in each round, so that nothing is cached.
fn specs(round: u32) -> [String; 5] {
    [
        format!("w_{}~f_jpeg", 120 + round),
        format!("w_{}~f_jpeg", 640 + round),
        format!("w_{}~f_webp", 260 + round),
        format!("w_{}~f_jpeg", 420 + round),
        format!("w_{}~f_jpeg~rot_90", 90 + round),
    ]
}

fn path(spec: &str) -> String {
    format!("/t/{KEY}/{spec}")
}

fn all_at_once(app: &App, specs: &[String]) -> Vec<Vec<u8>> {
    let barrier = Barrier::new(specs.len());
    std::thread::scope(|scope| {
        let threads = specs.iter().map(|spec| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                app.get(&path(spec)).expect(200).body
            })
        });
        let threads: Vec<_> = threads.collect();
        let bodies = threads.into_iter().map(|thread| thread.join().unwrap());
        bodies.collect()
    })
}

fn decodes(app: &App) -> u64 {
    let name = "tintype_stage_duration_seconds_count";
    app.metric(name, &["stage=\"decode\""])
}

fn fetches(app: &App) -> u64 {
    let name = "tintype_stage_duration_seconds_count";
    app.metric(name, &["stage=\"fetch\""])
}

/// Tries several rounds, because requests may arrive too far apart on a busy machine.
fn decoded_once(app: &App) -> bool {
    (0..20).any(|round| {
        let before = (decodes(app), fetches(app));
        all_at_once(app, &specs(round));
        (decodes(app) - before.0, fetches(app) - before.1) == (1, 1)
    })
}

#[test]
fn sizes_asked_for_at_once_share_a_read_and_a_decode() {
    assert!(decoded_once(&with("photos/phone12mp_baseline.jpg")));
}

#[test]
fn sizes_of_a_format_that_is_decoded_whole_share_them_as_well() {
    assert!(decoded_once(&with("formats/kimono.avif")));
}

#[test]
fn what_shares_a_decode_has_the_bytes_that_it_has_alone() {
    let (one, other) = (
        with("photos/phone12mp_baseline.jpg"),
        with("photos/phone12mp_baseline.jpg"),
    );
    let specs = specs(0);
    let together = all_at_once(&one, &specs);
    for (spec, together) in specs.iter().zip(together) {
        let alone = other.get(&path(spec)).expect(200).body;
        assert!(alone == together, "{spec}");
    }
}
