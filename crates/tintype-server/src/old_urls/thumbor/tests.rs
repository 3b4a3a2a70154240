//! The test suites of libthumbor and thumbor: parsing, signatures, and the product of all options that thumbor
//! tests on itself.

use super::super::tests::{rule, translation};
use super::super::{Grammar, OldUrlRule};
use super::parts::{BoxSide, FitIn, UrlParts};
use super::*;

fn thumbor(key: &str, is_unsafe: bool) -> OldUrlRule {
    let keys = vec![b"an older key".to_vec(), key.as_bytes().to_vec()];
    rule(Grammar::Thumbor(Thumbor { keys, is_unsafe }), &[""])
}

#[test]
fn signatures_are_those_of_every_client() {
    for (key, signature, rest) in [
        (
            "MY-SECURITY-KEY",
            "G_dykuWBGyEil5JnNh9cBke0Ajo=",
            "200x300/myserver.com/myimg.jpg",
        ),
        (
            "my-security-key",
            "8ammJH8D-7tXy6kU3lTvoXlhu4o=",
            "300x200/my.server.com/some/path/to/image.jpg",
        ),
        (
            "my-security-key",
            "B35oBEIwztbc3jm7vsdqLez2C78=",
            "10x10:200x200/300x200/my.server.com/some/path/to/image.jpg",
        ),
        (
            "ACME-SEC",
            "_wIUeSaeHw8dricKG2MGhqu5thk=",
            "smart/image.jpg",
        ),
        (
            "mysecret",
            "cST4Ko5_FqwT3BDn-Wf4gO3RFSk=",
            "500x500/top/raw.githubusercontent.com/cshum/imagor/master/testdata/gopher.png",
        ),
    ] {
        let rule = thumbor(key, false);
        for signature in [
            signature.to_owned(),
            signature.replace('=', "%3D"),
            signature.replace('=', "%3d"),
        ] {
            let translation = translation(&rule, &format!("/{signature}/{rest}"));
            assert!(translation.starts_with("signed "), "{rest}: {translation}");
        }
        let other = if signature.starts_with('A') { "B" } else { "A" };
        for wrong in [
            format!("/{signature}/x{rest}"),
            format!("/{signature}/{rest}x"),
            format!("/{other}{}/{rest}", &signature[1..]),
        ] {
            let translation = translation(&rule, &wrong);
            assert_eq!(
                translation, "signature: the signature does not match this URL",
                "{wrong}"
            );
        }
        let translation = translation(&thumbor("another", false), &format!("/{signature}/{rest}"));
        assert!(translation.starts_with("signature: "), "{translation}");
    }
    // Signed, and then refused for an unsupported filter.
    let rule = thumbor("my-security-key", false);
    let filtered = "/as8U2DbUUtTMgvPF26LkjS3MocY=/10x10:200x200/300x200/filters:brightness(20):contrast(10)/\
                    my.server.com/some/path/to/image.jpg";
    assert_eq!(
        translation(&rule, filtered),
        "option: filter brightness has no equivalent here"
    );
    // Encoded by a proxy, its signature is still valid.
    let encoded = filtered
        .replace('(', "%28")
        .replace(')', "%29")
        .replace("s:b", "s%3Ab");
    assert_eq!(
        translation(&rule, &encoded),
        "option: filter brightness has no equivalent here"
    );
}

#[test]
fn a_signature_counts_once_and_at_the_front() {
    let rule = thumbor("ACME-SEC", false);
    let signature = "_wIUeSaeHw8dricKG2MGhqu5thk=";
    assert_eq!(
        translation(&rule, &format!("/{signature}/smart/image.jpg")),
        "signed image.jpg f_auto"
    );
    for injected in [signature.to_owned(), signature.replace('=', "%3D")] {
        let translation = translation(&rule, &format!("/{signature}/sma/{injected}/rt/image.jpg"));
        assert_eq!(
            translation,
            "signature: the signature does not match this URL"
        );
    }
    assert_eq!(
        translation(&rule, "/unsafe/smart/image.jpg"),
        "unsigned: the URL is not signed"
    );
    // Neither: a URL of another grammar.
    for other in [
        "/smart/image.jpg",
        "/300x200/image.jpg",
        "/unsafe",
        "/unsafe/",
        "/image.jpg",
        "/adaptive-full-fit-in/a",
    ] {
        assert_eq!(translation(&rule, other), "-", "{other}");
    }
}

