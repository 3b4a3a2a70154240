//! The scripted S3 is correct until told otherwise, and then wrong in exactly that way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use tintype_testing::{BUCKET, Conditions, Fault, Faulty, Operation};
use ureq::http::{HeaderMap, Request};

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// S3's code of an error.
    fn code(&self) -> String {
        let text = self.text();
        let (_, rest) = text.split_once("<Code>").unwrap_or_default();
        rest.split_once("</Code>").unwrap_or_default().0.to_owned()
    }
}

fn ask(
    server: &Faulty,
    request: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .new_agent();
    let (method, name) = request.split_once(' ').unwrap();
    let url = format!("{}/{BUCKET}{name}", server.endpoint());
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = match method {
        "PUT" | "POST" => agent.run(request.body(body).unwrap())?,
        _ => agent.run(request.body(()).unwrap())?,
    };
    let (parts, mut body) = answer.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.with_config().limit(u64::MAX).read_to_vec()?,
    })
}

fn get(server: &Faulty, request: &str) -> Answer {
    ask(server, request, &[], b"").unwrap()
}

fn put(server: &Faulty, key: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    ask(server, &format!("PUT /{key}"), headers, body).unwrap()
}

#[test]
fn bytes_are_read_as_they_were_put() {
    let server = Faulty::start();
    let etag = "\"900150983cd24fb0d6963f7d28e17f72\"";
    let put = put(&server, "a%20b", b"abc", &[("x-amz-meta-n", "1")]);
    assert_eq!((put.status, put.header("etag")), (200, etag));
    assert_eq!(server.object("a b").unwrap(), "abc");

    let read = get(&server, "GET /a%20b");
    assert_eq!((read.status, read.text().as_str()), (200, "abc"));
    assert_eq!(
        (read.header("etag"), read.header("x-amz-meta-n")),
        (etag, "1")
    );
    let head = get(&server, "HEAD /a%20b");
    assert_eq!((head.status, head.header("content-length")), (200, "3"));

    for (range, status, told, body) in [
        ("bytes=1-1", 206, "bytes 1-1/3", "b"),
        ("bytes=1-9", 206, "bytes 1-2/3", "bc"),
        ("bytes=-1", 206, "bytes 2-2/3", "c"),
        ("bytes=3-", 416, "bytes */3", ""),
    ] {
        let part = ask(&server, "GET /a%20b", &[("range", range)], b"").unwrap();
        assert_eq!((part.status, part.header("content-range")), (status, told));
        assert!(status == 416 || part.text() == body);
    }
    assert_eq!(get(&server, "DELETE /a%20b").status, 204);
    assert_eq!(get(&server, "GET /a%20b").code(), "NoSuchKey");
    assert_eq!(server.count(Operation::GetObject), 6);
    assert_eq!(server.received_bytes(), 3);
}

#[test]
fn checksums_are_verified() {
    let server = Faulty::start();
    let header = "x-amz-checksum-crc32";
    let right = put(&server, "a", b"abc", &[(header, "NSRBwg==")]);
    assert_eq!((right.status, right.header(header)), (200, "NSRBwg=="));
    let wrong = put(&server, "a", b"xyz", &[(header, "NSRBwg==")]);
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "BadDigest"));
    assert_eq!(server.object("a").unwrap(), "abc");
}

#[test]
fn conditions_are_kept_ignored_or_refused() {
    let server = Faulty::start();
    let absent = [("if-none-match", "*")];
    assert_eq!(put(&server, "a", b"1", &absent).status, 200);
    assert_eq!(put(&server, "a", b"2", &absent).status, 412);
    let other = [("if-match", "\"x\"")];
    assert_eq!(put(&server, "a", b"2", &other).status, 412);
    assert_eq!(put(&server, "none", b"2", &other).status, 404);
    assert_eq!(ask(&server, "DELETE /a", &other, b"").unwrap().status, 412);
    assert_eq!(server.object("a").unwrap(), "1");

    server.conditions(Conditions::Refused);
    assert_eq!(put(&server, "a", b"2", &absent).status, 501);
    server.conditions(Conditions::Ignored);
    assert_eq!(put(&server, "a", b"2", &absent).status, 200);
    assert_eq!(server.object("a").unwrap(), "2");
}

#[test]
fn of_many_creators_one_wins() {
    let server = Faulty::start();
    let wins: usize = std::thread::scope(|scope| {
        let create = || put(&server, "a", b"1", &[("if-none-match", "*")]).status == 200;
        let writers: Vec<_> = (0..20).map(|_| scope.spawn(create)).collect();
        let won = writers.into_iter().map(|writer| writer.join().unwrap());
        won.filter(|won| *won).count()
    });
    assert_eq!(wins, 1);
}

#[test]
fn parts_become_an_object_when_they_are_complete() {
    let server = Faulty::start();
    let created = ask(&server, "POST /big?uploads=", &[], b"").unwrap().text();
    assert!(
        created.contains("<UploadId>upload-1</UploadId>"),
        "{created}"
    );
    let first = vec![b'x'; 5 * 1024 * 1024];
    let part = |number: u64, body: &[u8]| {
        let name = format!("big?partNumber={number}&uploadId=upload-1");
        put(&server, &name, body, &[]).header("etag").to_owned()
    };
    let etags = [part(1, &first), part(2, b"end")];
    let complete = |etags: &[String], headers: &[(&str, &str)]| {
        let parts = etags.iter().enumerate().map(|(index, etag)| {
            let number = index + 1;
            format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>")
        });
        let list = parts.collect::<String>();
        let request = "POST /big?uploadId=upload-1";
        ask(&server, request, headers, list.as_bytes()).unwrap()
    };
    assert_eq!(
        complete(&[etags[1].clone(), etags[0].clone()], &[]).code(),
        "InvalidPart"
    );
    assert_eq!(
        (server.keys().len(), server.unfinished_uploads()),
        (0, 1),
        "nothing shows before the end"
    );
    let done = complete(&etags, &[("if-none-match", "*")]);
    assert_eq!(done.status, 200);
    assert!(done.text().contains("-2&quot;</ETag>"), "{}", done.text());
    assert_eq!(server.object("big").unwrap().len(), first.len() + 3);
    assert_eq!(complete(&etags, &[]).code(), "NoSuchUpload");
    assert_eq!(server.unfinished_uploads(), 0);
}

