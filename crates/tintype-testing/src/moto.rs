//! moto: AWS's services in one Python process.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{BUCKET, REGION, environment};

/// It imports most of Python before it listens, which takes seconds on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

pub struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    /// Runs the program that `TINTYPE_TEST_MOTO` names, or `tests/s3_server.py` by the Python that `tests/run` sets up.
    pub fn start() -> Self {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let python = root.join("target/venv/bin/python");
        let named = std::env::var_os("TINTYPE_TEST_MOTO");
        let is_named = named.is_some();
        let program = named.unwrap_or(python.into());
        assert!(
            Path::new(&program).exists(),
            "{} is missing: `tests/run` installs it, or \
             `python3 -m venv target/venv && target/venv/bin/pip install -r tests/requirements.txt`",
            program.display()
        );
        let script = (!is_named).then(|| root.join("tests/s3_server.py"));
        // Another process may take the port before moto listens on it; then moto exits.
        for _ in 0..5 {
            let address = free_address();
            let child = Command::new(&program)
                .args(&script)
                .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
                .env("AWS_DEFAULT_REGION", REGION)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // From here on it is ended even if the rest fails.
            let mut moto = Self { child, address };
            if moto.make_bucket() {
                return moto;
            }
        }
        panic!("{} ends instead of listening", program.display());
    }

    /// Whether it lived long enough to create one.
    fn make_bucket(&mut self) -> bool {
        let began = Instant::now();
        let url = format!("{}/{BUCKET}", self.endpoint());
        let region = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint>\
             </CreateBucketConfiguration>"
        );
        let host = format!("s3.{REGION}.amazonaws.com");
        loop {
            // moto tells its services apart by the name in `Host` if a request has no signature, which it does not
            // verify.
            let made = ureq::put(&url).header("host", &host).send(&region);
            // Until our process has exited, another program may be the one that listens there.
            let has_ended = self.child.try_wait().unwrap().is_some();
            if has_ended || made.is_ok() {
                return !has_ended;
            }
            assert!(began.elapsed() < TIMEOUT, "no bucket: {made:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.endpoint())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Free a moment ago, and not reused soon: the kernel cycles through ports.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap()
}
