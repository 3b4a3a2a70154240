//! The cost of a thumbnail with originals and variants in S3: time, requests and bytes, depending on what is known
//! already.
//!
//! S3 is our own test server, in memory in this process, because it counts requests and bytes; so the times are those
//! of tintype and loopback, without a network.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a bench prints, or ends"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tintype_testing::{Faulty, Operation};

use crate::support::{Server, corpus, folder, median};

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

const ORIGINALS: [&str; 3] = [
    "photos/Wood.jpg",
    "photos/Blinds.jpg",
    "photos/phone12mp_baseline.jpg",
];
const ROUNDS: u64 = 7;
/// Until the work after a response, or after a start, is done.
const SETTLED: Duration = Duration::from_millis(500);

fn main() {
    println!(
        "{:36} {:>9} {:20} {:>7} {:>9} requests",
        "original", "bytes", "known", "ms", "read"
    );
    for name in ORIGINALS {
        measure(name);
    }
}

fn measure(name: &str) {
    let server = Faulty::start();
    let folder = folder();
    let original = corpus(name);
    start(&server, &folder).upload("photo.jpg", &original);

    let mut costs = BTreeMap::<&str, Vec<Cost>>::new();
    for round in 0..ROUNDS {
        let tintype = start(&server, &folder);
        let path = |width: u64| format!("/t/photo.jpg/w_{width}~f_jpeg");
        let (first, second) = (path(300 + round), path(400 + round));
        let mut get = |known, path: &str, tintype: &Server| {
            let cost = Cost::of(&server, || tintype.get(path));
            costs.entry(known).or_default().push(cost);
        };
        get("1 nothing", &first, &tintype);
        get("2 the record", &second, &tintype);
        get("4 in memory", &second, &tintype);
        drop(tintype);
        let other = start(&server, &folder);
        get("3 stored by another", &second, &other);
    }
    for (known, costs) in costs {
        let ms = median(costs.iter().map(|cost| cost.ms).collect());
        let Cost { read, requests, .. } = costs.last().unwrap();
        println!(
            "{name:36} {:9} {known:20} {ms:7.1} {read:9} {requests:?}",
            original.len()
        );
    }
}

fn start(server: &Faulty, folder: &TempDir) -> Server {
    let tintype = Server::tintype_on(folder, "s3://media", &server.environment());
    std::thread::sleep(SETTLED);
    tintype
}

struct Cost {
    ms: f64,
    /// Bytes received from S3.
    read: u64,
    requests: BTreeMap<Operation, u64>,
}

impl Cost {
    fn of(server: &Faulty, get: impl FnOnce() -> Vec<u8>) -> Self {
        server.take_counts();
        let before = server.sent_bytes();
        let began = Instant::now();
        get();
        let ms = began.elapsed().as_secs_f64() * 1e3;
        std::thread::sleep(SETTLED);
        Self {
            ms,
            read: server.sent_bytes() - before,
            requests: server.take_counts(),
        }
    }
}
