//! A TCP proxy that can be made to fail as networks do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Through,
    /// Whoever connects is let go at once, and what was connected is cut.
    Cut,
    /// Connections are taken and nothing comes back, also on those that were there.
    Stalled,
}

struct Shared {
    mode: watch::Sender<Mode>,
    delay_ms: AtomicU64,
    connections: AtomicU64,
}

pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Through),
            delay_ms: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        runtime.spawn(accept(listener, target, shared.clone()));
        Self {
            address,
            shared,
            runtime: Some(runtime),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn cut(&self) {
        self.shared.mode.send_replace(Mode::Cut);
    }

    pub fn stall(&self) {
        self.shared.mode.send_replace(Mode::Stalled);
    }

    pub fn restore(&self) {
        self.shared.mode.send_replace(Mode::Through);
    }

    /// Before a connection is passed on.
    pub fn delay(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap();
        self.shared.delay_ms.store(delay, Ordering::Relaxed);
    }

    /// How many were ever made, also while nothing came through.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: std::net::TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(pass(client, target, shared.clone()));
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let mut mode = shared.mode.subscribe();
    let delay = shared.delay_ms.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(delay)).await;
    if *mode.borrow_and_update() == Mode::Through {
        let Ok(mut server) = TcpStream::connect(target).await else {
            return;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = mode.changed() => {}
        }
    }
    // Held without a word while stalled; a restored network does not bring lost bytes back.
    let _ = mode.wait_for(|mode| *mode != Mode::Stalled).await;
}
