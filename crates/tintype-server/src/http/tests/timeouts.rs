//! Timeouts in both directions, and keep-alive.

use super::*;

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
    // And a client that never sends anything.
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
    let dripped = timeout(TIMEOUT, async {
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
        body: Pace::new(0, SOON),
        write: Pace::new(0, SOON),
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
        body: Pace::new(0, SOON),
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
async fn a_body_that_only_drips_is_cut_off() {
    let dripping = Settings {
        body: Pace {
            bytes: 1000,
            within: SOON * 2,
        },
        ..settings()
    };
    let server = Server::start(dripping).await;
    let mut client = server.connect().await;
    client
        .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        .await;
    let dripped = timeout(TIMEOUT, async {
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
        body: Pace {
            bytes: 4,
            within: SOON * 5,
        },
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
        write: Pace::new(0, SOON),
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
        write: Pace::new(0, SOON * 10),
        ..settings()
    })
    .await;
    let answer = server
        .exchange("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.len() > 64 << 20);
}

/// Reads `bytes` of a response at intervals; returns how many came before it ended, or `most`.
async fn read_slowly(client: &mut Client, bytes: usize, most: usize) -> usize {
    let mut buffer = vec![0; bytes];
    let mut read = 0;
    let reading = timeout(TIMEOUT, async {
        while read < most {
            match client.stream.read_exact(&mut buffer).await {
                Ok(count) => read += count,
                Err(_) => return,
            }
            sleep(SOON / 10).await;
        }
    });
    reading.await.expect("an end");
    read
}

#[tokio::test]
async fn a_reader_that_only_drips_is_cut() {
    let server = Server::start(Settings {
        write: Pace {
            bytes: 32 << 20,
            within: SOON * 5,
        },
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let read = read_slowly(&mut client, 16 << 10, 64 << 20).await;
    assert!(read < 32 << 20, "{read}");
}

#[tokio::test]
async fn a_reader_that_is_slow_for_long_gets_everything() {
    let server = Server::start(Settings {
        write: Pace {
            bytes: 64 << 10,
            within: SOON * 20,
        },
        ..settings()
    })
    .await;
    let mut client = server.connect().await;
    client
        .send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    // For longer than the timeout.
    let slowly = 8 << 20;
    assert_eq!(read_slowly(&mut client, 32 << 10, slowly).await, slowly);
    assert!(slowly + client.rest().await.len() > 64 << 20);
}
