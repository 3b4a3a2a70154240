//! URLs of former servers and scripts still work: they return the same variant and ETag as the canonical URL, in place
//! or by 301. Their signatures are verified as they were made, unsigned ones obey the site's rules, and for one that
//! cannot be mapped, the error says what is missing. All of them are counted, so that operators see when a grammar can
//! be dropped, and can be tested against an old access log before the switch.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::corpus;
use crate::harness::{App, SIGNING_KEY, Start, signed, tintype};

/// `ACME-SEC` and `smart/image.jpg`, as in thumbor's own tests.
const THUMBOR_SIGNED: &str = "/_wIUeSaeHw8dricKG2MGhqu5thk=/smart/image.jpg";

const LISTS: &str = r#"
[presets]
card = "w_200~h_100~fit_cover"

[[old_urls]]
grammar = "thumbor"
keys = ["ACME-SEC"]
sources = [""]

[[old_urls]]
grammar = "thumbor"
prefix = "/open/"
unsafe = true
sources = ["https://old.example.org/media/", ""]
sizes = ["60x40"]

[[old_urls]]
grammar = "imgproxy"
prefix = "/proxy/"
keys = ["736563726574:68656C6C6F"]
sources = ["http://example.com/"]
replace = [["^images/curiosity", "image"]]
answer = "redirect"

[[old_urls]]
grammar = "pattern"
path = 'thumb\.php'
query = { src = "uploads/(?P<key>.+)", w = '(?P<w>\d*)', h = '(?P<h>\d*)', zc = '(?P<zc>\d)' }
spec = "w_{w}~h_{h}~{zc}"
words = { zc = { 1 = "fit_cover", 2 = "fit_pad" } }
sizes = ["60x40", "60x"]

[[old_urls]]
grammar = "pattern"
prefix = "/cache/"
path = '(?P<preset>[a-z]+)/(?P<key>.+)'
spec = "{preset}"
answer = "redirect"

[[old_urls]]
grammar = "pattern"
prefix = "/ended/"
path = "(?P<key>.+)"
until = 2020-01-01
"#;

const IMGPROXY_SIGNED: &str = "/proxy/oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8/rs:fill:300:400:0/g:sm/\
                               aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png";

fn with_tower() -> App {
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", LISTS)
        .env("TINTYPE_PUBLIC_URL", "https://media.example.org/pictures")
        .run();
    app.upload("image.jpg", &corpus::tower());
    app
}

#[test]
fn an_old_address_is_the_canonical_one() {
    let app = with_tower();
    let on_path = |path: String| format!("/pictures{path}");
    for (old, canonical) in [
        (THUMBOR_SIGNED, signed("image.jpg", "f_auto", SIGNING_KEY)),
        (
            "/open/unsafe/60x40/image.jpg",
            "/t/image.jpg/w_60~h_40~fit_cover~up_1".to_owned(),
        ),
        (
            "/open/unsafe/60x40/left/old.example.org/media/image.jpg",
            "/t/image.jpg/w_60~h_40~fit_cover~g_w~up_1".to_owned(),
        ),
        (
            "/thumb.php?w=60&src=uploads/image.jpg&zc=1",
            "/t/image.jpg/w_60".to_owned(),
        ),
        (
            "/thumb.php?src=uploads/image.jpg&h=40&w=60&zc=2",
            "/t/image.jpg/w_60~h_40~fit_pad".to_owned(),
        ),
    ] {
        let answer = app.get(old).expect(200);
        assert_eq!(
            answer.header("content-location"),
            on_path(canonical.clone()),
            "{old}"
        );
        assert_eq!(answer.header("vary"), "accept", "{old}");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{old}");
        let spec = canonical.rsplit('/').next().unwrap();
        let spec = spec.split("~sig_").next().unwrap();
        let decoded = || app.metric("tintype_stage_duration_seconds_count", &["decode"]);
        let before = decoded();
        let made = app.get(&signed("image.jpg", spec, SIGNING_KEY)).expect(200);
        assert_eq!(decoded(), before, "{old}: made twice");
        assert_eq!(answer.header("etag"), made.header("etag"), "{old}");
        assert_eq!(answer.body, made.body, "{old}");
        assert!(
            answer
                .header("cache-control")
                .starts_with("public, max-age="),
            "{old}"
        );
        let again = app.get_with(old, &[("if-none-match", made.header("etag"))]);
        assert_eq!(again.status, 304, "{old}");
        assert_eq!(
            app.head(old).expect(200).header("etag"),
            made.header("etag")
        );
    }
    // Two URLs with the same path are two images.
    let of = |query: &str| {
        app.get(&format!("/thumb.php?src=uploads/image.jpg&{query}"))
            .expect(200)
    };
    assert_ne!(of("w=60").header("etag"), of("w=60&h=40").header("etag"));
}

