//! Shared by the benches: a running tintype, and the cost of a process.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A child process that ends with its owner.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts `tintype serve --dev` in `folder`, with its access log in a file there.
    pub fn tintype(folder: &TempDir) -> Self {
        Self::tintype_on(folder, "file://./media", &[])
    }

    /// The same on another store, with further environment variables.
    pub fn tintype_on(folder: &TempDir, store: &str, environment: &[(String, String)]) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_tintype"));
        Self::tintype_of(binary, folder, store, environment)
    }

    /// The same with another build's binary.
    pub fn tintype_of(
        binary: &Path,
        folder: &TempDir,
        store: &str,
        environment: &[(String, String)],
    ) -> Self {
        let (port, admin_port) = (free_port(), free_port());
        let log = File::create(folder.path().join("tintype.log")).unwrap();
        let child = Command::new(binary)
            .args(["serve", "--dev"])
            .current_dir(folder.path())
            .env_clear()
            .env("TINTYPE_STORE", store)
            .envs(environment.iter().cloned())
            .env("TINTYPE_BIND", format!("127.0.0.1:{port}"))
            .env("TINTYPE_ADMIN_BIND", format!("127.0.0.1:{admin_port}"))
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self::ready(child, port)
    }

    /// A child process that will listen on `port`.
    pub fn ready(child: Child, port: u16) -> Self {
        let mut server = Self { child, port };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < end,
                "server on port {port} does not listen"
            );
            assert!(
                server.child.try_wait().unwrap().is_none(),
                "server has ended"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a request whose body comes in blocks, and returns the whole response.
    pub fn send(&self, head: &str, mut body: impl Read) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!("{head}\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        std::io::copy(&mut body, &mut stream).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    pub fn upload(&self, key: &str, bytes: &[u8]) {
        let head = format!(
            "PUT /api/v1/files/{key} HTTP/1.1\r\nauthorization: Bearer dev\r\ncontent-length: {}",
            bytes.len()
        );
        let answer = self.send(&head, bytes);
        assert!(
            answer.starts_with(b"HTTP/1.1 201"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.send(&format!("GET {path} HTTP/1.1"), std::io::empty());
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        answer[end + 4..].to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Terminated rather than killed: a master process ends its workers.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus")
}

pub fn corpus(name: &str) -> Vec<u8> {
    let path = corpus_folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// User and system time of a process and its running children.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Fields are counted after the name, which is in brackets and may contain anything.
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children: f64 = children
        .unwrap_or_default()
        .split_whitespace()
        .map(|child| cpu_seconds(child.parse().unwrap()))
        .sum();
    // The kernel counts in USER_HZ, which is 100 on every platform that Linux runs on today.
    ticks / 100.0 + children
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
