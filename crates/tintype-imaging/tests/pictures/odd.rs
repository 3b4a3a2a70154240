//! Odd but valid files look as in other programs, and truncated files are shown as far as they go.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use tintype_imaging::spec::{Format, Size};

use crate::corpus::{Picture, header, jpeg, picture, read, to_width};

/// The size of a smooth image, odd in both dimensions.
const SIZE: Size = Size::new(61, 45);

fn colour(x: u32, y: u32) -> [u8; 3] {
    [(x * 4) as u8, (y * 5) as u8, (x + y) as u8]
}

fn drawn() -> DynamicImage {
    RgbImage::from_fn(SIZE.width, SIZE.height, |x, y| image::Rgb(colour(x, y))).into()
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.width, SIZE.height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&drawn().into_rgb8()).unwrap();
    writer.finish().unwrap();
    bytes
}

fn whole(bytes: &[u8]) -> Picture {
    picture(bytes, SIZE.width).unwrap()
}

/// Known rows are correct, and no row is in another's place.
#[track_caller]
fn check_cut(file: &[u8], part: usize, rows: u32) {
    let cut = &file[..file.len() * part / 100];
    assert!(header(cut).unwrap().truncated);
    let (is, expected) = (whole(cut), whole(file));
    let is_right = |y: u32| (0..SIZE.width).all(|x| is.at(x, y) == expected.at(x, y));
    for y in 0..rows {
        assert!(is_right(y), "row {y} of {part} %");
    }
    let last = SIZE.height - 1;
    assert_eq!(is.at(0, last)[..3], [0; 3], "what is missing is empty");
}

#[test]
fn what_is_there_of_a_cut_file_is_shown() {
    check_cut(&png(), 60, 4);
    for lossless in [false, true] {
        let mut rgb = drawn().to_rgb8();
        // Noise, to have something to encode.
        let noise = rgb
            .iter_mut()
            .zip((0u32..).map(|at| at.wrapping_mul(2_654_435_761) >> 27));
        noise.for_each(|(sample, noise)| *sample ^= noise as u8);
        let encoder = webp::Encoder::from_rgb(&rgb, SIZE.width, SIZE.height);
        let file = encoder.encode_simple(lossless, 90.0).unwrap();
        check_cut(&file, 70, 8);
    }
    let mut tall = Cursor::new(Vec::new());
    drawn().write_to(&mut tall, ImageFormat::Bmp).unwrap();
    let tall = tall.into_inner();
    // The last row comes first.
    let cut = whole(&tall[..tall.len() * 6 / 10]);
    assert_eq!(cut.at(3, 0), [0, 0, 0, 255]);
    assert_eq!(cut.at(3, SIZE.height - 1)[..3], colour(3, SIZE.height - 1));
}

/// Adam7 and GIF's four passes: coarse everywhere rather than sharp in part.
#[test]
fn interlaced_files_that_break_off_are_coarse() {
    for (file, most) in [
        ("reported/interlaced-trunc60.png", 16.0),
        ("reported/trunc.gif", 40.0),
    ] {
        let bytes = read(file);
        assert!(header(&bytes).unwrap().truncated, "{file}");
        let picture = picture(&bytes, 4_000).unwrap();
        let last = picture.size.height - 1;
        let bottom: u32 = (0..picture.size.width)
            .map(|x| {
                picture.at(x, last)[..3]
                    .iter()
                    .map(|v| u32::from(*v))
                    .sum::<u32>()
            })
            .sum();
        // The canvas of a GIF is transparent.
        let is_clear = (0..picture.size.width).all(|x| picture.at(x, last)[3] == 0);
        assert!(
            (bottom > 0) != is_clear && is_clear == file.ends_with("gif"),
            "{file}: {bottom} at its end"
        );
        // Neighbours differ no more than in the complete image.
        let steps: f64 = (1..=last)
            .map(|y| f64::from(picture.at(5, y)[1].abs_diff(picture.at(5, y - 1)[1])))
            .sum();
        assert!(steps / f64::from(last) < most, "{file}");
    }
}

