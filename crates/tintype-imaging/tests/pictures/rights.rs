//! Creator and terms of use are found in every block and every form that contains them, and are in every response.

use std::io::Cursor;

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, Rights};
use tintype_imaging::spec::{Format, Size};

use crate::corpus::{self, header, read, soon, to_width};

fn jpeg(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let picture = corpus::jpeg(&[90; 64 * 3], Size::new(8, 8));
    let mut file = picture[..2].to_vec();
    for (marker, content) in segments {
        file.extend([0xff, *marker]);
        file.extend((content.len() as u16 + 2).to_be_bytes());
        file.extend(content);
    }
    file.extend(&picture[2..]);
    file
}

fn xmp(inside: &str) -> (u8, Vec<u8>) {
    let packet = format!(
        "<?xpacket begin='\u{feff}' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>\
        <r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:d='http://purl.org/dc/elements/1.1/' \
        xmlns:xr='http://ns.adobe.com/xap/1.0/rights/' xmlns:ps='http://ns.adobe.com/photoshop/1.0/' \
        xmlns:pl='http://ns.useplus.org/ldf/xmp/1.0/' \
        xmlns:ext='http://iptc.org/std/Iptc4xmpExt/2008-02-29/'>{inside}</r:RDF></x:xmpmeta><?xpacket end='w'?>"
    );
    let content = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
    (0xe1, content)
}

fn data_set(set: u8, text: &str) -> Vec<u8> {
    let length = (text.len() as u16).to_be_bytes();
    [&[0x1c, 2, set][..], &length, text.as_bytes()].concat()
}

fn resource(iptc: &[u8]) -> Vec<u8> {
    let mut resource = [
        b"8BIM\x04\x04\0\0",
        &(iptc.len() as u32).to_be_bytes()[..],
        iptc,
    ]
    .concat();
    resource.resize(resource.len().next_multiple_of(2), 0);
    resource
}

fn of(bytes: &[u8]) -> Rights {
    header(bytes).unwrap().rights
}

fn all() -> Rights {
    Rights {
        creators: vec!["Jo & Co".into(), "Zoë".into()],
        notice: Some("© 2026 Jo <all>".into()),
        credit: Some("Example Agency".into()),
        source: Some("Example Source".into()),
        marked: Some(true),
        owners: vec!["Owner One".into()],
        terms: Some("Ask first".into()),
        web_statement: Some("https://example.com/licence?a=1&b=2".into()),
        licensor: Some("Example Licensing".into()),
        licensor_url: Some("https://example.com/buy".into()),
        digital_source_type: Some(
            "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture".into(),
        ),
    }
}

const ELEMENTS: &str = "<r:Description r:about=''>\
    <d:creator><r:Seq><r:li>Jo &amp; Co</r:li><r:li>Zo&#xeb;</r:li></r:Seq></d:creator>\
    <d:rights><r:Alt><r:li xml:lang='de'>Deutsch</r:li><r:li xml:lang='x-default'>&#169; 2026 Jo &lt;all></r:li></r:Alt></d:rights>\
    <ps:Credit>Example Agency</ps:Credit><ps:Source>Example Source</ps:Source>\
    <xr:Marked>True</xr:Marked><xr:Owner><r:Bag><r:li>Owner One</r:li></r:Bag></xr:Owner>\
    <xr:UsageTerms><r:Alt><r:li xml:lang='x-default'><![CDATA[Ask first]]></r:li></r:Alt></xr:UsageTerms>\
    <xr:WebStatement r:resource='https://example.com/licence?a=1&amp;b=2'/>\
    <pl:Licensor><r:Seq><r:li r:parseType='Resource'><pl:LicensorName>Example Licensing</pl:LicensorName>\
    <pl:LicensorURL>https://example.com/buy</pl:LicensorURL></r:li></r:Seq></pl:Licensor>\
    <ext:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</ext:DigitalSourceType>\
    </r:Description>";

#[test]
fn xmp_is_read_by_namespace_in_every_form() {
    assert_eq!(of(&jpeg(&[xmp(ELEMENTS)])), all());
    let attributes = of(&jpeg(&[xmp(
        "<r:Description r:about='' ps:Credit='A &quot;B&quot;' ps:Source='&#83;' xr:Marked='False' \
        xr:WebStatement='https://example.com/?a&#38;b' ext:DigitalSourceType='x'>\
        <pl:Licensor><r:Bag><r:li><r:Description pl:LicensorURL='https://example.com/buy'/></r:li></r:Bag></pl:Licensor>\
        <other xmlns='urn:other'><d:creator><r:Seq><r:li>Of an ingredient</r:li></r:Seq></d:creator></other>\
        </r:Description>",
    )]));
    assert_eq!(
        attributes,
        Rights {
            credit: Some("A \"B\"".into()),
            source: Some("S".into()),
            marked: Some(false),
            web_statement: Some("https://example.com/?a&b".into()),
            digital_source_type: Some("x".into()),
            licensor_url: Some("https://example.com/buy".into()),
            ..Rights::NONE
        }
    );
}

