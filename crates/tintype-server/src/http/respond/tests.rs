//! Responses to reads by RFC 9110, through the function that all routes use.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::to_bytes;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::{Disposition, Representation};

const BODY: &[u8] = b"0123456789";
/// Sun, 06 Nov 1994 08:49:37 GMT, and half a second.
const MODIFIED: Duration = Duration::from_millis(784_111_777_500);

const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const SAME_RFC850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const SAME_ASCTIME: &str = "Sun Nov  6 08:49:37 1994";
const OLDER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const NEWER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const FUTURE: &str = "Fri, 31 Dec 9999 23:59:59 GMT";

fn representation() -> Representation {
    Representation::new("abc", "image/webp")
        .last_modified(UNIX_EPOCH + MODIFIED)
        .disposition(Disposition::Inline.with_name("lion.webp"))
        .cross_origin()
}

fn ask_of(
    representation: &Representation,
    method: &Method,
    headers: &[(&str, &str)],
    body: &'static [u8],
) -> Response<axum::body::Body> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            )
        })
        .collect();
    let cache_control = HeaderValue::from_static("public, max-age=60");
    super::bytes(
        method,
        &headers,
        representation,
        cache_control,
        Bytes::from_static(body),
    )
}

fn ask(method: &Method, headers: &[(&str, &str)]) -> Response<axum::body::Body> {
    ask_of(&representation(), method, headers, BODY)
}

#[expect(clippy::disallowed_methods, reason = "capped, and a test")]
async fn text(response: Response<axum::body::Body>) -> String {
    String::from_utf8(
        to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap()
            .to_vec(),
    )
    .unwrap()
}

