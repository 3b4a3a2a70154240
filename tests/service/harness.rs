//! Starts the real binary and talks to it as clients do: over a socket, with nothing shared.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use ureq::http;

/// Far above anything that happens on a busy machine: a hang fails, slowness does not.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running tintype with its own folder. Killed when dropped.
pub struct App {
    child: Child,
    port: u16,
    admin_port: u16,
    folder: Arc<TempDir>,
    start: Start,
    stdout: Lines,
    stderr: Lines,
    agent: ureq::Agent,
}

/// How to start a service.
#[derive(Clone)]
pub struct Start {
    arguments: Vec<String>,
    environment: HashMap<String, String>,
    token: String,
    /// Run first, by a shell in its own mount namespace.
    before: Option<String>,
}

impl Start {
    /// `tintype serve --dev`, as a newcomer types it.
    pub fn dev() -> Self {
        Self {
            arguments: vec!["serve".into(), "--dev".into()],
            environment: HashMap::new(),
            token: "dev".into(),
            before: None,
        }
    }

    /// The same on a bucket: `environment` describes the server.
    pub fn bucket(environment: &[(String, String)]) -> Self {
        let mut start = Self::dev().env("TINTYPE_STORE", BUCKET_URL);
        start.environment.extend(environment.iter().cloned());
        start
    }

