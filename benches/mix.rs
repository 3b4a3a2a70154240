//! The server's cost of first views, compared with ipx on the same machine: CPU time (user and system) of the server's
//! process for a cold mix of formats and widths, and for a page of fresh thumbnails.
//!
//! `cargo bench --profile dist --bench mix --features tintype-avif/aom`. Needs Node, and ipx under `target/`:
//!
//!     npm install --prefix target/ipx ipx@3.1
//!
//! `TINTYPE_BEFORE` may name the binary of another build, which is then included.
//!
//! All servers alternate, and medians of the rounds are compared. tintype gets its originals under new names each time,
//! so that it knows no more about them than an upload reveals; ipx caches nothing anyway. Work after the last response
//! is counted too. A response other than 200, or in a format other than the requested one, ends the bench.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a bench prints, or ends"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Server, corpus, corpus_folder, cpu_seconds, folder, free_port, median};

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

const ROUNDS: usize = 3;

/// Typical of a picture desk: camera files of 12 to 24 megapixels, and files from the web of 2 to 4. All are stored
/// upright, because ipx does not rotate.
const PHOTOGRAPHS: &[&str] = &[
    "photos/made-24mp-444-base-q82.jpg",
    "photos/seeding_by_Clements_Engelhardt.jpg",
    "photos/Dragonfly_by_Bolly.jpg",
    "photos/phone12mp_baseline.jpg",
    "reported/photo12mp-portrait.jpg",
    "photos/DarkestHour.jpg",
    "photos/summer_1am.jpg",
    "metadata/C.jpg",
    "photos/Blinds.jpg",
];
/// Cut-outs, a screenshot, and files that others have already reduced.
const OTHERS: &[&str] = &[
    "formats/alpha-premultiply-1024x768-paper.png",
    "formats/lorem_ipsum_screenshot.png",
    "formats/kodim23.png",
    "formats/4.webp",
    "formats/3_webp_ll.webp",
];
const WIDTHS: &[u32] = &[160, 320, 640, 960, 1200];

/// Each format, and the quality of ipx that looks like tintype's default: see benches/README.md.
const FORMATS: &[(&str, u8)] = &[("jpeg", 80), ("webp", 82), AVIF];
const AVIF: (&str, u8) = ("avif", 59);

/// Numbers of concurrent requests in the mix.
const AT_ONCE: &[usize] = &[1, 4];
const PAGE: usize = 24;
/// As many as a browser opens to one host.
const PAGE_AT_ONCE: usize = 6;
/// Chromium's header for an `<img>`.
const ACCEPT: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

fn main() {
    let ours = Path::new(env!("CARGO_BIN_EXE_tintype"));
    let mut peers = vec![Peer::tintype("tintype", ours), Peer::ipx()];
    if let Some(binary) = std::env::var_os("TINTYPE_BEFORE") {
        peers.push(Peer::tintype("before", Path::new(&binary)));
    }
    println!(
        "CPU ms and bytes a request, medians of {ROUNDS} rounds; load {}",
        load()
    );
    for &at_once in AT_ONCE {
        mix(&mut peers, at_once);
    }
    page(&mut peers);
    println!("\nload {}", load());
}

/// The same widths of the same originals in each format.
fn mix(peers: &mut [Peer], at_once: usize) {
    let sources = [PHOTOGRAPHS, OTHERS].concat();
    let requests = sources.len() * WIDTHS.len();
    println!("\na mix, {requests} requests of each format, {at_once} at once");
    let mut tables: Vec<_> = FORMATS.iter().map(|_| Table::new(peers)).collect();
    for round in 0..ROUNDS {
        for peer in peers.iter_mut() {
            peer.place(&sources);
        }
        // One format after the other, so that compared runs are close in time.
        for (&(format, quality), table) in FORMATS.iter().zip(&mut tables) {
            for n in in_turn(peers, round) {
                let paths = peers[n].mixed(format, quality);
                let cost = peers[n].ask(&paths, &format!("image/{format}"), at_once);
                table.add(n, cost);
            }
        }
    }
    for ((format, _), table) in FORMATS.iter().zip(&tables) {
        table.print(format);
    }
    Table::of_all(&tables).print("all");
}

/// A page of thumbnails, in the format that the server prefers for Chromium.
fn page(peers: &mut [Peer]) {
    println!("\na page of {PAGE} fresh thumbnails, {PAGE_AT_ONCE} at once");
    let sources: Vec<_> = PHOTOGRAPHS.iter().copied().cycle().take(PAGE).collect();
    let mut table = Table::new(peers);
    for round in 0..ROUNDS {
        for n in in_turn(peers, round) {
            peers[n].place(&sources);
            let paths = peers[n].thumbnails();
            let cost = peers[n].ask(&paths, "image/", PAGE_AT_ONCE);
            table.add(n, cost);
        }
    }
    table.print("auto");
}

/// In reverse order every other round.
fn in_turn(peers: &[Peer], round: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..peers.len()).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// A server in the comparison.
struct Peer {
    name: &'static str,
    server: Server,
    /// The folder of tintype's store. ipx reads the corpus directly.
    folder: Option<TempDir>,
    turns: usize,
    /// The names of its most recent originals.
    keys: Vec<String>,
}

impl Peer {
    fn tintype(name: &'static str, binary: &Path) -> Self {
        let folder = folder();
        Self {
            name,
            server: Server::tintype_of(binary, &folder, "file://./media", &[]),
            folder: Some(folder),
            turns: 0,
            keys: Vec::new(),
        }
    }