#[test]
fn parts_are_where_the_grammar_has_them() {
    let all = "debug/meta/trim/300x200:400x500/adaptive-full-fit-in/-300x-400/left/top/smart/\
               filters:brightness(100)/some/image.jpg";
    let expected = UrlParts {
        debug: true,
        meta: true,
        trim: true,
        crop: Some([300, 200, 400, 500]),
        fit_in: Some(FitIn {
            adaptive: true,
            full: true,
        }),
        width: BoxSide::Pixels(300),
        height: BoxSide::Pixels(400),
        mirror: (true, true),
        halign: Some(-1),
        valign: Some(-1),
        smart: true,
        filters: "brightness(100)",
        image: "some/image.jpg",
    };
    assert_eq!(UrlParts::of(all), expected);
    for (text, image) in [
        ("", ""),
        ("image.jpg", "image.jpg"),
        ("300x200/", "300x200/"),
        ("trim/300x200/", "300x200/"),
        ("smart/300x200/image.jpg", "300x200/image.jpg"),
        ("300x200/300x200/image.jpg", "300x200/image.jpg"),
        ("top/left/image.jpg", "left/image.jpg"),
        ("trim:300x200/image.jpg", "trim:300x200/image.jpg"),
        ("trim:top-left:10/image.jpg", "image.jpg"),
        ("trim:5/image.jpg", "image.jpg"),
        ("x/image.jpg", "image.jpg"),
        ("-0x0/image.jpg", "image.jpg"),
        ("origx/image.jpg", "image.jpg"),
        ("filters:/image.jpg", "filters:/image.jpg"),
        (
            "filters:watermark(http://a.example/(b)/c.png,1,1,1)/image.jpg",
            "c.png,1,1,1)/image.jpg",
        ),
        (
            "filters:a(b/c)/http://x/filters:d()/e.jpg",
            "http://x/filters:d()/e.jpg",
        ),
        ("filters:a()/", "filters:a()/"),
        ("Fit-in/image.jpg", "Fit-in/image.jpg"),
        ("1x2:3x/image.jpg", "1x2:3x/image.jpg"),
        ("300x200//image.jpg", "/image.jpg"),
    ] {
        assert_eq!(UrlParts::of(text).image, image, "{text}");
    }
}

