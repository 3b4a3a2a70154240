//! Variants say who made an image and who holds the rights, and carry no other metadata. With `meta_keep` they carry
//! the rest as well, but still no locations, serial numbers or camera owners.

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SetRights;
use tintype_imaging::render;
use tintype_imaging::spec::{Format, Metadata, Resolved, Size};

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

/// An entry of a directory: tag, type, values.
type Entry<'a> = (u16, u16, &'a [u8]);

/// Encodes a directory that begins at the offset `start`, followed by its values.
fn directory(entries: &[Entry<'_>], start: usize) -> Vec<u8> {
    let mut head = (entries.len() as u16).to_be_bytes().to_vec();
    let mut values = Vec::new();
    let first = start + 2 + 12 * entries.len() + 4;
    for (tag, kind, value) in entries {
        let of_one = [0, 1, 1, 2, 4, 8, 0, 1][usize::from(*kind)];
        head.extend(tag.to_be_bytes());
        head.extend(kind.to_be_bytes());
        head.extend(((value.len() / of_one) as u32).to_be_bytes());
        if value.len() <= 4 {
            head.extend([value, &[0; 4][value.len()..]].concat());
        } else {
            head.extend(((first + values.len()) as u32).to_be_bytes());
            values.extend(*value);
        }
    }
    [head, vec![0; 4], values].concat()
}

const XMP: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
    <r:Description r:about='' xmlns:e='http://ns.adobe.com/exif/1.0/' xmlns:p='http://ns.adobe.com/photoshop/1.0/' \
    xmlns:a='http://ns.adobe.com/exif/1.0/aux/' xmlns:d='http://purl.org/dc/elements/1.1/' \
    xmlns:i='http://iptc.org/std/Iptc4xmpExt/2008-02-29/' xmlns:m='http://ns.adobe.com/xap/1.0/mm/' \
    e:GPSLatitude='52,31.1N' a:SerialNumber='S-XMP' a:Lens='A lens' p:City='Secretville' p:Headline='A &amp; B' \
    m:DocumentID='xmp.did:1'>\
    <d:subject><r:Bag><r:li>lion</r:li><r:li>zoo</r:li></r:Bag></d:subject>\
    <i:LocationCreated><r:Bag><r:li r:parseType='Resource'><i:City>Secretville</i:City></r:li></r:Bag></i:LocationCreated>\
    <i:PersonInImage><r:Bag><r:li>Ann Example</r:li></r:Bag></i:PersonInImage>\
    <e:Flash r:parseType='Resource'><e:Fired>True</e:Fired><e:GPSDestLatitude>1</e:GPSDestLatitude></e:Flash>\
    </r:Description></r:RDF></x:xmpmeta>";

/// A JPEG with EXIF, XMP and IPTC.
fn talkative() -> Vec<u8> {
    file_of(XMP, &[], &[(120, b"A lion in a zoo.")])
}

/// The same with rights in every block.
fn licensed() -> Vec<u8> {
    let rights = "xmlns:x='http://ns.adobe.com/xap/1.0/rights/' x:UsageTerms='Old Terms' p:Credit='Old Desk'>\
        <d:creator><r:Seq><r:li>Old Author</r:li></r:Seq></d:creator><d:subject>";
    let xmp = XMP.replacen("><d:subject>", &format!(" {rights}"), 1);
    assert_ne!(xmp, XMP);
    let exif = [
        (0x013b, 2, &b"Old Author\0\0"[..]),
        (0x8298, 2, b"Old Notice\0\0"),
        (0x9c9d, 1, b"Old Author\0\0"),
    ];
    let iptc = [
        (80, &b"Old Author"[..]),
        (110, b"Old Desk"),
        (116, b"Old Notice"),
        (120, b"L\xf6we"),
    ];
    file_of(&xmp, &exif, &iptc)
}

fn file_of(xmp: &str, entries: &[Entry<'_>], sets: &[(u8, &[u8])]) -> Vec<u8> {
    let main = |details: &[u8; 4]| {
        let mut all = first(details);
        all.extend(entries);
        all.sort_by_key(|entry| entry.0);
        directory(&all, 8)
    };
    let details_at = 8 + main(&[0; 4]).len();
    let main = main(&(details_at as u32).to_be_bytes());
    let details = [
        (0x829a_u16, 5_u16, &[0, 0, 0, 1, 0, 0, 0, 125][..]),
        (0x927c, 7, b"MAKER NOTE"),
        (0xa002, 4, &[0, 0, 0, 8]),
        (0xa430, 2, b"Olga Owner\0\0"),
        (0xa431, 2, b"S-BODY\0\0"),
        (0xa434, 2, b"A lens\0\0"),
        (0xa435, 2, b"S-LENS\0\0"),
    ];
    let details = directory(&details, details_at);
    let exif = [b"Exif\0\0MM\0\x2a\0\0\0\x08", &main[..], &details].concat();
    let data_set = |set: u8, text: &[u8]| {
        let length = (text.len() as u16).to_be_bytes();
        [&[0x1c, 2, set][..], &length, text].concat()
    };
    let mut sets: Vec<u8> = sets
        .iter()
        .flat_map(|(set, text)| data_set(*set, text))
        .collect();
    sets.extend(data_set(25, b"lion"));
    sets.extend(data_set(90, b"Secretville"));
    let mut iptc = [
        b"Photoshop 3.0\08BIM\x04\x04\0\0",
        &(sets.len() as u32).to_be_bytes()[..],
        &sets,
    ]
    .concat();
    iptc.resize(iptc.len().next_multiple_of(2), 0);
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", xmp.as_bytes()].concat();
    let picture = crate::corpus::jpeg(&[90; 64 * 3], Size::new(8, 8));
    let mut file = picture[..2].to_vec();
    for (marker, content) in [(0xe1, exif), (0xe1, xmp), (0xed, iptc)] {
        file.extend([0xff, marker]);
        file.extend((content.len() as u16 + 2).to_be_bytes());
        file.extend(content);
    }
    file.extend(&picture[2..]);
    file
}

/// Entries of the main directory. `details` is the offset of the EXIF directory; the GPS offset is arbitrary.
fn first(details: &[u8; 4]) -> Vec<Entry<'_>> {
    vec![
        (0x010e, 2, b"A lion, seen from afar\0\0"),
        (0x0110, 2, b"Camera 7\0\0"),
        (0x0112, 3, &[0, 3]),
        (0x013c, 2, b"Olgas computer\0\0"),
        (0x8769, 4, details),
        (0x8825, 4, &[0, 0, 0, 8]),
        (0xc62f, 2, b"S-DNG\0"),
    ]
}

const SAID: [&[u8]; 8] = [
    b"A lion, seen from afar",
    b"Camera 7",
    b"A lens",
    &[0, 0, 0, 1, 0, 0, 0, 125],
    b"photoshop:Headline>A &amp; B<",
    b"<rdf:li>zoo</rdf:li>",
    b"Ann Example",
    b"exif:Fired",
];

const UNSAID: [&[u8]; 13] = [
    b"GPS",
    b"SerialNumber",
    b"S-XMP",
    b"S-BODY",
    b"S-LENS",
    b"S-DNG",
    b"Olga",
    b"MAKER",
    b"Secretville",
    b"DocumentID",
    b"Location",
    &[0xa0, 2, 0, 4],
    &[0x88, 0x25, 0, 4],
];

#[test]
fn what_is_kept_is_all_but_places_numbers_and_owners() {
    let bytes = talkative();
    assert_eq!(header(&bytes).unwrap().orientation, 3);
    for format in FORMATS {
        let kept = rendered(&bytes, format, Metadata::Keep).unwrap();
        for part in SAID {
            assert!(
                contains(&kept, part),
                "{format:?}: {}",
                String::from_utf8_lossy(part)
            );
        }
        for part in UNSAID {
            assert!(
                !contains(&kept, part),
                "{format:?}: {}",
                String::from_utf8_lossy(part)
            );
        }
        assert_eq!(header(&kept).unwrap().orientation, 1, "{format:?}");
        let has_iptc = contains(&kept, b"A lion in a zoo.");
        assert_eq!(has_iptc, format == Format::Jpeg, "{format:?}");
        // Rendering the variant again keeps it too.
        let again = rendered(&kept, Format::Jpeg, Metadata::Keep).unwrap();
        for part in SAID {
            assert!(
                contains(&again, part),
                "{format:?}: {}",
                String::from_utf8_lossy(part)
            );
        }
    }
    let usual = rendered(&bytes, Format::Jpeg, Metadata::Copyright).unwrap();
    assert!(!contains(&usual, b"Camera 7"));
}

/// Those of the original would contradict them.
#[test]
fn rights_that_are_set_replace_all_others_in_what_is_kept() {
    let set = SetRights {
        creators: Some(vec!["Zo\u{eb} New".into()]),
        notice: Some("\u{a9} New".into()),
        credit: Some("New Desk".into()),
        ..SetRights::default()
    };
    let said = &SAID[..6];
    for file in [licensed(), talkative()] {
        let upright = header(&file).unwrap().upright();
        for format in FORMATS {
            let resolved = Resolved {
                metadata: Metadata::Keep,
                rights: set.clone(),
                ..whole(upright, Size::new(8, 8), format)
            };
            let kept = render::render(&file, &resolved, &Limits::default(), soon()).unwrap();
            let kept = kept.bytes;
            for old in ["Old Author", "Old Notice", "Old Desk"] {
                assert!(!contains(&kept, old.as_bytes()), "{format:?}: {old}");
            }
            for part in said {
                let text = String::from_utf8_lossy(part);
                assert!(contains(&kept, part), "{format:?}: {text}");
            }
            let rights = header(&kept).unwrap().rights;
            assert_eq!(rights.creators, ["Zo\u{eb} New"], "{format:?}");
            assert_eq!(rights.notice.as_deref(), Some("\u{a9} New"));
            assert_eq!(rights.credit.as_deref(), Some("New Desk"));
            // What is not set stays.
            let has_terms = rights.terms.as_deref() == Some("Old Terms");
            assert_eq!(has_terms, file == licensed(), "{format:?}");
        }
    }
    // A caption in Latin-1 becomes UTF-8 with the rest.
    let resolved = Resolved {
        metadata: Metadata::Keep,
        rights: set,
        ..whole(Size::new(8, 8), Size::new(8, 8), Format::Jpeg)
    };
    let kept = render::render(&licensed(), &resolved, &Limits::default(), soon()).unwrap();
    assert!(contains(&kept.bytes, "L\u{f6}we".as_bytes()));
}

#[test]
fn of_no_original_a_place_or_a_number_is_kept() {
    let mut seen = 0;
    for file in files("metadata").into_iter().chain(files("photos")) {
        let bytes = read(&file);
        let Some(jpeg) = rendered(&bytes, Format::Jpeg, Metadata::Keep) else {
            continue;
        };
        seen += 1;
        for part in UNSAID {
            assert!(
                !contains(&jpeg, part),
                "{file}: {}",
                String::from_utf8_lossy(part)
            );
        }
        assert_eq!(header(&jpeg).unwrap().orientation, 1, "{file}");
        let rights = |bytes: &[u8]| header(bytes).unwrap().rights;
        assert_eq!(rights(&jpeg), rights(&bytes), "{file}");
    }
    assert!(seen > 25, "{seen} files");
}

/// Gain maps and C2PA manifests are told. A variant has neither: its pixels are others.
#[test]
fn gain_maps_and_manifests_are_told_and_not_passed_on() {
    let (mut with_gain_map, mut with_c2pa) = (Vec::new(), Vec::new());
    for folder in ["photos", "formats", "colour", "metadata"] {
        for file in files(folder) {
            let bytes = read(&file);
            let Ok(header) = header(&bytes) else {
                continue;
            };
            if !header.has_gain_map && !header.has_c2pa {
                continue;
            }
            for format in FORMATS {
                let variant = rendered(&bytes, format, Metadata::Keep).unwrap();
                for mark in [&b"c2pa"[..], b"hdr-gain-map", b"hdrgainmap", b"tmap"] {
                    assert!(!contains(&variant, mark), "{file} as {format:?}");
                }
            }
            if header.has_gain_map {
                with_gain_map.push(file.clone());
            }
            if header.has_c2pa {
                with_c2pa.push(file);
            }
        }
    }
    assert_eq!(
        with_gain_map,
        [
            "formats/seine_hdr_srgb.avif",
            "formats/seine_sdr_gainmap_srgb.avif",
            "colour/colors_hdr_p3.avif",
            "colour/colors_hdr_rec2020.avif",
            "colour/gain-map.jpg",
        ]
    );
    assert_eq!(
        with_c2pa,
        ["metadata/C.jpg", "metadata/CA.jpg", "metadata/E-sig-CA.jpg",]
    );
}

/// Those that the corpus has no file of.
#[test]
fn gain_maps_and_manifests_of_other_containers_are_told() {
    let avif = read("formats/made-hidden-magenta-alpha.avif");
    let manifest = [
        0xd8, 0xfe, 0xc3, 0xd6, 0x1b, 0x0e, 0x48, 0x3c, 0x92, 0x97, 0x58, 0x28, 0x87, 0x7e, 0xc4,
        0x81,
    ];
    let signed = [&avif[..], b"\0\0\0\x18uuid", &manifest].concat();
    assert!(header(&signed).unwrap().has_c2pa && !header(&avif).unwrap().has_c2pa);

    let png = read("formats/kodim23.png");
    // Behind the signature and IHDR.
    let signed = [&png[..33], b"\0\0\0\x04caBXjumb\0\0\0\0", &png[33..]].concat();
    assert!(header(&signed).unwrap().has_c2pa && !header(&png).unwrap().has_c2pa);

    // Apple's, in place of alpha.
    let alpha = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0";
    let mut apple = b"urn:com:apple:photo:2020:aux:hdrgainmap".to_vec();
    apple.resize(alpha.len(), 0);
    let at = avif.windows(alpha.len()).position(|part| part == alpha);
    let at = at.unwrap();
    let mut mapped = avif.clone();
    mapped[at..at + alpha.len()].copy_from_slice(&apple);
    assert!(header(&mapped).unwrap().has_gain_map && !header(&avif).unwrap().has_gain_map);

    let jpeg = read("photos/Wood.jpg");
    let iso = [
        &jpeg[..2],
        b"\xff\xe2\0\x1eurn:iso:std:iso:ts:21496:-1\0",
        &jpeg[2..],
    ]
    .concat();
    assert!(header(&iso).unwrap().has_gain_map && !header(&jpeg).unwrap().has_gain_map);
}
