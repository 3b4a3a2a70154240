//! An upload costs disk, not memory, however large it is and however many there are, on a folder and in a bucket. Pixel
//! work returns the memory that it takes.
//!
//! 256 MB, and 10 of 20 MB at once; `TINTYPE_TEST_UPLOAD` and `TINTYPE_TEST_UPLOADS` (`50x200000000`) set other sizes
//! for runs by hand. `tests/heavy memory` is 5 GB and 50 of 200 MB.

use std::io::{Read, Write};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use tintype_testing::Faulty;

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Start};

/// Growth of the measured process that is allowed.
const ALLOWED: u64 = 64 << 20;

#[test]
fn a_large_upload_stays_out_of_memory() {
    let app = Start::dev().env("TINTYPE_SPOOL_BYTES", "16GiB").run();
    check_one(&app);
    let stored = std::fs::metadata(app.media().join("big.bin")).unwrap();
    assert_eq!(stored.len(), one());
}

#[test]
fn a_large_upload_to_a_bucket_stays_out_of_memory() {
    let server = discarding();
    let app = on(&server).run();
    check_one(&app);
    assert!(server.received_bytes() > one());
}

#[test]
fn many_uploads_to_a_bucket_stay_out_of_memory() {
    let (count, size) = many();
    let server = discarding();
    let app = on(&server).run();
    let grown = growth(&app, || {
        std::thread::scope(|scope| {
            for number in 0..count {
                let app = &app;
                scope.spawn(move || upload(app, &format!("{number}.bin"), size));
            }
        });
    });
    eprintln!(
        "{count} uploads of {size} bytes at once: {} MiB",
        grown >> 20
    );
    // Per upload: two pieces on their way to the spool, and what the connection has read.
    let allowed = ALLOWED + count * (2 << 20);
    assert!(grown < allowed, "memory grew by {} MiB", grown >> 20);
    assert!(server.received_bytes() > count * size);
}

/// In a task of 512 MiB: large images as PNG, JPEG, WebP and AVIF, by one client and by eight.
///
/// 3 of each; `TINTYPE_TEST_BURST` sets another number, and `tests/heavy burst` 300.
#[test]
fn a_burst_of_cold_variants_gives_its_memory_back() {
    const TASK: u64 = 512 << 20;
    const HOT: u64 = 16 << 20;
    const FORMATS: [&str; 4] = ["png", "jpeg", "webp", "avif"];
    let app = Start::dev()
        .env("TINTYPE_MEMORY_BUDGET", &(TASK / 4 * 3).to_string())
        .env("TINTYPE_HOT_CACHE_BYTES", &HOT.to_string())
        .env("TINTYPE_QUEUE_WAIT", "120s")
        .env("TINTYPE_RENDER_DEADLINE", "120s")
        .run();
    app.upload("a.jpg", &corpus::read("photos/made-24mp-444-base-q82.jpg"));
    // Tables and code that each format needs once.
    for format in FORMATS {
        app.get(&format!("/t/a.jpg/w_100~f_{format}")).expect(200);
    }
    let idle = resident(app.pid());
    let burst: u32 = by_hand("TINTYPE_TEST_BURST").map_or(3, |text| text.parse().unwrap());
    for (clients, first) in [(1, 1_501), (8, 1_501 + burst)] {
        for format in FORMATS {
            let next = AtomicU32::new(first);
            let ask = || loop {
                let width = next.fetch_add(1, Relaxed);
                if width >= first + burst {
                    break;
                }
                let path = format!("/t/a.jpg/w_{width}~f_{format}");
                app.get(&path).expect(200);
            };
            std::thread::scope(|scope| {
                for _ in 0..clients {
                    scope.spawn(ask);
                }
            });
            eprintln!(
                "{burst} as {format} by {clients}: {} MiB, at most {}",
                resident(app.pid()) >> 20,
                peak(app.pid()) >> 20
            );
        }
    }
    let most = peak(app.pid());
    assert!(most <= TASK / 4 * 3, "{} MiB", most >> 20);
    // Partly used pages of each thread.
    let allowed = idle * 13 / 10 + HOT + (12 << 20);
    eprintln!("idle {} MiB", idle >> 20);
    eventually(|| resident(app.pid()) <= allowed);
}

fn check_one(app: &App) {
    let size = one();
    let grown = growth(app, || {
        upload(app, "big.bin", size);
        let received = read(app, "big.bin");
        assert!(received > size, "{received}");
    });
    eprintln!("one upload of {size} bytes: {} MiB", grown >> 20);
    assert!(grown < ALLOWED, "memory grew by {} MiB", grown >> 20);
}

/// Discards uploads, because the S3 server's own memory is that of this process.
fn discarding() -> Faulty {
    let server = Faulty::start();
    server.discard();
    server
}

fn on(server: &Faulty) -> Start {
    Start::bucket(&server.environment()).env("TINTYPE_SPOOL_BYTES", "16GiB")
}

fn one() -> u64 {
    by_hand("TINTYPE_TEST_UPLOAD").map_or(256 << 20, |text| text.parse().unwrap())
}

/// Number and size of the uploads.
fn many() -> (u64, u64) {
    by_hand("TINTYPE_TEST_UPLOADS").map_or((10, 20_000_000), |text| {
        let (count, size) = text.split_once('x').unwrap();
        (count.parse().unwrap(), size.parse().unwrap())
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "for runs by hand, not configuration"
)]
fn by_hand(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The growth of the service's peak resident size.
fn growth(app: &App, work: impl FnOnce()) -> u64 {
    app.upload("warm.bin", &[7; 100_000]);
    let before = peak(app.pid());
    work();
    peak(app.pid()) - before
}

fn peak(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

pub fn resident(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// In bytes.
fn status(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

fn upload(app: &App, key: &str, size: u64) {
    let mut stream = app.connect();
    // After the last byte, a bucket may take its time on a busy machine.
    stream.set_read_timeout(None).unwrap();
    let head = format!(
        "PUT /api/v1/files/{key} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev\r\n\
         content-length: {size}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let block = vec![0; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = left.min(block.len() as u64);
        stream.write_all(&block[..length as usize]).unwrap();
        left -= length;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

/// Returns the number of bytes received, including the response head.
fn read(app: &App, key: &str) -> u64 {
    let mut stream = app.connect();
    let request = format!("GET /o/{key} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
}
