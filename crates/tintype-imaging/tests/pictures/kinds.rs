//! Less common formats: JPEG XL, JPEG 2000, Photoshop's flattened image, icons and cursors, and SVG. Unsupported ones
//! are refused by name.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tintype_imaging::limits::Limits;
use tintype_imaging::spec::{Format, Rect, Resolved, Size};
use tintype_imaging::{Error, PIXELS, render, sniff};

use crate::corpus::{Picture, header, read, read_png, soon, to_width, whole};

fn shown(bytes: &[u8]) -> Result<Picture, Error> {
    Ok(read_png(&to_width(bytes, u32::MAX, Format::Png)?.bytes))
}

/// A file, its size, and the colours at two places.
type Seen = (&'static str, (u32, u32), [u8; 4], [u8; 4]);

/// At the centre of the image, and a quarter from its top left.
const SEEN: &[Seen] = &[
    (
        "formats/Bretagne2_4.j2k",
        (2592, 1944),
        [225, 209, 190, 255],
        [130, 143, 169, 255],
    ),
    (
        "formats/relax.jp2",
        (320, 240),
        [148, 172, 191, 255],
        [2, 14, 10, 255],
    ),
    (
        "formats/world.jp2",
        (800, 400),
        [25, 52, 72, 255],
        [43, 93, 22, 255],
    ),
    (
        "formats/purple-square.psd",
        (200, 200),
        [202, 32, 154, 255],
        [202, 32, 154, 255],
    ),
    (
        "formats/smile.ico",
        (32, 32),
        [255, 255, 0, 255],
        [255, 255, 0, 255],
    ),
    (
        "formats/bmp-24bpp-mask.ico",
        (32, 32),
        [153, 153, 153, 255],
        [68, 68, 68, 255],
    ),
    (
        "formats/favicon.ico",
        (48, 48),
        [61, 105, 129, 255],
        [0, 58, 90, 255],
    ),
    (
        "formats/png-32bpp-alpha.ico",
        (32, 32),
        [153, 153, 153, 255],
        [68, 68, 68, 255],
    ),
    (
        "formats/bicycles.jxl",
        (1024, 631),
        [173, 186, 196, 255],
        [30, 30, 35, 255],
    ),
    (
        "formats/made-jpeg-xl-16bit.jxl",
        (320, 240),
        [159, 156, 159, 255],
        [244, 248, 252, 255],
    ),
    (
        "formats/made-jpeg-xl-alpha.jxl",
        (320, 240),
        [90, 86, 91, 0],
        [230, 236, 247, 255],
    ),
    (
        "formats/grayscale.jxl",
        (200, 200),
        [164, 164, 164, 255],
        [80, 80, 80, 255],
    ),
];

#[test]
fn colours_and_sizes_are_those_of_other_readers() {
    for (file, size, middle, quarter) in SEEN {
        let picture = shown(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!((picture.size.width, picture.size.height), *size, "{file}");
        for (parts, expected) in [(2, middle), (4, quarter)] {
            let got = picture.at(size.0 / parts, size.1 / parts);
            let is_near = got.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 3);
            assert!(
                is_near || expected[3] == 0 && got[3] == 0,
                "{file}: {got:?} {expected:?}"
            );
        }
    }
}

#[test]
fn a_photoshop_picture_is_read_packed_and_plain() {
    // Two rows of three pixels in planes of red, green and blue, in 16 bits and in 8.
    let head = |bits: u8, mode: u8, channels: u8| {
        let sizes = [0, channels, 0, 0, 0, 2, 0, 0, 0, 3, 0, bits, 0, mode];
        [b"8BPS\0\x01\0\0\0\0\0\0".as_slice(), &sizes, &[0; 12]].concat()
    };
    let planes: Vec<u8> = [
        [255, 0, 0, 9, 9, 9],
        [0, 255, 0, 9, 9, 9],
        [0, 0, 255, 9, 9, 9],
    ]
    .concat();
    let expected = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]];
    let plain = [&head(8, 3, 3)[..], &[0, 0], &planes].concat();
    let sixteen: Vec<u8> = planes
        .iter()
        .flat_map(|sample| [*sample, *sample])
        .collect();
    let sixteen = [&head(16, 3, 3)[..], &[0, 0], &sixteen].concat();
    // PackBits: literal runs, or repeated values.
    let rows = planes.chunks(3).map(|row| match row {
        [9, 9, 9] => vec![0xfe, 9],
        row => [&[2], row].concat(),
    });
    let rows: Vec<Vec<u8>> = rows.collect();
    let counts: Vec<u8> = rows.iter().flat_map(|row| [0, row.len() as u8]).collect();
    let packed = [&head(8, 3, 3)[..], &[0, 1], &counts, &rows.concat()].concat();
    for (name, file) in [
        ("plain", &plain),
        ("16 bits", &sixteen),
        ("packed", &packed),
    ] {
        let picture = shown(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(picture.size, Size::new(3, 2), "{name}");
        for (x, expected) in (0..).zip(expected) {
            assert_eq!(picture.at(x, 0), expected, "{name}");
            assert_eq!(picture.at(x, 1), [9, 9, 9, 255], "{name}");
        }
    }
    // Photoshop stores 255 for no ink.
    let inks = [[0, 255, 255, 255, 255, 255], [255; 6], [255; 6], [255; 6]].concat();
    let cmyk = shown(&[&head(8, 4, 4)[..], &[0, 0], &inks].concat()).unwrap();
    let [cyan, white] = [cmyk.at(0, 0), cmyk.at(1, 0)];
    assert!(
        cyan[0] < 60 && cyan[2] > 180 && white[..3] == [255; 3],
        "{cyan:?} {white:?}"
    );
    let error = header(&head(8, 9, 3)).unwrap_err().to_string();
    assert_eq!(error, "PSD in Lab is not supported");
    // Truncated files show the rows that are there.
    assert!(shown(&plain[..plain.len() - 1]).is_ok());
    assert!(shown(&plain[..plain.len() - 8]).is_err());
}

