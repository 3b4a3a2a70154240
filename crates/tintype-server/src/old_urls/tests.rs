//! An old URL is translated to what its own server made of it, or refused with the reason. The cases are URLs and
//! values of the grammars' public test suites.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::url::{PresetName, parse_spec};

pub(super) fn rule(grammar: Grammar, sources: &[&str]) -> OldUrlRule {
    OldUrlRule {
        grammar,
        prefix: "/".to_owned(),
        mapping: KeyMapping::new(sources.iter().copied(), String::new(), Vec::new()),
        answer: ResponseMode::Here,
        until: None,
        sizes: Vec::new(),
    }
}

static PRESETS: LazyLock<Presets> = LazyLock::new(|| {
    let mut presets = Presets::default();
    for (name, text) in [("card", "w_640~h_480~fit_cover"), ("sharp", "sharpen_1")] {
        let name = PresetName::parse(name).unwrap();
        presets.insert(name, text).unwrap();
    }
    presets
});

/// `signed key spec`, or `reason: words`, or `-` if it belongs to another grammar.
pub(super) fn translation(rule: &OldUrlRule, address: &str) -> String {
    let (path, query) = match address.split_once('?') {
        None => (address, None),
        Some((path, query)) => (path, Some(query)),
    };
    match rule.translate(path, query, &PRESETS, 1_000) {
        None => "-".to_owned(),
        Some(Err(unmapped)) => format!("{}: {unmapped}", unmapped.reason()),
        Some(Ok(translated)) => {
            let Translated { key, spec, access } = translated;
            let signed = match access {
                Access::Signed => "signed ",
                Access::Unsigned => "",
            };
            assert_eq!(
                parse_spec(&spec.to_string()).as_ref(),
                Ok(&spec),
                "{address}"
            );
            format!("{signed}{} {spec}", key.as_str())
        }
    }
}

struct Written<'a> {
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    key: &'a str,
    spec: &'a str,
    words: &'a [(&'a str, &'a [(&'a str, &'a str)])],
}

fn pattern(written: &Written<'_>) -> Result<OldUrlRule, (String, String)> {
    let text = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    let query: Vec<_> = written.query.iter().map(text).collect();
    let words: BTreeMap<_, BTreeMap<_, _>> = written
        .words
        .iter()
        .map(|(group, words)| ((*group).to_owned(), words.iter().map(text).collect()))
        .collect();
    let pattern = Pattern::new(&PatternText {
        path: written.path,
        query: &query,
        key: written.key,
        spec: written.spec,
        words: &words,
    })?;
    Ok(rule(Grammar::Pattern(Box::new(pattern)), &[]))
}

const TIMTHUMB: Written<'_> = Written {
    path: r"thumb\.php",
    query: &[
        ("src", "(?P<src>.+)"),
        ("w", r"(?P<w>\d*)"),
        ("h", r"(?P<h>\d*)"),
        ("zc", r"(?P<zc>\d)"),
        ("q", r"(?P<q>\d+)"),
        ("v", ".*"),
    ],
    key: "{src}",
    spec: "w_{w}~h_{h}~{zc}~q_{q}",
    words: &[(
        "zc",
        &[
            ("0", "fit_stretch"),
            ("1", "fit_cover"),
            ("2", "fit_pad~bg_fff"),
        ],
    )],
};

#[test]
fn a_script_is_a_pattern_over_its_query() {
    let rule = pattern(&TIMTHUMB).unwrap();
    for (address, expected) in [
        (
            "/thumb.php?src=uploads/a.jpg&w=300&zc=1",
            "uploads/a.jpg w_300",
        ),
        (
            "/thumb.php?zc=1&h=200&w=300&src=uploads/a.jpg",
            "uploads/a.jpg w_300~h_200~fit_cover",
        ),
        (
            "/thumb.php?src=/uploads/a+b%20c.jpg&w=300&h=0&q=90",
            "uploads/a b c.jpg w_300~q_90",
        ),
        (
            "/thumb.php?src=a.jpg&w=&h=200&zc=2",
            "a.jpg h_200~bg_ffffff",
        ),
        (
            "/thumb.php?src=a.jpg&w=3&h=2&zc=2",
            "a.jpg w_3~h_2~fit_pad~bg_ffffff",
        ),
        (
            "/thumb.php?src=a.jpg&w=3&h=2&zc=0",
            "a.jpg w_3~h_2~fit_stretch",
        ),
        ("/thumb.php?src=a.jpg&w=3&w=4&v=17", "a.jpg w_4"),
        ("/thumb.php?src=a.jpg", "a.jpg f_auto"),
        ("/thumb.php?src=a.jpg&&", "a.jpg f_auto"),
        ("/thumb.php", "key: the URL names no image"),
        ("/thumb.php?w=3", "key: the URL names no image"),
        (
            "/thumb.php?src=a.jpg&zc=3",
            "option: zc \"3\" has no equivalent here",
        ),
        (
            "/thumb.php?src=a.jpg&f=2",
            "option: parameter f has no equivalent here",
        ),
        (
            "/thumb.php?src=a.jpg&w=many",
            "option: parameter w=many has no equivalent here",
        ),
        (
            "/thumb.php?src=../a.jpg",
            "key: key has a segment that is \"..\"",
        ),
        (
            "/thumb.php?src=https://other.example/a.jpg",
            "source: the image is at https://other.example/a.jpg, which is not one of the sources",
        ),
        ("/thumb.php/x?src=a.jpg", "-"),
        ("/other.php?src=a.jpg", "-"),
    ] {
        assert_eq!(translation(&rule, address), expected, "{address}");
    }
    assert!(translation(&rule, "/thumb.php?src=a.jpg&w=99999").starts_with("option: w: must be"));
}

