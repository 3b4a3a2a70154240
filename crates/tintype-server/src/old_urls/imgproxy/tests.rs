//! imgproxy's own test tables: signatures, changes made by proxies, sources, and every option.

use super::super::tests::{rule, translation};
use super::super::{Grammar, OldUrlRule};
use super::*;

const SOURCE: &str = "http://images.dev/lorem/ipsum.jpg";

fn unsigned() -> OldUrlRule {
    let imgproxy = Imgproxy {
        pairs: Vec::new(),
        signature_size: 32,
        only_presets: false,
    };
    rule(Grammar::Imgproxy(imgproxy), &["http://images.dev/"])
}

fn signed(pairs: &[(&[u8], &[u8])], signature_size: usize) -> Imgproxy {
    let pair = |(key, salt): &(&[u8], &[u8])| Pair {
        key: key.to_vec(),
        salt: salt.to_vec(),
    };
    Imgproxy {
        pairs: pairs.iter().map(pair).collect(),
        signature_size,
        only_presets: false,
    }
}

#[test]
fn signatures_are_those_of_every_client() {
    let pairs: [(&[u8], &[u8]); 2] = [(b"test-key", b"test-salt"), (b"test-key2", b"test-salt2")];
    let is_signed = |pairs, size, signature: &str, path: &str| {
        signed(pairs, size).access(signature, path) == Ok(Access::Signed)
    };
    let (first, second) = (
        "oWaL7QoW5TsgbuiS9-5-DI8S3Ibbo1gdB2SteJh3a20",
        "jYz1UZ7j1BCdSzH3pZhaYf0iuz0vusoOTdqJsUT6WXI",
    );
    assert!(is_signed(&pairs[..1], 32, first, "asd"));
    assert!(is_signed(&pairs, 32, first, "asd"));
    assert!(is_signed(&pairs, 32, second, "asd"));
    assert!(is_signed(&pairs, 8, "oWaL7QoW5Ts", "asd"));
    assert!(!is_signed(&pairs[..1], 32, second, "asd"));
    assert!(!is_signed(&pairs, 32, first, "asd1"));
    assert!(!is_signed(&pairs, 32, "oWaL7QoW5Ts", "asd"));
    assert!(!is_signed(&pairs, 8, first, "asd"));
    assert!(!is_signed(&pairs, 32, "", "asd"));
    assert!(!is_signed(&pairs, 8, "oWaL7QoW5Ts=", "asd"));

    let example = rule(
        Grammar::Imgproxy(signed(&[(b"secret", b"hello")], 32)),
        &["http://example.com/"],
    );
    let address = "/oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8/rs:fill:300:400:0/g:sm/\
                   aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png";
    let expected = "signed images/curiosity.jpg w_300~h_400~fit_cover~f_png";
    assert_eq!(translation(&example, address), expected);
    assert_eq!(
        translation(&example, &address.replace("rs:fill", "rs%3Afill")),
        expected
    );
    let forged = "signature: the signature does not match this URL";
    assert_eq!(
        translation(&example, &address.replace("300", "301")),
        forged
    );
    assert_eq!(
        translation(&example, &address.replace("oKfU", "unsafe")),
        forged
    );
    // Without keys any signature is accepted, but not an option in its place.
    assert_eq!(
        translation(&unsigned(), &format!("/_/plain/{SOURCE}")),
        "lorem/ipsum.jpg f_auto"
    );
    assert_eq!(
        translation(&unsigned(), &format!("/w:3/plain/{SOURCE}")),
        "unsigned: the URL is not signed"
    );
}

