//! HEIC and AVIF look as they do in other decoders, in every form that phones and tools write, and no small file causes
//! much work.

use std::io::Cursor;
use std::time::{Duration, Instant};

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, SourceFormat};
use tintype_imaging::spec::{Format, Metadata, Resolved, Size};
use tintype_imaging::{Error, PIXELS, render};

use crate::corpus::{Picture, header, read, read_png, soon, to_width, whole};

fn shown(bytes: &[u8]) -> Result<Picture, Error> {
    Ok(read_png(&to_width(bytes, u32::MAX, Format::Png)?.bytes))
}

/// The mean of 16x16 pixels.
fn around(picture: &Picture, across: f64, down: f64) -> [f64; 4] {
    let Size { width, height } = picture.size;
    let (x, y) = (
        (f64::from(width) * across) as u32,
        (f64::from(height) * down) as u32,
    );
    let (mut sum, mut count) = ([0.0; 4], 0.0);
    for y in y.saturating_sub(8)..(y + 8).min(height) {
        for x in x.saturating_sub(8)..(x + 8).min(width) {
            let pixel = picture.at(x, y);
            sum.iter_mut()
                .zip(pixel)
                .for_each(|(sum, value)| *sum += f64::from(value));
            count += 1.0;
        }
    }
    sum.map(|sum| sum / count)
}