#[test]
fn names_of_stored_thumbnails_are_a_pattern_over_the_path() {
    let cache = pattern(&Written {
        path: r"media/cache/(?P<w>\d+)x(?P<h>\d+)/(?P<key>.+)",
        query: &[],
        key: "{key}",
        spec: "w_{w}~h_{h}~fit_cover",
        words: &[],
    })
    .unwrap();
    let stored = pattern(&Written {
        path: r"media/(?P<key>.+)\.(?P<w>\d+)x(?P<h>\d+)_q(?P<q>\d+)(?P<crop>_crop(?:-smart)?)?(?P<up>_upscale)?\.(?P<ext>jpg|png)",
        query: &[],
        key: "{key}",
        spec: "w_{w}~h_{h}~{crop}~{up}~q_{q}~f_{ext}",
        words: &[
            ("crop", &[("_crop", "fit_cover"), ("_crop-smart", "fit_cover")]),
            ("up", &[("_upscale", "up_1")]),
            ("ext", &[("jpg", "jpeg"), ("png", "png")]),
        ],
    })
    .unwrap();
    for (rule, address, expected) in [
        (
            &cache,
            "/media/cache/300x200/a/b%20c.jpg",
            "a/b c.jpg w_300~h_200~fit_cover",
        ),
        (&cache, "/media/cache/300x0/a.jpg?v=1", "a.jpg w_300"),
        (&cache, "/media/cache/300x200/", "-"),
        (
            &stored,
            "/media/a.jpg.300x200_q85_crop.jpg",
            "a.jpg w_300~h_200~fit_cover~q_85~f_jpeg",
        ),
        (
            &stored,
            "/media/u/a.png.300x0_q85_upscale.png",
            "u/a.png w_300~up_1~q_85~f_png",
        ),
        (
            &stored,
            "/media/a.jpg.30x20_q9_crop-smart_upscale.jpg",
            "a.jpg w_30~h_20~fit_cover~up_1~q_9~f_jpeg",
        ),
        (&stored, "/media/a.jpg.300x200_q85_bw.jpg", "-"),
        // sorl's URLs: a hash of name and options, which cannot be reversed.
        (
            &stored,
            "/media/cache/b1/7b/b17b4fb0d5f1c0b8c2f2d3f2f1bd4d63.jpg",
            "-",
        ),
    ] {
        assert_eq!(translation(rule, address), expected, "{address}");
    }
}

#[test]
fn a_value_brings_no_items_of_its_own() {
    let rule = pattern(&Written {
        path: "(?P<key>[^/]+)/(?P<spec>.+)",
        query: &[],
        key: "{key}",
        spec: "w_{spec}",
        words: &[],
    })
    .unwrap();
    for value in [
        "3~h_4",
        "3~sig_AAAAAAAAAAAAAAAAAAAAAA",
        "3~exp_9",
        "3_4",
        "x",
    ] {
        let translation = translation(&rule, &format!("/a.jpg/{value}"));
        assert!(
            translation.starts_with("option: "),
            "{value}: {translation}"
        );
    }
}