#[test]
fn changes_by_proxies_are_undone_before_the_signature_is_checked() {
    for (path, expected) in [
        (
            "plain/http:/example.com/image.jpg",
            "plain/http://example.com/image.jpg",
        ),
        (
            "plain/https:/example.com/image.jpg",
            "plain/https://example.com/image.jpg",
        ),
        ("plain/local:/image.jpg", "plain/local:///image.jpg"),
        (
            "/rs:fill:300:200/plain/http:/example.com/image.jpg",
            "rs:fill:300:200/plain/http://example.com/image.jpg",
        ),
        (
            "/plain/http://example.com/image.jpg",
            "plain/http://example.com/image.jpg",
        ),
        (
            "/rs:fill:300:200/plain/example.com/image.jpg",
            "rs:fill:300:200/plain/example.com/image.jpg",
        ),
        ("", ""),
        ("/", ""),
        (
            "/http:/example.com/image.jpg",
            "http:/example.com/image.jpg",
        ),
        (
            "/plain/example.com/image.jpg",
            "plain/example.com/image.jpg",
        ),
        ("/plain/http:", "plain/http:"),
        ("/plain/http:/test", "plain/http://test"),
        (
            "rs%3Afill%3A300%3A200/plain/https://example.com/a%3Ab.jpg",
            "rs:fill:300:200/plain/https://example.com/a%3Ab.jpg",
        ),
        ("rs%3Afill%3A300%3A200/abc/abc", "rs:fill:300:200/abc/abc"),
    ] {
        assert_eq!(repaired(path), expected, "{path}");
    }
    for other in [
        "/news/article",
        "/a.jpg",
        "/",
        "//plain/x",
        "/sig",
        "/sig/",
        "/media/2016/lion.jpg",
    ] {
        assert_eq!(translation(&unsigned(), other), "-", "{other}");
    }
}

#[test]
fn sources_are_plain_or_in_base64() {
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let with_query = encoded("http://images.dev/lorem/ipsum.jpg?param=value");
    let (one, other) = with_query.split_at(16);
    for (source, expected) in [
        (format!("{with_query}.png"), "w_100~h_100~f_png"),
        (with_query.clone(), "w_100~h_100"),
        (format!("{one}/{other}.png"), "w_100~h_100~f_png"),
        (format!("{with_query}==.png"), "w_100~h_100~f_png"),
        (format!("plain/{SOURCE}@png"), "w_100~h_100~f_png"),
        (format!("plain/{SOURCE}"), "w_100~h_100"),
        (format!("plain/{SOURCE}@"), "w_100~h_100"),
        (
            "plain/http:%2F%2Fimages.dev%2Florem%2Fipsum.jpg%3Fparam=value@png".to_owned(),
            "w_100~h_100~f_png",
        ),
    ] {
        let translation = translation(&unsigned(), &format!("/_/size:100:100/{source}"));
        assert_eq!(
            translation,
            format!("lorem/ipsum.jpg {expected}"),
            "{source}"
        );
    }
    for source in [
        format!("plain/{SOURCE}@png@jpg"),
        "plain/%zz".to_owned(),
        "plain/%ff".to_owned(),
        format!("{with_query}.png.jpg"),
        ".png".to_owned(),
        "plain/@png".to_owned(),
        "plain".to_owned(),
        "!!!".to_owned(),
        "plain/http://other.dev/a.jpg".to_owned(),
        "plain/a.jpg".to_owned(),
    ] {
        let translation = translation(&unsigned(), &format!("/_/size:100:100/{source}"));
        assert!(
            translation.starts_with("source: "),
            "{source}: {translation}"
        );
    }
    let translation = translation(&unsigned(), "/_/size:100:100");
    assert!(translation.starts_with("source: "), "{translation}");
}

