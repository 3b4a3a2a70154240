//! A slow reader gets everything; one that hardly reads is cut off. Until then a reader costs little memory, in the
//! process and in the kernel, however large its response is and wherever it is stored; and no more readers are admitted
//! than the memory budget allows.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tintype_testing::{Faulty, Operation};

use crate::commands::eventually;
use crate::corpus;
use crate::harness::{App, Start};
use crate::memory::resident;

const READERS: usize = 400;
/// In the process, per reader. A build for development takes 32 KiB, a quarter of it the buffer that requests are read
/// into.
const ALLOWED: u64 = 36 * 1024;
/// In the kernel, per reader: data not yet sent when it got the last chunk.
const UNSENT: u64 = 128 * 1024;
const SIZE: usize = 4 << 20;

#[test]
fn readers_of_a_file_that_do_not_read_cost_little() {
    let app = patient(Start::dev());
    app.upload("big.bin", &vec![7; SIZE]);
    check(&app, "/o/big.bin");
}

#[test]
fn readers_of_an_object_that_do_not_read_cost_little() {
    let server = Faulty::start();
    let app = patient(Start::bucket(&server.environment()));
    app.upload("big.bin", &vec![7; SIZE]);
    let readers = readers(&app, "/o/big.bin", READERS);
    // Including what has arrived on them, here and in the kernel.
    settles(8, || connections(server.address()));
    assert!(readers.iter().all(|reader| unsent(reader).is_some()));
}

#[test]
fn readers_of_a_hot_variant_that_do_not_read_cost_little() {
    let app = patient(Start::dev());
    app.upload("a.jpg", &corpus::read("photos/Wood.jpg"));
    let large = "/t/a.jpg/w_1600~f_png";
    assert!(app.get(large).expect(200).body.len() > 1 << 20);
    check(&app, large);
}

/// Variants that the cache had to drop are not kept for readers that do not read them.
#[test]
fn readers_of_many_variants_that_do_not_read_cost_little() {
    let app = patient(Start::dev().env("TINTYPE_HOT_CACHE_BYTES", "1MiB"));
    app.upload("a.jpg", &corpus::read("photos/Wood.jpg"));
    let paths: Vec<_> = (0..60)
        .map(|n| format!("/t/a.jpg/w_{}~f_png", 600 + n))
        .collect();
    let read = || {
        paths
            .iter()
            .map(|path| app.get(path).expect(200).body.len())
    };
    // Rendered, and then read from the store often enough to know the cost.
    let total: usize = read().sum();
    for _ in 0..3 {
        read().for_each(drop);
    }
    let before = resident(app.pid());
    let readers: Vec<_> = paths.iter().map(|path| readers(&app, path, 1)).collect();
    let grown = || resident(app.pid()).saturating_sub(before);
    settles(total as u64 / 4 * 3, grown);
    assert!(
        readers
            .iter()
            .flatten()
            .all(|reader| unsent(reader).is_some())
    );
    // A reader that continues gets the rest.
    let mut lengths = read();
    for reader in readers.into_iter().flatten() {
        let mut answer = vec![0; 1];
        { reader }.read_to_end(&mut answer).unwrap();
        let body = answer.windows(4).position(|end| end == b"\r\n\r\n");
        assert_eq!(answer.len() - body.unwrap() - 4, lengths.next().unwrap());
    }
}

/// So that no reader is cut off while all are connected.
fn patient(start: Start) -> App {
    start.env("TINTYPE_WRITE_TIMEOUT", "10m").run()
}

fn check(app: &App, path: &str) {
    // One-time allocations are done.
    for reader in readers(app, path, 20) {
        read_to_end(reader);
    }
    let before = resident(app.pid());
    let readers = readers(app, path, READERS);
    let each = || resident(app.pid()).saturating_sub(before) / READERS as u64;
    settles(ALLOWED, each);
    let unsent = readers.iter().map(|reader| unsent(reader).expect("cut"));
    let most = unsent.max().unwrap();
    assert!(most <= UNSENT, "the kernel holds {most} bytes for one");
}

/// Releasing memory takes a moment.
fn settles(most: u64, amount: impl Fn() -> u64) {
    let began = Instant::now();
    while amount() > most {
        let waited = began.elapsed() > Duration::from_secs(20);
        assert!(!waited, "{}, at most {most}", amount());
        std::thread::sleep(Duration::from_millis(50));
    }
    eprintln!("{}, at most {most}", amount());
}