#[test]
fn a_pattern_says_what_is_wrong_with_it() {
    let of = |written: Written<'_>| pattern(&written).unwrap_err();
    let plain = || Written {
        path: "(?P<key>.+)",
        query: &[],
        key: "{key}",
        spec: "w_1",
        words: &[],
    };
    let long = "a".repeat(2_000);
    for (written, option, word) in [
        (
            Written {
                path: "(",
                ..plain()
            },
            "path",
            "unclosed",
        ),
        (
            Written {
                path: &long,
                ..plain()
            },
            "path",
            "longer",
        ),
        (
            Written {
                path: r"\w{500}{50}{9}(?P<key>.)",
                ..plain()
            },
            "path",
            "memory",
        ),
        (
            Written {
                query: &[("w", "[")],
                ..plain()
            },
            "query.w",
            "unclosed",
        ),
        (
            Written {
                key: "{name}",
                ..plain()
            },
            "key",
            "name",
        ),
        (
            Written {
                key: "{key",
                ..plain()
            },
            "key",
            "bracket",
        ),
        (
            Written {
                spec: "w_{w}",
                ..plain()
            },
            "spec",
            "w",
        ),
        (
            Written {
                spec: "width_{key}",
                ..plain()
            },
            "spec",
            "width",
        ),
        (
            Written {
                words: &[("zc", &[])],
                ..plain()
            },
            "words.zc",
            "group",
        ),
    ] {
        let (at, reason) = of(written);
        assert_eq!(at, option);
        assert!(reason.contains(word), "{option}: {reason}");
    }
}

#[test]
fn an_image_is_found_however_its_url_is_spelt() {
    let key = |sources: &[&str], address: &str| {
        let mapping = KeyMapping::new(sources.iter().copied(), "old/".to_owned(), Vec::new());
        match mapping.key(address) {
            Ok(key) => key.as_str().to_owned(),
            Err(unmapped) => unmapped.reason().to_owned(),
        }
    };
    let web = [
        "https://old.example.org/media/",
        "s3://bucket/",
        "local:///",
        "",
    ];
    for (address, expected) in [
        ("https://old.example.org/media/a.jpg", "old/a.jpg"),
        ("http://OLD.example.org/media/a.jpg", "old/a.jpg"),
        ("https:/old.example.org/media/a.jpg", "old/a.jpg"),
        ("//old.example.org/media/a.jpg", "old/a.jpg"),
        ("old.example.org/media/a.jpg", "old/a.jpg"),
        (
            "https://old.example.org/media/a%20b.jpg?x=1#y",
            "old/a b.jpg",
        ),
        ("https://old.example.org/other/a.jpg", "source"),
        ("https://other.example.org/media/a.jpg", "source"),
        ("https://old.example.org.evil.example/media/a.jpg", "source"),
        ("https://old.example.org/media/../../etc", "key"),
        ("https://old.example.org/media/%2e%2e/a", "key"),
        ("https://old.example.org/media/%ff", "key"),
        ("https://old.example.org/media/", "key"),
        ("s3://bucket/a/b.jpg?version", "old/a/b.jpg"),
        ("s3://other/a.jpg", "source"),
        ("local:///a.jpg", "old/a.jpg"),
        ("local:/a.jpg", "old/a.jpg"),
        ("/a?b.jpg", "old/a?b.jpg"),
        ("a%20b.jpg", "old/a%20b.jpg"),
    ] {
        assert_eq!(key(&web, address), expected, "{address}");
    }
    assert_eq!(key(&web[..1], "a.jpg"), "source");
    assert_eq!(key(&[], "https://old.example.org/media/a.jpg"), "source");
    let replace = vec![
        (compile("^v[0-9]+/(.*)").unwrap(), "$1".to_owned()),
        (compile(r"\.jpeg$").unwrap(), ".jpg".to_owned()),
    ];
    let mapping = KeyMapping::new([], String::new(), replace);
    assert_eq!(mapping.key("v12/a.jpeg").unwrap().as_str(), "a.jpg");
}

#[test]
fn after_its_day_every_url_of_a_grammar_is_gone() {
    let mut rule = pattern(&TIMTHUMB).unwrap();
    let until = |second| {
        let day = "2030-01-01".to_owned();
        Some(EndDate { day, second })
    };
    rule.until = until(1_001);
    assert_eq!(translation(&rule, "/thumb.php?src=a.jpg"), "a.jpg f_auto");
    rule.until = until(1_000);
    for address in ["/thumb.php?src=a.jpg", "/thumb.php?nonsense=1"] {
        let translation = translation(&rule, address);
        assert_eq!(
            translation,
            "gone: URLs of this kind were served until 2030-01-01"
        );
    }
    assert_eq!(translation(&rule, "/else"), "-");
}

