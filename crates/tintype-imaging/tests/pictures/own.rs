//! If nothing visible changes, a response is never larger than the original: the original's own coding is returned
//! instead, containing nothing but the image and its rights, and only if it is complete.

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::render::{self, Rendered};
use tintype_imaging::spec::{Background, Decimal, Format, Metadata, Resolved, Rgba, Rotate, Size};

use crate::corpus::{files, header, read, read_png, soon, whole};

fn original(bytes: &[u8], format: Format) -> Resolved {
    let upright = header(bytes).unwrap().upright();
    whole(upright, upright, format)
}

fn rendered(bytes: &[u8], resolved: &Resolved) -> Rendered {
    render::render(bytes, resolved, &Limits::default(), soon()).unwrap()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Compares the last piece of coded data, if it is long enough to be unique.
fn is_own(answer: &[u8], original: &[u8]) -> bool {
    let mark: &[u8] = match answer {
        [0xff, 0xd8, ..] => b"\xff\xda",
        [b'R', ..] => b"VP8",
        _ => b"IDAT",
    };
    let at = answer
        .windows(mark.len())
        .rposition(|window| window == mark);
    // PNG ends with a checksum and IEND, JPEG with EOI.
    let coded = answer[at.unwrap()..].len().saturating_sub(16);
    coded > 100 && contains(original, &answer[at.unwrap()..][..coded])
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    let length = (content.len() as u32).to_be_bytes();
    [&length, kind.as_slice(), content, &crc.sum().to_be_bytes()].concat()
}

const SECRET: &[u8] = b"51.5007N 0.1246W";

/// Adds a comment, an EXIF credit, and bytes after the end.
pub(crate) fn with_png_text(png: &[u8]) -> Vec<u8> {
    const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\x04\0\0\0Jo\0\0\0\0\0\0";
    let (head, rest) = png.split_at(33);
    let text = chunk(b"tEXt", &[b"Comment\0", SECRET].concat());
    [head, &text, &chunk(b"eXIf", EXIF), rest, SECRET].concat()
}

#[test]
fn a_photograph_saved_at_a_low_quality_is_not_blown_up() {
    let small = {
        let mut resolved = original(&read("photos/tower.jpg"), Format::Jpeg);
        resolved.quality = 30;
        rendered(&read("photos/tower.jpg"), &resolved).bytes
    };
    let mut resolved = original(&small, Format::Jpeg);
    let answer = rendered(&small, &resolved);
    assert_eq!(answer.format, Format::Jpeg);
    assert!(answer.bytes.len() <= small.len());
    assert!(is_own(&answer.bytes, &small));
    // A lower quality still makes a smaller response when requested.
    resolved.quality = 10;
    let lower = rendered(&small, &resolved);
    assert!(lower.bytes.len() < answer.bytes.len());
    assert!(!is_own(&lower.bytes, &small));
}

#[test]
fn a_negotiated_answer_may_be_in_the_own_coding_and_says_so() {
    let mut poor = original(&read("photos/tower.jpg"), Format::Jpeg);
    poor.quality = 20;
    let bytes = rendered(&read("photos/tower.jpg"), &poor).bytes;
    for format in [Format::Webp, Format::Avif, Format::Png] {
        let mut resolved = original(&bytes, format);
        resolved.quality = 90;
        assert_eq!(rendered(&bytes, &resolved).format, format);
        resolved.own_coding = true;
        let answer = rendered(&bytes, &resolved);
        assert_eq!(answer.format, Format::Jpeg, "{format:?}");
        assert!(answer.bytes.starts_with(b"\xff\xd8"));
    }
}

/// JPEG readers may not support WebP.
#[test]
fn a_webp_is_handed_out_to_those_who_take_it() {
    let mut poor = original(&read("photos/tower.jpg"), Format::Webp);
    poor.quality = 10;
    let bytes = rendered(&read("photos/tower.jpg"), &poor).bytes;
    for (format, expected) in [
        (Format::Jpeg, Format::Jpeg),
        (Format::Png, Format::Png),
        (Format::Webp, Format::Webp),
        (Format::Avif, Format::Webp),
    ] {
        let mut resolved = original(&bytes, format);
        resolved.own_coding = true;
        let answer = rendered(&bytes, &resolved);
        assert_eq!(answer.format, expected, "{format:?}");
        if expected == Format::Webp {
            assert!(answer.bytes.len() <= bytes.len());
        }
    }
}

/// Anything that changes what is visible is rendered.
#[test]
fn only_what_is_left_as_it_is() {
    let bytes = read("reported/scan-1bit.png");
    let own = original(&bytes, Format::Png);
    assert!(is_own(&rendered(&bytes, &own).bytes, &bytes));
    let changes: [fn(&mut Resolved); 6] = [
        |resolved| resolved.rotate = Rotate::Half,
        |resolved| resolved.flip.horizontal = true,
        |resolved| resolved.size = Size::new(1199, 800),
        |resolved| resolved.crop.width -= 1,
        |resolved| resolved.blur = Some(Decimal::ONE),
        |resolved| resolved.sharpen = Some(Decimal::ONE),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut resolved = own.clone();
        change(&mut resolved);
        assert!(
            !is_own(&rendered(&bytes, &resolved).bytes, &bytes),
            "{number}"
        );
    }
    let transparent = read("formats/paletted-transparent.png");
    let mut resolved = original(&transparent, Format::Png);
    resolved.background = Some(Background::Colour(Rgba::WHITE));
    let shown = read_png(&rendered(&transparent, &resolved).bytes);
    assert!(shown.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
}

#[test]
fn rights_go_in_and_everything_else_stays_behind() {
    let bytes = with_png_text(&read("reported/scan-1bit.png"));
    let mut resolved = original(&bytes, Format::Png);
    let kept = rendered(&bytes, &resolved).bytes;
    assert!(is_own(&kept, &bytes));
    assert!(!contains(&kept, SECRET));
    assert!(contains(&kept, b"\x98\x82\x02\0"));
    assert!(kept.ends_with(b"IEND\xae\x42\x60\x82"));
    resolved.metadata = Metadata::None;
    assert!(!contains(&rendered(&bytes, &resolved).bytes, b"eXIf"));
}

/// Over the whole corpus, in every format in which originals can be returned: the output shows what the original shows,
/// ends with the image, and contains no blocks but rights and profile.
#[test]
fn nothing_but_the_picture_is_handed_out() {
    let mut own = 0;
    let folders = [
        "formats",
        "metadata",
        "colour",
        "orientation",
        "reported",
        "hostile",
    ];
    for file in folders.into_iter().flat_map(files) {
        let bytes = read(&file);
        let Ok(header) = header(&bytes) else { continue };
        let format = match header.format {
            SourceFormat::Jpeg => Format::Jpeg,
            SourceFormat::Png => Format::Png,
            SourceFormat::Webp => Format::Webp,
            _ => continue,
        };
        // Large files add nothing new.
        if header.size.pixels() > 500_000 {
            continue;
        }
        // Rights are written as our own packet.
        let mut resolved = original(&bytes, format);
        resolved.metadata = Metadata::None;
        resolved.quality = 100;
        let Ok(answer) = render::render(&bytes, &resolved, &Limits::default(), soon()) else {
            continue;
        };
        let answer = answer.bytes;
        for part in [
            b"http://ns.adobe.com".as_slice(),
            b"Photoshop 3.0",
            b"MPF\0",
            b"tEXt",
            b"<?php",
            b"<script",
            b"%PDF",
            b"PK\x03\x04",
        ] {
            assert!(!contains(&answer, part), "{file}: {}", part.escape_ascii());
        }
        let ends: &[u8] = match format {
            Format::Jpeg => b"\xff\xd9",
            Format::Png => b"IEND\xae\x42\x60\x82",
            _ => b"",
        };
        assert!(answer.ends_with(ends), "{file}");
        if !is_own(&answer, &bytes) {
            continue;
        }
        own += 1;
        assert!(
            answer.len() <= bytes.len() + 200,
            "{file}: {}",
            answer.len()
        );
        let seen = |bytes: &[u8]| read_png(&rendered(bytes, &original(bytes, Format::Png)).bytes);
        assert!(seen(&answer).rgba == seen(&bytes).rgba, "{file}");
    }
    assert!(own > 60, "{own} answers");
}

/// As in browsers, what is there is shown, but re-encoded as a complete image.
#[test]
fn what_is_damaged_is_coded_again() {
    for file in [
        "hostile/trunc-50pct.jpg",
        "hostile/trunc-90pct.jpg",
        "hostile/trunc-progressive.jpg",
        "hostile/sharp-truncated.jpg",
        "reported/corrupt-middle.jpg",
        "reported/restart-marker-missing.jpg",
        "reported/trunc-eoi-only.jpg",
        "hostile/trunc-90pct.png",
    ] {
        let bytes = read(file);
        let format = if file.ends_with("png") {
            Format::Png
        } else {
            Format::Jpeg
        };
        let mut resolved = original(&bytes, format);
        resolved.quality = 100;
        if let Ok(answer) = render::render(&bytes, &resolved, &Limits::default(), soon()) {
            assert!(!is_own(&answer.bytes, &bytes), "{file}");
        }
    }
    // An end marker where the data breaks off does not make an image complete.
    let cut = [&read("photos/tower.jpg")[..20_000], b"\xff\xd9"].concat();
    let mut resolved = original(&cut, Format::Jpeg);
    resolved.quality = 100;
    assert!(!is_own(&rendered(&cut, &resolved).bytes, &cut));
    // One wrong byte in a checksum.
    let mut bytes = read("reported/scan-1bit.png");
    let at = bytes
        .windows(4)
        .position(|window| window == b"IEND")
        .unwrap()
        - 5;
    bytes[at] ^= 1;
    let answer = render::render(
        &bytes,
        &original(&bytes, Format::Png),
        &Limits::default(),
        soon(),
    );
    assert!(answer.is_err() || !is_own(&answer.unwrap().bytes, &bytes));
}
