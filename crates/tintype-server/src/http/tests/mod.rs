//! What a client can do to the listener, byte by byte, and how the listener reacts.
//!
//! Timeouts are a fraction of a second where one must fire and an hour where none may. No test measures time: a
//! connection that is cut off is seen at its end, one that is kept responds again.
#![expect(clippy::disallowed_methods, reason = "our own bodies are small")]

mod ends;
mod framing;
mod timeouts;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::serve::{Drained, serve};
use super::{Pace, Settings, Threads};
use crate::error::Error;

const SOON: Duration = Duration::from_millis(100);
const NEVER: Duration = Duration::from_secs(3600);
/// A test that hangs for this long has failed.
const TIMEOUT: Duration = Duration::from_secs(20);

fn settings() -> Settings {
    Settings {
        header_timeout: NEVER,
        idle_timeout: NEVER,
        body: Pace::new(0, NEVER),
        write: Pace::new(0, NEVER),
        max_connections: 1000.try_into().unwrap(),
        lame_duck: Duration::ZERO,
        drain: NEVER,
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    /// Each permit lets one request to `/wait` finish; each such request takes one of `waiting`.
    gate: Arc<Gate>,
    done: JoinHandle<Drained>,
}

struct Gate {
    open: Semaphore,
    arrived: Semaphore,
}

impl Server {
    async fn start(settings: Settings) -> Self {
        let gate = Arc::new(Gate {
            open: Semaphore::new(0),
            arrived: Semaphore::new(0),
        });
        let router = Router::new()
            .route("/", any(|| async { "hello" }))
            .route("/echo", any(echo))
            .route("/refuse", any(|| async { StatusCode::PAYLOAD_TOO_LARGE }))
            .route(
                "/large",
                get(|| async { Bytes::from(vec![b'x'; 64 << 20]) }),
            )
            .route("/wait", get(wait))
            .with_state(gate.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let done = tokio::spawn(serve(
            listener,
            router,
            settings,
            Arc::new(Threads::start(2).unwrap()),
            Gauge::default(),
            stop.clone(),
        ));
        Self {
            address,
            stop,
            gate,
            done,
        }
    }

    async fn connect(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// Sends `bytes` on a new connection and reads until its end.
    async fn exchange(&self, bytes: &str) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }

    async fn arrived(&self) {
        timeout(TIMEOUT, self.gate.arrived.acquire())
            .await
            .unwrap()
            .unwrap()
            .forget();
    }
}

async fn wait(State(gate): State<Arc<Gate>>) -> &'static str {
    gate.arrived.add_permits(1);
    gate.open.acquire().await.unwrap().forget();
    "waited"
}

/// Responds with the request body, or with how it ended.
async fn echo(headers: HeaderMap, body: Body) -> Response {
    match to_bytes(body, 1 << 20).await {
        Ok(bytes) => {
            let length = headers
                .get("content-length")
                .map(|value| value.to_str().unwrap());
            let text = String::from_utf8_lossy(&bytes);
            format!("length={} body={text}", length.unwrap_or("none")).into_response()
        }
        Err(error) => Error::body(error).into_response(),
    }
}

struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Reads one response with a length; what follows it is left for the next call.
    async fn answer(&mut self) -> String {
        timeout(TIMEOUT, async {
            loop {
                if let Some(end) = answer_end(&self.read) {
                    let rest = self.read.split_off(end);
                    let answer = std::mem::replace(&mut self.read, rest);
                    return String::from_utf8(answer).unwrap();
                }
                let count = self.stream.read_buf(&mut self.read).await.unwrap();
                assert!(
                    count > 0,
                    "closed after {:?}",
                    String::from_utf8_lossy(&self.read)
                );
            }
        })
        .await
        .expect("an answer")
    }

    /// Reads to the end of the connection, however it ends.
    async fn rest(&mut self) -> String {
        let read = timeout(TIMEOUT, self.stream.read_to_end(&mut self.read)).await;
        let _ = read.expect("the connection ends");
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

fn answer_end(read: &[u8]) -> Option<usize> {
    let head_end = read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..head_end])
        .unwrap()
        .to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .map_or("0", |rest| rest.split("\r\n").next().unwrap());
    let end = head_end + length.parse::<usize>().unwrap();
    (read.len() >= end).then_some(end)
}

fn status(answer: &str) -> u16 {
    answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .map_or(0, |code| code.parse().unwrap())
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}