#[test]
fn unsigned_urls_obey_the_site_except_for_listed_boxes() {
    let mut rule = pattern(&TIMTHUMB).unwrap();
    rule.sizes = ["300x200", "640x", "0x480"]
        .map(|text| UnsignedSize::parse(text).unwrap())
        .to_vec();
    let allowed = |spec: &str, access, originals| {
        let translated = Translated {
            key: Key::existing("a.jpg").unwrap(),
            spec: parse_spec(spec).unwrap(),
            access,
        };
        rule.authorise(&translated, Unsigned::Presets, originals, 1_000)
            .is_ok()
    };
    for spec in [
        "w_300~h_200",
        "w_300~h_200~fit_cover~g_ne~up_1~q_85~f_webp~rot_90",
        "w_640",
        "h_480~gray_1",
        "w_300~h_200~fit_pad~bg_ffffff",
        "card",
        "card~dpr_2",
    ] {
        assert!(allowed(spec, Access::Unsigned, Originals::Signed), "{spec}");
    }
    for spec in [
        "w_300",
        "w_640~h_1",
        "w_301~h_200",
        "w_640~dpr_2",
        "w_640~blur_3",
        "w_640~crop_0x0x9x9",
        "w_640~max_9",
        "w_640~bg_123456",
        "w_300~h_200~fit_cover~g_0.1x0.1",
        "w_640~exp_9999",
        "w_640~dl_1",
        "f_original",
        "f_json",
        "w_640~meta_none",
        "f_auto",
    ] {
        assert!(
            !allowed(spec, Access::Unsigned, Originals::Signed),
            "{spec}"
        );
        assert!(allowed(spec, Access::Signed, Originals::Signed), "{spec}");
    }
    assert!(!allowed(
        "w_640~exp_1000",
        Access::Signed,
        Originals::Signed
    ));
    assert!(allowed("f_original", Access::Unsigned, Originals::Public));
    assert!(!allowed(
        "f_original~dl_1",
        Access::Unsigned,
        Originals::Public
    ));
    for wrong in [
        "",
        "x",
        "0x0",
        "300",
        "300x200x1",
        "-1x2",
        "ax2",
        "9000x1",
        "+1x2",
    ] {
        assert_eq!(UnsignedSize::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn only_urls_below_the_prefix_belong_to_a_grammar() {
    let mut rule = pattern(&TIMTHUMB).unwrap();
    rule.prefix = "/old/".to_owned();
    assert_eq!(translation(&rule, "/thumb.php?src=a.jpg"), "-");
    assert_eq!(
        translation(&rule, "/old/thumb.php?src=a.jpg"),
        "a.jpg f_auto"
    );
    assert_eq!(translation(&rule, "/old/"), "-");
    let long = format!("/old/thumb.php?src={}", "a".repeat(9_000));
    assert_eq!(translation(&rule, &long), "-");
}

static EVERY_GRAMMAR: LazyLock<Vec<OldUrlRule>> = LazyLock::new(|| {
    let thumbor = Thumbor {
        keys: vec![b"key".to_vec()],
        is_unsafe: true,
    };
    let imgproxy = |only_presets| Imgproxy {
        pairs: Vec::new(),
        signature_size: 32,
        only_presets,
    };
    vec![
        rule(Grammar::Thumbor(thumbor), &["", "https://a.example/"]),
        rule(
            Grammar::Imgproxy(imgproxy(false)),
            &["", "https://a.example/"],
        ),
        rule(
            Grammar::Imgproxy(imgproxy(true)),
            &["", "https://a.example/"],
        ),
        pattern(&TIMTHUMB).unwrap(),
    ]
});

fn any_part() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "unsafe",
        "fit-in",
        "smart",
        "left",
        "top",
        "300x200",
        "-3x-0",
        "origx1",
        "1x2:3x4",
        "trim:9",
        "meta",
        "filters:fill(red):rotate(90)",
        "filters:focal(1x2:3x4)",
        "filters:format('a,b')",
        "plain",
        "rs:fill:3:4:1",
        "g:fp:0.5:1",
        "c:0.5:0.25:soea",
        "pr:card",
        "ex:1:no",
        "rot:-90",
        "fl:1:1",
        "sharp",
        "q:0",
        "raw:1",
        "att:1",
        "fn:a",
        "https:",
        "a.example",
        "a@png",
        "aHR0cHM6Ly9hLmV4YW1wbGUvYS5qcGc.png",
        "thumb.php",
        "%3A",
        "%ff",
        "%",
        "é",
        "",
        "dpr:.5",
        "s:::",
        "exp:9",
        "fq:png:5:jpg:6",
    ]);
    prop_oneof![
        word.prop_map(str::to_owned),
        "[a-z0-9:x().,'~_%@=&?-]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_address_makes_the_grammars_panic(
        parts in prop::collection::vec(any_part(), 0..9),
        query in prop::option::of("[a-z0-9=&%+~/.é]{0,40}"),
    ) {
        let address = format!("/{}", parts.join("/"));
        for rule in &*EVERY_GRAMMAR {
            let translated = rule.translate(&address, query.as_deref(), &PRESETS, 1_000);
            if let Some(Ok(translated)) = translated {
                // A canonical spec, of an image or of an original.
                let text = translated.spec.to_string();
                prop_assert_eq!(parse_spec(&text), Ok(translated.spec.clone()), "{}", address);
                prop_assert!(translated.spec.signature.is_none());
                let _ = rule.authorise(&translated, Unsigned::Presets, Originals::Signed, 1_000);
            }
        }
    }
}
