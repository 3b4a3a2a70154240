//! An animation stays animated, in WebP and in GIF: every frame is composed as browsers do, and cropped and resized
//! like a still image; durations and repetitions are kept. Other readers see the same in the response as in the
//! original.

use std::io::Cursor;
use std::time::{Duration, Instant};

use gif::{DisposalMethod, Encoder, Frame, Repeat};
use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, RgbaImage};
use tintype_imaging::Error;
use tintype_imaging::limits::Limits;
use tintype_imaging::render;
use tintype_imaging::spec::{Format, MAX_FRAMES, Metadata, Rect, Resolved, Rotate, Size};

use crate::corpus::{files, header, read, read_png, soon, whole};

/// Decodes each composed frame and its duration in milliseconds with another reader.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(RgbaImage, u32)> {
    let reader = Cursor::new(bytes);
    let frames = match bytes.starts_with(b"GIF") {
        true => GifDecoder::new(reader).unwrap().into_frames(),
        false => WebPDecoder::new(reader).unwrap().into_frames(),
    };
    frames
        .map_while(Result::ok)
        .map(|frame| {
            let time = Duration::from(frame.delay()).as_millis();
            (frame.into_buffer(), time as u32)
        })
        .collect()
}

/// Returns how often the animation plays; 0 means for ever.
pub(crate) fn plays(bytes: &[u8]) -> u32 {
    if bytes.starts_with(b"GIF") {
        return match gif::Decoder::new(bytes).unwrap().repeat() {
            Repeat::Infinite => 0,
            Repeat::Finite(times) => 1 + u32::from(times),
        };
    }
    let at = bytes.windows(4).position(|kind| kind == b"ANIM").unwrap();
    u16::from_le_bytes([bytes[at + 12], bytes[at + 13]]).into()
}

pub(crate) fn animated(bytes: &[u8], size: Option<Size>, format: Format) -> Result<Vec<u8>, Error> {
    let upright = header(bytes)?.upright();
    let resolved = Resolved {
        animated: true,
        ..whole(upright, size.unwrap_or(upright), format)
    };
    Ok(render::render(bytes, &resolved, &Limits::default(), soon())?.bytes)
}

const RED: u8 = 1;
const BLUE: u8 = 2;
const GREEN: u8 = 3;
const PALETTE: [u8; 12] = [0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 255, 0];

/// A frame of a GIF of 4x2 pixels.
fn frame(
    (left, width): (u16, u16),
    colour: u8,
    dispose: DisposalMethod,
    delay: u16,
) -> Frame<'static> {
    Frame {
        left,
        width,
        height: 2,
        dispose,
        delay,
        transparent: Some(0),
        buffer: vec![colour; 2 * usize::from(width)].into(),
        ..Frame::default()
    }
}

