//! The cost of a cached thumbnail, and of an original on disk, compared with nginx serving the same bytes from a file.
//!
//! Requests per second of the *server's* CPU time: on a machine that also runs the load generator, requests per second
//! of wall-clock time say more about the scheduler. Both write an access log, and they alternate, in reverse order each
//! round.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a bench prints, or ends"
)]

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use crate::support::{Server, corpus, cpu_seconds, folder, free_port, median};

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

const ROUNDS: usize = 7;
const SECONDS: u32 = 3;
const BODY_BYTES: usize = 12 * 1024;
const ORIGINAL_BYTES: usize = 234 * 1024;

fn main() {
    need("nginx", &["-v"]);
    need("wrk", &["-v"]);
    let folder = folder();
    let tintype = Server::tintype(&folder);
    tintype.upload("photo.jpg", &corpus("photos/Wood.jpg"));
    let (path, body) = (5..60)
        .map(|n| {
            let path = format!("/t/photo.jpg/w_{}~f_jpeg", n * 10);
            let body = tintype.get(&path);
            (path, body)
        })
        .min_by_key(|(_, body)| body.len().abs_diff(BODY_BYTES))
        .unwrap();
    std::fs::write(folder.path().join("photo.jpg"), &body).unwrap();
    let nginx = nginx(folder.path());
    assert_eq!(nginx.get("/photo.jpg"), body);

    println!("{path}: {} bytes", body.len());
    compare((&tintype, &path), (&nginx, "/photo.jpg"));

    let original: Vec<u8> = (0..ORIGINAL_BYTES).map(|n| (n % 251) as u8).collect();
    tintype.upload("original.bin", &original);
    std::fs::write(folder.path().join("original.jpg"), &original).unwrap();
    assert_eq!(tintype.get("/o/original.bin"), original);
    println!("/o/original.bin: {} bytes", original.len());
    compare((&tintype, "/o/original.bin"), (&nginx, "/original.jpg"));
}

/// Prints requests per CPU second of both, in alternating rounds.
fn compare(tintype: (&Server, &str), nginx: (&Server, &str)) {
    let mut per_cpu = [Vec::new(), Vec::new()];
    let mut ratios = Vec::new();
    println!("round  tintype req/CPU s  nginx req/CPU s  ratio  tintype req/s  nginx req/s");
    for round in 0..ROUNDS {
        let run_tintype = || load(tintype.0, tintype.1);
        let run_nginx = || load(nginx.0, nginx.1);
        let (ours, theirs) = if round % 2 == 0 {
            (run_tintype(), run_nginx())
        } else {
            let theirs = run_nginx();
            (run_tintype(), theirs)
        };
        let ratio = ours.per_cpu / theirs.per_cpu;
        println!(
            "{:5}  {:17.0}  {:15.0}  {ratio:5.2}  {:13.0}  {:11.0}",
            round + 1,
            ours.per_cpu,
            theirs.per_cpu,
            ours.per_second,
            theirs.per_second,
        );
        per_cpu[0].push(ours.per_cpu);
        per_cpu[1].push(theirs.per_cpu);
        ratios.push(ratio);
    }
    let [ours, theirs] = per_cpu.map(median);
    println!("median {ours:17.0}  {theirs:15.0}  {:5.2}", median(ratios));
}

struct Load {
    per_cpu: f64,
    per_second: f64,
}

fn load(server: &Server, path: &str) -> Load {
    let before = cpu_seconds(server.pid());
    let output = Command::new("wrk")
        .args(["-t1", "-c16", &format!("-d{SECONDS}s")])
        .arg(format!("http://127.0.0.1:{}{path}", server.port))
        .output()
        .unwrap();
    let cpu = cpu_seconds(server.pid()) - before;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.contains("Non-2xx") && !text.contains("Socket errors"),
        "{text}"
    );
    let line = text
        .lines()
        .find(|line| line.contains(" requests in "))
        .unwrap();
    let requests: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    Load {
        per_cpu: requests / cpu,
        per_second: requests / f64::from(SECONDS),
    }
}

fn nginx(folder: &std::path::Path) -> Server {
    let port = free_port();
    let here = folder.display();
    let mut config = String::new();
    // The log is buffered, like ours.
    write!(
        config,
        "daemon off; worker_processes auto; user root; pid {here}/nginx.pid;
         error_log {here}/nginx-error.log;
         events {{ worker_connections 1024; }}
         http {{
           types {{ image/jpeg jpg; }}
           sendfile on; tcp_nopush on; keepalive_requests 1000000000;
           open_file_cache max=1000;
           access_log {here}/nginx.log combined buffer=64k flush=1s;
           client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
           fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi;
           scgi_temp_path {here}/scgi;
           server {{ listen 127.0.0.1:{port}; root {here}; }}
         }}"
    )
    .unwrap();
    let path = folder.join("nginx.conf");
    std::fs::write(&path, config).unwrap();
    let child = Command::new("nginx")
        .arg("-c")
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Server::ready(child, port)
}

fn need(program: &str, arguments: &[&str]) {
    let found = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        eprintln!("{program} is missing: apt-get install nginx-light wrk");
        std::process::exit(1);
    }
}