/// A file, its size, and the colours at two places.
type Seen = (&'static str, (u32, u32), [u8; 4], [u8; 4]);

/// As decoded by Pillow 12 with libheif and libavif, with its conversion from the profile: around the centres of the
/// first and the last quarter.
const SEEN: &[Seen] = &[
    // A phone's tiles, Display P3.
    (
        "formats/IMG_5195.HEIC",
        (2566, 3313),
        [205, 185, 161, 255],
        [9, 6, 13, 255],
    ),
    (
        "formats/example.heic",
        (1280, 854),
        [193, 227, 254, 255],
        [49, 50, 43, 255],
    ),
    (
        "formats/rainbow-451x461.heic",
        (451, 461),
        [229, 163, 255, 255],
        [201, 255, 160, 255],
    ),
    (
        "formats/samplefilehub.heif",
        (640, 426),
        [50, 50, 48, 255],
        [140, 68, 24, 255],
    ),
    (
        "formats/example.avif",
        (800, 533),
        [65, 71, 27, 255],
        [133, 133, 128, 255],
    ),
    (
        "formats/fox.profile0.8bpc.yuv420.avif",
        (1204, 800),
        [21, 32, 32, 255],
        [24, 22, 22, 255],
    ),
    (
        "formats/fox.profile0.10bpc.yuv420.avif",
        (1204, 800),
        [20, 32, 30, 255],
        [23, 22, 22, 255],
    ),
    (
        "formats/fox.profile2.12bpc.yuv444.avif",
        (1204, 800),
        [19, 32, 29, 255],
        [21, 22, 22, 255],
    ),
    (
        "formats/fox.profile0.8bpc.yuv420.monochrome.avif",
        (1204, 800),
        [29, 29, 29, 255],
        [22, 22, 22, 255],
    ),
    (
        "formats/fox.profile0.8bpc.yuv420.odd-width.odd-height.avif",
        (1203, 799),
        [21, 32, 32, 255],
        [23, 22, 23, 255],
    ),
    (
        "formats/sofa_grid1x5_420.avif",
        (1024, 770),
        [153, 154, 157, 255],
        [127, 120, 104, 255],
    ),
    (
        "formats/made-hidden-magenta-alpha.avif",
        (320, 240),
        [0, 0, 0, 0],
        [109, 95, 59, 191],
    ),
    // Sequences: the first frame.
    (
        "formats/star-10bpc.avifs",
        (159, 159),
        [16, 16, 16, 255],
        [176, 166, 121, 255],
    ),
    (
        "formats/made-animated.avif",
        (200, 150),
        [211, 222, 236, 255],
        [109, 95, 58, 255],
    ),
    (
        "formats/colors-animated-8bpc-alpha-exif-xmp.avif",
        (150, 150),
        [0, 0, 0, 128],
        [0, 0, 0, 128],
    ),
    (
        "formats/white_1x1.avif",
        (1, 1),
        [253, 253, 253, 255],
        [253, 253, 253, 255],
    ),
    // Profiles that rotate colours.
    (
        "colour/made-swap-gbr.avif",
        (400, 300),
        [229, 236, 247, 255],
        [110, 95, 60, 255],
    ),
    (
        "colour/red-at-12-oclock-with-color-profile-10bpc.avif",
        (800, 800),
        [255, 0, 124, 255],
        [0, 255, 167, 255],
    ),
    (
        "formats/kimono.avif",
        (722, 1024),
        [196, 195, 170, 255],
        [62, 97, 107, 255],
    ),
];

#[test]
fn colours_and_sizes_are_those_of_other_readers() {
    let mut bad = Vec::new();
    for (file, size, first, last) in SEEN {
        let picture = shown(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!((picture.size.width, picture.size.height), *size, "{file}");
        for (at, expected) in [(0.25, first), (0.75, last)] {
            let got = around(&picture, at, at);
            // Invisible pixels have no colour.
            let from = if expected[3] == 0 { 3 } else { 0 };
            let is_near = (from..4).all(|c| (got[c] - f64::from(expected[c])).abs() <= 3.0);
            if !is_near {
                bad.push(format!("{file} at {at}: {got:.0?} instead of {expected:?}"));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The orientation in the boxes is applied; the one in EXIF is not applied on top.
#[test]
fn boxes_turn_a_picture_and_exif_does_not() {
    for orientation in [3, 5, 6, 8] {
        let header = header(&read(&format!(
            "orientation/made-orient-{orientation}.heic"
        )))
        .unwrap();
        assert_eq!(header.orientation, 1);
        assert_eq!(
            header.upright().width > header.upright().height,
            orientation == 3
        );
    }
    let upright = shown(&read("formats/kimono.avif")).unwrap();
    let Size { width, height } = upright.size;
    let mirrored = shown(&read("formats/kimono.mirror-horizontal.avif")).unwrap();
    let turned = shown(&read("formats/kimono.rotate90.avif")).unwrap();
    let cut = shown(&read("formats/kimono.crop.avif")).unwrap();
    assert_eq!((cut.size.width, cut.size.height), (385, 330));
    let near = |a: [u8; 4], b: [u8; 4]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 40);
    let (mut same, mut all) = (0, 0);
    for (x, y) in (0..width)
        .step_by(31)
        .flat_map(|x| (0..height).step_by(31).map(move |y| (x, y)))
    {
        all += 2;
        same += u32::from(near(upright.at(x, y), mirrored.at(x, y)));
        same += u32::from(near(upright.at(x, y), turned.at(x, y)));
    }
    // Re-encoded, all of them.
    assert!(same * 10 >= all * 9, "{same} of {all}");
}

#[test]
fn facts_of_the_file_are_those_of_its_record() {
    let facts = |file: &str| {
        let header = header(&read(file)).unwrap();
        (header.format, header.bits, header.frames, header.has_alpha)
    };
    use SourceFormat::{Avif, Heic};
    assert_eq!(facts("formats/IMG_5195.HEIC"), (Heic, 8, 1, false));
    assert_eq!(facts("formats/with-alpha-512x512.heic"), (Heic, 8, 1, true));
    assert_eq!(
        facts("formats/fox.profile2.12bpc.yuv444.avif"),
        (Avif, 12, 1, false)
    );
    assert_eq!(
        facts("formats/star-8bpc-with-alpha.avifs"),
        (Avif, 8, 5, true)
    );
    assert_eq!(
        facts("formats/seine_sdr_gainmap_srgb.avif"),
        (Avif, 8, 1, false)
    );
    assert_eq!(
        facts("formats/plum-blossom-small.profile1.10bpc.yuv444.alpha-full.avif"),
        (Avif, 10, 1, true)
    );
}

/// Matrix 12: the weights of red and blue in luma are those of P3's primaries. Expected are libvips's samples, converted
/// by PQ's formula; with BT.601's weights the grass has 184 of green.
#[test]
fn luma_may_follow_from_primaries() {
    let picture = shown(&read("formats/cosmos1650_yuv444_10bpc_p3pq.avif")).unwrap();
    let grass = around(&picture, 0.3, 0.6);
    let is_near = |(got, expected): (&f64, f64)| (got - expected).abs() < 2.0;
    let mut pairs = grass.iter().zip([139.6, 169.3, 0.0, 255.0]);
    assert!(pairs.all(is_near), "{grass:.1?}");
}

/// Converted from PQ, a scene is as bright as its SDR version.
#[test]
fn hdr_comes_down_to_what_every_screen_shows() {
    let mean = |file: &str| {
        let picture = shown(&read(file)).unwrap();
        let sum: u64 = picture.rgba.iter().map(|value| u64::from(*value)).sum();
        sum as f64 / picture.rgba.len() as f64
    };
    let (hdr, sdr) = (
        mean("formats/seine_hdr_srgb.avif"),
        mean("formats/seine_sdr_gainmap_srgb.avif"),
    );
    assert!((hdr - sdr).abs() < 40.0, "{hdr} {sdr}");
}

#[test]
fn rights_are_found_in_items() {
    let bytes = read("formats/paris_icc_exif_xmp.avif");
    let upright = header(&bytes).unwrap().upright();
    let resolved = Resolved {
        metadata: Metadata::Copyright,
        ..whole(upright, upright, Format::Jpeg)
    };
    // The location and the camera are not.
    let rendered = render::render(&bytes, &resolved, &Limits::default(), soon()).unwrap();
    let has = |needle: &[u8]| rendered.bytes.windows(needle.len()).any(|at| at == needle);
    assert!(!has(b"GPS") && !has(b"Pixel"));
}

#[test]
fn what_breaks_off_shows_the_tiles_that_are_there() {
    let bytes = read("formats/sofa_grid1x5_420.avif");
    let whole = shown(&bytes).unwrap();
    let cut = &bytes[..bytes.len() * 3 / 4];
    assert!(header(cut).unwrap().truncated);
    let part = shown(cut).unwrap();
    assert_eq!(part.size, whole.size);
    assert_eq!(around(&part, 0.5, 0.1), around(&whole, 0.5, 0.1));
    assert_ne!(around(&part, 0.5, 0.95), around(&whole, 0.5, 0.95));
}

#[test]
fn a_picture_that_takes_too_long_is_let_go() {
    for file in ["formats/IMG_5195.HEIC", "formats/sofa_grid1x5_420.avif"] {
        let bytes = read(file);
        let size = header(&bytes).unwrap().upright();
        let resolved = whole(size, Size::new(10, 10), Format::Jpeg);
        let deadline = Instant::now();
        let rendered = render::render(&bytes, &resolved, &Limits::default(), deadline);
        assert!(matches!(rendered, Err(Error::DeadlineExceeded)), "{file}");
        let header = probe::header(Cursor::new(&bytes), &Limits::default(), deadline);
        assert!(header.is_err(), "{file}");
    }
}

// Files made here: boxes around the single pixel of a corpus file.

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32 + 8).to_be_bytes();
    [&length, kind.as_slice(), content].concat()
}

/// A full box with its version.
fn full(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[0; 4], content].concat())
}

fn ispe(width: u32, height: u32) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    full(b"ispe", &sides)
}

