//! Request framing: where one request ends and the next begins. Two parsers in a row must not disagree.

use super::*;

#[tokio::test]
async fn pipelined_requests_are_served_in_order() {
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

/// Each of these hides a second request from a parser that frames the first one differently. None of those may get
/// a response.
#[tokio::test]
async fn ambiguous_requests_are_refused_and_the_connection_is_closed() {
    let server = Server::start(settings()).await;
    let hidden = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut count = 0;
    for head in [
        // Lengths that disagree or are not numbers.
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: \r\n",
        "Content-Length: 1e1\r\n",
        "Content-Length: 99999999999999999999\r\n",
        // Codings other than a single chunked.
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
        // Fields that other parsers read differently.
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
        // Line endings that other parsers read differently.
        "X: a\n",
        "X: a\nTransfer-Encoding: chunked\r\n",
        "\nX: a\r\n",
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
        "GET / HTTP/1.1\nHost: a\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n",
        // Targets that would be a second URL of the same content.
        "GET /#a HTTP/1.1\r\nHost: a\r\n",
        "GET /?#a HTTP/1.1\r\nHost: a\r\n",
        "GET http://a/#b HTTP/1.1\r\nHost: a\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n",
        "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n",
        // Invalid hosts.
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n",
        "GET / HTTP/1.1\r\nHost: a,b\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n",
        "GET / HTTP/1.1\r\nHost: http://a\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n",
        "GET / HTTP/1.1\r\nHost: a?b\r\n",
        "GET / HTTP/1.1\r\nHost: a#b\r\n",
        "GET / HTTP/1.1\r\nHost: a\\b\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n",
        "GET / HTTP/1.1\r\nHost: a:1:2\r\n",
        "GET / HTTP/1.1\r\nHost: a:-1\r\n",
        "GET / HTTP/1.1\r\nHost: :80\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n",
        "GET / HTTP/1.1\r\nHost: [x]\r\n",
        "GET / HTTP/1.1\r\nHost: []\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]a\r\n",
        "GET / HTTP/1.1\r\nHost: h\u{e4}user\r\n",
        "GET / HTTP/1.0\r\nHost: a b\r\n",
    ] {
        let text = server.exchange(&format!("{start}\r\n{hidden}")).await;
        let text = text.replace("HTTP/1.0 ", "HTTP/1.1 ");
        assert_eq!(status(&text), 400, "{start:?}: {text}");
        assert_eq!(answers(&text), 1, "{start:?}: {text}");
        count += 1;
    }
    assert_eq!(count, 78);
    // The preface of HTTP/2, which is not supported.
    let text = server.exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!((status(&text), answers(&text)), (400, 1), "{text}");
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

/// Unusual requests with a single meaning.
#[tokio::test]
async fn unusual_but_unambiguous_requests_are_read_once() {
    let server = Server::start(settings()).await;
    for (request, expected) in [
        // The coding applies, the length does not, and the connection closes (RFC 9112, 6.1).
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
        // The same length twice.
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\
             Connection: close\r\n\r\n2",
            "length=1 body=2",
        ),
        // The bytes of a body are not parsed as a head.
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\n#\n\n\n",
            "length=4 body=#\n\n\n",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
             4;a=b\r\n#\n\n\n\r\n0\r\nX: #\r\n\r\n",
            "length=none body=#\n\n\n",
        ),
        // Hosts as in URLs.
        (
            "GET / HTTP/1.1\r\nHost: a.example:8080\r\nConnection: close\r\n\r\n",
            "hello",
        ),
        (
            "GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
            "hello",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a_b:\r\nConnection: close\r\n\r\n",
            "hello",
        ),
        // An empty line before a request.
        (
            "\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "hello",
        ),
        // Names of fields and codings are case-insensitive.
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

/// Even if it follows valid requests.
#[tokio::test]
async fn a_pipelined_head_is_looked_at_as_closely() {
    let server = Server::start(settings()).await;
    let fine = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n#\n\
                POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n#\n\r\n0\r\n\r\n\
                GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for bad in [
        "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
    ] {
        let text = server.exchange(&format!("{fine}{bad}{fine}")).await;
        assert_eq!(text.matches("HTTP/1.1 200 ").count(), 3, "{bad:?}: {text}");
        assert_eq!(text.matches("HTTP/1.1 400 ").count(), 1, "{bad:?}: {text}");
        assert_eq!(answers(&text), 4, "{bad:?}: {text}");
    }
}