#[test]
fn the_largest_picture_of_a_cursor_is_shown() {
    // One and two pixels a side, 24 bits in blue, green, red, bottom-up, each with its mask.
    let picture = |side: u32, pixel: [u8; 3]| {
        let mut bytes = [40, side, 2 * side].map(u32::to_le_bytes).concat();
        bytes.extend([1, 0, 24, 0]);
        bytes.extend([0; 24]);
        for _ in 0..side {
            let mut row = pixel.repeat(side as usize);
            row.resize(row.len().next_multiple_of(4), 0);
            bytes.extend(row);
        }
        // The first pixel of each row is transparent.
        bytes.extend([0x80, 0, 0, 0].repeat(side as usize));
        bytes
    };
    let (small, large) = (picture(1, [255, 0, 0]), picture(2, [0, 0, 255]));
    let mut file = vec![0, 0, 2, 0, 2, 0];
    let mut at = 6 + 32_u32;
    for one in [&small, &large] {
        file.extend([0; 8]);
        file.extend((one.len() as u32).to_le_bytes());
        file.extend(at.to_le_bytes());
        at += one.len() as u32;
    }
    file.extend([small, large].concat());
    let picture = shown(&file).unwrap();
    assert_eq!(picture.size, Size::new(2, 2));
    assert_eq!(
        (picture.at(0, 0)[3], picture.at(1, 1)),
        (0, [255, 0, 0, 255])
    );
}

