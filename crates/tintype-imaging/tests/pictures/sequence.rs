//! An AVIF image sequence is an animation: with the pixels, times and repetitions that other readers find in it. One
//! whose tables cannot be believed or are not understood is a still image, and one that breaks off moves as far as it
//! goes.

use tintype_imaging::Error;
use tintype_imaging::spec::{Format, MAX_FRAMES, Size};

use crate::animation::{animated, frames, plays};
use crate::corpus::{header, picture, read};

const COLOURS: &str = "formats/colors-animated-8bpc-alpha-exif-xmp.avif";
const BLACK: [u8; 4] = [0, 0, 0, 255];
const BLUE: [u8; 4] = [1, 0, 251, 255];
const GREEN: [u8; 4] = [0, 127, 0, 255];
const RED: [u8; 4] = [253, 0, 2, 255];
const YELLOW: [u8; 4] = [252, 253, 2, 255];
const ALL: [[u8; 4]; 5] = [BLACK, BLUE, GREEN, RED, YELLOW];

#[track_caller]
fn check_colour(shown: [u8; 4], expected: [u8; 4], most: u8) {
    let off = shown.iter().zip(expected).map(|(a, b)| a.abs_diff(b));
    assert!(off.max() <= Some(most), "{shown:?} instead of {expected:?}");
}

/// Checks how often it plays, and one pixel of each frame.
#[track_caller]
fn check(file: &str, often: u32, (x, y): (u32, u32), times: &[u32], colours: &[[u8; 4]]) {
    let bytes = read(file);
    assert_eq!(header(&bytes).unwrap().frames as usize, colours.len());
    let answer = animated(&bytes, None, Format::Webp).unwrap();
    assert_eq!(plays(&answer), often, "{file}");
    let shown = frames(&answer);
    let shown_times: Vec<u32> = shown.iter().map(|(_, time)| *time).collect();
    assert_eq!(shown_times, times, "{file}");
    for ((frame, _), expected) in shown.iter().zip(colours) {
        check_colour(frame.get_pixel(x, y).0, *expected, 12);
    }
}

/// Pixels and times as libavif finds them.
#[test]
fn frames_are_those_that_another_reader_shows() {
    let half = |[r, g, b, _]: [u8; 4]| [r, g, b, 128];
    check(
        COLOURS,
        0,
        (75, 75),
        &[167, 166, 167, 167, 166],
        &ALL.map(half),
    );
    let thirtieths = [33, 34, 33, 33, 34];
    check(
        "formats/colors-animated-8bpc.avif",
        1,
        (0, 0),
        &thirtieths,
        &ALL,
    );
    let (dark, light) = ([16, 16, 16, 255], [235, 221, 160, 255]);
    check(
        "formats/star-10bpc.avifs",
        1,
        (120, 40),
        &[100; 5],
        &[dark, dark, light, light, dark],
    );
    check(
        "formats/made-animated.avif",
        0,
        (100, 75),
        &[80, 120, 200, 100, 100, 100],
        &[
            [86, 84, 89, 255],
            [105, 100, 104, 255],
            [62, 60, 71, 255],
            [95, 87, 85, 255],
            [104, 96, 75, 255],
            [99, 90, 59, 255],
        ],
    );
}

#[test]
fn alpha_moves_too() {
    let bytes = read("formats/star-8bpc-with-alpha.avifs");
    let answer = animated(&bytes, None, Format::Webp).unwrap();
    let shown = frames(&answer);
    let opaque = read("formats/star-10bpc.avifs");
    let opaque = frames(&animated(&opaque, None, Format::Webp).unwrap());
    // The same star in front of nothing.
    for ((clear, time), (dark, _)) in shown.iter().zip(&opaque) {
        assert_eq!(*time, 40);
        for at in [(80, 80), (30, 110), (120, 40), (60, 60)] {
            let [clear, dark] = [clear, dark].map(|frame| frame.get_pixel(at.0, at.1).0);
            match dark[0] {
                0..50 => assert_eq!(clear[3], 0, "{at:?}"),
                _ => check_colour(clear, dark, 24),
            }
        }
    }
    assert_eq!(shown.len(), 5);
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32 + 8).to_be_bytes();
    [&length[..], kind, content].concat()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// A box with version 0 and these flags.