#[test]
fn listings_have_pages_and_folders() {
    let server = Faulty::start();
    for key in ["a/1", "a/2", "b", "c/1", "d&"] {
        server.put(key, key.as_bytes().to_vec());
    }
    let page = get(&server, "GET /?list-type=2&delimiter=/&max-keys=2").text();
    assert!(page.contains("<Prefix>a/</Prefix>") && page.contains("<Key>b</Key>"));
    assert!(page.contains("<IsTruncated>true") && !page.contains("c/"));
    let after = "GET /?list-type=2&delimiter=/&continuation-token=b";
    let page = get(&server, after).text();
    assert!(page.contains("<Prefix>c/</Prefix>") && page.contains("<Key>d&amp;</Key>"));
    assert!(page.contains("<IsTruncated>false"));
    let page = get(&server, "GET /?list-type=2&prefix=a/&start-after=a/1").text();
    assert!(page.contains("<Key>a/2</Key>") && page.contains("<KeyCount>1<"));
}

#[test]
fn a_rule_holds_for_its_operation_its_names_and_its_number_of_times() {
    let server = Faulty::start();
    server.script(Fault::SLOW_DOWN.on(Operation::PutObject).of("x").times(2));
    assert_eq!(put(&server, "y", b"1", &[]).status, 200);
    for _ in 0..2 {
        let refused = put(&server, "x", b"1", &[]);
        assert_eq!((refused.status, refused.code().as_str()), (503, "SlowDown"));
    }
    assert_eq!(put(&server, "x", b"1", &[]).status, 200);
    server.script(Fault::ACCESS_DENIED);
    assert_eq!(get(&server, "HEAD /x").status, 403);
    server.heal();
    assert_eq!(get(&server, "HEAD /x").status, 200);
}

#[test]
fn faults_before_the_work_leave_it_undone() {
    let server = Faulty::start();
    for (fault, status, code) in [
        (Fault::CONFLICT, 409, "ConditionalRequestConflict"),
        (Fault::WRONG_REGION, 301, "PermanentRedirect"),
        (
            Fault::WRONG_REGION_SIGNED,
            400,
            "AuthorizationHeaderMalformed",
        ),
        (Fault::CLOCK_SKEWED, 403, "RequestTimeTooSkewed"),
        (
            Fault::RefuseInside200("InternalError"),
            200,
            "InternalError",
        ),
        (Fault::NotS3, 200, ""),
    ] {
        server.script(fault.times(1));
        let answer = put(&server, "a", b"1", &[]);
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    for fault in [Fault::Cut, Fault::Stall] {
        server.script(fault.times(1));
        assert!(ask(&server, "PUT /a", &[], b"1").is_err(), "{fault:?}");
    }
    assert_eq!(server.keys().len(), 0);
}

#[test]
fn faults_after_the_work_leave_it_done() {
    let server = Faulty::start();
    server.script(Fault::LoseAnswer.times(1));
    assert!(ask(&server, "PUT /a", &[], b"abc").is_err());
    assert_eq!(server.object("a").unwrap(), "abc");

    server.script(Fault::StoreShort.times(1));
    assert_eq!(put(&server, "a", b"abc", &[]).status, 200);
    assert_eq!(server.object("a").unwrap(), "ab");

    server.script(Fault::WrongETag.times(1));
    let answer = put(&server, "a", b"abc", &[]);
    assert!(answer.header("etag").starts_with("\"0123456789"));

    server.script(Fault::WrongChecksum.times(1));
    let sum = ("x-amz-checksum-crc32", "NSRBwg==");
    let answer = put(&server, "a", b"abc", &[sum]);
    assert_eq!(answer.header(sum.0), "AAAAAA==");

    server.script(Fault::Late(Duration::from_millis(10)).times(1));
    assert_eq!(get(&server, "GET /a").text(), "abc");
    server.script(Fault::AlterBody.times(1));
    assert_eq!(get(&server, "GET /a").text(), "`bc");
    for fault in [Fault::CutBody(1), Fault::StallBody(1)] {
        server.script(fault.times(1));
        assert!(ask(&server, "GET /a", &[], b"").is_err(), "{fault:?}");
    }
    assert_eq!(get(&server, "GET /a").text(), "abc");
}

#[test]
fn discarded_bytes_read_as_zeros() {
    let server = Faulty::start();
    server.discard();
    let body = vec![7; 3 << 20];
    assert_eq!(put(&server, "big", &body, &[]).status, 200);
    assert_eq!(put(&server, "small", b"abc", &[]).status, 200);
    assert_eq!(server.object("small").unwrap(), "abc");
    let read = get(&server, "GET /big").body;
    assert_eq!(read.len(), body.len());
    assert!(read.iter().all(|byte| *byte == 0));
    assert_eq!(server.sent_bytes(), body.len() as u64);
}