    /// `tintype serve` with signing keys and one token with all scopes.
    pub fn production() -> Self {
        let (plain, configured) = token("ops", ALL_SCOPES);
        let mut start = Self::dev();
        start.arguments = vec!["serve".into()];
        start.token = plain;
        start
            .env("TINTYPE_STORE", "file://./media")
            .env("TINTYPE_SIGNING_KEYS", SIGNING_KEY)
            .env("TINTYPE_TOKENS", &configured)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Shell commands to run first, in a mount namespace of their own.
    pub fn before(mut self, commands: &str) -> Self {
        self.before = Some(commands.into());
        self
    }

    /// The token that requests are sent with.
    pub fn token(mut self, token: &str) -> Self {
        self.token = token.into();
        self
    }

    pub fn run(self) -> App {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // A service does not create the folder of its store.
        std::fs::create_dir(folder.path().join("media")).unwrap();
        self.run_in(Arc::new(folder))
    }

    /// Starts in a folder that another process may be using as well.
    pub fn run_in(self, folder: Arc<TempDir>) -> App {
        let mut app = self.spawn_in(folder);
        app.wait_until_ready();
        app
    }

    /// Does not wait for anything.
    pub fn spawn_in(self, folder: Arc<TempDir>) -> App {
        let (port, admin_port) = (free_port(), free_port());
        let mut command = match &self.before {
            None => tintype(folder.path()),
            Some(commands) => in_own_mounts(folder.path(), commands),
        };
        command
            .args(&self.arguments)
            .env("TINTYPE_BIND", format!("127.0.0.1:{port}"))
            .env("TINTYPE_ADMIN_BIND", format!("127.0.0.1:{admin_port}"))
            // Tests stop servers on purpose, and no balancer has to notice first.
            .env("TINTYPE_LAME_DUCK", "0s")
            .envs(&self.environment);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        App {
            child,
            port,
            admin_port,
            folder,
            start: self,
            stdout,
            stderr,
            agent,
        }
    }
}

/// Not the root of the bucket, so that code which ignores the location fails.
const BUCKET_URL: &str = "s3://media/originals";
pub const SIGNING_KEY: &str = "first-signing-key-for-tests-only-0001";
pub const ALL_SCOPES: &str = "read+list+write+replace+delete+purge+mint+takedown";

/// `/t/{key}/{spec}` with its signature, made from the documentation rather than with our code.
pub fn signed(key: &str, spec: &str, signing_key: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(signing_key.as_bytes()).unwrap();
    mac.update(format!("t/{key}/{spec}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..16]);
    format!("/t/{key}/{spec}~sig_{signature}")
}

/// A token as a client sends it, and as `TINTYPE_TOKENS` names it.
pub fn token(id: &str, scopes: &str) -> (String, String) {
    let secret = format!("secret-of-{id}-0123456789abcdefghijkl").replace('_', "-");
    let hash: String = Sha256::digest(&secret)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    (format!("tt_{id}_{secret}"), format!("{id}:{hash}:{scopes}"))
}

/// The binary, with a clean environment and working folder.
pub fn tintype(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tintype"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// The same after some commands, in its own mount namespace.
fn in_own_mounts(folder: &Path, commands: &str) -> Command {
    let mut command = Command::new("unshare");
    // An ordinary user becomes root there.
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let script = format!("set -e; {commands}; exec \"$0\" \"$@\"");
    command
        .args([
            "--mount",
            "sh",
            "-c",
            &script,
            env!("CARGO_BIN_EXE_tintype"),
        ])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null());
    command
}

/// Below the kernel's range for outgoing connections, and never the same twice in one run, so that parallel tests do
/// not take each other's ports.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 12_000 + (std::process::id() % 170) as u16 * 100;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 3_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl App {
    pub fn dev() -> Self {
        Start::dev().run()
    }

    pub fn production() -> Self {
        Start::production().run()
    }

    pub fn wait_until_ready(&mut self) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended with {status} instead of serving:\n{}", self.output());
            }
            let ready = self.agent.get(self.admin_url("/readyz")).call();
            if ready.is_ok_and(|response| response.status() == 200) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "never got ready:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn output(&self) -> String {
        format!("{}\n{}", self.stdout.text(), self.stderr.text())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin_port)
    }

    /// The folder of the store.
    pub fn media(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    pub fn folder(&self) -> Arc<TempDir> {
        self.folder.clone()
    }

    // Requests.

    pub fn call(&self, method: &str, path: &str, headers: Headers<'_>, body: &[u8]) -> Response {
        send(&self.agent, method, &self.url(path), headers, body)
    }

    /// Sends a request with the token of an operator with all scopes.
    pub fn api(&self, method: &str, path: &str, headers: Headers<'_>, body: &[u8]) -> Response {
        let bearer = format!("Bearer {}", self.start.token);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.call(method, &format!("/api/v1{path}"), &all, body)
    }

    /// Sends to another server, such as a downstream cache.
    pub fn send_to(&self, method: &str, url: &str, headers: Headers<'_>, body: &[u8]) -> Response {
        send(&self.agent, method, url, headers, body)
    }

    pub fn get(&self, path: &str) -> Response {
        self.call("GET", path, &[], b"")
    }

    pub fn get_with(&self, path: &str, headers: Headers<'_>) -> Response {
        self.call("GET", path, headers, b"")
    }

    pub fn head(&self, path: &str) -> Response {
        self.call("HEAD", path, &[], b"")
    }

    pub fn put(&self, key: &str, body: &[u8], headers: Headers<'_>) -> Response {
        self.api("PUT", &format!("/files/{key}"), headers, body)
    }

    /// Uploads, which must succeed; returns the record.
    pub fn upload(&self, key: &str, body: &[u8]) -> Value {
        let response = self.put(key, body, &[]);
        assert_eq!(response.status, 201, "upload of {key}: {}", response.text());
        response.json()
    }

    pub fn record(&self, key: &str) -> Value {
        let response = self.api("GET", &format!("/records/{key}"), &[], b"");
        assert_eq!(response.status, 200, "record of {key}: {}", response.text());
        response.json()
    }

    pub fn patch(&self, key: &str, change: &Value) -> Response {
        let headers = [("content-type", "application/merge-patch+json")];
        self.api(
            "PATCH",
            &format!("/records/{key}"),
            &headers,
            change.to_string().as_bytes(),
        )
    }

    /// Sends a POST with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Response {
        let headers = [("content-type", "application/json")];
        self.api("POST", path, &headers, body.to_string().as_bytes())
    }

    pub fn admin(&self, path: &str) -> Response {
        send(&self.agent, "GET", &self.admin_url(path), &[], b"")
    }

    /// Returns `None` if it does not listen yet.
    pub fn try_admin(&self, path: &str) -> Option<Response> {
        TcpStream::connect(("127.0.0.1", self.admin_port)).ok()?;
        Some(self.admin(path))
    }

    /// Sends raw bytes and reads until the server closes.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may respond and close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    // What the server reports about itself.

    /// The sum of all series of a metric whose labels contain each of these texts.
    pub fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let text = self.admin("/metrics").text();
        let of_name = |line: &&str| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        let value = |line: &str| {
            let number = line.rsplit(' ').next().unwrap();
            number
                .parse::<f64>()
                .unwrap_or_else(|_| panic!("not a number: {line}")) as u64
        };
        text.lines()
            .filter(of_name)
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .map(value)
            .sum()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "does not end:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops as an orchestrator does; returns standard output and error.
    pub fn stop(mut self) -> (ExitStatus, String, String) {
        self.terminate();
        let status = self.wait();
        (status, self.stdout.all(), self.stderr.all())
    }

    /// The same without consuming it; returns how many bytes responses of these routes contained.
    pub fn stopped_after_sending(&mut self, routes: &[&str]) -> u64 {
        self.terminate();
        self.wait();
        let log = self.stdout.all();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let of_route =
            lines.filter(|line: &Value| routes.iter().any(|route| line["route"] == *route));
        of_route.filter_map(|line| line["bytes"].as_u64()).sum()
    }

    /// Waits for a service that ends by itself; returns status, standard output and error.
    pub fn ended(mut self) -> (ExitStatus, String, String) {
        let status = self.wait();
        (status, self.stdout.all(), self.stderr.all())
    }

    /// Another replica: started like this one, on the same store.
    pub fn twin(&self) -> Self {
        self.start.clone().run_in(self.folder())
    }

    pub fn restart(self) -> Self {
        let (start, folder) = (self.start.clone(), self.folder.clone());
        self.stop();
        start.run_in(folder)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub type Headers<'a> = &'a [(&'a str, &'a str)];

pub struct Response {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    /// Empty if absent, so that tables of expectations stay short.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in answer {}: {}", self.status, self.text()))
    }

    /// The code of a problem document, whose shape is checked too.
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "answer {}: {}",
            self.status,
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        problem["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code in {problem}"))
            .into()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text()
        );
    }
}

fn send(
    agent: &ureq::Agent,
    method: &str,
    url: &str,
    headers: Headers<'_>,
    body: &[u8],
) -> Response {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = if body.is_empty() && !matches!(method, "PUT" | "POST" | "PATCH") {
        agent.run(request.body(()).unwrap())
    } else {
        agent.run(request.body(body).unwrap())
    };
    let answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
    let (parts, mut body) = answer.into_parts();
    let body = body
        .with_config()
        .limit(u64::MAX)
        .read_to_vec()
        .unwrap_or_else(|error| panic!("{method} {url}, reading the answer: {error}"));
    Response {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

/// A child's output, read as it comes so that a full pipe never blocks it.
struct Lines {
    lines: Arc<Mutex<String>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(String::new()));
        let written = lines.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut lines = written.lock().unwrap();
                lines.push_str(&line);
                lines.push('\n');
            }
        });
        Self {
            lines,
            reader: Mutex::new(Some(reader)),
        }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap().clone()
    }

    /// All output: waits for the end of the pipe, so call it only once the child has ended.
    fn all(&self) -> String {
        if let Some(reader) = self.reader.lock().unwrap().take() {
            reader.join().unwrap();
        }
        self.text()
    }
}