fn full(kind: &[u8; 4], flags: u32, content: &[u32]) -> Vec<u8> {
    boxed(kind, &[numbers(&[flags]), numbers(content)].concat())
}

/// A file without a still image.
struct Track {
    size: u16,
    /// Of the whole, in milliseconds.
    duration: u32,
    /// Flags and duration of its edit list.
    edits: Option<(u32, u32)>,
    /// Per second.
    time_scale: u32,
    /// Numbers of samples and their durations.
    times: Vec<u32>,
    samples: Vec<Vec<u8>>,
    /// More boxes of the sample table, and of the sample entry.
    tables: Vec<u8>,
    properties: Vec<u8>,
}

impl Track {
    /// The colours of the corpus, in a second each.
    fn colours() -> Self {
        let bytes = read(COLOURS);
        let mut at = 0x1c77;
        let samples = [0x26, 0x3c, 0x2f, 0x23, 0x27].map(|length| {
            at += length;
            bytes[at - length..at].to_vec()
        });
        Self {
            size: 150,
            duration: 5_000,
            edits: None,
            time_scale: 1_000,
            times: vec![5, 1_000],
            samples: samples.to_vec(),
            tables: Vec::new(),
            properties: Vec::new(),
        }
    }

    fn file(&self) -> Vec<u8> {
        let lengths: Vec<u32> = self.samples.iter().map(|one| one.len() as u32).collect();
        let count = lengths.len() as u32;
        let lengths = [&[0, count], &lengths[..]].concat();
        let head = boxed(b"ftyp", b"avis\0\0\0\0avismsf1miaf");
        let first = head.len() as u32 + 8;
        let data = boxed(b"mdat", &self.samples.concat());
        // The first one of a kind is read.
        let tables = [
            self.tables.clone(),
            full(
                b"stts",
                0,
                &[&[self.times.len() as u32 / 2], &self.times[..]].concat(),
            ),
            full(b"stsc", 0, &[1, 1, count, 1]),
            full(b"stsz", 0, &lengths),
            full(b"stco", 0, &[1, first]),
        ];
        [head, data, self.moov(&tables.concat())].concat()
    }

    fn moov(&self, tables: &[u8]) -> Vec<u8> {
        let mut entry = vec![0; 78];
        let side = self.size.to_be_bytes();
        entry[24..28].copy_from_slice(&[side, side].concat());
        entry.extend(boxed(b"av1C", &[0x81, 0, 0x0c, 0]));
        entry.extend(&self.properties);
        let entries = [numbers(&[0, 1]), boxed(b"av01", &entry)].concat();
        let stbl = boxed(b"stbl", &[&boxed(b"stsd", &entries), tables].concat());
        let mdia = [
            full(b"mdhd", 0, &[0, 0, self.time_scale, 0, 0]),
            full(b"hdlr", 0, &[0, u32::from_be_bytes(*b"pict"), 0, 0, 0, 0]),
            boxed(b"minf", &stbl),
        ];
        let edits = self.edits.map(|(flags, once)| {
            let elst = full(b"elst", flags, &[1, once, 0, 0x1_0000]);
            boxed(b"edts", &elst)
        });
        let trak = [
            full(b"tkhd", 1, &[0, 0, 1, 0, self.duration]),
            edits.unwrap_or_default(),
            boxed(b"mdia", &mdia.concat()),
        ];
        boxed(b"moov", &boxed(b"trak", &trak.concat()))
    }
}

