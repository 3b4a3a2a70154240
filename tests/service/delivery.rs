//! One URL, one image: every other spelling redirects or is refused, and never returns the image a second time. The
//! headers let browsers and CDNs keep what they may keep, revalidate the rest, and never run what somebody uploaded.
//! Originals and variants obey the same rules.

use crate::corpus;
use crate::harness::{App, SIGNING_KEY, Start, signed};

fn with_tower() -> App {
    let app = App::dev();
    app.upload("a/tower.jpg", &corpus::tower());
    app
}

#[test]
fn other_spellings_redirect_to_the_canonical_one() {
    let app = with_tower();
    for (asked, canonical) in [
        ("h_100~w_200", "w_200~h_100"),
        ("w_200~fit_contain", "w_200"),
        ("w_200~up_0~dpr_1", "w_200"),
        ("w_200~f_auto", "w_200"),
        ("rot_90~w_200", "w_200~rot_90"),
        (
            "w_200~h_100~fit_cover~g_0.50x0.250",
            "w_200~h_100~fit_cover~g_0.5x0.25",
        ),
        ("w_200~bg_FFF", "w_200~bg_ffffff"),
        ("w%5F200", "w_200"),
        ("w_200?x=1", "w_200"),
        ("w_200?", "w_200"),
    ] {
        let answer = app.get(&format!("/t/a/tower.jpg/{asked}")).expect(308);
        assert_eq!(
            answer.header("location"),
            format!("/t/a/tower.jpg/{canonical}"),
            "{asked}"
        );
        app.get(answer.header("location")).expect(200);
    }
    let answer = app.get("/t/%61/tower.jpg/w_200").expect(308);
    assert_eq!(answer.header("location"), "/t/a/tower.jpg/w_200");
}