#[test]
fn each_part_and_filter_is_mapped_or_refused_by_name() {
    let rule = thumbor("key", true);
    for (parts, expected) in [
        ("300x200", "w_300~h_200~fit_cover~up_1"),
        ("300x", "w_300~up_1"),
        ("x200", "h_200~up_1"),
        ("0x0", "f_auto"),
        ("300x200/left/top", "w_300~h_200~fit_cover~g_nw~up_1"),
        ("300x200/center/middle", "w_300~h_200~fit_cover~g_c~up_1"),
        ("300x200/right/smart", "w_300~h_200~fit_cover~up_1"),
        ("filters:format(gif)", "f_gif~anim_1"),
        ("300x0/right", "w_300~up_1"),
        ("-300x200/left", "w_300~h_200~fit_cover~g_e~up_1~flip_h"),
        ("-300x-200", "w_300~h_200~fit_cover~up_1~flip_hv"),
        ("-0x0", "flip_h"),
        ("10x10:100x60", "crop_10x10x90x50"),
        ("10x10:10x60", "f_auto"),
        ("0x0:0x0/300x200", "w_300~h_200~fit_cover~up_1"),
        ("fit-in/300x200", "w_300~h_200"),
        ("fit-in/300x200/left", "w_300~h_200"),
        ("fit-in/300x", "w_300"),
        ("fit-in/-300x200", "w_300~h_200~flip_h"),
        ("fit-in/origx300", "h_300"),
        ("adaptive-fit-in/300x300", "w_300~h_300"),
        ("full-fit-in/300x", "w_300~up_1"),
        ("fit-in/300x200/filters:upscale()", "w_300~h_200~up_1"),
        ("fit-in/300x/filters:upscale()", "w_300"),
        (
            "fit-in/300x200/filters:fill(white)",
            "w_300~h_200~fit_pad~bg_ffffff",
        ),
        (
            "fit-in/300x200/filters:fill(FF0000,true)",
            "w_300~h_200~fit_pad~bg_ff0000",
        ),
        (
            "fit-in/300x200/filters:fill(transparent)",
            "w_300~h_200~fit_pad",
        ),
        ("300x200/filters:fill(blur)", "w_300~h_200~fit_cover~up_1"),
        (
            "300x200/filters:fill(red,true)",
            "w_300~h_200~fit_cover~up_1~bg_ff0000",
        ),
        (
            "300x200/filters:background_color(abc)",
            "w_300~h_200~fit_cover~up_1~bg_aabbcc",
        ),
        ("300x200/filters:no_upscale()", "w_300~h_200~fit_cover"),
        ("300x200/filters:stretch()", "w_300~h_200~fit_stretch~up_1"),
        ("300x/filters:stretch()", "w_300~up_1"),
        (
            "300x200/filters:rotate(90)",
            "w_200~h_300~fit_cover~up_1~rot_270",
        ),
        (
            "300x200/left/filters:rotate(90)",
            "w_200~h_300~fit_cover~g_s~up_1~rot_270",
        ),
        (
            "-300x200/filters:rotate(90)",
            "w_200~h_300~fit_cover~up_1~rot_90~flip_h",
        ),
        ("300x/filters:rotate(-90):rotate(180)", "h_300~up_1~rot_270"),
        ("300x/filters:rotate(360):rotate(45)", "w_300~up_1"),
        ("filters:quality(80):format(webp)", "q_80~f_webp"),
        ("filters:quality(0)", "q_1"),
        ("filters:quality(500)", "q_100"),
        ("filters:format('jpg'):grayscale()", "f_jpeg~gray_1"),
        ("filters:format(tiff)", "f_auto"),
        ("filters:blur(4):max_bytes(040000)", "blur_4~max_40000"),
        ("filters:blur(4, 2.50)", "blur_2.5"),
        ("filters:sharpen(.5,0.8,true)", "sharpen_0.5"),
        (
            "filters:strip_exif():strip_icc():max_age(600):cover()",
            "f_auto",
        ),
        // thumbor skips unknown filters and those with wrong arguments.
        (
            "filters:redeye():brightness(x):brightness():fill():focal():rgb(1,2):blur(0):quality(-1)",
            "f_auto",
        ),
        ("filters:strip_exif", "filters:strip_exif"),
        ("fit-in/300x/filters:focal(0x0:1x1)", "w_300"),
    ] {
        let image = if expected == parts {
            format!("{parts}/a.jpg f_auto")
        } else {
            format!("a.jpg {expected}")
        };
        assert_eq!(
            translation(&rule, &format!("/unsafe/{parts}/a.jpg")),
            image,
            "{parts}"
        );
    }
    for (parts, name) in [
        ("debug", "debug"),
        ("meta/300x200", "meta"),
        ("trim:5/300x200", "trim"),
        ("origx300", "orig"),
        ("adaptive-fit-in/300x200", "adaptive-fit-in"),
        ("full-fit-in/300x200", "full-fit-in"),
        ("300x200/filters:focal(10x20:30x40)", "filter focal"),
        ("filters:watermark(a.png,1,1,50)", "filter watermark"),
        (
            "filters:round_corner(20,255,255,100)",
            "filter round_corner",
        ),
        ("filters:format(heic)", "filter format(heic)"),
        ("fit-in/300x200/filters:fill(auto)", "filter fill(auto)"),
        ("fit-in/300x200/filters:fill(tomato)", "filter fill(tomato)"),
        ("fit-in/300x/filters:fill(red)", "filter fill with one side"),
        (
            "fit-in/300x200/filters:fill(red):rotate(90)",
            "filter fill with rotate",
        ),
        (
            "fit-in/300x200/filters:fill(red):no_upscale()",
            "filter fill with no_upscale",
        ),
        ("filters:blur(200)", "blur"),
        ("99999x", "w"),
    ] {
        let translation = translation(&rule, &format!("/unsafe/{parts}/a.jpg"));
        assert!(
            translation.starts_with(&format!("option: {name}")),
            "{parts}: {translation}"
        );
    }
}