#[test]
fn an_old_address_is_sent_to_the_canonical_one_where_that_is_wanted() {
    let app = with_tower();
    let public = |path: &str| format!("https://media.example.org/pictures{path}");
    let spec = "w_300~h_400~fit_cover~f_png";
    for (old, canonical) in [
        (IMGPROXY_SIGNED, signed("image.jpg", spec, SIGNING_KEY)),
        ("/cache/card/image.jpg", "/t/image.jpg/card".to_owned()),
    ] {
        let answer = app.get(old).expect(301);
        assert_eq!(answer.header("location"), public(&canonical), "{old}");
        assert_eq!(answer.header("cache-control"), "public, max-age=86400");
        app.get(&canonical).expect(200);
    }
}

#[test]
fn what_is_not_signed_rightly_or_not_allowed_is_refused_before_the_store() {
    let app = with_tower();
    let before = app.metric("tintype_storage_request_duration_seconds_count", &[]);
    let forged = THUMBOR_SIGNED.replace("smart", "60x40/smart");
    for (path, code) in [
        (forged.as_str(), "signature-invalid"),
        (&IMGPROXY_SIGNED.replace("300", "301"), "signature-invalid"),
        ("/unsafe/60x40/image.jpg", "signature-missing"),
        ("/open/unsafe/61x40/image.jpg", "signature-missing"),
        (
            "/open/unsafe/60x40/filters:blur(3)/image.jpg",
            "signature-missing",
        ),
        ("/thumb.php?src=uploads/image.jpg&w=61", "signature-missing"),
    ] {
        let answer = app.get(path);
        answer.refused(403, code);
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    // A variant allowed by the old grammar's list is not allowed at its canonical URL.
    app.get("/open/unsafe/60x40/image.jpg").expect(200);
    let after = app.metric("tintype_storage_request_duration_seconds_count", &[]);
    assert!(after > before);
    app.get("/t/image.jpg/w_60~h_40~fit_cover~up_1")
        .refused(403, "signature-missing");
}

#[test]
fn what_cannot_be_mapped_says_what_is_missing() {
    let app = with_tower();
    for (path, missing) in [
        (
            "/open/unsafe/60x40/filters:watermark(a.png,1,1,1)/image.jpg",
            "filter watermark",
        ),
        (
            "/open/unsafe/60x40/https://other.example.org/image.jpg",
            "https://other.example.org/image.jpg",
        ),
        ("/thumb.php?src=uploads/image.jpg&f=7", "parameter f"),
        ("/cache/hero/image.jpg", "hero"),
        ("/open/unsafe/60x40/.tintype/records/x", ".tintype"),
    ] {
        let answer = app.get(path);
        answer.refused(404, "not-mapped");
        assert!(answer.text().contains(missing), "{path}: {}", answer.text());
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=60",
            "{path}"
        );
    }
    let gone = app.get("/ended/image.jpg");
    gone.refused(410, "gone");
    assert!(gone.text().contains("2020-01-01"), "{}", gone.text());
    app.get("/open/unsafe/60x40/absent.jpg")
        .refused(404, "not-found");
    app.get("/nobody/knows").refused(404, "not-found");
    app.call("POST", "/ended/image.jpg", &[], b"")
        .refused(405, "method-not-allowed");
}