/// Status of GET and of HEAD and, on success, the bytes of GET.
#[tokio::test]
async fn conditions_and_ranges() {
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, u16, &'a str);
    let cases: &[Case<'_>] = &[
        (&[], 200, 200, "0123456789"),
        // If-None-Match: weak comparison, lists, any.
        (&[("if-none-match", "\"abc\"")], 304, 304, ""),
        (&[("if-none-match", "W/\"abc\"")], 304, 304, ""),
        (&[("if-none-match", "\"x\", \"abc\"")], 304, 304, ""),
        (&[("if-none-match", "\"x\",W/\"abc\",\"y\"")], 304, 304, ""),
        (&[("if-none-match", "*")], 304, 304, ""),
        (&[("if-none-match", "\"x\"")], 200, 200, "0123456789"),
        (&[("if-none-match", "\"ABC\"")], 200, 200, "0123456789"),
        (&[("if-none-match", "\"abc-gzip\"")], 200, 200, "0123456789"),
        (&[("if-none-match", "abc")], 200, 200, "0123456789"),
        (&[("if-none-match", "")], 200, 200, "0123456789"),
        // If-Modified-Since, in the three formats; malformed dates are ignored.
        (&[("if-modified-since", SAME)], 304, 304, ""),
        (&[("if-modified-since", SAME_RFC850)], 304, 304, ""),
        (&[("if-modified-since", SAME_ASCTIME)], 304, 304, ""),
        (&[("if-modified-since", NEWER)], 304, 304, ""),
        (&[("if-modified-since", FUTURE)], 304, 304, ""),
        (&[("if-modified-since", OLDER)], 200, 200, "0123456789"),
        (
            &[("if-modified-since", "yesterday")],
            200,
            200,
            "0123456789",
        ),
        (&[("if-modified-since", "")], 200, 200, "0123456789"),
        (
            &[("if-modified-since", "784111777")],
            200,
            200,
            "0123456789",
        ),
        (
            &[("if-modified-since", "Sun, 31 Feb 1994 08:49:37 GMT")],
            200,
            200,
            "0123456789",
        ),
        // If-None-Match takes precedence over If-Modified-Since.
        (
            &[("if-none-match", "\"x\""), ("if-modified-since", SAME)],
            200,
            200,
            "0123456789",
        ),
        (
            &[("if-none-match", "\"abc\""), ("if-modified-since", OLDER)],
            304,
            304,
            "",
        ),
        // If-Match: strong comparison.
        (&[("if-match", "\"abc\"")], 200, 200, "0123456789"),
        (&[("if-match", "\"x\", \"abc\"")], 200, 200, "0123456789"),
        (&[("if-match", "*")], 200, 200, "0123456789"),
        (&[("if-match", "W/\"abc\"")], 412, 412, ""),
        (&[("if-match", "\"x\"")], 412, 412, ""),
        (&[("if-match", "abc")], 412, 412, ""),
        // If-Unmodified-Since, over which If-Match takes precedence.
        (&[("if-unmodified-since", SAME)], 200, 200, "0123456789"),
        (
            &[("if-unmodified-since", SAME_ASCTIME)],
            200,
            200,
            "0123456789",
        ),
        (&[("if-unmodified-since", NEWER)], 200, 200, "0123456789"),
        (&[("if-unmodified-since", OLDER)], 412, 412, ""),
        (&[("if-unmodified-since", "never")], 200, 200, "0123456789"),
        (
            &[("if-match", "\"abc\""), ("if-unmodified-since", OLDER)],
            200,
            200,
            "0123456789",
        ),
        (
            &[("if-match", "\"x\""), ("if-unmodified-since", NEWER)],
            412,
            412,
            "",
        ),
        // Both kinds: the first must hold, then the second decides.
        (
            &[("if-match", "\"abc\""), ("if-none-match", "\"abc\"")],
            304,
            304,
            "",
        ),
        (
            &[("if-match", "\"x\""), ("if-none-match", "\"abc\"")],
            412,
            412,
            "",
        ),
        (
            &[("if-unmodified-since", SAME), ("if-modified-since", SAME)],
            304,
            304,
            "",
        ),
        // Ranges. HEAD ignores them.
        (&[("range", "bytes=0-0")], 206, 200, "0"),
        (&[("range", "bytes=5-")], 206, 200, "56789"),
        (&[("range", "bytes=-5")], 206, 200, "56789"),
        (&[("range", "bytes=2-4")], 206, 200, "234"),
        (&[("range", "bytes=0-9")], 206, 200, "0123456789"),
        (&[("range", "bytes=8-99")], 206, 200, "89"),
        (&[("range", "bytes=-99")], 206, 200, "0123456789"),
        (&[("range", "bytes=10-")], 416, 200, ""),
        (&[("range", "bytes=-0")], 416, 200, ""),
        (&[("range", "bytes=0-0,2-2")], 200, 200, "0123456789"),
        (&[("range", "bytes=4-2")], 200, 200, "0123456789"),
        (&[("range", "lines=0-0")], 200, 200, "0123456789"),
        (&[("range", "nonsense")], 200, 200, "0123456789"),
        // Preconditions come before ranges.
        (
            &[("range", "bytes=0-0"), ("if-none-match", "\"abc\"")],
            304,
            304,
            "",
        ),
        (
            &[("range", "bytes=99-"), ("if-none-match", "\"abc\"")],
            304,
            304,
            "",
        ),
        (
            &[("range", "bytes=0-0"), ("if-modified-since", SAME)],
            304,
            304,
            "",
        ),
        (
            &[("range", "bytes=0-0"), ("if-match", "\"x\"")],
            412,
            412,
            "",
        ),
        (
            &[("range", "bytes=99-"), ("if-match", "\"x\"")],
            412,
            412,
            "",
        ),
        (
            &[("range", "bytes=0-0"), ("if-match", "\"abc\"")],
            206,
            200,
            "0",
        ),
        (
            &[("range", "bytes=0-0"), ("if-none-match", "\"x\"")],
            206,
            200,
            "0",
        ),
        (
            &[("range", "bytes=0-0"), ("if-unmodified-since", OLDER)],
            412,
            412,
            "",
        ),
        // If-Range: the strong tag or the exact date; otherwise the whole content.
        (
            &[("range", "bytes=0-0"), ("if-range", "\"abc\"")],
            206,
            200,
            "0",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", "W/\"abc\"")],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", "\"x\"")],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", "abc")],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", "*")],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", "\"abc\", \"x\"")],
            200,
            200,
            "0123456789",
        ),
        (&[("range", "bytes=0-0"), ("if-range", SAME)], 206, 200, "0"),
        (
            &[("range", "bytes=0-0"), ("if-range", SAME_RFC850)],
            206,
            200,
            "0",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", OLDER)],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", NEWER)],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=99-"), ("if-range", "\"x\"")],
            200,
            200,
            "0123456789",
        ),
        (
            &[("range", "bytes=99-"), ("if-range", "\"abc\"")],
            416,
            200,
            "",
        ),
        (&[("if-range", "\"x\"")], 200, 200, "0123456789"),
        (&[("if-range", "\"abc\"")], 200, 200, "0123456789"),
    ];
    for (headers, get, head, body) in cases {
        let answer = ask(&Method::GET, headers);
        assert_eq!(answer.status(), *get, "GET {headers:?}");
        if answer.status().is_success() {
            assert_eq!(answer.headers()["content-length"], *body.len().to_string());
            assert_eq!(text(answer).await, *body, "GET {headers:?}");
        }
        let answer = ask(&Method::HEAD, headers);
        assert_eq!(answer.status(), *head, "HEAD {headers:?}");
        if answer.status().is_success() {
            assert_eq!(answer.headers()["content-length"], "10", "HEAD {headers:?}");
            assert_eq!(text(answer).await, "", "HEAD {headers:?}");
        }
    }
    assert!(cases.len() >= 70);
}