#[test]
fn a_drawing_is_as_sharp_as_it_is_asked_for() {
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">
        <rect width="10" height="10" fill="#f00"/><circle cx="15" cy="5" r="4" fill="#00f" opacity=".5"/></svg>"##;
    assert_eq!(header(svg).unwrap().size, Size::new(4096, 2048));
    for width in [20, 64, 500, 2000] {
        let drawn = to_width(svg, width, Format::Png).unwrap();
        assert_eq!(drawn.size, Size::new(width, width / 2));
        let picture = read_png(&drawn.bytes);
        assert_eq!(
            picture.at(width / 4, width / 4),
            [255, 0, 0, 255],
            "{width}"
        );
        let [r, g, b, a] = picture.at(3 * width / 4, width / 4);
        assert!(
            r < 4 && g < 4 && b > 250 && a.abs_diff(128) < 3,
            "{width}: {r} {g} {b} {a}"
        );
        assert_eq!(picture.at(width - 1, 0)[3], 0, "{width}");
        // Drawn at this size, and not resized, which would leave ripples beside an edge. In a large image the circle's
        // canvas would take too much memory.
        if width <= 500 {
            let beside: Vec<[u8; 4]> = (0..width).map(|x| picture.at(x, 0)).collect();
            let (red, clear) = beside.split_at(width as usize / 2);
            assert!(
                red.iter().all(|pixel| *pixel == [255, 0, 0, 255]),
                "{width}"
            );
            assert!(clear.iter().all(|pixel| pixel[3] == 0), "{width}");
        }
    }
    // Of a part, too, nothing is displaced: all but a column of 4096, at a twelfth of its size.
    let resolved = Resolved {
        crop: Rect {
            x: 0,
            y: 0,
            width: 4095,
            height: 2048,
        },
        ..whole(Size::new(4096, 2048), Size::new(341, 170), Format::Png)
    };
    let drawn = render::render(svg, &resolved, &Limits::default(), soon()).unwrap();
    // The edge is at 170.54, and drawn in quarters of a pixel.
    let edge = read_png(&drawn.bytes).at(170, 80);
    assert!(edge[3].abs_diff(138) < 48, "{edge:?}");
}

#[test]
fn a_packed_drawing_is_drawn_and_unpacked_within_bounds() {
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let svg = |inner: &str| {
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path fill="#f00" d="M0 0h9v9H0z"/>{inner}</svg>"##
        )
    };
    let drawn = to_width(&packed(&svg("")), 9, Format::Png).unwrap();
    assert_eq!(
        drawn.bytes,
        to_width(svg("").as_bytes(), 9, Format::Png).unwrap().bytes
    );
    assert_eq!(
        refused(&packed(&svg(&" ".repeat(1 << 20)))),
        "bytes of an unpacked SVG"
    );
    let whole = packed(&svg(""));
    assert_eq!(refused(&whole[..whole.len() - 9]), "malformed");
}

