//! The accept loop, from the first connection to the last.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

#[cfg(target_os = "linux")]
use super::MAX_UNSENT_BYTES;
use super::connection::{Ending, serve_one};
use super::{Settings, Threads};
use crate::error::{Code, Error};

/// Connections over the limit that get a 503 at the same time; beyond this they are closed without a response.
const MAX_REFUSALS: usize = 256;

/// The result of draining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Connections that were cut off at the end of the drain time.
    pub cut: usize,
}

/// Serves until `shutdown`, then drains: during the lame-duck time everything goes on, except that responses have
/// `Connection: close`; then the listener closes and requests finish, up to the drain time. Dropping the future
/// cuts everything off at once. `open` counts connections.
pub(crate) async fn serve<S>(
    listener: TcpListener,
    service: S,
    settings: Settings,
    threads: Arc<Threads>,
    open: Gauge,
    shutdown: CancellationToken,
) -> Drained
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let ending = Arc::new(Ending::default());
    let mut connections = JoinSet::new();
    let mut refusals = JoinSet::new();
    let refusal: Arc<[u8]> = refusal().into();

    hold_little(&listener);
    let mut stopping = std::pin::pin!(async {
        shutdown.cancelled().await;
        ending.draining.store(true, Ordering::Relaxed);
        sleep(settings.lame_duck).await;
    });
    loop {
        let accepted = tokio::select! {
            () = &mut stopping => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            Some(_) = refusals.join_next(), if !refusals.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if connections.len() < settings.max_connections.get() => {
                // A response is one write; waiting for more would only delay it.
                let _ = stream.set_nodelay(true);
                let counted = Counted::new(open.clone());
                let (service, ending) = (service.clone(), ending.clone());
                // Moved from the loop that accepted it to that of its thread.
                let stream = stream.into_std();
                let serving = async move {
                    let _counted = counted;
                    match stream.and_then(TcpStream::from_std) {
                        Ok(stream) => serve_one(stream, service, settings, ending).await,
                        Err(error) => tracing::error!(%error, "cannot serve a connection"),
                    }
                };
                connections.spawn_on(serving, threads.least_busy());
            }
            Ok((stream, _)) if refusals.len() < MAX_REFUSALS => {
                refusals.spawn(refuse(stream, refusal.clone()));
            }
            Ok(_) => {}
            Err(error) => back_off(&error).await,
        }
    }

    drop(listener);
    ending.closing.store(true, Ordering::Release);
    ending.changed.notify_waiters();
    let all_done = timeout(settings.drain, async {
        while connections.join_next().await.is_some() {}
    });
    let cut = match all_done.await {
        Ok(()) => 0,
        Err(_) => connections.len(),
    };
    connections.shutdown().await;
    Drained { cut }
}

/// Counts up a gauge while it lives.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Limits the kernel's send buffer; connections inherit this from the listener.
#[cfg(target_os = "linux")]
fn hold_little(listener: &TcpListener) {
    let socket = socket2::SockRef::from(listener);
    if let Err(error) = socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES) {
        tracing::warn!(%error, "the send buffer cannot be limited; clients that do not read may cost megabytes of kernel memory each");
    }
}

/// Other systems give each connection a fixed buffer.
#[cfg(not(target_os = "linux"))]
fn hold_little(_: &TcpListener) {}

/// Pauses after an error of `accept`, unless the connection died while it was queued: anything else, such as no
/// file descriptors, does not improve by trying again at once.
async fn back_off(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let kind = error.kind();
    if !matches!(
        kind,
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    ) {
        tracing::error!(%error, "cannot accept connections");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn refuse(mut stream: TcpStream, refusal: Arc<[u8]>) {
    let told = async {
        stream.write_all(&refusal).await?;
        stream.shutdown().await?;
        // Drains what the client has sent, which would otherwise reset the connection.
        let mut sink = [0; 4096];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}

/// The response to a connection over the limit, whatever the request.
fn refusal() -> Vec<u8> {
    let error = Error::new(Code::Overloaded).detail("too many connections");
    let body = error.problem(None).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nretry-after: 2\r\ncache-control: no-store\r\n\
         connection: close\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}