#[test]
fn nothing_is_silently_ignored() {
    let app = with_tower();
    for (spec, item) in [
        ("w_0", "w"),
        ("w_8193", "w"),
        ("w_1e3", "w"),
        ("w_-5", "w"),
        ("w_200~w_300", "w"),
        ("fit_fill~w_200~h_200", "fit"),
        ("w_200~fit_cover", "fit"),
        ("w_200~g_ne", "g"),
        ("w_200~dpr_9", "dpr"),
        ("q_101", "q"),
        ("f_tiff", "f"),
        ("rot_45", "rot"),
        ("bg_red", "bg"),
        ("nonsense_1", "nonsense"),
        ("w_100~f_original", "f"),
        ("w_100~f_json", "f"),
        ("up_1", "up"),
        ("v_123", "v"),
        ("nosuchpreset", "nosuchpreset"),
    ] {
        let answer = app.get(&format!("/t/a/tower.jpg/{spec}"));
        answer.refused(400, "invalid-spec");
        assert!(
            answer.json().to_string().contains(item),
            "{spec}: {}",
            answer.text()
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{spec}");
    }
}

#[test]
fn a_missing_original_is_not_found() {
    let app = App::dev();
    for path in [
        "/t/absent.jpg/w_100",
        "/t/absent.jpg/f_original",
        "/t/absent.jpg/f_json",
        "/o/absent.jpg",
    ] {
        let missing = app.get(path);
        missing.refused(404, "not-found");
        assert_eq!(missing.json()["key"], "absent.jpg", "{path}");
        let detail = missing.json()["detail"].to_string();
        assert!(detail.contains("absent.jpg"), "{detail}");
    }
    for path in ["/files/absent.jpg", "/records/absent.jpg"] {
        let missing = app.api("GET", path, &[], b"");
        missing.refused(404, "not-found");
        assert_eq!(missing.json()["key"], "absent.jpg", "{path}");
    }
    let nowhere = app.get("/thumbs/a.jpg/w_1~sig_SECRETSIGNATURE0000000");
    nowhere.refused(404, "not-found");
    let text = nowhere.text();
    assert!(
        text.contains("/thumbs") && text.contains("/t/{key}/{spec}"),
        "{text}"
    );
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn a_forgotten_spec_is_told_with_an_example_that_works() {
    let app = with_tower();
    for path in ["/t/a/tower.jpg", "/t/a/tower.jpg/"] {
        let refused = app.get(path);
        refused.refused(400, "invalid-spec");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        let example = detail.rsplit(' ').next().unwrap();
        assert_eq!(example, "/t/a/tower.jpg/w_640", "{detail}");
        app.get(example).expect(200);
    }
}

#[test]
fn methods_that_change_nothing_and_no_others() {
    let app = with_tower();
    for path in ["/t/a/tower.jpg/w_100", "/o/a/tower.jpg"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = app.call(method, path, &[], b"");
            answer.refused(405, "method-not-allowed");
            assert!(answer.header("allow").contains("GET"), "{method} {path}");
        }
        let preflight = [
            ("origin", "https://example.org"),
            ("access-control-request-method", "GET"),
        ];
        let answer = app.call("OPTIONS", path, &preflight, b"").expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

#[test]
fn a_head_answers_as_a_get_without_the_body() {
    let app = with_tower();
    for path in [
        "/t/a/tower.jpg/w_100~f_jpeg",
        "/t/a/tower.jpg/f_original",
        "/o/a/tower.jpg",
    ] {
        let get = app.get(path).expect(200);
        let head = app.head(path).expect(200);
        assert!(head.body.is_empty());
        let comparable = |headers: &ureq::http::HeaderMap| {
            let mut headers = headers.clone();
            for name in [
                "date",
                "server-timing",
                "x-request-id",
                "tintype-request-id",
            ] {
                headers.remove(name);
            }
            let mut all: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            all.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
            all
        };
        assert_eq!(
            comparable(&get.headers),
            comparable(&head.headers),
            "{path}"
        );
        assert_eq!(head.header("content-length"), get.body.len().to_string());
    }
}

#[test]
fn conditions_are_answered_as_http_says() {
    let app = with_tower();
    for path in [
        "/t/a/tower.jpg/w_100~f_jpeg",
        "/o/a/tower.jpg",
        "/t/a/tower.jpg/f_original",
    ] {
        let plain = app.get(path).expect(200);
        let etag = plain.header("etag");
        assert!(etag.starts_with('"'), "strong: {etag}");
        let modified = plain.header("last-modified");
        assert!(!modified.is_empty(), "{path}");
        let list = format!("\"x\", W/{etag}");
        let long_ago = "Thu, 01 Jan 1998 00:00:00 GMT";
        for (headers, status) in [
            (&[("if-none-match", etag)][..], 304),
            (&[("if-none-match", list.as_str())], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "\"other\"")], 200),
            (
                &[
                    ("if-none-match", "\"other\""),
                    ("if-modified-since", modified),
                ],
                200,
            ),
            (&[("if-modified-since", modified)], 304),
            (&[("if-modified-since", long_ago)], 200),
            (&[("if-modified-since", "yesterday")], 200),
            (&[("if-match", etag)], 200),
            (&[("if-match", "\"other\"")], 412),
            (&[("if-unmodified-since", long_ago)], 412),
        ] {
            let answer = app.get_with(path, headers);
            assert_eq!(answer.status, status, "{path} {headers:?}");
            if status == 304 {
                assert!(answer.body.is_empty());
                for name in ["etag", "cache-control", "vary"] {
                    assert_eq!(answer.header(name), plain.header(name), "{path} {name}");
                }
            }
        }
    }
}

#[test]
fn parts_are_served_of_originals_and_variants_alike() {
    let app = with_tower();
    for path in [
        "/t/a/tower.jpg/w_300~f_jpeg",
        "/o/a/tower.jpg",
        "/t/a/tower.jpg/f_original",
    ] {
        let whole = app.get(path).expect(200);
        let (bytes, length) = (&whole.body, whole.body.len());
        assert_eq!(whole.header("accept-ranges"), "bytes");
        for (range, start, end) in [
            ("bytes=0-0".to_owned(), 0, 1),
            ("bytes=100-199".to_owned(), 100, 200),
            ("bytes=500-".to_owned(), 500, length),
            ("bytes=-5".to_owned(), length - 5, length),
            (format!("bytes=10-{}", length * 2), 10, length),
        ] {
            let part = app.get_with(path, &[("range", &range)]).expect(206);
            assert_eq!(part.body, bytes[start..end], "{path} {range}");
            let expected = format!("bytes {start}-{}/{length}", end - 1);
            assert_eq!(part.header("content-range"), expected);
            assert_eq!(part.header("etag"), whole.header("etag"));
        }
        for range in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
            let answer = app.get_with(path, &[("range", &range)]).expect(416);
            assert_eq!(
                answer.header("content-range"),
                format!("bytes */{length}"),
                "{range}"
            );
        }
        for range in ["lines=1-2", "bytes=5-2", "bytes=x"] {
            app.get_with(path, &[("range", range)]).expect(200);
        }
        let etag = whole.header("etag");
        let weak = format!("W/{etag}");
        for (condition, status) in [(etag, 206), (weak.as_str(), 200), ("\"other\"", 200)] {
            let answer = app.get_with(path, &[("range", "bytes=0-9"), ("if-range", condition)]);
            assert_eq!(answer.status, status, "{path} if-range {condition}");
        }
        let head = app
            .call("HEAD", path, &[("range", "bytes=0-9")], b"")
            .expect(200);
        assert_eq!(head.header("content-length"), length.to_string());

        // Many small parts must not cost more than the whole.
        let many = (0..200)
            .map(|n| format!("{n}-{n}"))
            .collect::<Vec<_>>()
            .join(",");
        let answer = app.get_with(path, &[("range", &format!("bytes={many}"))]);
        assert!(matches!(answer.status, 200 | 416), "{}", answer.status);
    }
}