fn gif(repeat: Repeat, frames: &[Frame<'_>]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), 4, 2, &PALETTE).unwrap();
    encoder.set_repeat(repeat).unwrap();
    for frame in frames {
        encoder.write_frame(frame).unwrap();
    }
    encoder.into_inner().unwrap()
}

/// Returns the top row of each frame, one letter per pixel.
fn rows(bytes: &[u8]) -> Vec<String> {
    let letter = |pixel: &image::Rgba<u8>| match pixel.0 {
        [_, _, _, 0] => '.',
        [255, 0, 0, 255] => 'r',
        [0, 0, 255, 255] => 'b',
        [0, 255, 0, 255] => 'g',
        other => panic!("{other:?}"),
    };
    let row = |(frame, _): &(RgbaImage, u32)| frame.pixels().take(4).map(letter).collect();
    frames(bytes).iter().map(row).collect()
}

#[test]
fn what_a_frame_leaves_is_seen_behind_the_next() {
    use DisposalMethod::{Any, Background, Keep, Previous};
    for (dispose, last) in [
        (Any, "bbrg"),
        (Keep, "bbrg"),
        (Background, "..rg"),
        (Previous, "rrrg"),
    ] {
        let original = gif(
            Repeat::Infinite,
            &[
                frame((0, 4), RED, Keep, 5),
                frame((0, 2), BLUE, dispose, 5),
                frame((3, 1), GREEN, Keep, 5),
            ],
        );
        for format in [Format::Webp, Format::Gif] {
            let answer = animated(&original, None, format).unwrap();
            assert_eq!(
                rows(&answer),
                ["rrrr", "bbrr", last],
                "{dispose:?} {format:?}"
            );
        }
    }
}

#[test]
fn frames_may_come_and_go_on_nothing() {
    use DisposalMethod::{Background, Previous};
    let original = gif(
        Repeat::Infinite,
        &[
            frame((0, 2), RED, Previous, 5),
            frame((1, 2), BLUE, Background, 5),
            frame((1, 2), 0, Background, 5),
            frame((2, 2), GREEN, Background, 5),
        ],
    );
    for format in [Format::Webp, Format::Gif] {
        let answer = animated(&original, None, format).unwrap();
        assert_eq!(
            rows(&answer),
            ["rr..", ".bb.", "....", "..gg"],
            "{format:?}"
        );
    }
}

#[test]
fn times_and_loops_are_kept_and_no_frame_flashes_by() {
    let delays = [0, 1, 2, 7, 500];
    let expected = [100, 100, 20, 70, 5000];
    let shades = [RED, BLUE, GREEN, RED, BLUE];
    let all: Vec<_> = delays
        .into_iter()
        .zip(shades)
        .map(|(delay, colour)| frame((0, 4), colour, DisposalMethod::Keep, delay))
        .collect();
    for (repeat, times) in [
        (Repeat::Infinite, 0),
        (Repeat::Finite(0), 1),
        (Repeat::Finite(3), 4),
    ] {
        let original = gif(repeat, &all);
        for format in [Format::Webp, Format::Gif] {
            let answer = animated(&original, None, format).unwrap();
            let shown: Vec<u32> = frames(&answer).into_iter().map(|(_, time)| time).collect();
            assert_eq!(
                (plays(&answer), &shown[..]),
                (times, &expected[..]),
                "{format:?}"
            );
            assert_eq!(header(&answer).unwrap().frames, 5);
        }
    }
}

/// A chunk with its checksum.
fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(data);
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], kind, data, &crc.sum().to_be_bytes()].concat()
}

/// Rows of one colour, compressed.
fn rows_of(colour: [u8; 4], (width, height): (u32, u32)) -> Vec<u8> {
    use std::io::Write;
    let row = [&[0][..], &colour.repeat(width as usize)].concat();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&row.repeat(height as usize)).unwrap();
    packed.finish().unwrap()
}

/// Offset, size, colour, disposal and blending.
type PngFrame = ((u32, u32), (u32, u32), [u8; 4], u8, u8);

/// An animated PNG of 4x2 pixels that plays twice, 33 ms per frame. `cover` is a default image that is not a frame.
fn apng(cover: Option<[u8; 4]>, frames: &[PngFrame]) -> Vec<u8> {
    let number = |value: u32| value.to_be_bytes();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let head = [&number(4)[..], &number(2), &[8, 6, 0, 0, 0]].concat();
    file.extend(png_chunk(b"IHDR", &head));
    let animation = [number(frames.len() as u32), number(2)].concat();
    file.extend(png_chunk(b"acTL", &animation));
    if let Some(colour) = cover {
        file.extend(png_chunk(b"IDAT", &rows_of(colour, (4, 2))));
    }
    for (at, (place, size, colour, then, blend)) in frames.iter().enumerate() {
        let numbers = [at as u32, size.0, size.1, place.0, place.1].map(number);
        let rest = [0, 33, 3, 232, *then, *blend];
        file.extend(png_chunk(
            b"fcTL",
            &[numbers.as_flattened(), &rest].concat(),
        ));
        let data = rows_of(*colour, *size);
        // In two chunks, as a writer may split it.
        let (one, two) = data.split_at(data.len() / 2);
        for part in [one, two] {
            match at {
                0 if cover.is_none() => file.extend(png_chunk(b"IDAT", part)),
                _ => file.extend(png_chunk(b"fdAT", &[&number(9), part].concat())),
            }
        }
    }
    file.extend(png_chunk(b"IEND", &[]));
    file
}

