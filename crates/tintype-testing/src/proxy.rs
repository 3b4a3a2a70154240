//! A TCP proxy that can be made to fail like a network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::loopback::Loopback;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Through,
    /// New connections are closed at once, and existing ones are cut off.
    Cut,
    /// Connections are accepted but nothing comes back, on existing ones either.
    Stalled,
}

struct ProxyState {
    mode: watch::Sender<Mode>,
    delay_ms: AtomicU64,
    connections: AtomicU64,
}

pub struct Proxy {
    loopback: Loopback,
    shared: Arc<ProxyState>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Self {
        let shared = Arc::new(ProxyState {
            mode: watch::Sender::new(Mode::Through),
            delay_ms: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let passing = shared.clone();
        let loopback = Loopback::start(move |listener| accept(listener, target, passing));
        Self { loopback, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.loopback.address()
    }

    pub fn endpoint(&self) -> String {
        self.loopback.endpoint()
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

    /// Delay before a connection is passed on.
    pub fn delay(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap();
        self.shared.delay_ms.store(delay, Ordering::Relaxed);
    }

    /// Total number of connections, including those that failed.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<ProxyState>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(pass(client, target, shared.clone()));
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, shared: Arc<ProxyState>) {
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
    // Kept open while stalled; a restored network does not bring lost bytes back.
    let _ = mode.wait_for(|mode| *mode != Mode::Stalled).await;
}