#[test]
fn requests_are_counted_by_grammar_host_and_result() {
    let app = with_tower();
    let host = [("host", "old.example.org")];
    for path in [
        "/open/unsafe/60x40/image.jpg",
        "/open/unsafe/60x40/image.jpg",
        "/open/unsafe/trim/image.jpg",
        "/open/unsafe/61x40/image.jpg",
        "/open/unsafe/60x40/absent.jpg",
        "/cache/card/image.jpg",
        "/ended/image.jpg",
        "/unsafe/image.jpg",
        "/nobody/knows",
    ] {
        app.get_with(path, &host);
    }
    app.get_with("/ended/image.jpg", &[("host", "invented.example")]);
    let host = "host=\"old.example.org\"";
    for (grammar, host, result, times) in [
        ("thumbor", host, "here", 2),
        ("thumbor", host, "option", 1),
        ("thumbor", host, "denied", 1),
        ("thumbor", host, "failed", 1),
        ("thumbor", host, "unsigned", 1),
        ("pattern", host, "redirect", 1),
        ("pattern", host, "gone", 1),
        ("pattern", "host=\"other\"", "gone", 1),
    ] {
        let labels = [
            &format!("grammar=\"{grammar}\"")[..],
            host,
            &format!("result=\"{result}\""),
        ];
        assert_eq!(
            app.metric("tintype_old_urls_total", &labels),
            times,
            "{labels:?}"
        );
    }
    assert_eq!(app.metric("tintype_old_urls_total", &[]), 9);
}

#[test]
fn an_access_log_tells_what_will_be_answered_before_the_switch() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], log: &str| {
        let mut child = tintype(folder.path())
            .arg("check-urls")
            .args(arguments)
            .env("TINTYPE_SIGNING_KEYS", SIGNING_KEY)
            .env("TINTYPE_CONFIG_INLINE", LISTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(log.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let line = |target: &str, status: u16| {
        format!(
            r#"::1 - - [10/Oct/2020:13:55:36 +0000] "GET {target} HTTP/1.1" {status} 1 "-" "x""#
        )
    };
    let log = [
        line(THUMBOR_SIGNED, 200),
        line(IMGPROXY_SIGNED, 200),
        line("/open/unsafe/60x40/image.jpg", 304),
        line("/open/unsafe/61x40/image.jpg", 200),
        line("/open/unsafe/trim/image.jpg", 200),
        line("/open/unsafe/trim/image.jpg", 200),
        line("/open/unsafe/trim/other.jpg", 200),
        line("/open/unsafe/60x40/https://other.example.org/a.jpg", 200),
        line("/open/unsafe/60x40/https://other.example.org/b.jpg", 200),
        line("/wp-login.php", 404),
        line("/robots.txt", 200),
        line("/t/image.jpg/card", 200),
        "nothing".to_owned(),
        "/thumb.php?src=uploads/image.jpg&w=60".to_owned(),
    ];
    let told = check(&["--json"], &log.join("\n"));
    let lines: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let summary = &lines.last().unwrap()["summary"];
    for (what, number) in [
        ("lines", 14),
        ("answered", 4),
        ("not_answered", 7),
        ("failed_before", 1),
        ("ours", 1),
        ("not_requests", 1),
    ] {
        assert_eq!(summary[what], number, "{what}: {told}");
    }
    let of = |detail: &str| {
        let found = lines.iter().find(|line| {
            line["detail"]
                .as_str()
                .is_some_and(|told| told.contains(detail))
        });
        found.unwrap_or_else(|| panic!("{detail} in {told}"))
    };
    assert_eq!(of("trim")["lines"], 3);
    assert_eq!(of("trim")["examples"].as_array().unwrap().len(), 2);
    assert_eq!(of("https://other.example.org/")["lines"], 2);
    assert_eq!(of("not signed")["reason"], "denied");
    assert_eq!(of("no rule")["examples"][0], "/robots.txt");
    let words = check(&[], &log.join("\n"));
    assert!(words.contains("4  will work"), "{words}");
    assert!(words.contains("imgproxy, redirected"), "{words}");
    assert!(words.contains("trim has no equivalent here"), "{words}");
}