#[test]
fn the_image_is_decoded_once_and_its_source_cut() {
    let of = |sources: &[&str], image: &str| {
        let thumbor = Thumbor {
            keys: Vec::new(),
            is_unsafe: true,
        };
        translation(
            &rule(Grammar::Thumbor(thumbor), sources),
            &format!("/unsafe/{image}"),
        )
    };
    assert_eq!(of(&[""], "a%20b%28c%29.jpg"), "a b(c).jpg f_auto");
    assert_eq!(of(&[""], "a%2520b.jpg"), "a%20b.jpg f_auto");
    assert_eq!(of(&[""], "%ff.jpg"), "key: URL is not UTF-8 once decoded");
    let web = ["http://my.server.com/media/"];
    for image in [
        "my.server.com/media/a%20b.jpg",
        "http://my.server.com/media/a%20b.jpg",
        "https%3A%2F%2Fmy.server.com%2Fmedia%2Fa%2520b.jpg%3Fx=1",
        "http:/my.server.com/media/a%20b.jpg",
    ] {
        assert_eq!(of(&web, image), "a b.jpg f_auto", "{image}");
    }
    assert!(of(&web, "other.server.com/media/a.jpg").starts_with("source: "));
}

/// As thumbor's integration tests build them.
#[test]
fn the_product_of_all_options_keeps_its_image() {
    let rule = thumbor("key", true);
    let optional = |options: &'static [&'static str]| [&[""][..], options].concat();
    let trims = optional(&["trim:top-left:10"]);
    let crops = optional(&["10x10:100x100"]);
    let fits = optional(&[
        "fit-in",
        "adaptive-fit-in",
        "full-fit-in",
        "adaptive-full-fit-in",
    ]);
    let sizes = optional(&[
        "200x200",
        "-300x100",
        "100x-300",
        "-100x-300",
        "origx300",
        "200xorig",
        "origxorig",
    ]);
    let haligns = optional(&["left", "right", "center"]);
    let valigns = optional(&["top", "bottom", "middle"]);
    let smarts = optional(&["smart"]);
    let filters = optional(&[
        "filters:equalize()",
        "filters:rotate(90)",
        "filters:watermark(rgba-interlaced.png,10,10,50)",
        "filters:fill(ff0000,true)",
        "filters:no_upscale()",
        "filters:upscale()",
        "filters:focal(0x0:1x1)",
        "filters:curve([(0,0),(255,255)],[(0,50)],[(0,0)],[(0,48)])",
        "filters:format(heif)",
        "filters:gifv(webm)",
    ]);
    let (mut mapped, mut refused) = (0, 0);
    let mut try_one = |parts: &[&str]| {
        let parts: Vec<&str> = parts
            .iter()
            .copied()
            .filter(|part| !part.is_empty())
            .collect();
        let address = format!("/unsafe/{}/media/gradient.jpg", parts.join("/")).replace("//", "/");
        let translation = translation(&rule, &address);
        match translation.split_once(' ') {
            Some(("media/gradient.jpg", _)) => mapped += 1,
            Some(("option:", _)) => refused += 1,
            _ => panic!("{address}: {translation}"),
        }
    };
    for trim in &trims {
        for crop in &crops {
            for fit in &fits {
                for size in &sizes {
                    for halign in &haligns {
                        for valign in &valigns {
                            for smart in &smarts {
                                for filter in &filters {
                                    try_one(&[
                                        trim, crop, fit, size, halign, valign, smart, filter,
                                    ]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(mapped + refused, 2 * 2 * 5 * 8 * 4 * 4 * 2 * 11);
    assert!(mapped > 7_000, "{mapped} of {}", mapped + refused);
}