#[test]
fn frames_of_a_png_are_blended_or_not_and_its_cover_is_none_of_them() {
    let (red, blue) = ([255, 0, 0, 255], [0, 0, 255, 255]);
    for cover in [None, Some([0, 255, 0, 255])] {
        for (then, blend, colour, expected) in [
            (0, 1, [0; 4], ["rrrr", "rrrr", "rrrb"]),
            (0, 0, [0; 4], ["rrrr", "..rr", "..rb"]),
            (1, 1, blue, ["rrrr", "bbrr", "..rb"]),
            (2, 1, blue, ["rrrr", "bbrr", "rrrb"]),
        ] {
            let original = apng(
                cover,
                &[
                    ((0, 0), (4, 2), red, 0, 0),
                    ((0, 0), (2, 2), colour, then, blend),
                    ((3, 0), (1, 2), blue, 0, 1),
                ],
            );
            assert_eq!(header(&original).unwrap().frames, 3);
            let answer = animated(&original, None, Format::Webp).unwrap();
            assert_eq!(rows(&answer), expected, "{cover:?} {then} {blend}");
            assert_eq!(plays(&answer), 2);
            assert!(frames(&answer).iter().all(|(_, time)| *time == 33));
            let answer = animated(&original, None, Format::Gif).unwrap();
            assert_eq!(rows(&answer), expected, "{cover:?} {then} {blend}");
            // 99 ms in whole hundredths of a second.
            let times: Vec<u32> = frames(&answer).into_iter().map(|(_, time)| time).collect();
            assert_eq!(times, [30, 30, 30]);
        }
    }
}

#[test]
fn a_frame_goes_the_way_of_a_picture() {
    let original = gif(
        Repeat::Infinite,
        &[
            frame((0, 4), RED, DisposalMethod::Keep, 5),
            frame((0, 2), BLUE, DisposalMethod::Keep, 5),
        ],
    );
    let mut resolved = Resolved {
        animated: true,
        ..whole(Size::new(4, 2), Size::new(4, 2), Format::Webp)
    };
    resolved.crop = Rect {
        x: 1,
        y: 0,
        width: 2,
        height: 2,
    };
    resolved.size = Size::new(2, 2);
    resolved.rotate = Rotate::Quarter;
    resolved.gray = true;
    let answer = render::render(&original, &resolved, &Limits::default(), soon()).unwrap();
    assert_eq!(answer.size, Size::new(2, 2));
    let shown = frames(&answer.bytes);
    // Luma of red is 54, of blue 18. The turn moves the left side to the top.
    let second: Vec<u8> = shown[1].0.pixels().map(|pixel| pixel.0[0]).collect();
    assert_eq!(second, [18, 18, 54, 54]);
    assert!(
        shown[0]
            .0
            .pixels()
            .all(|pixel| pixel.0 == [54, 54, 54, 255])
    );
}

/// Returns the mean difference of two images, where at least one of them is visible.
fn apart(one: &RgbaImage, other: &RgbaImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let (mut sum, mut count) = (0.0, 1.0);
    for (a, b) in one.pixels().zip(other.pixels()) {
        let alpha = f64::from(a.0[3].max(b.0[3])) / 255.0;
        count += 4.0 * alpha;
        let colours = (0..3).map(|channel| f64::from(a.0[channel].abs_diff(b.0[channel])));
        sum += alpha * colours.sum::<f64>() + f64::from(a.0[3].abs_diff(b.0[3]));
    }
    sum / count
}

/// Returns the animations of the corpus that can be probed, with their names.
fn animations() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for file in files("formats") {
        if ![".gif", ".webp", ".png", ".avif", ".avifs"]
            .iter()
            .any(|end| file.ends_with(end))
        {
            continue;
        }
        let bytes = read(&file);
        let Ok(header) = header(&bytes) else { continue };
        if header.frames > 1 {
            found.push((file, bytes));
        }
    }
    found
}

#[test]
fn every_animation_is_what_another_reader_sees_in_the_original() {
    let (mut seen, mut compared) = (0, 0);
    for (file, bytes) in animations() {
        let head = header(&bytes).unwrap();
        seen += 1;
        let is_too_large = head.upright().pixels() * u64::from(head.frames) > 5_000_000;
        if is_too_large {
            println!("{file}: {} frames of {:?} left out", head.frames, head.size);
            continue;
        }
        for format in [Format::Webp, Format::Gif] {
            let began = Instant::now();
            let answer = animated(&bytes, None, format).unwrap();
            let took = began.elapsed();
            assert_eq!(header(&answer).unwrap().upright(), head.upright(), "{file}");
            let shown = frames(&answer);
            assert_eq!(shown.len(), head.frames as usize, "{file} {format:?}");
            let mut worst = 0.0f64;
            // Lossy encoding keeps nothing of noise.
            let is_noise = file == "formats/random_lossless.webp";
            let is_read = file.ends_with(".gif") || file.ends_with(".webp");
            if is_read && !is_noise {
                let original = frames(&bytes);
                // Readers treat frames that extend beyond the canvas differently.
                if original
                    .first()
                    .is_some_and(|(frame, _)| frame.dimensions() == shown[0].0.dimensions())
                {
                    compared += 1;
                    let pairs = original.iter().zip(&shown);
                    worst = pairs.map(|(a, b)| apart(&a.0, &b.0)).fold(0.0, f64::max);
                    assert!(worst < 8.0, "{file} {format:?}: {worst}");
                }
            }
            println!(
                "{file} {format:?}: {} frames, {} -> {} bytes, {took:?}, apart {worst:.2}",
                shown.len(),
                bytes.len(),
                answer.len(),
            );
        }
    }
    assert!(
        seen >= 20 && compared >= 20,
        "{seen} animations, {compared} compared"
    );
}