#[derive(Default)]
struct Made {
    items: u16,
    infos: Vec<u8>,
    places: Vec<u8>,
    idat: Vec<u8>,
    count: u8,
    properties: Vec<u8>,
    associations: Vec<u8>,
    references: Vec<u8>,
}

impl Made {
    fn item(&mut self, kind: &[u8; 4], data: &[u8], properties: &[Vec<u8>]) -> u16 {
        self.items += 1;
        let id = self.items.to_be_bytes();
        let info = [&[2, 0, 0, 0], &id[..], &[0, 0], kind, &[0]].concat();
        self.infos.extend(boxed(b"infe", &info));
        let (at, length) = (self.idat.len() as u32, data.len() as u32);
        self.places.extend(id);
        // In `idat`, one extent.
        self.places.extend([0, 1, 0, 0, 0, 1]);
        self.places.extend(at.to_be_bytes());
        self.places.extend(length.to_be_bytes());
        self.idat.extend(data);
        self.associations.extend(id);
        self.associations.push(properties.len() as u8);
        for property in properties {
            self.count += 1;
            self.associations.push(self.count);
            self.properties.extend(property);
        }
        self.items
    }

    fn refer(&mut self, kind: &[u8; 4], from: u16, to: &[u16]) {
        let mut content = from.to_be_bytes().to_vec();
        content.extend((to.len() as u16).to_be_bytes());
        to.iter().for_each(|to| content.extend(to.to_be_bytes()));
        self.references.extend(boxed(kind, &content));
    }

