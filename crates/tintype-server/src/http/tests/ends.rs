//! Refusals, the limit of connections, and the last responses of a server that stops.

use super::*;

#[tokio::test]
async fn a_refusal_arrives_while_the_body_is_still_sent() {
    let server = Server::start(settings()).await;
    let mut client = server.connect().await;
    client
        .send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        .await;
    let body = vec![b'x'; 8_000_000];
    // The body is accepted, or the connection ends; it is not reset while there is something to read.
    client.stream.write_all(&body).await.unwrap();
    assert_eq!(status(&client.rest().await), 413);
}

#[tokio::test]
async fn a_body_that_would_be_refused_gets_no_100_continue() {
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
async fn above_the_limit_a_client_gets_503() {
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
    // Open connections are served, and a new one is accepted once another has closed.
    kept[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&kept[0].answer().await), 200);
    drop(kept.pop());
    let served = timeout(TIMEOUT, async {
        let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        while status(&server.exchange(close).await) != 200 {}
    });
    served.await.expect("room for one more");
}

#[tokio::test]
async fn draining_finishes_running_requests() {
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

/// Lingering is for clients that still send, not for every client that has ever sent a body.
#[tokio::test]
async fn a_connection_that_has_sent_a_body_closes_at_once() {
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
    // A server that lingered would wait for this client, which stays.
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
    // Both an open connection and new ones, once the signal has been received.
    let told = timeout(TIMEOUT, async {
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

/// A client that has left needs no work done.
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
    let threads = Arc::new(Threads::start(1).unwrap());
    let server = tokio::spawn(serve(
        listener,
        service,
        settings(),
        threads,
        Gauge::default(),
        stop,
    ));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    timeout(TIMEOUT, arrived.acquire())
        .await
        .unwrap()
        .unwrap()
        .forget();
    drop(stream);
    timeout(TIMEOUT, gone.acquire())
        .await
        .expect("the request is dropped")
        .unwrap()
        .forget();
    server.abort();
}
