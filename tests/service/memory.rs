//! An upload costs disk, not memory.
//!
//! 256 MB by default; `TINTYPE_TEST_UPLOAD_BYTES` sets another size for runs by hand.

use std::io::{Read, Write};

use crate::harness::App;

/// The largest resident size that the kernel has seen of a process.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

#[test]
fn a_large_upload_stays_out_of_memory() {
    #[expect(
        clippy::disallowed_methods,
        reason = "for runs by hand, not configuration"
    )]
    let size: u64 =
        std::env::var("TINTYPE_TEST_UPLOAD_BYTES").map_or(256 << 20, |text| text.parse().unwrap());
    let app = App::dev();
    app.upload("warm.bin", &[7; 100_000]);
    let before = peak(app.pid());

    let mut stream = app.connect();
    let head = format!(
        "PUT /api/v1/files/big.bin HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev\r\n\
         content-length: {size}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let block = vec![0x5a; 1 << 20];
    let mut left = size;
    while left > 0 {
        let length = left.min(block.len() as u64);
        stream.write_all(&block[..length as usize]).unwrap();
        left -= length;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(
        std::fs::metadata(app.media().join("big.bin"))
            .unwrap()
            .len(),
        size
    );

    let mut stream = app.connect();
    stream
        .write_all(b"GET /o/big.bin HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let received = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(received > size, "{received}");

    let grown = peak(app.pid()) - before;
    assert!(grown < 64 << 20, "memory grew by {} MiB", grown >> 20);
}
