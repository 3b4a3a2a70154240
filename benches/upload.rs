//! The cost of a large upload: megabytes per second, and memory.
//!
//! `cargo bench --profile dist --bench upload -- 256` uploads 256 MB instead of 2,000.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a bench prints, or ends"
)]

use std::io::Read;
use std::time::Instant;

use crate::support::{Server, folder};

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

fn main() {
    // Cargo adds `--bench`.
    let megabytes: u64 = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(2_000);
    let bytes = megabytes * 1_000_000;
    let folder = folder();
    let tintype = Server::tintype(&folder);
    tintype.upload("warm.bin", &[7; 1 << 20]);
    let before = peak_mib(tintype.pid());

    let head = format!(
        "PUT /api/v1/files/big.bin HTTP/1.1\r\nauthorization: Bearer dev\r\ncontent-length: {bytes}"
    );
    let began = Instant::now();
    let answer = tintype.send(&head, std::io::repeat(0x5a).take(bytes));
    let seconds = began.elapsed().as_secs_f64();
    assert!(
        answer.starts_with(b"HTTP/1.1 201"),
        "{}",
        String::from_utf8_lossy(&answer)
    );

    println!(
        "{megabytes} MB in {seconds:.1} s, durable: {:.0} MB/s",
        megabytes as f64 / seconds
    );
    let after = peak_mib(tintype.pid());
    println!(
        "peak memory {before:.0} MiB before, {after:.0} MiB after: +{:.0} MiB",
        after - before
    );
}

/// The peak resident size of a process.
fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}