/// Neither a file nor a server is asked, and nothing is drawn of it.
#[test]
fn a_drawing_reads_nothing_else() {
    let secret = "file:///etc/passwd";
    for part in [
        format!(r#"<image href="{secret}" width="9" height="9"/>"#),
        r#"<image href="data:image/png;base64,iVBORw0KGgo=" width="9" height="9"/>"#.to_owned(),
        format!(r##"<use href="{secret}#a"/>"##),
        format!(r##"<style>@import url("{secret}"); rect {{ fill: url("{secret}#a") }}</style>"##),
        "<foreignObject width='9' height='9'><p xmlns='http://www.w3.org/1999/xhtml'>x</p></foreignObject>".to_owned(),
        "<script>alert(1)</script><text x='1' y='9'>text</text>".to_owned(),
    ] {
        let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{part}</svg>"#);
        let drawn = to_width(svg.as_bytes(), 9, Format::Png).unwrap_or_else(|e| panic!("{part}: {e}"));
        let picture = read_png(&drawn.bytes);
        assert!(picture.rgba.iter().all(|value| *value == 0), "{part}");
    }
}

fn refused(bytes: &[u8]) -> String {
    let rendered = header(bytes).and_then(|header| {
        let resolved = whole(header.upright(), Size::new(64, 64), Format::Jpeg);
        render::render(bytes, &resolved, &Limits::default(), soon())
    });
    match rendered {
        Err(Error::OverLimit { what, .. }) => what.to_owned(),
        Err(Error::TooManyPixels { .. }) => PIXELS.to_owned(),
        Err(Error::Malformed(_)) => "malformed".to_owned(),
        Err(Error::Unsupported(what)) => what.into_owned(),
        other => panic!("{:?}", other.map(|rendered| rendered.size)),
    }
}

#[test]
fn bombs_are_counted() {
    let svg = |inner: &str| {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{inner}</svg>"#)
    };
    let check = |inner: &str, expected: &str| {
        assert_eq!(refused(svg(inner).as_bytes()), expected, "{:.60}", inner)
    };
    // Each references the one before ten times.
    let chain = |link: &dyn Fn(usize) -> String| (1..9).map(link).collect::<String>();
    let ten = |text: String| text.repeat(10);
    check(
        &("<g id='a0'><rect width='1' height='1'/></g>".to_owned()
            + &chain(&|n| {
                format!(
                    "<g id='a{n}'>{}</g>",
                    ten(format!("<use href='#a{}'/>", n - 1))
                )
            })),
        "elements of an SVG",
    );
    check(
        &chain(&|n| {
            format!(
                "<mask id='m{n}'>{}</mask>",
                ten(format!(
                    "<rect width='9' height='9' mask='url(#m{})'/>",
                    n - 1
                ))
            )
        }),
        "elements of an SVG",
    );
    check(
        "<g id='a'><use href='#a'/></g>",
        "an SVG that references itself",
    );
    check(
        &("<g>".repeat(100) + &"</g>".repeat(100)),
        "depth of an SVG",
    );
    let blur = "<feGaussianBlur stdDeviation='500'/>".repeat(3_000);
    check(
        &format!("<filter id='f'>{blur}</filter><rect width='9' height='9' filter='url(#f)'/>"),
        "work of an SVG",
    );
    let wide = "<rect width='9' height='9' opacity='.1'/>".repeat(90_000);
    check(&wide, "work of an SVG");
    let marked = format!(
        "<marker id='m'>{}</marker><path marker-mid='url(#m)' d='M0 0{}'/>",
        "<rect width='1' height='1'/>".repeat(1_000),
        "L1 1L2 2".repeat(10_000)
    );
    check(&marked, "markers of an SVG");
    let styled = format!(
        "<style>{}</style>{}",
        "rect.a{fill:red}".repeat(9_000),
        "<rect/>".repeat(9_000)
    );
    check(&styled, "styles of an SVG");
    for far in ["2511111111111111", "1e16", "3.5e+9"] {
        check(
            &format!(
                "<path stroke='#069' stroke-width='84' d='M 0,-{far} A 256 256 0 1 0 256,0'/>"
            ),
            "digits of a length in an SVG",
        );
    }
    let entity = format!(
        "<!DOCTYPE svg [<!ENTITY e '{}'>]>{}",
        "x".repeat(500),
        svg(&"&e;".repeat(100_000))
    );
    assert_eq!(refused(entity.as_bytes()), "bytes of SVG entities");
    assert_eq!(refused(&vec![b'<'; 9 << 20][..]), "text/plain");

    // 30,000 pixels a side, in an icon and in each of the others.
    assert_eq!(refused(&read("hostile/bomb-ico-png.ico")), PIXELS);
    let side = 30_000_u32.to_be_bytes();
    let psd = [
        b"8BPS\0\x01\0\0\0\0\0\0\0\x03".as_slice(),
        &side,
        &side,
        &[0, 8, 0, 3],
        &[0; 20],
    ]
    .concat();
    assert_eq!(refused(&psd), PIXELS);
    let j2k = |tile: u32| {
        let sides = [30_000, 30_000, 0, 0, tile, tile, 0, 0]
            .map(u32::to_be_bytes)
            .concat();
        let size = [
            b"\xff\x4f\xff\x51\0\x29\0\0".as_slice(),
            &sides,
            &[0, 1, 7, 1, 1],
        ]
        .concat();
        [
            &size[..],
            b"\xff\x52\0\x0c\0\0\0\x01\0\x05\x04\x04\0\0",
            b"\xff\x90",
        ]
        .concat()
    };
    assert_eq!(refused(&j2k(30_000)), PIXELS);
    assert_eq!(refused(&j2k(16)), "JPEG 2000 tiles");
    let entries = [
        &[0, 0, 1, 0, 255, 255][..],
        &[0; 8],
        &[1, 0, 0, 0, 255, 255, 255, 0],
    ]
    .concat();
    assert_ne!(
        sniff::sniff(&entries).media_type,
        "image/vnd.microsoft.icon"
    );
}

#[test]
fn what_is_not_read_has_a_name() {
    for (head, name) in [
        (&b"\x76\x2f\x31\x01"[..], "image/x-exr"),
        (b"DDS |\0\0\0", "image/vnd-ms.dds"),
        (b"\xff\xd8\xff\xf7\0\x0b", "image/jls"),
        (b"II*\0\x10\0\0\0CR\x02\0", "image/x-canon-cr2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "image/x-canon-cr3"),
        (b"FUJIFILMCCD-RAW 0201", "image/x-fuji-raf"),
    ] {
        assert_eq!(
            header(head).unwrap_err().to_string(),
            format!("{name} is not supported")
        );
    }
}