#[test]
fn each_option_is_mapped() {
    for (options, expected) in [
        ("", "f_auto"),
        ("format:webp", "f_webp"),
        ("ext:jpg", "f_jpeg"),
        ("resize:fill:100:200:1", "w_100~h_200~fit_cover~up_1"),
        ("rs:fill:100:200", "w_100~h_200~fit_cover"),
        ("rs:fill-down:100:200", "w_100~h_200~fit_cover"),
        ("rs:force:100:200", "w_100~h_200~fit_stretch"),
        ("rs:fill:100", "w_100"),
        ("rs:fill::200", "h_200"),
        ("w:50/rs:fill::200", "w_50~h_200~fit_cover"),
        ("resizing_type:fill", "f_auto"),
        ("size:100:200:1", "w_100~h_200~up_1"),
        ("s:0:0", "f_auto"),
        ("width:100", "w_100"),
        ("height:100/height:0", "f_auto"),
        ("enlarge:1", "f_auto"),
        ("w:9/el:t", "w_9~up_1"),
        ("w:9/el:yes", "w_9"),
        ("s:9:8/extend:1:so", "w_9~h_8~fit_pad~g_s"),
        ("rs:fit:9:8:0:1", "w_9~h_8~fit_pad"),
        ("rs:fit:9:8:0:1:noea:0:0", "w_9~h_8~fit_pad~g_ne"),
        ("rs:fill:9:8:1:1", "w_9~h_8~fit_cover~up_1"),
        ("s:9:8/ex:1/ex:0", "w_9~h_8"),
        ("w:9/el:1/ex:1", "w_9~up_1"),
        ("rs:fill:9:8/gravity:soea", "w_9~h_8~fit_cover~g_se"),
        ("rs:fill:9:8/g:ce", "w_9~h_8~fit_cover~g_c"),
        ("rs:fill:9:8/g:no:0:0", "w_9~h_8~fit_cover~g_n"),
        ("rs:fill:9:8/g:no/g:sm", "w_9~h_8~fit_cover"),
        (
            "rs:fill:9:8/gravity:fp:0.5:0.75",
            "w_9~h_8~fit_cover~g_0.5x0.75",
        ),
        (
            "rs:fill:9:8/g:fp:.1:1/rot:90",
            "w_9~h_8~fit_cover~g_1x0.9~rot_90",
        ),
        (
            "rs:fill:9:8/g:fp:0.1:0.2/fl:1:0",
            "w_9~h_8~fit_cover~g_0.9x0.2~flip_h",
        ),
        ("w:9/g:no", "w_9"),
        ("crop:100:200:nowe", "crop_0x0x100x200"),
        ("crop:6000.5:5000:nowe", "crop_0x0x6000x5000"),
        ("c:100:0:nowe", "crop_0x0x100x1000000"),
        ("c:0.5:0.25", "crop_0.25x0.375x0.5x0.25"),
        ("c:0.5:0:soea", "crop_0.5x0.0x0.5x1.0"),
        ("c:0.5:0.5/g:no", "crop_0.25x0.0x0.5x0.5"),
        ("c:0.5:0.5:fp:0.9:0.5", "crop_0.5x0.25x0.5x0.5"),
        ("c:0:0", "f_auto"),
        ("quality:55", "q_55"),
        ("q:55/q:0", "f_auto"),
        ("fq:webp:50:jpg:60/f:jpeg", "q_60~f_jpeg"),
        ("fq:webp:50/f:png", "f_png"),
        ("f:gif", "f_gif"),
        ("fq:webp:50/f:webp/q:9", "q_9~f_webp"),
        ("background:128:129:130", "bg_808182"),
        ("background:ffddee", "bg_ffddee"),
        ("bg:fff", "bg_ffffff"),
        ("background:fff/background:", "f_auto"),
        ("blur:0.5", "blur_0.5"),
        ("blur:0", "f_auto"),
        ("sharpen:0.2", "sharpen_0.2"),
        ("w:9/dpr:2", "w_9~dpr_2"),
        ("dpr:2", "f_auto"),
        ("rotate:90/flip:1:1", "rot_90~flip_hv"),
        ("rot:-90", "rot_270"),
        ("rot:360", "f_auto"),
        ("max_bytes:5000", "max_5000"),
        ("preset:card", "card"),
        ("pr:card/w:100", "card~w_100"),
        ("exp:32503669200", "exp_32503669200"),
        ("exp:0", "f_auto"),
        ("raw:1/w:100/exp:9999", "f_original~exp_9999"),
        ("att:1", "dl_1"),
        ("att:1/fn:lion/f:webp", "f_webp~dl_lion.webp"),
        ("raw:1/att:1", "f_original~dl_1"),
        ("fn:lion", "f_auto"),
        (
            "cachebuster:123/strip_metadata:true/kcr:1/scp:0/eth:1/ar:1/msr:50/maf:1",
            "f_auto",
        ),
        ("mw:0/zoom:1/padding:0:0/pix:0/wm:0/exar:0/ph:0", "f_auto"),
    ] {
        let path = format!("/_/{options}/plain/{SOURCE}").replace("//plain", "/plain");
        assert_eq!(
            translation(&unsigned(), &path),
            format!("lorem/ipsum.jpg {expected}"),
            "{options}"
        );
    }
}