    fn ipx() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../target/ipx/node_modules/ipx/bin/ipx.mjs");
        if !program.exists() {
            eprintln!("ipx is missing: npm install --prefix target/ipx ipx@3.1");
            std::process::exit(1);
        }
        let port = free_port();
        // Node itself rather than npm's script, so that the process is the server.
        let child = Command::new("node")
            .arg(program)
            .args(["serve", "--host", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .arg("--dir")
            .arg(corpus_folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            name: "ipx",
            server: Server::ready(child, port),
            folder: None,
            turns: 0,
            keys: Vec::new(),
        }
    }

    /// Gives the server these files as new originals.
    fn place(&mut self, files: &[&str]) {
        self.turns += 1;
        let turn = self.turns;
        let place = |(n, file): (usize, &&str)| {
            if self.folder.is_none() {
                return (*file).to_owned();
            }
            let key = format!("{turn}/{n}/{file}");
            self.server.upload(&key, &corpus(file));
            key
        };
        self.keys = files.iter().enumerate().map(place).collect();
    }

    fn mixed(&self, format: &str, quality: u8) -> Vec<String> {
        let path = |key: &str, width: u32| match self.folder {
            Some(_) => format!("/t/{key}/w_{width}~f_{format}"),
            None => format!("/w_{width},f_{format},q_{quality}/{key}"),
        };
        let widths = |key: &String| {
            WIDTHS
                .iter()
                .map(|&width| path(key, width))
                .collect::<Vec<_>>()
        };
        self.keys.iter().flat_map(widths).collect()
    }

    fn thumbnails(&self) -> Vec<String> {
        let path = |key: &String| match self.folder {
            Some(_) => format!("/t/{key}/w_320~h_240"),
            None => format!("/s_320x240,fit_inside,f_auto,q_{}/{key}", AVIF.1),
        };
        self.keys.iter().map(path).collect()
    }

    /// The average cost of one request for each path.
    fn ask(&self, paths: &[String], media_type: &str, at_once: usize) -> Cost {
        let before = settled(&self.server);
        let (next, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let length = fetch(&self.server, path, media_type);
                        bytes.fetch_add(length, Ordering::Relaxed);
                    }
                });
            }
        });
        let cpu = settled(&self.server) - before;
        Cost {
            milliseconds: 1000.0 * cpu / paths.len() as f64,
            bytes: bytes.into_inner() / paths.len(),
        }
    }
}

/// Returns the number of bytes of a body.
fn fetch(server: &Server, path: &str, media_type: &str) -> usize {
    let answer = server.send(
        &format!("GET {path} HTTP/1.1\r\naccept: {ACCEPT}"),
        std::io::empty(),
    );
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(
        head.starts_with("http/1.1 200") && head.contains(&format!("content-type: {media_type}")),
        "{path}: {head}"
    );
    answer.len() - end - 4
}

/// CPU seconds of a server once it is idle.
fn settled(server: &Server) -> f64 {
    /// Less than two kernel ticks, as an idle server may use.
    const IDLE: f64 = 0.015;
    let end = Instant::now() + Duration::from_secs(120);
    let mut spent = cpu_seconds(server.pid());
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(500));
        let now = cpu_seconds(server.pid());
        if now - spent < IDLE {
            return now;
        }
        spent = now;
    }
    panic!("a server has something to do for two minutes");
}

struct Cost {
    milliseconds: f64,
    bytes: usize,
}

/// The cost of the same requests for each peer, one column each.
struct Table {
    columns: Vec<Column>,
}

struct Column {
    peer: &'static str,
    /// One per round.
    costs: Vec<Cost>,
}

impl Column {
    fn milliseconds(&self) -> f64 {
        median(self.costs.iter().map(|cost| cost.milliseconds).collect())
    }
}

impl Table {
    fn new(peers: &[Peer]) -> Self {
        let column = |peer: &Peer| Column {
            peer: peer.name,
            costs: Vec::new(),
        };
        Self {
            columns: peers.iter().map(column).collect(),
        }
    }

    fn add(&mut self, peer: usize, cost: Cost) {
        self.columns[peer].costs.push(cost);
    }

    /// The mean of tables with equal numbers of requests.
    fn of_all(tables: &[Self]) -> Self {
        let mean = |peer: usize, round: usize| {
            let costs = || tables.iter().map(|table| &table.columns[peer].costs[round]);
            Cost {
                milliseconds: costs().map(|cost| cost.milliseconds).sum::<f64>()
                    / tables.len() as f64,
                bytes: costs().map(|cost| cost.bytes).sum::<usize>() / tables.len(),
            }
        };
        let column = |(n, column): (usize, &Column)| Column {
            peer: column.peer,
            costs: (0..ROUNDS).map(|round| mean(n, round)).collect(),
        };
        Self {
            columns: tables[0].columns.iter().enumerate().map(column).collect(),
        }
    }

    /// Prints the first column, and its ratio to each of the others.
    fn print(&self, format: &str) {
        print!("{format:<5}");
        let ours = self.columns[0].milliseconds();
        for (n, column) in self.columns.iter().enumerate() {
            let theirs = column.milliseconds();
            let bytes = column.costs[0].bytes;
            print!("  {:>8} {theirs:7.1} ms {bytes:7} bytes", column.peer);
            if n > 0 {
                print!(" ratio {:.2}", ours / theirs);
            }
        }
        println!();
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}