/// Colours of frames, by their first pixels.
#[track_caller]
fn check_colours(bytes: &[u8], expected: &[[u8; 4]]) {
    let shown = frames(&animated(bytes, None, Format::Webp).unwrap());
    assert_eq!(shown.len(), expected.len());
    for ((frame, _), expected) in shown.iter().zip(expected) {
        check_colour(frame.get_pixel(0, 0).0, *expected, 12);
    }
}

/// No animation, but the first picture.
#[track_caller]
fn check_still(bytes: &[u8]) {
    assert_eq!(header(bytes).unwrap().frames, 1);
    check_colour(picture(bytes, 150).unwrap().at(0, 0), BLACK, 3);
    let error = animated(bytes, None, Format::Webp).err();
    assert!(matches!(error, Some(Error::Malformed(_))), "{error:?}");
}

#[test]
fn it_plays_as_often_as_it_fits_into_its_duration() {
    for (edits, duration, expected) in [
        (None, 5_000, 0),
        (Some((0, 5_000)), 5_000, 1),
        (Some((1, 5_000)), 5_000, 1),
        (Some((1, 5_000)), 15_000, 3),
        (Some((1, 5_000)), 15_001, 4),
        (Some((1, 5_000)), u32::MAX, 0),
        (Some((1, 5_000)), 0, 1),
    ] {
        let file = Track {
            edits,
            duration,
            ..Track::colours()
        };
        let answer = animated(&file.file(), None, Format::Gif).unwrap();
        assert_eq!(plays(&answer), expected, "{edits:?} {duration}");
    }
    check_still(
        &Track {
            edits: Some((1, 0)),
            ..Track::colours()
        }
        .file(),
    );
}

#[test]
fn every_frame_has_its_own_time() {
    let file = Track {
        time_scale: 600,
        times: vec![1, 60, 1, 90, 3, 6_000],
        ..Track::colours()
    };
    let answer = animated(&file.file(), None, Format::Gif).unwrap();
    let times: Vec<u32> = frames(&answer).iter().map(|(_, time)| *time).collect();
    assert_eq!(times, [100, 150, 10_000, 10_000, 10_000]);
}

#[test]
fn frames_are_turned_and_cropped_as_the_file_says() {
    let clap = boxed(b"clap", &numbers(&[60, 1, 40, 1, 0, 1, 0, 1]));
    let file = Track {
        properties: [clap, boxed(b"irot", &[1])].concat(),
        ..Track::colours()
    };
    let bytes = file.file();
    assert_eq!(header(&bytes).unwrap().upright(), Size::new(40, 60));
    check_colours(&bytes, &ALL);
    let shown = frames(&animated(&bytes, None, Format::Webp).unwrap());
    assert_eq!(shown[4].0.dimensions(), (40, 60));
}

#[test]
fn what_is_not_understood_is_a_still_image() {
    let with = |change: &dyn Fn(&mut Track)| {
        let mut file = Track::colours();
        change(&mut file);
        file.file()
    };
    check_colours(&with(&|_| {}), &ALL);
    // Another order, no time scale, too few times.
    check_still(&with(&|file| {
        file.tables = full(b"ctts", 0, &[2, 1, 0, 4, 1])
    }));
    check_still(&with(&|file| file.time_scale = 0));
    check_still(&with(&|file| file.times = vec![4, 1_000]));
    // An order that does not change anything.
    check_colours(
        &with(&|file| file.tables = full(b"ctts", 0, &[1, 5, 7])),
        &ALL,
    );
    // Frames that are of another size or coding than the still image, or where there is nothing.
    for (kind, after, byte) in [(b"ispe", 7, 149), (b"stsd", 15, b'2'), (b"stco", 8, 1)] {
        let mut bytes = read(COLOURS);
        assert_eq!(header(&bytes).unwrap().frames, 5);
        let at = find(&bytes, kind) + after;
        bytes[at] = byte;
        assert_eq!(header(&bytes).unwrap().frames, 1, "{kind:?}");
    }
    // Of too many frames, the number is known.
    let many = with(&|file| {
        file.samples = vec![file.samples[0].clone(); 1 + MAX_FRAMES as usize];
        file.times = vec![1 + MAX_FRAMES, 1_000];
    });
    assert_eq!(header(&many).unwrap().frames, 1 + MAX_FRAMES);
}