#[test]
fn options_without_an_equivalent_are_named() {
    for (options, name) in [
        ("rs:auto:9:8", "option resizing_type:auto"),
        ("rs:crop:9:8", "option rs:crop:9:8"),
        ("rs:force:9", "option resizing_type:force with one side"),
        ("rs:fill:9:8/ex:1", "option extend with a resizing type"),
        ("w:9/ex:1", "option extend with one side"),
        ("s:9:8/extend:1:so:10:20", "option extend:so:10:20"),
        ("extend:1:sm", "option extend"),
        ("extend:1:re", "option extend:re"),
        ("gravity:re", "option gravity:re"),
        ("gravity:fp:0.5", "option gravity:fp:0.5"),
        ("gravity:fp:2:0", "option gravity:fp:2:0"),
        ("g:sm:1:1", "option gravity:sm:1:1"),
        ("g:obj:face", "option gravity:obj:face"),
        ("g:no:10:0", "option gravity:no:10:0"),
        ("crop:100:200", "option crop"),
        ("crop:100:200:nowe:10:20", "option crop:nowe:10:20"),
        ("crop:100:200:re", "option crop:re"),
        ("crop:0.5:0.5:sm", "option crop with gravity sm"),
        ("c:0.5:0.5/rot:90", "option crop with rotate or flip"),
        ("c:0.5:100:nowe", "option crop"),
        ("c:-1:0", "option c:-1:0"),
        (
            "rs:fill:9:8/c:0.5:0.5/g:fp:0:0",
            "option gravity:fp with crop",
        ),
        ("padding:10", "option padding"),
        ("watermark:0.5:soea:10:20:0.6", "option watermark"),
        ("trim:10", "option trim"),
        ("min-width:9", "option min-width"),
        ("z:2", "option z"),
        ("ar:0", "option ar"),
        ("ph:1", "option ph"),
        ("rot:45", "option rot:45"),
        ("q:101", "q: must be"),
        ("blur:0.2", "blur: must be"),
        ("w:9/dpr:0.5", "dpr: must be"),
        ("w:9:8", "option w:9:8"),
        ("w:-9", "option w:-9"),
        ("bg:ggg", "bg: must be"),
        ("bg:1:2", "option bg:1:2"),
        ("fq:webp:50", "option format_quality without a format"),
        ("fq:webp", "option fq:webp"),
        ("f:heic", "option format:heic"),
        ("f:best", "option format:best"),
        ("skp:jpg:png", "option skp"),
        ("preset:nothing", "nothing: no such preset"),
        ("preset:card:sharp", "option preset:card:sharp"),
        ("w:9/preset:card", "option preset after others"),
        ("blur_areas:1:2", "option blur_areas"),
        ("adjust:1", "option adjust"),
        ("att:1/fn:lion", "option filename without a format"),
        ("nonsense:1", "option nonsense"),
    ] {
        let translation = translation(&unsigned(), &format!("/_/{options}/plain/{SOURCE}"));
        assert!(
            translation.starts_with(&format!("option: {name}")),
            "{options}: {translation}"
        );
    }
}

#[test]
fn presets_only_are_named_by_the_first_part() {
    let imgproxy = Imgproxy {
        pairs: Vec::new(),
        signature_size: 32,
        only_presets: true,
    };
    let rule = rule(Grammar::Imgproxy(imgproxy), &["http://images.dev/"]);
    let encoded = URL_SAFE_NO_PAD.encode(SOURCE);
    for (path, expected) in [
        (
            format!("/_/card/plain/{SOURCE}@png"),
            "lorem/ipsum.jpg card~f_png",
        ),
        (
            format!("/_/card/{encoded}.png"),
            "lorem/ipsum.jpg card~f_png",
        ),
        (
            format!("/_/card:sharp/{encoded}"),
            "option: option preset:card:sharp has no equivalent here",
        ),
        (
            format!("/_/hero/plain/{SOURCE}"),
            "option: hero: no such preset",
        ),
    ] {
        assert_eq!(translation(&rule, &path), expected, "{path}");
    }
}