/// Connections that have requested something and read only the beginning.
fn readers(app: &App, path: &str, count: usize) -> Vec<TcpStream> {
    let reader = |_| {
        let mut stream = ask(app, path);
        stream.read_exact(&mut [0; 1]).unwrap();
        stream
    };
    (0..count).map(reader).collect()
}

fn ask(app: &App, path: &str) -> TcpStream {
    let mut stream = app.connect();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// The open connections of a server on loopback.
fn connections(server: SocketAddr) -> u64 {
    let rows = connected();
    let address = hexadecimal(server);
    rows.iter().filter(|row| row[1] == address).count() as u64
}

/// Bytes that the kernel has not sent on the service's side of a connection; `None` if the connection has ended.
fn unsent(reader: &TcpStream) -> Option<u64> {
    let ends = [reader.peer_addr().ok()?, reader.local_addr().unwrap()].map(hexadecimal);
    let row = connected().into_iter().find(|row| row[1..3] == ends)?;
    let (queue, _) = row[4].split_once(':').unwrap();
    Some(u64::from_str_radix(queue, 16).unwrap())
}

/// The rows of the kernel's table of open connections.
fn connected() -> Vec<Vec<String>> {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table
        .lines()
        .map(|row| row.split_whitespace().map(str::to_owned).collect());
    let rows = rows.filter(|row: &Vec<String>| row[3] == ESTABLISHED);
    rows.collect()
}

/// A loopback address in the format of that table.
fn hexadecimal(address: SocketAddr) -> String {
    format!("0100007F:{:04X}", address.port())
}

/// Requires 64 KiB in each second of waiting for a client.
fn hurried() -> Start {
    Start::dev()
        .env("TINTYPE_WRITE_TIMEOUT", "2s")
        .env("TINTYPE_WRITE_MIN_RATE", "64KiB")
}

#[test]
fn a_reader_that_hardly_reads_is_cut() {
    let app = hurried().run();
    app.upload("big.bin", &vec![7; 16 << 20]);
    let mut stream = ask(&app, "/o/big.bin");
    let began = Instant::now();
    // 256 bytes per second, as long as the service has data.
    while unsent(&stream).is_some() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it is still there"
        );
        let _ = stream.read(&mut [0; 64]);
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(read_to_end(stream) < 16 << 20);
}

#[test]
fn a_reader_that_is_slow_gets_everything() {
    let app = hurried().run();
    app.upload("big.bin", &vec![7; 16 << 20]);
    let mut stream = ask(&app, "/o/big.bin");
    // For longer than the window: 800 KiB per second.
    for _ in 0..40 {
        stream.read_exact(&mut [0; 80 << 10]).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(40 * (80 << 10) + read_to_end(stream) > 16 << 20);
}

fn read_to_end(mut stream: TcpStream) -> usize {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    rest.len()
}

/// Nothing is requested from S3 that nobody reads, and what was read is complete.
#[test]
fn a_reader_of_an_object_may_pause() {
    let server = Faulty::start();
    let app = Start::bucket(&server.environment()).run();
    // Far more than the kernel buffers for a client that pauses.
    let size = 24 << 20;
    let bytes: Vec<u8> = (0..size).map(|n| (n / 7) as u8).collect();
    app.upload("big.bin", &bytes);
    server.take_counts();
    let (mut stream, sent) = (ask(&app, "/o/big.bin"), server.sent_bytes());
    let mut answer = vec![0; 1 << 20];
    stream.read_exact(&mut answer).unwrap();
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(1_500));
        let mut more = vec![0; 1 << 20];
        stream.read_exact(&mut more).unwrap();
        answer.extend(more);
    }
    stream.read_to_end(&mut answer).unwrap();
    let body = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    assert!(answer[body..] == bytes, "another body");
    let asked = server.count(Operation::GetObject);
    assert!((2..=40).contains(&asked), "{asked} requests");
    let sent = server.sent_bytes() - sent;
    assert!(sent < 2 * size as u64, "{sent} bytes were sent");
}

#[test]
fn as_many_connections_as_the_memory_budget_holds() {
    // An eighth of it, at 32 KiB each.
    let app = Start::dev().env("TINTYPE_MEMORY_BUDGET", "4MiB").run();
    let held: Vec<_> = (0..16).map(|_| app.connect()).collect();
    let mut refused = ask(&app, "/o/none");
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(held);
    eventually(|| app.get("/o/none").status == 404);
}