    fn file(&self, primary: u16) -> Vec<u8> {
        let count = self.items.to_be_bytes();
        let mut iloc = boxed(
            b"iloc",
            &[&[1, 0, 0, 0, 0x44, 0], &count[..], &self.places].concat(),
        );
        let many = u32::from(self.items).to_be_bytes();
        let ipma = full(b"ipma", &[&many, &self.associations[..]].concat());
        let iprp = [boxed(b"ipco", &self.properties), ipma].concat();
        let mut meta = vec![0; 4];
        meta.extend(full(b"pitm", &primary.to_be_bytes()));
        meta.append(&mut iloc);
        meta.extend(full(b"iinf", &[&count[..], &self.infos].concat()));
        meta.extend(boxed(b"iprp", &iprp));
        meta.extend(full(b"iref", &self.references));
        meta.extend(boxed(b"idat", &self.idat));
        let ftyp = boxed(b"ftyp", b"avif\0\0\0\0avifmif1miaf");
        [ftyp, boxed(b"meta", &meta)].concat()
    }

    /// The pixel of the corpus file, which is white.
    fn pixel(&mut self, more: &[Vec<u8>]) -> u16 {
        let file = read("formats/white_1x1.avif");
        let find = |kind: &[u8; 4]| {
            let at = file.windows(4).position(|at| at == kind).unwrap();
            let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap());
            &file[at - 4..at - 4 + length as usize]
        };
        let mut properties = vec![ispe(1, 1), find(b"av1C").to_vec()];
        properties.extend_from_slice(more);
        let data = find(b"mdat")[8..].to_vec();
        self.item(b"av01", &data, &properties)
    }
}

fn grid(rows: u8, columns: u8, width: u16, height: u16) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [&[0, 0, rows - 1, columns - 1], &sides[..]].concat()
}

#[test]
fn pictures_of_pictures_are_put_together() {
    let mut made = Made::default();
    let pixel = made.pixel(&[]);
    // A grid in a grid.
    let two = made.item(b"grid", &grid(1, 2, 2, 1), &[ispe(2, 1)]);
    made.refer(b"dimg", two, &[pixel, pixel]);
    let four = made.item(b"grid", &grid(2, 1, 2, 2), &[ispe(2, 2)]);
    made.refer(b"dimg", four, &[two, two]);
    let picture = shown(&made.file(four)).unwrap();
    assert_eq!((picture.size.width, picture.size.height), (2, 2));
    assert!(
        picture.rgba.iter().all(|value| *value > 250),
        "{:?}",
        picture.rgba
    );

    // White over translucent red, and once outside the canvas.
    let red_half = [0xff, 0xff, 0, 0, 0, 0, 0x80, 0];
    let place = [0, 3, 0, 2, 0, 1, 0, 1, 0xff, 0xfb, 0, 0];
    let over = [&[0, 0], &red_half[..], &place].concat();
    let over = made.item(b"iovl", &over, &[ispe(3, 2), boxed(b"irot", &[1])]);
    made.refer(b"dimg", over, &[pixel, pixel]);
    let bytes = made.file(over);
    assert_eq!(header(&bytes).unwrap().orientation, 8);
    let picture = shown(&bytes).unwrap();
    assert_eq!((picture.size.width, picture.size.height), (2, 3));
    assert_eq!(picture.at(0, 0), [255, 0, 0, 128]);
    // Row 1, column 1 has moved to column 1, row 1.
    assert!(
        picture.at(1, 1).iter().all(|value| *value > 250),
        "{:?}",
        picture.at(1, 1)
    );

    // An aperture that begins within a pixel shows that pixel: white, between red ones.
    let place = [0, 4, 0, 1, 0, 1, 0, 0];
    let row = [&[0, 0, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff], &place[..]].concat();
    let clap = [1, 1, 1, 1, 0, 1, 0, 1_u32].map(u32::to_be_bytes).concat();
    let part = made.item(b"iovl", &row, &[ispe(4, 1), boxed(b"clap", &clap)]);
    made.refer(b"dimg", part, &[pixel]);
    let picture = shown(&made.file(part)).unwrap();
    assert_eq!((picture.size.width, picture.size.height), (1, 1));
    assert!(picture.at(0, 0)[1] > 250, "{:?}", picture.at(0, 0));

    // The same image as an identity item.
    let same = made.item(b"iden", &[0], &[ispe(2, 2)]);
    made.refer(b"dimg", same, &[four]);
    assert_eq!(shown(&made.file(same)).unwrap().size, Size::new(2, 2));
}