#[test]
fn iptc_is_found_in_any_segment() {
    let sets = [
        data_set(80, "One"),
        data_set(80, "Two"),
        data_set(110, "Credit"),
        data_set(115, "Source"),
        data_set(116, "Notice"),
    ]
    .concat();
    let expected = Rights {
        creators: vec!["One".into(), "Two".into()],
        credit: Some("Credit".into()),
        source: Some("Source".into()),
        notice: Some("Notice".into()),
        ..Rights::NONE
    };
    let other = b"8BIM\x04\x25\0\0\0\0\0\x03abc\0".to_vec();
    for segments in [
        vec![[b"Photoshop 3.0\0", &resource(&sets)[..]].concat()],
        vec![
            [b"Photoshop 3.0\0", &other[..]].concat(),
            [b"Photoshop 3.0\0", &resource(&sets)[..]].concat(),
        ],
        vec![[b"Adobe_Photoshop2.5:\0\0", &resource(&sets)[..]].concat()],
        vec![resource(&sets)],
        // One resource in two segments.
        vec![
            [b"Photoshop 3.0\0", &resource(&sets)[..30]].concat(),
            [b"Photoshop 3.0\0", &resource(&sets)[30..]].concat(),
        ],
    ] {
        let segments: Vec<_> = segments
            .into_iter()
            .map(|content| (0xed, content))
            .collect();
        assert_eq!(of(&jpeg(&segments)), expected);
    }
}

#[test]
fn xmp_comes_before_iptc_and_iptc_before_exif() {
    let iptc = [
        b"Photoshop 3.0\0",
        &resource(&[data_set(80, "By IPTC"), data_set(116, "IPTC")].concat())[..],
    ]
    .concat();
    let xmp = xmp(
        "<r:Description r:about=''><d:creator><r:Seq><r:li>By XMP</r:li></r:Seq></d:creator></r:Description>",
    );
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x98\x82\x02\0\x04\0\0\0EX\0\0\0\0\0\0".to_vec();
    let both = of(&jpeg(&[(0xe1, exif.clone()), (0xed, iptc), xmp.clone()]));
    assert_eq!(both.creators, ["By XMP"]);
    assert_eq!(both.notice.as_deref(), Some("IPTC"));
    assert_eq!(
        of(&jpeg(&[(0xe1, exif), xmp])).notice.as_deref(),
        Some("EX")
    );
}

#[test]
fn every_answer_says_so_again_in_little_room() {
    let original = jpeg(&[
        xmp(ELEMENTS),
        (0xe1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec()),
    ]);
    for format in [Format::Jpeg, Format::Png, Format::Webp] {
        let answer = to_width(&original, 8, format).unwrap().bytes;
        assert_eq!(of(&answer), all(), "{format:?}");
        let packet = answer
            .windows(10)
            .position(|part| part == b"<x:xmpmeta")
            .unwrap();
        let end = answer
            .windows(12)
            .position(|part| part == b"</x:xmpmeta>")
            .unwrap();
        assert!(end + 12 - packet <= 2_048, "{format:?}");
    }
    let avif = to_width(&original, 8, Format::Avif).unwrap().bytes;
    let has = |part: &[u8]| avif.windows(part.len()).any(|window| window == part);
    assert!(has(b"mime\0application/rdf+xml\0") && has(b"https://example.com/buy"));
    // More than fits: the most important fields are kept.
    let long = "long ".repeat(390);
    let much = ELEMENTS
        .replace("Ask first", &long)
        .replace("Example Agency", &long)
        .replace("Example Source", &long);
    let answer = to_width(&jpeg(&[xmp(&much)]), 8, Format::Webp)
        .unwrap()
        .bytes;
    let told = of(&answer);
    assert_eq!(
        (told.creators, told.notice, told.web_statement),
        (all().creators, all().notice, all().web_statement)
    );
}

/// As ImageMagick writes them, and as TIFF and GIF store them.
#[test]
fn other_containers_keep_them_elsewhere() {
    let png = read("metadata/iptc.png");
    assert!(!of(&png).is_empty());
    let gif = read("metadata/beacon_xmp.gif");
    let walked = probe::header(Cursor::new(&gif[..]), &Limits::default(), soon());
    assert!(walked.is_ok());
    for (file, what) in [
        ("reported/iptc-second-app13.jpg", "app13"),
        ("reported/xmp-attr-licence.jpg", "attributes"),
        ("reported/xmp-numeric-entity.jpg", "entities"),
    ] {
        let rights = of(&read(file));
        println!("{what}: {rights:?}");
        assert!(!rights.is_empty(), "{file}");
    }
    let licence = of(&read("reported/xmp-attr-licence.jpg"));
    assert!(licence.web_statement.is_some() && licence.licensor_url.is_some());
    let notice = of(&read("reported/xmp-numeric-entity.jpg")).notice.unwrap();
    assert!(notice.starts_with("\u{a9} 2026 "), "{notice}");
    assert!(notice.contains('\u{e9}'), "{notice}");
}
