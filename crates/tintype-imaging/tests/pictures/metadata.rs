//! Variants say who made a picture and who owns it, and nothing about where, with what, or by whom
//! it is kept.

use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::spec::{Format, Metadata, Size};

use crate::corpus::{files, header, read, soon, whole};

fn rendered(bytes: &[u8], format: Format, metadata: Metadata) -> Option<Vec<u8>> {
    let upright = header(bytes).ok()?.upright();
    let mut resolved = whole(upright, Size::new(64, 64), format);
    resolved.metadata = metadata;
    Some(
        render::render(bytes, &resolved, &Limits::default(), soon())
            .unwrap()
            .bytes,
    )
}

const FORMATS: [Format; 4] = [Format::Jpeg, Format::Png, Format::Webp, Format::Avif];

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn copyright_is_kept_in_every_format_and_dropped_when_asked() {
    let bytes = read("orientation/cmyk-orientation.jpg");
    for format in FORMATS {
        let kept = rendered(&bytes, format, Metadata::Copyright).unwrap();
        let dropped = rendered(&bytes, format, Metadata::None).unwrap();
        assert!(
            contains(&kept, b"\x98\x82\x02\0"),
            "{format:?} has no copyright entry"
        );
        assert!(
            !contains(&dropped, b"\x98\x82\x02\0"),
            "{format:?} has a copyright entry"
        );
    }
    // Our own probe reads them back.
    let again = rendered(
        &rendered(&bytes, Format::Webp, Metadata::Copyright).unwrap(),
        Format::Jpeg,
        Metadata::Copyright,
    );
    assert!(contains(&again.unwrap(), b"\x98\x82\x02\0"));
}

/// No entry could hold a location, a serial number or an owner's name: the block has at most an artist and a copyright
/// entry.
#[test]
fn nothing_else_is_passed_on() {
    let mut seen = 0;
    for file in files("metadata").into_iter().chain(files("photos")) {
        let Some(jpeg) = rendered(&read(&file), Format::Jpeg, Metadata::Copyright) else {
            continue;
        };
        seen += 1;
        for part in [
            b"GPS".as_slice(),
            b"http://ns.adobe.com/exif",
            b"http://ns.adobe.com/xap/1.0/mm",
            b"SerialNumber",
            b"ICC_PROFILE",
            b"c2pa",
        ] {
            assert!(
                !contains(&jpeg, part),
                "{file}: {}",
                String::from_utf8_lossy(part)
            );
        }
        let Some(at) = jpeg.windows(6).position(|window| window == b"Exif\0\0") else {
            continue;
        };
        let exif = &jpeg[at + 6..];
        let entries = usize::from(exif[8]);
        assert!((1..=2).contains(&entries), "{file}: {entries} entries");
        for entry in exif[10..].chunks_exact(12).take(entries) {
            assert!(
                [b"\x3b\x01", b"\x98\x82"].contains(&entry[..2].try_into().unwrap()),
                "{file}"
            );
        }
    }
    assert!(seen > 25, "{seen} files");
}