#[test]
fn a_sample_is_one_frame_even_if_it_shows_more() {
    let mut file = Track::colours();
    let second = file.samples.remove(2);
    file.samples[1].extend(second);
    file.times = vec![4, 1_000];
    check_colours(&file.file(), &[BLACK, BLUE, RED, YELLOW]);
}

/// Returns where the content of the first box of this kind begins.
fn find(bytes: &[u8], kind: &[u8; 4]) -> usize {
    let found = bytes.windows(4).position(|at| at == kind);
    found.expect("this box") + 4
}

#[test]
fn one_that_breaks_off_moves_as_far_as_it_goes() {
    // Of the last sample, one byte is missing.
    let file = read("formats/colors-animated-8bpc.avif");
    let bytes = &file[..file.len() - 1];
    assert!(header(bytes).unwrap().truncated);
    check_colours(bytes, &ALL[..4]);
    let mut file = Track::colours();
    let noise = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    file.samples[3] = noise.collect();
    check_colours(&file.file(), &ALL[..3]);
    file.samples[3] = Vec::new();
    check_colours(&file.file(), &ALL[..3]);
    // One that refers to what is not there.
    file.samples = Track::colours().samples.split_off(1);
    file.times = vec![4, 1_000];
    let error = animated(&file.file(), None, Format::Webp).err();
    assert!(matches!(error, Some(Error::Malformed(_))), "{error:?}");
}

#[test]
fn a_table_is_not_believed() {
    let good = Track::colours().file();
    let with = |kind: &[u8; 4], at: usize, number: u32| {
        let mut bytes = good.clone();
        let at = find(&bytes, kind) + at;
        bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
        bytes
    };
    // More than there is, where that does not matter.
    for (kind, at) in [(b"stts", 4), (b"stts", 8), (b"stsc", 12), (b"stco", 4)] {
        check_colours(&with(kind, at, u32::MAX), &ALL);
    }
    // Counts that the table does not hold, or none.
    for (kind, at, number) in [
        (b"stts", 4, 0),
        (b"stts", 8, 0),
        (b"stsc", 4, u32::MAX),
        (b"stsc", 4, 0),
        (b"stsc", 12, 0),
        (b"stsc", 16, 2),
        (b"stco", 4, 0),
        (b"stsz", 8, 500),
    ] {
        check_still(&with(kind, at, number));
    }
    let error = header(&with(b"stsz", 8, u32::MAX)).err();
    assert!(matches!(error, Some(Error::OverLimit { .. })), "{error:?}");
    // A gibibyte, in a later sample, in the first one, and in all of them.
    check_colours(&with(b"stsz", 16, 1 << 30), &ALL[..1]);
    for at in [4, 12] {
        let bytes = with(b"stsz", at, 1 << 30);
        assert_eq!(header(&bytes).unwrap().frames, 1);
        let error = animated(&bytes, None, Format::Webp).err();
        assert!(matches!(error, Some(Error::Malformed(_))), "{error:?}");
    }
    // The same bytes again and again: as often as there are bytes.
    let first = 36;
    let many = Track {
        times: vec![900, 1_000],
        tables: [
            full(b"stsc", 0, &[1, 1, 1, 1]),
            full(b"stsz", 0, &[0x26, 900]),
            full(b"stco", 0, &[&[900][..], &[first; 900]].concat()),
        ]
        .concat(),
        ..Track::colours()
    };
    let bytes = many.file();
    assert_eq!(bytes[first as usize..][..0x26], many.samples[0]);
    assert_eq!(header(&bytes).unwrap().frames, 900);
    check_colours(&bytes, &vec![BLACK; bytes.len() / 0x26]);
}
