//! What a client can do to the listener, byte by byte, and what the listener does about it.
//!
//! Timeouts are set to a fraction of a second where one has to fire and to an hour where none may.
//! No test measures: a connection that is cut is seen at its end, one that is kept answers again.
#![expect(
    clippy::disallowed_methods,
    reason = "bodies of our own making are small"
)]

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
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Drained, Settings, serve};
use crate::error::Error;

const SOON: Duration = Duration::from_millis(100);
const NEVER: Duration = Duration::from_secs(3600);
/// A test that hangs for this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn settings() -> Settings {
    Settings {
        header_timeout: NEVER,
        idle_timeout: NEVER,
        body_timeout: NEVER,
        body_progress: 4,
        write_timeout: NEVER,
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
        let done = tokio::spawn(serve(listener, router, settings, stop.clone()));
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
        timeout(PATIENCE, self.gate.arrived.acquire())
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

/// Answers with what it was sent, or with how that ended.
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

    /// One answer with a length; what follows it stays for the next call.
    async fn answer(&mut self) -> String {
        timeout(PATIENCE, async {
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

    /// Everything up to the end of the connection, however it ends.
    async fn rest(&mut self) -> String {
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await;
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

#[tokio::test]
async fn a_connection_serves_many_requests_and_dates_them() {
    let server = Server::start(settings()).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!(status(&answer), 200);
        assert!(answer.contains("\r\ndate: "));
        assert!(answer.ends_with("hello"));
    }
}

#[tokio::test]
async fn a_slow_head_is_cut() {
    let server = Server::start(Settings {
        header_timeout: SOON,
        ..settings()
    })
    .await;
    assert_eq!(server.exchange("GET / HTTP/1.1\r\nHo").await, "");
    // And one that never starts.
    assert_eq!(server.exchange("").await, "");
}

#[tokio::test]
async fn a_head_that_drips_is_cut_all_the_same() {
    let server = Server::start(Settings {
        header_timeout: SOON,
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    let dripped = timeout(PATIENCE, async {
        loop {
            if client.stream.write_all(b"X").await.is_err() {
                return;
            }
            sleep(SOON / 10).await;
        }
    });
    dripped.await.expect("the connection is cut");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_a_head() {
    let server = Server::start(Settings {
        header_timeout: SOON,
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(status(&client.answer().await), 200);
        sleep(SOON * 3).await;
    }
}

#[tokio::test]
async fn the_time_for_a_head_holds_for_every_request() {
    let server = Server::start(Settings {
        header_timeout: SOON,
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.answer().await;
    client.send("GET / HTTP/1.1\r\nHo").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let server = Server::start(Settings {
        idle_timeout: SOON,
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answers(&client.rest().await), 1);
}

#[tokio::test]
async fn a_handler_may_take_longer_than_a_client() {
    let quick = Settings {
        header_timeout: SOON,
        idle_timeout: SOON,
        body_timeout: SOON,
        write_timeout: SOON,
        ..settings()
    };
    let server = Server::start(quick).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.arrived().await;
    sleep(SOON * 3).await;
    server.gate.open.add_permits(1);
    assert!(client.answer().await.ends_with("waited"));
}

#[tokio::test]
async fn a_slow_body_is_cut() {
    let server = Server::start(Settings {
        body_timeout: SOON,
        ..settings()
    })
    .await;
    for framing in [
        "Content-Length: 10\r\n\r\n123",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n123",
    ] {
        let answer = server
            .exchange(&format!("POST /echo HTTP/1.1\r\nHost: a\r\n{framing}"))
            .await;
        assert_eq!(status(&answer), 408, "{framing}");
    }
}

#[tokio::test]
async fn a_body_that_only_drips_is_cut() {
    let dripping = Settings {
        body_timeout: SOON * 2,
        body_progress: 1000,
        ..settings()
    };
    let server = Server::start(dripping).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        .await;
    let dripped = timeout(PATIENCE, async {
        loop {
            if client.stream.write_all(b"x").await.is_err() {
                return;
            }
            sleep(SOON / 10).await;
        }
    });
    dripped.await.expect("the connection is cut");
}

#[tokio::test]
async fn a_body_that_makes_progress_may_take_long() {
    let server = Server::start(Settings {
        body_timeout: SOON * 5,
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n")
        .await;
    for _ in 0..10 {
        sleep(SOON).await;
        client.send("1234").await;
    }
    assert_eq!(status(&client.answer().await), 200);
}

#[tokio::test]
async fn a_slow_reader_is_cut() {
    let server = Server::start(Settings {
        write_timeout: SOON,
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    sleep(SOON * 5).await;
    assert!(client.rest().await.len() < 64 << 20);
}

#[tokio::test]
async fn a_steady_reader_gets_everything() {
    let server = Server::start(Settings {
        write_timeout: SOON * 10,
        ..settings()
    })
    .await;
    let answer = server
        .exchange("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.len() > 64 << 20);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(settings()).await;
    let text = server
        .exchange(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1\
             POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n\
             GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        )
        .await;
    let bodies: Vec<_> = ["body=1", "body=2", "hello"]
        .map(|body| text.find(body).unwrap())
        .into();
    assert!(bodies.is_sorted(), "{text}");
    assert_eq!(answers(&text), 3);
}

/// A second request hides in each of these for a parser that frames the first one differently.
/// None may be answered as a request of its own.
#[tokio::test]
async fn ambiguous_requests_are_refused_and_the_connection_is_closed() {
    let server = Server::start(settings()).await;
    let hidden = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut count = 0;
    for head in [
        // Lengths that disagree or are no numbers.
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: \r\n",
        "Content-Length: 1e1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        // Codings that are not, or not only, chunked.
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n",
        // Fields that other parsers read as something else.
        "Content-Length : 5\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
        "X: a\r\n\tb\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "X: a\0b\r\n",
        "X\0Y: a\r\n",
        "X Y: a\r\n",
        ": a\r\n",
        "Tr\u{e4}nsfer: a\r\n",
        // Hosts.
        "Host: b\r\n",
    ] {
        let bytes = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{head}\r\n{hidden}");
        let text = server.exchange(&bytes).await;
        assert_eq!(status(&text), 400, "{head:?}: {text}");
        assert_eq!(answers(&text), 1, "{head:?}: {text}");
        count += 1;
    }
    for start in [
        "GET / HTTP/1.1\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n",
        "GET / http/1.1\r\nHost: a\r\n",
        "GET /\r\nHost: a\r\n",
        "GET / /x HTTP/1.1\r\nHost: a\r\n",
        "G\0T / HTTP/1.1\r\nHost: a\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n",
        "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let text = server.exchange(&format!("{start}\r\n{hidden}")).await;
        assert_eq!(status(&text), 400, "{start:?}: {text}");
        assert_eq!(answers(&text), 1, "{start:?}: {text}");
        count += 1;
    }
    assert_eq!(count, 48);
    assert_eq!(
        answers(&server.exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await),
        0
    );
}

#[tokio::test]
async fn malformed_chunks_end_the_connection() {
    let server = Server::start(settings()).await;
    for chunks in [
        "x\r\n",
        "-1\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1 1\r\na\r\n0\r\n\r\n",
        "fffffffffffffffff\r\na",
        "1\na\n0\n\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "\r\n",
    ] {
        let text = server
            .exchange(&format!(
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}\
                 GET / HTTP/1.1\r\nHost: a\r\n\r\n"
            ))
            .await;
        assert_eq!(answers(&text), 1, "{chunks:?}: {text}");
        assert_eq!(status(&text), 400, "{chunks:?}: {text}");
    }
}

/// These have one meaning, which is the one acted upon.
#[tokio::test]
async fn what_is_odd_but_clear_is_understood_once() {
    let server = Server::start(settings()).await;
    for (request, expected) in [
        // The coding counts, the length does not, and the connection closes (RFC 9112, 6.1).
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\
             Transfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n\
             GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "length=none body=2",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Content-Length: 99\r\n\r\n1\r\n2\r\n0\r\n\r\n\
             GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "length=none body=2",
        ),
        // One length, said twice.
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\
             Connection: close\r\n\r\n2",
            "length=1 body=2",
        ),
        // A bare line feed ends a line (RFC 9112, 2.2).
        ("GET / HTTP/1.1\nHost: a\nConnection: close\n\n", "hello"),
        // Names of fields and codings know no case.
        (
            "POST /echo HTTP/1.1\r\nhOST: a\r\ntransfer-ENCODING: Chunked\r\n\
             Connection: close\r\n\r\n1\r\n2\r\n0\r\n\r\n",
            "length=none body=2",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "hello"),
        (
            "GET http://b/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "hello",
        ),
    ] {
        let text = server.exchange(request).await;
        assert_eq!(
            answers(&text.replace("HTTP/1.0 ", "HTTP/1.1 ")),
            1,
            "{request:?}: {text}"
        );
        assert!(text.ends_with(expected), "{request:?}: {text}");
    }
}

#[tokio::test]
async fn a_head_has_a_size() {
    let server = Server::start(settings()).await;
    let head = |bytes: usize| {
        let filler = "x".repeat(bytes);
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {filler}\r\n\r\n")
    };
    assert_eq!(status(&server.exchange(&head(8_000)).await), 200);
    assert_eq!(status(&server.exchange(&head(100_000)).await), 431);
    let fields = "X: y\r\n".repeat(200);
    let text = server
        .exchange(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
        .await;
    assert_eq!(status(&text), 431);
    let path = "x".repeat(70_000);
    let text = server
        .exchange(&format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    assert!([414, 431].contains(&status(&text)), "{text}");
}

#[tokio::test]
async fn a_refusal_arrives_while_the_body_is_still_sent() {
    let server = Server::start(settings()).await;
    let mut client = server.connect().await;
    client
        .send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        .await;
    let body = vec![b'x'; 8_000_000];
    // The whole is taken, or the connection ends; it is not reset while there is something to read.
    client.stream.write_all(&body).await.unwrap();
    assert_eq!(status(&client.rest().await), 413);
}

#[tokio::test]
async fn a_body_that_would_be_refused_is_not_asked_for() {
    let server = Server::start(settings()).await;
    let mut client = server.connect().await;
    let head = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    client.send(&format!("POST /refuse {head}")).await;
    assert_eq!(status(&client.answer().await), 413);
    let mut client = server.connect().await;
    client.send(&format!("POST /echo {head}")).await;
    assert_eq!(status(&client.answer().await), 100);
    client.send("1").await;
    assert_eq!(status(&client.answer().await), 200);
}

#[tokio::test]
async fn past_the_cap_a_client_is_told_so() {
    let server = Server::start(Settings {
        max_connections: 2.try_into().unwrap(),
        ..settings()
    })
    .await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.answer().await;
        kept.push(client);
    }
    let text = server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&text), 503);
    assert!(
        text.contains("retry-after: ") && text.contains("\"code\":\"overloaded\""),
        "{text}"
    );
    // Those who are in are served, and there is room again once one has left.
    kept[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&kept[0].answer().await), 200);
    drop(kept.pop());
    let served = timeout(PATIENCE, async {
        let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        while status(&server.exchange(close).await) != 200 {}
    });
    served.await.expect("room for one more");
}

#[tokio::test]
async fn draining_finishes_what_has_begun() {
    let server = Server::start(settings()).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.arrived().await;
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    idle.answer().await;
    let mut silent = server.connect().await;

    server.stop.cancel();
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    server.gate.open.add_permits(1);
    let answer = busy.rest().await;
    assert!(
        answer.contains("connection: close\r\n") && answer.ends_with("waited"),
        "{answer}"
    );
    assert_eq!(server.done.await.unwrap(), Drained { cut: 0 });
}

/// Listening on is for those who still send, not for everybody who once did.
#[tokio::test]
async fn a_connection_that_has_brought_a_body_closes_at_once() {
    let server = Server::start(settings()).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(status(&client.answer().await), 100);
    client.send("ab").await;
    assert_eq!(status(&client.answer().await), 200);

    server.stop.cancel();
    assert_eq!(client.rest().await, "");
    // A server that listened on would wait for this client, which stays.
    let drained = timeout(Duration::from_secs(1), server.done).await;
    assert_eq!(drained.expect("at once").unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn a_lame_duck_serves_on_and_says_goodbye() {
    let server = Server::start(Settings {
        lame_duck: NEVER,
        ..settings()
    })
    .await;
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!idle.answer().await.contains("connection: close"));
    server.stop.cancel();
    // A connection that was open, and new ones once the signal has been heard.
    let told = timeout(PATIENCE, async {
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        loop {
            let mut client = server.connect().await;
            client.send(request).await;
            if client.answer().await.contains("connection: close\r\n") {
                return;
            }
        }
    });
    told.await.expect("answers say goodbye");
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let last = idle.rest().await;
    assert_eq!(status(&last), 200);
    assert!(last.contains("connection: close\r\n"));
}

#[tokio::test]
async fn draining_ends_in_time() {
    let server = Server::start(Settings {
        drain: SOON,
        ..settings()
    })
    .await;
    let mut stuck = server.connect().await;
    stuck.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.arrived().await;
    server.stop.cancel();
    assert_eq!(stuck.rest().await, "");
    assert_eq!(server.done.await.unwrap(), Drained { cut: 1 });
}

/// Work for a client that has left is work for nobody.
#[tokio::test]
async fn a_client_that_leaves_ends_its_request() {
    struct Gone(Arc<Semaphore>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    let gone = Arc::new(Semaphore::new(0));
    let arrived = Arc::new(Semaphore::new(0));
    let service = tower::service_fn({
        let (gone, arrived) = (gone.clone(), arrived.clone());
        move |_: http::Request<Body>| {
            let (guard, arrived) = (Gone(gone.clone()), arrived.clone());
            async move {
                let _guard = guard;
                arrived.add_permits(1);
                std::future::pending::<Result<Response, Infallible>>().await
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, service, settings(), stop));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    timeout(PATIENCE, arrived.acquire())
        .await
        .unwrap()
        .unwrap()
        .forget();
    drop(stream);
    timeout(PATIENCE, gone.acquire())
        .await
        .expect("the request is dropped")
        .unwrap()
        .forget();
    server.abort();
}