#[test]
fn a_screen_grows_to_its_first_frame() {
    let file = read("reported/frame-larger-than-screen.gif");
    let zero = header(&read("reported/zero-screen.gif")).unwrap().size;
    assert!(zero.width > 0 && zero.height > 0);
    picture(&read("reported/zero-screen.gif"), 100).unwrap();
    let screen = Size::new(
        u32::from(file[6]) | u32::from(file[7]) << 8,
        u32::from(file[8]) | u32::from(file[9]) << 8,
    );
    let size = header(&file).unwrap().size;
    assert!(size.width > screen.width && size.height > screen.height);
    assert_eq!(picture(&file, 4_000).unwrap().size, size);
}

/// With neither a local nor a global palette.
#[test]
fn without_a_palette_a_gif_is_gray() {
    let mut file = b"GIF89a\x02\0\x01\0\0\0\0,\0\0\0\0\x02\0\x01\0\0".to_vec();
    // Clear, 0, 200, end: 9-bit codes, least significant bit first.
    let codes = [256u32, 0, 200, 257];
    let bits: u64 = codes
        .iter()
        .rev()
        .fold(0, |bits, code| bits << 9 | u64::from(*code));
    file.extend([8, 5]);
    file.extend(&bits.to_le_bytes()[..5]);
    file.extend([0, b';']);
    let picture = picture(&file, 2).unwrap();
    assert_eq!(
        [picture.at(0, 0), picture.at(1, 0)],
        [[0, 0, 0, 255], [200, 200, 200, 255]]
    );
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(content);
    let length = (content.len() as u32).to_be_bytes();
    [&length, &kind[..], content, &crc.sum().to_be_bytes()].concat()
}

#[test]
fn chunks_that_say_nothing_that_holds_are_passed_over() {
    let file = png();
    let expected = whole(&file).rgba;
    let (head, rest) = file.split_at(33);
    let (front, end) = file.split_at(file.len() - 12);
    let before = |chunk: Vec<u8>| [head, &chunk, rest].concat();
    let after = |chunk: Vec<u8>| [front, &chunk, end].concat();
    let hdr = [9, 16, 0, 1];
    for odd in [
        before(chunk(b"cICP", &[9, 16, 9, 1])),
        before(chunk(b"cICP", &[1, 13, 0, 7])),
        before(chunk(b"cICP", &hdr[..2])),
        after(chunk(b"cICP", &hdr)),
        after(chunk(b"gAMA", &100_000u32.to_be_bytes())),
        before(chunk(b"iCCP", b"x\0\0garbage")),
        before(chunk(b"acTL", &[0xff; 8])),
        before(chunk(b"acTL", &[0; 8])),
        before([&4u32.to_be_bytes()[..], b"gAMA\0\0\xb1\x8fcrc!"].concat()),
    ] {
        assert_eq!(header(&odd).unwrap().frames, 1);
        assert!(whole(&odd).rgba == expected);
    }
    // The valid one still counts.
    assert!(whole(&before(chunk(b"gAMA", &100_000u32.to_be_bytes()))).rgba != expected);
    for file in [
        "reported/png-cicp-matrix-9.png",
        "reported/png-cicp-after-idat.png",
    ] {
        picture(&read(file), 96).unwrap();
    }
}

/// For one-bit samples, the other bits are ignored.
#[test]
fn transparency_has_no_more_bits_than_samples() {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 8, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&[0b1010_0000])
        .unwrap();
    let clear = chunk(b"tRNS", &[0xff, 0xff]);
    let file = [&file[..33], &clear, &file[33..]].concat();
    let picture = picture(&file, 8).unwrap();
    assert_eq!(picture.at(0, 0)[3], 0);
    assert_eq!(picture.at(1, 0), [0, 0, 0, 255]);
}