#[test]
fn what_must_be_understood_and_is_not_has_a_name() {
    let mut made = Made::default();
    let pixel = made.pixel(&[boxed(b"wxyz", &[0])]);
    assert!(header(&made.file(pixel)).is_ok());
    let last = made.associations.len() - 1;
    made.associations[last] |= 0x80;
    let error = header(&made.file(pixel)).unwrap_err().to_string();
    assert_eq!(error, "HEIF with wxyz is not supported");
    let mut made = Made::default();
    let other = made.item(b"vvc1", &[0], &[ispe(1, 1)]);
    let error = header(&made.file(other)).unwrap_err().to_string();
    assert_eq!(error, "HEIF of vvc1 is not supported");
}

fn refused(bytes: &[u8]) -> &'static str {
    let start = Instant::now();
    let rendered = header(bytes).and_then(|header| {
        let resolved = whole(header.upright(), Size::new(1, 1), Format::Jpeg);
        let soon = Instant::now() + Duration::from_secs(30);
        render::render(bytes, &resolved, &Limits::default(), soon)
    });
    println!("{:?}", start.elapsed());
    match rendered {
        Err(Error::OverLimit { what, .. }) => what,
        Err(Error::TooManyPixels { .. }) => PIXELS,
        Err(Error::Malformed(_)) => "malformed",
        other => panic!("{:?}", other.map(|rendered| rendered.size)),
    }
}

#[test]
fn bombs_are_counted() {
    // One exceeds the limit; the other claims more than its tile contains.
    let mut made = Made::default();
    let huge = made.item(
        b"grid",
        &grid(1, 1, 30_000, 30_000),
        &[ispe(30_000, 30_000)],
    );
    let pixel = made.pixel(&[]);
    made.refer(b"dimg", huge, &[pixel]);
    assert_eq!(refused(&made.file(huge)), PIXELS);
    let liar = made.item(b"grid", &grid(1, 1, 9_000, 9_000), &[ispe(9_000, 9_000)]);
    made.refer(b"dimg", liar, &[pixel]);
    assert_eq!(refused(&made.file(liar)), "malformed");

    // Many tiles of one pixel each.
    let mut made = Made::default();
    let pixel = made.pixel(&[]);
    let many = made.item(b"grid", &grid(100, 100, 100, 100), &[ispe(100, 100)]);
    made.refer(b"dimg", many, &vec![pixel; 10_000]);
    assert_eq!(refused(&made.file(many)), "pixels of the parts of a HEIF");
    let more = made.item(b"grid", &grid(100, 101, 101, 100), &[ispe(101, 100)]);
    made.refer(b"dimg", more, &vec![pixel; 10_100]);
    assert_eq!(refused(&made.file(more)), "HEIF references");

    // An overlay of a hundred copies of itself, and an identity of itself.
    let mut made = Made::default();
    made.pixel(&[]);
    let over = made.item(
        b"iovl",
        &[vec![0; 10], vec![0, 9, 0, 9], vec![0; 400]].concat(),
        &[ispe(9, 9)],
    );
    made.refer(b"dimg", over, &[[1].as_slice(), &[over; 99]].concat());
    assert!(matches!(
        refused(&made.file(over)),
        "malformed" | "pixels of the parts of a HEIF"
    ));
    let mut made = Made::default();
    let same = made.item(b"iden", &[0], &[ispe(9, 9)]);
    made.refer(b"dimg", same, &[same]);
    assert_eq!(refused(&made.file(same)), "malformed");

    // Endless items, and the same bytes over and over.
    let mut made = Made::default();
    let pixel = made.pixel(&[]);
    for _ in 0..10_001 {
        made.item(b"Exif", &[], &[]);
    }
    assert_eq!(refused(&made.file(pixel)), "HEIF extents");
    let mut made = Made::default();
    let pixel = made.pixel(&[]);
    made.count = 0;
    let extents = 9_000_u16.to_be_bytes();
    let length = made.idat.len() as u32;
    made.places = [&pixel.to_be_bytes()[..], &[0, 1, 0, 0], &extents].concat();
    for _ in 0..9_000 {
        made.places.extend(0_u32.to_be_bytes());
        made.places.extend(length.to_be_bytes());
    }
    assert_eq!(refused(&made.file(pixel)), "bytes of an item");
}