#[test]
fn a_format_is_negotiated_in_three_classes() {
    let app = with_tower();
    for (accept, media_type) in [
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/webp,*/*", "image/webp"),
        ("image/avif;q=0,image/webp,*/*", "image/webp"),
        ("image/webp;q=0,*/*", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/png", "image/jpeg"),
        ("", "image/jpeg"),
        ("nonsense", "image/jpeg"),
    ] {
        let answer = app
            .get_with("/t/a/tower.jpg/w_64", &[("accept", accept)])
            .expect(200);
        assert_eq!(answer.header("content-type"), media_type, "{accept}");
        assert!(answer.header("vary").eq_ignore_ascii_case("accept"));
        let answer = app
            .get_with("/t/a/tower.jpg/w_64~f_png", &[("accept", accept)])
            .expect(200);
        assert_eq!(answer.header("content-type"), "image/png");
        assert_eq!(answer.header("vary"), "");
    }
}

#[test]
fn transparency_survives_where_nothing_is_negotiated() {
    let app = App::dev();
    app.upload(
        "a.png",
        &corpus::read("formats/alpha-premultiply-1024x768-paper.png"),
    );
    let answer = app.get("/t/a.png/w_64").expect(200);
    assert_eq!(answer.header("content-type"), "image/png");
}

#[test]
fn only_what_never_changes_is_immutable() {
    let app = with_tower();
    let version = app.record("a/tower.jpg")["version"]
        .as_str()
        .unwrap()
        .to_owned();
    let forever = "public, max-age=31536000, immutable";
    for (spec, immutable) in [
        (format!("w_100~v_{version}"), true),
        (format!("f_original~v_{version}"), true),
        ("w_100".into(), false),
        ("f_original".into(), false),
        ("w_100~v_0123456789abcdef".into(), false),
    ] {
        let answer = app.get(&format!("/t/a/tower.jpg/{spec}")).expect(200);
        let cache_control = answer.header("cache-control");
        assert_eq!(
            cache_control == forever,
            immutable,
            "{spec}: {cache_control}"
        );
        assert!(
            cache_control.starts_with("public, max-age="),
            "{spec}: {cache_control}"
        );
    }
    // Once the image changes, the old version no longer names an immutable response.
    app.put(
        "a/tower.jpg?on_conflict=overwrite",
        &corpus::read("photos/Wood.jpg"),
        &[],
    )
    .expect(200);
    let answer = app
        .get(&format!("/t/a/tower.jpg/w_100~v_{version}"))
        .expect(200);
    assert_ne!(answer.header("cache-control"), forever);
}

#[test]
fn an_address_with_an_end_is_kept_no_longer() {
    let app = with_tower();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let answer = app
        .get(&format!("/t/a/tower.jpg/w_100~exp_{}", now + 30))
        .expect(200);
    let cache_control = answer.header("cache-control");
    let age = cache_control
        .strip_prefix("private, max-age=")
        .unwrap_or_else(|| {
            panic!("{cache_control}");
        });
    assert!(
        age.split(',').next().unwrap().parse::<u64>().unwrap() <= 30,
        "{age}"
    );
    let answer = app.get(&format!("/t/a/tower.jpg/w_100~exp_{}", now - 30));
    answer.refused(403, "signature-expired");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn caches_can_purge_by_original_and_folder() {
    let app = with_tower();
    let variant = app.get("/t/a/tower.jpg/w_100").expect(200);
    let original = app.get("/o/a/tower.jpg").expect(200);
    let keys: Vec<_> = variant.header("surrogate-key").split(' ').collect();
    assert!(keys.len() >= 2 && keys[0].starts_with("tt-"), "{keys:?}");
    assert_eq!(
        original.header("surrogate-key"),
        variant.header("surrogate-key")
    );
    assert_eq!(
        variant.header("cache-tag").replace(',', " "),
        keys.join(" ")
    );

    app.upload("a/other.jpg", &corpus::read("photos/Wood.jpg"));
    let other = app.get("/t/a/other.jpg/w_100").expect(200);
    let shared = other
        .header("surrogate-key")
        .split(' ')
        .filter(|key| keys.contains(key))
        .count();
    assert_eq!(shared, 2, "the folder, and the one that everything has");
}

#[test]
fn nothing_uploaded_can_act_in_a_browser() {
    let app = App::dev();
    for (key, name, inline) in [
        ("a.svg", "hostile/svg-script.svg", false),
        ("a.jpg", "hostile/ext-html-named.jpg", false),
        ("p.html", "hostile/polyglot-html-jpeg.jpg", false),
        ("a.gif", "hostile/polyglot-gif-js.gif", true),
        ("b.jpg", "photos/tower.jpg", true),
    ] {
        app.upload(key, &corpus::read(name));
        let answer = app.get(&format!("/o/{key}")).expect(200);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; sandbox"
        );
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            "cross-origin"
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let disposition = answer.header("content-disposition");
        assert_eq!(
            disposition.starts_with("inline"),
            inline,
            "{name}: {disposition}"
        );
    }
}

#[test]
fn downloads_carry_a_safe_file_name() {
    let app = App::dev();
    app.upload("a/gr%C3%BC%C3%9Fe%22.jpg", &corpus::tower());
    let path = "/t/a/gr%C3%BC%C3%9Fe%22.jpg";
    let answer = app.get(&format!("{path}/f_original~dl_1")).expect(200);
    let disposition = answer.header("content-disposition");
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert!(
        disposition.contains("filename*=UTF-8''gr%C3%BC%C3%9Fe%22.jpg"),
        "{disposition}"
    );
    let answer = app
        .get(&format!("{path}/w_64~f_webp~dl_card.webp"))
        .expect(200);
    assert!(
        answer
            .header("content-disposition")
            .contains("filename=\"card.webp\"")
    );
}

#[test]
fn the_public_part_of_a_record_is_public_and_no_more() {
    let app = App::dev();
    let headers = [("tintype-record", r#"{"meta":{"secret":"internal note"}}"#)];
    app.put("a.jpg", &corpus::tower(), &headers).expect(201);
    let answer = app.get("/t/a.jpg/f_json").expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["version"], app.record("a.jpg")["version"]);
    for word in ["internal note", "etag", "state"] {
        assert!(!answer.text().contains(word), "{word} in {}", answer.text());
    }
}

#[test]
fn with_signing_keys_an_address_needs_its_signature() {
    let app = App::production();
    app.upload("a/tower.jpg", &corpus::tower());
    let key = "a/tower.jpg";
    for spec in ["w_100", "f_original", "f_json", "w_100~f_png"] {
        app.get(&format!("/t/{key}/{spec}"))
            .refused(403, "signature-missing");
        app.get(&signed(key, spec, SIGNING_KEY)).expect(200);
        let wrong = app.get(&signed(key, spec, "another-signing-key-of-32-characters"));
        wrong.refused(403, "signature-invalid");
        assert_eq!(wrong.header("cache-control"), "no-store");
    }
    app.get("/o/a/tower.jpg").refused(403, "signature-missing");

    // A signature for one URL is not valid for another.
    let path = signed(key, "w_100", SIGNING_KEY);
    app.get(&path.replace("w_100", "w_101"))
        .refused(403, "signature-invalid");
    app.get(&path.replace("a/tower", "a/tower2"))
        .refused(403, "signature-invalid");
}

#[test]
fn a_bad_signature_never_touches_the_store() {
    let app = App::production();
    app.upload("a.jpg", &corpus::tower());
    let requests = || app.metric("tintype_storage_request_duration_seconds_count", &[]);
    let before = requests();
    for n in 0..20 {
        let path = format!("/t/a.jpg/w_{}~sig_AAAAAAAAAAAAAAAAAAAAAA", 100 + n);
        app.get(&path).refused(403, "signature-invalid");
    }
    assert_eq!(requests(), before);
}

#[test]
fn a_rightly_signed_other_spelling_is_signed_again() {
    let app = App::production();
    app.upload("a.jpg", &corpus::tower());
    let answer = app
        .get(&signed("a.jpg", "h_50~w_100", SIGNING_KEY))
        .expect(308);
    assert_eq!(
        answer.header("location"),
        signed("a.jpg", "w_100~h_50", SIGNING_KEY)
    );
    let unsigned = app.get("/t/a.jpg/h_50~w_100~sig_AAAAAAAAAAAAAAAAAAAAAA");
    unsigned.refused(403, "signature-invalid");
}

#[test]
fn several_keys_are_valid_while_they_rotate() {
    let (old, new) = (SIGNING_KEY, "second-signing-key-for-tests-only-002");
    let app = Start::production()
        .env("TINTYPE_SIGNING_KEYS", &format!("{new},{old}"))
        .run();
    app.upload("a.jpg", &corpus::tower());
    app.get(&signed("a.jpg", "w_100", old)).expect(200);
    app.get(&signed("a.jpg", "w_100", new)).expect(200);
}

#[test]
fn presets_need_no_signature_but_say_nothing_else() {
    let presets = "[presets]\ncard = \"w_200~h_100~fit_cover\"\n";
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", presets)
        .run();
    app.upload("a.jpg", &corpus::tower());
    for spec in ["card", "card~dpr_2", "card~f_webp"] {
        let answer = app.get(&format!("/t/a.jpg/{spec}")).expect(200);
        assert!(
            !answer.header("cache-control").contains("immutable"),
            "{spec}"
        );
    }
    for spec in [
        "card~w_300",
        "card~q_90",
        "card~dpr_3.7",
        "w_200~h_100~fit_cover",
    ] {
        app.get(&format!("/t/a.jpg/{spec}"))
            .refused(403, "signature-missing");
    }
}

/// A second request for a URL gets the same response, whatever the method and conditions, and never one in another
/// format.
#[test]
fn a_second_answer_is_the_first_again() {
    let app = Start::production()
        .env("TINTYPE_CONFIG_INLINE", "presets.card = \"w_90\"")
        .run();
    let version = app.upload("a/tower.jpg", &corpus::tower())["version"].take();
    let pinned = format!("w_100~v_{}", version.as_str().unwrap());
    let until = format!("w_100~exp_{}", 4_000_000_000_u64);
    let signed = |spec: &str| signed("a/tower.jpg", spec, SIGNING_KEY);
    let mut paths: Vec<_> = ["w_100", "w_100~f_png", "w_100~dl_1", "w_100~dl_x.webp"]
        .into_iter()
        .chain([pinned.as_str(), until.as_str()])
        .map(signed)
        .collect();
    paths.push("/t/a/tower.jpg/card".into());
    let varied = ["tintype-request-id", "server-timing", "date"];
    let headers = |answer: &crate::harness::Response| {
        let mut headers = answer.headers.clone();
        for name in varied {
            headers.remove(name);
        }
        headers
    };
    for path in &paths {
        for accept in ["image/avif,image/webp", "image/webp", "*/*"] {
            let accept = ("accept", accept);
            let first = app.get_with(path, &[accept]).expect(200);
            let again = app.get_with(path, &[accept]).expect(200);
            assert_eq!(headers(&first), headers(&again), "{path}");
            assert_eq!(first.body, again.body, "{path}");

            let etag = ("if-none-match", first.header("etag"));
            let unchanged = app.get_with(path, &[accept, etag]).expect(304);
            assert_eq!(
                unchanged.header("cache-control"),
                first.header("cache-control")
            );
            let part = app
                .get_with(path, &[accept, ("range", "bytes=1-3")])
                .expect(206);
            assert_eq!(part.body, first.body[1..4]);
            let head = app.call("HEAD", path, &[accept], b"").expect(200);
            assert_eq!(headers(&head), headers(&first), "{path}");
        }
        // A signature for another URL is not valid for this one, however often this one was verified.
        let forged = path.replace("tower.jpg/", "tower.jpg/h_9~");
        assert_ne!(app.get(&forged).status, 200, "{forged}");
        app.get(&format!("{path}?x")).expect(308);
    }
}

/// A viewer on another origin that loads a PDF in parts can read its length and version, even after an unsatisfiable
/// range.
#[test]
fn scripts_of_other_pages_read_every_answer() {
    let app = with_tower();
    for path in [
        "/o/a/tower.jpg",
        "/t/a/tower.jpg/w_60",
        "/t/a/tower.jpg/f_original",
    ] {
        for (headers, status) in [
            (&[][..], 200),
            (&[("range", "bytes=0-3")][..], 206),
            (&[("range", "bytes=99999999-")][..], 416),
            (&[("if-match", "\"other\"")][..], 412),
            (&[("if-none-match", "*")][..], 304),
        ] {
            let answer = app.get_with(path, headers).expect(status);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                "*",
                "{status}"
            );
            assert_eq!(
                answer.header("cross-origin-resource-policy"),
                "cross-origin"
            );
            let exposed = answer.header("access-control-expose-headers");
            for name in [
                "ETag",
                "Accept-Ranges",
                "Content-Range",
                "Content-Length",
                "Server-Timing",
            ] {
                assert!(exposed.contains(name), "{status}: {exposed}");
            }
        }
    }
    // The ID by which a refusal is found in the log.
    let missing = app.get("/t/none.jpg/w_60").expect(404);
    assert!(!missing.header("tintype-request-id").is_empty());
    assert!(
        missing
            .header("access-control-expose-headers")
            .contains(", Tintype-Request-Id")
    );
    let list = app.api("GET", "/list", &[], b"").expect(200);
    assert_eq!(
        list.header("access-control-allow-origin"),
        "",
        "the API is not for pages"
    );
}