/// Set in the WebP header, without the matching chunks.
#[test]
fn flags_without_their_chunks_are_passed_over() {
    let rgb = drawn().to_rgb8();
    let encoder = webp::Encoder::from_rgb(&rgb, SIZE.width, SIZE.height);
    let plain = encoder.encode_simple(false, 90.0).unwrap();
    let side = |side: u32| (side - 1).to_le_bytes();
    for flags in [0x10u8, 0x20, 0x08, 0x04, 0x3c] {
        let mut body = b"WEBPVP8X\x0a\0\0\0".to_vec();
        body.extend([flags, 0, 0, 0]);
        body.extend(&side(SIZE.width)[..3]);
        body.extend(&side(SIZE.height)[..3]);
        body.extend(&plain[12..]);
        let file = [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat();
        assert!(!header(&file).unwrap().has_alpha);
        assert!(whole(&file).rgba == whole(&plain).rgba, "{flags:#x}");
    }
    assert!(
        !header(&read("reported/webp-alphaflag-no-alph.webp"))
            .unwrap()
            .has_alpha
    );
}

/// Bits per pixel, compression, what follows the usual header, and how a colour is stored.
fn bmp(
    size: u32,
    bits: u16,
    compression: u32,
    behind: &[u8],
    pixel: impl Fn([u8; 3]) -> Vec<u8>,
    top_down: bool,
) -> Vec<u8> {
    let mut head = size.to_le_bytes().to_vec();
    let height = SIZE.height.cast_signed() * if top_down { -1 } else { 1 };
    head.extend(SIZE.width.to_le_bytes());
    head.extend(height.to_le_bytes());
    head.extend(1u16.to_le_bytes());
    head.extend(bits.to_le_bytes());
    head.extend(compression.to_le_bytes());
    head.extend([0; 20]);
    match size {
        12 => {
            head = vec![12, 0, 0, 0];
            [SIZE.width as u16, SIZE.height as u16, 1, bits]
                .iter()
                .for_each(|word| head.extend(word.to_le_bytes()));
        }
        16 => head.truncate(16),
        _ => {}
    }
    head.extend(behind);
    let offset = 14 + head.len() as u32;
    let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
    file.extend(offset.to_le_bytes());
    file.extend(head);
    for row in 0..SIZE.height {
        let y = if top_down { row } else { SIZE.height - 1 - row };
        let mut line: Vec<u8> = (0..SIZE.width).flat_map(|x| pixel(colour(x, y))).collect();
        line.resize(line.len().next_multiple_of(4), 0);
        file.extend(line);
    }
    file
}

#[test]
fn bitmaps_of_all_kinds() {
    let expected = whole(&png()).rgba;
    let three = |[r, g, b]: [u8; 3]| vec![b, g, r];
    let four = |alpha: u8| move |[r, g, b]: [u8; 3]| vec![b, g, r, alpha];
    let masks = |masks: &[u32]| {
        masks
            .iter()
            .flat_map(|mask| mask.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let usual = masks(&[0xff_0000, 0xff00, 0xff, 0xff00_0000]);
    let long = |size: usize| [usual.clone(), vec![0; size - 40 - 16]].concat();
    let turned = masks(&[0xff00_0000, 0xff_0000, 0xff00]);
    for (what, file) in [
        ("OS/2 1", bmp(12, 24, 0, &[], three, false)),
        ("OS/2 2", bmp(64, 24, 0, &[0; 24], three, false)),
        ("OS/2 2, short", bmp(16, 24, 0, &[], three, false)),
        ("plain", bmp(40, 24, 0, &[], three, false)),
        ("from the top", bmp(40, 24, 0, &[], three, true)),
        ("a fourth byte", bmp(40, 32, 0, &[], four(77), false)),
        (
            "bit fields",
            bmp(40, 32, 3, &turned, |[r, g, b]| vec![0, b, g, r], false),
        ),
        ("alpha, all zero", bmp(56, 32, 3, &usual, four(0), false)),
        (
            "alpha, all zero, version 5",
            bmp(124, 32, 3, &long(124), four(0), false),
        ),
        ("alpha, opaque", bmp(40, 32, 6, &usual, four(255), false)),
    ] {
        assert!(whole(&file).rgba == expected, "{what}");
    }
    let clear = whole(&bmp(56, 32, 3, &usual, four(100), false));
    assert_eq!(clear.at(9, 9)[3], 100);
    let fields = masks(&[0xf800, 0x07e0, 0x001f]);
    let packed = |[r, g, b]: [u8; 3]| {
        let word = u16::from(r >> 3) << 11 | u16::from(g >> 2) << 5 | u16::from(b >> 3);
        word.to_le_bytes().to_vec()
    };
    let sixteen = whole(&bmp(40, 16, 3, &fields, packed, false));
    assert!(sixteen.difference(&whole(&png())) < 4.0);
    let opaque = read("reported/bmp32-v5-alphamask-all-zero.bmp");
    assert!(
        picture(&opaque, 480)
            .unwrap()
            .rgba
            .chunks_exact(4)
            .all(|pixel| pixel[3] == 255)
    );
}

/// For four and eight bits: runs, literals, a jump, and an end of data within a row.
#[test]
fn run_lengths() {
    let palette = [[0, 0, 0, 0], [0, 0, 255, 0], [0, 255, 0, 0], [255, 0, 0, 0]].concat();
    for (bits, compression) in [(8u16, 1u32), (4, 2)] {
        let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
        file.extend((14 + 40 + 16u32).to_le_bytes());
        file.extend([40u32, 4, 3].iter().flat_map(|value| value.to_le_bytes()));
        file.extend(1u16.to_le_bytes());
        file.extend(bits.to_le_bytes());
        file.extend(
            [compression, 0, 0, 0, 4, 0]
                .iter()
                .flat_map(|value| value.to_le_bytes()),
        );
        file.extend(&palette);
        let pixels: &[u8] = match bits {
            8 => &[4, 1, 0, 0, 0, 3, 1, 2, 3, 0, 0, 2, 0, 1, 1, 2],
            _ => &[4, 0x11, 0, 0, 0, 3, 0x12, 0x30, 0, 2, 0, 1, 1, 0x20],
        };
        file.extend(pixels);
        let whole = picture(&[&file[..], &[0, 1]].concat(), 4).unwrap();
        let [red, green, blue] = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]];
        for x in 0..4 {
            assert_eq!(whole.at(x, 2), red);
        }
        assert_eq!(
            [whole.at(0, 1), whole.at(1, 1), whole.at(2, 1)],
            [red, green, blue]
        );
        assert_eq!(whole.at(3, 0), green);
        let cut = picture(&file[..file.len() - 8], 4).unwrap();
        assert_eq!(cut.at(0, 2), red);
        assert_eq!(cut.at(3, 0), [0, 0, 0, 255]);
    }
}

/// Truncated directories, wrong counts, and numbers of an unexpected type.
#[test]
fn orientation_is_found_where_it_is() {
    let jpeg = jpeg(&drawn().to_rgb8(), SIZE);
    let with = |count: u16, kind: u16, value: [u8; 4], tail: &[u8]| {
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
        exif.extend(count.to_le_bytes());
        exif.extend([0x12, 0x01]);
        exif.extend(kind.to_le_bytes());
        exif.extend(1u32.to_le_bytes());
        exif.extend(value);
        exif.extend(tail);
        let length = (exif.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
    };
    for (count, kind, tail) in [
        (1, 3, &[0; 4][..]),
        (1, 1, &[0; 4]),
        (1, 4, &[0; 4]),
        (1, 6, &[0; 4]),
        (1, 8, &[0; 4]),
        (1, 9, &[0; 4]),
        (9, 3, &[]),
        (2, 3, &[1, 2, 3]),
        (60_000, 3, &[]),
    ] {
        let file = with(count, kind, [6, 0, 0, 0], tail);
        assert_eq!(header(&file).unwrap().orientation, 6, "{count} {kind}");
    }
    // Negative values are invalid.
    assert_eq!(header(&with(1, 8, [0xff; 4], &[])).unwrap().orientation, 1);
    let reported = header(&read("reported/or6-ifd-count-too-large.jpg")).unwrap();
    assert_eq!(reported.orientation, 6);
}

#[test]
fn further_pictures_of_a_jpeg_are_counted() {
    let jpeg = read("photos/tower.jpg");
    let mut index = b"MPF\0MM\0*\0\0\0\x08\0\x01".to_vec();
    index.extend([0xb0, 0x01, 0, 4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0]);
    let length = (index.len() as u16 + 2).to_be_bytes();
    let file = [&jpeg[..2], &[0xff, 0xe2], &length, &index, &jpeg[2..]].concat();
    assert_eq!(header(&file).unwrap().frames, 3);
    assert_eq!(header(&jpeg).unwrap().frames, 1);
    to_width(&file, 100, Format::Jpeg).unwrap();
}