#[test]
fn one_that_breaks_off_moves_as_far_as_it_goes() {
    for file in [
        "formats/made-animated.gif",
        "formats/made-animated.webp",
        "formats/made-animated.png",
    ] {
        let bytes = read(file);
        let all = header(&bytes).unwrap().frames as usize;
        let cut = &bytes[..bytes.len() * 2 / 3];
        let answer = animated(cut, None, Format::Webp).unwrap();
        let shown = frames(&answer).len();
        assert!(shown >= 1 && shown <= all, "{file}: {shown} of {all}");
    }
}

#[test]
fn there_is_an_end_to_frames_and_to_time() {
    let one = |_| frame((0, 1), RED, DisposalMethod::Keep, 5);
    let many: Vec<_> = (0..MAX_FRAMES + 10).map(one).collect();
    let original = gif(Repeat::Infinite, &many);
    let answer = animated(&original, None, Format::Gif).unwrap();
    assert_eq!(header(&answer).unwrap().frames, MAX_FRAMES);

    let resolved = Resolved {
        animated: true,
        ..whole(Size::new(4, 2), Size::new(4, 2), Format::Webp)
    };
    let late = render::render(&original, &resolved, &Limits::default(), Instant::now());
    assert!(matches!(late, Err(Error::DeadlineExceeded)));
}

#[test]
fn an_animation_carries_rights_and_can_be_made_small() {
    let bytes = read("metadata/beacon_xmp.gif");
    for format in [Format::Webp, Format::Gif] {
        let answer = animated(&bytes, None, format).unwrap();
        let (before, after) = (
            header(&bytes).unwrap().rights,
            header(&answer).unwrap().rights,
        );
        assert_eq!(after.creators, before.creators, "{format:?}");
    }
    let bytes = read("formats/made-animated.gif");
    let upright = header(&bytes).unwrap().upright();
    let with = |max_bytes| {
        let resolved = Resolved {
            animated: true,
            max_bytes,
            metadata: Metadata::None,
            ..whole(upright, upright, Format::Webp)
        };
        let answer = render::render(&bytes, &resolved, &Limits::default(), soon()).unwrap();
        answer.bytes.len()
    };
    assert!(with(Some(1)) <= with(None));
}

#[test]
fn a_still_picture_is_a_gif_too() {
    let bytes = read("formats/kodim23.png");
    let upright = header(&bytes).unwrap().upright();
    let size = Size::new(upright.width / 4, upright.height / 4);
    let in_format = |format| {
        let resolved = whole(upright, size, format);
        render::render(&bytes, &resolved, &Limits::default(), soon()).unwrap()
    };
    let answer = in_format(Format::Gif);
    assert_eq!(
        (answer.format, header(&answer.bytes).unwrap().frames),
        (Format::Gif, 1)
    );
    let shown = frames(&answer.bytes).remove(0).0;
    let exact = read_png(&in_format(Format::Png).bytes);
    let exact = RgbaImage::from_raw(size.width, size.height, exact.rgba).unwrap();
    let off = apart(&shown, &exact);
    assert!(off < 8.0, "{off}");
    // Dithering averages out at a smaller size.
    let small =
        |picture: &RgbaImage| image::imageops::thumbnail(picture, size.width / 8, size.height / 8);
    let off = apart(&small(&shown), &small(&exact));
    assert!(off < 2.0, "{off}");
}

#[test]
fn a_pixel_of_a_gif_is_there_or_not() {
    let bytes = read("formats/alpha_gif_a.gif");
    let upright = header(&bytes).unwrap().upright();
    let resolved = whole(
        upright,
        Size::new(upright.width / 2, upright.height / 2),
        Format::Gif,
    );
    let answer = render::render(&bytes, &resolved, &Limits::default(), soon()).unwrap();
    let shown = frames(&answer.bytes).remove(0).0;
    let count = |alpha| shown.pixels().filter(|pixel| pixel.0[3] == alpha).count();
    assert!(count(0) > 0 && count(255) > 0);
    assert_eq!(count(0) + count(255), shown.pixels().len());
}