#[tokio::test]
async fn repeated_fields_are_one_list_or_ignored() {
    let two = |name: &'static str, first, second| {
        ask(&Method::GET, &[(name, first), (name, second)])
            .status()
            .as_u16()
    };
    assert_eq!(two("if-none-match", "\"x\"", "\"abc\""), 304);
    assert_eq!(two("if-match", "\"x\"", "\"abc\""), 200);
    assert_eq!(two("if-modified-since", SAME, SAME), 200);
    assert_eq!(two("range", "bytes=0-0", "bytes=1-1"), 200);
}

#[test]
fn head_has_the_headers_of_get() {
    let get = ask(&Method::GET, &[]);
    let head = ask(&Method::HEAD, &[("range", "bytes=0-0")]);
    assert_eq!(get.headers(), head.headers());
}

#[test]
fn a_response_has_the_headers_of_its_bytes() {
    let answer = ask(&Method::GET, &[]);
    let mut headers: Vec<_> = answer
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    assert_eq!(
        headers,
        [
            "accept-ranges: bytes",
            "access-control-allow-origin: *",
            "access-control-expose-headers: Accept-Ranges, Content-Length, Content-Range, ETag, \
             Content-Disposition, Content-Location, Server-Timing, Tintype-Request-Id",
            "cache-control: public, max-age=60",
            "content-disposition: inline; filename=\"lion.webp\"",
            "content-length: 10",
            "content-security-policy: default-src 'none'; sandbox",
            "content-type: image/webp",
            "cross-origin-resource-policy: cross-origin",
            "etag: \"abc\"",
            "last-modified: Sun, 06 Nov 1994 08:49:37 GMT",
            "timing-allow-origin: *",
            "x-content-type-options: nosniff",
        ]
    );
}

#[test]
fn a_part_says_which_part_of_what() {
    let answer = ask(&Method::GET, &[("range", "bytes=2-4")]);
    assert_eq!(answer.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(answer.headers()["content-length"], "3");
    assert_eq!(answer.headers()["etag"], "\"abc\"");
    let answer = ask(&Method::GET, &[("range", "bytes=10-")]);
    assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.headers()["content-range"], "bytes */10");
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[test]
fn not_modified_updates_a_cache_and_no_more() {
    let with_vary = representation().header(http::header::VARY, HeaderValue::from_static("Accept"));
    let answer = ask_of(&with_vary, &Method::GET, &[("if-none-match", "*")], BODY);
    for (name, value) in [
        ("etag", "\"abc\""),
        ("cache-control", "public, max-age=60"),
        ("vary", "Accept"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    for name in [
        "content-length",
        "content-type",
        "content-disposition",
        "last-modified",
    ] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn an_empty_file_has_no_parts() {
    let of_nothing =
        |range| ask_of(&representation(), &Method::GET, &[("range", range)], b"").status();
    assert_eq!(of_nothing("bytes=0-"), 416);
    assert_eq!(of_nothing("bytes=-5"), 200);
    assert_eq!(
        ask_of(&representation(), &Method::GET, &[], b"").headers()["content-length"],
        "0"
    );
}

#[test]
fn without_a_date_only_the_tag_counts() {
    let undated = Representation::new("abc", "image/webp");
    let status = |headers: &[(&str, &str)]| {
        ask_of(&undated, &Method::GET, headers, BODY)
            .status()
            .as_u16()
    };
    assert_eq!(status(&[("if-modified-since", FUTURE)]), 200);
    assert_eq!(status(&[("if-unmodified-since", OLDER)]), 200);
    assert_eq!(status(&[("range", "bytes=0-0"), ("if-range", SAME)]), 200);
    assert_eq!(
        status(&[("range", "bytes=0-0"), ("if-range", "\"abc\"")]),
        206
    );
}

#[test]
fn viewers_of_browsers_are_not_sandboxed_and_nothing_else_is_free() {
    for (media_type, sandboxed) in [
        ("application/pdf", false),
        ("audio/mpeg", false),
        ("video/mp4", false),
        ("image/svg+xml", true),
        ("text/html; charset=utf-8", true),
        ("image/webp", true),
        ("application/pdfx\r\n", true),
    ] {
        let representation = Representation::new("abc", media_type);
        let policy = representation.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("default-src 'none'"));
        assert_eq!(policy.ends_with("; sandbox"), sandboxed, "{media_type}");
    }
}

#[test]
fn times_and_tags_that_no_header_can_express_are_omitted() {
    let day = Duration::from_secs(86_400);
    for (time, expected) in [
        (UNIX_EPOCH, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
        (UNIX_EPOCH - day, None),
        (
            UNIX_EPOCH + 2_932_896 * day,
            Some("Fri, 31 Dec 9999 00:00:00 GMT"),
        ),
        (UNIX_EPOCH + 2_932_897 * day, None),
    ] {
        let representation = Representation::new("abc", "image/webp").last_modified(time);
        let value = representation.headers().get("last-modified");
        assert_eq!(value.map(|value| value.to_str().unwrap()), expected);
    }
    assert!(
        !Representation::new("a\nb", "image/webp")
            .headers()
            .contains_key("etag")
    );
}
