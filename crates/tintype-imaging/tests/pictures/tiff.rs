//! A TIFF is read as its directory says: every depth, byte order, layout and compression of an image looks the same;
//! unsupported forms are refused by name; damaged files are shown as far as they go.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use tintype_imaging::Error;
use tintype_imaging::spec::{Format, Size};
use weezl::{BitOrder, encode::Encoder};

use crate::corpus::{Picture, files, header, picture, read, to_width};

const SIZE: Size = Size::new(37, 29);

/// Red, green, blue and gray of a pixel, in 0..=1; smooth, and covering all kinds of colours.
fn colour(x: u32, y: u32) -> [f64; 3] {
    let across = f64::from(x) / f64::from(SIZE.width - 1);
    let down = f64::from(y) / f64::from(SIZE.height - 1);
    [across, down, (across + 1.0 - down) / 2.0]
}

fn gray(x: u32, y: u32) -> f64 {
    colour(x, y)[0]
}

/// One page, as its entries and its data.
#[derive(Clone)]
struct File {
    little: bool,
    entries: Vec<(u16, Vec<u64>)>,
    chunks: Vec<Vec<u8>>,
    /// Offsets are those of tiles.
    tiles: bool,
}

impl File {
    fn new(photometric: u64, samples: u64, bits: u64, data: Vec<u8>) -> Self {
        Self {
            little: true,
            entries: vec![
                (256, vec![SIZE.width.into()]),
                (257, vec![SIZE.height.into()]),
                (258, vec![bits; samples as usize]),
                (262, vec![photometric]),
                (277, vec![samples]),
            ],
            chunks: vec![data],
            tiles: false,
        }
    }

    fn with(mut self, tag: u16, values: &[u64]) -> Self {
        self.entries.retain(|(other, _)| *other != tag);
        self.entries.push((tag, values.to_vec()));
        self
    }

    fn packed(self, compression: u64, pack: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let chunks = self.chunks.iter().map(|chunk| pack(chunk)).collect();
        Self { chunks, ..self }.with(259, &[compression])
    }

    /// Writes all values as LONG, directory first.
    fn bytes(mut self) -> Vec<u8> {
        let (offsets, counts) = if self.tiles { (324, 325) } else { (273, 279) };
        let lengths: Vec<u64> = self.chunks.iter().map(|chunk| chunk.len() as u64).collect();
        let has_counts = !self
            .entries
            .iter()
            .any(|(tag, values)| *tag == counts && values.is_empty());
        self.entries.retain(|(tag, _)| *tag != counts);
        self.entries.push((offsets, vec![0; self.chunks.len()]));
        if has_counts {
            self.entries.push((counts, lengths.clone()));
        }
        self.entries.sort();
        let head = 8 + 2 + 12 * self.entries.len() + 4;
        let long = self.entries.iter().filter(|(_, values)| values.len() > 1);
        let data = head + long.map(|(_, values)| 4 * values.len()).sum::<usize>();
        let mut at = data as u64;
        let places = lengths.iter().map(|length| {
            at += length;
            at - length
        });
        let places = places.collect();
        self.entries
            .iter_mut()
            .find(|(tag, _)| *tag == offsets)
            .unwrap()
            .1 = places;
        let four = |value: u64| match self.little {
            true => (value as u32).to_le_bytes(),
            false => (value as u32).to_be_bytes(),
        };
        let two = |value: u64| match self.little {
            true => (value as u16).to_le_bytes(),
            false => (value as u16).to_be_bytes(),
        };
        let mut file = Vec::from(if self.little { b"II" } else { b"MM" });
        file.extend(two(42));
        file.extend(four(8));
        file.extend(two(self.entries.len() as u64));
        let mut behind = Vec::new();
        for (tag, values) in &self.entries {
            file.extend(two(u64::from(*tag)));
            file.extend(two(4));
            file.extend(four(values.len() as u64));
            match values.as_slice() {
                [only] => file.extend(four(*only)),
                _ => {
                    file.extend(four((head + behind.len()) as u64));
                    values.iter().for_each(|value| behind.extend(four(*value)));
                }
            }
        }
        file.extend(four(0));
        file.extend(behind);
        self.chunks.iter().for_each(|chunk| file.extend(chunk));
        file
    }
}

/// Rows of samples with `bits` bits, each row padded to a byte.
fn bits_of(bits: u32, samples: impl Fn(u32, u32) -> Vec<f64>) -> Vec<u8> {
    let most = ((1u128 << bits) - 1) as f64;
    let mut data = Vec::new();
    for y in 0..SIZE.height {
        let row = (0..SIZE.width).flat_map(|x| samples(x, y));
        let row = row.flat_map(|sample| {
            let value = (sample * most).round() as u64;
            (0..bits).rev().map(move |bit| value >> bit & 1 == 1)
        });
        let row: Vec<bool> = row.collect();
        data.extend(row.chunks(8).map(|byte| {
            let bits = byte.iter().enumerate();
            bits.map(|(at, bit)| u8::from(*bit) << (7 - at)).sum::<u8>()
        }));
    }
    data
}

/// Samples as bytes, in the byte order that the caller chose.
fn bytes_of<const N: usize>(samples: impl Fn(u32, u32) -> Vec<[u8; N]>) -> Vec<u8> {
    let places = (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| (x, y)));
    places.flat_map(|(x, y)| samples(x, y)).flatten().collect()
}

fn eight(value: f64) -> [u8; 1] {
    [(value * 255.0).round() as u8]
}

fn rgb() -> Vec<u8> {
    bytes_of(|x, y| colour(x, y).map(eight).to_vec())
}

/// Differs nowhere by more than `most` levels from the expectation.
#[track_caller]
fn check(file: File, most: u8, expected: impl Fn(u32, u32) -> [f64; 4]) {
    check_bytes(&file.bytes(), most, expected);
}

#[track_caller]
fn check_bytes(bytes: &[u8], most: u8, expected: impl Fn(u32, u32) -> [f64; 4]) {
    let picture = picture(bytes, SIZE.width).unwrap();
    assert_eq!(picture.size, SIZE);
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let (is, expected) = (picture.at(x, y), expected(x, y));
            // Nearly invisible colours are not exact.
            let levels = if expected[3] < 0.1 { 3..4 } else { 0..4 };
            for channel in levels {
                let difference = is[channel].abs_diff(eight(expected[channel])[0]);
                assert!(
                    difference <= most,
                    "{x} {y}: {is:?} instead of {expected:?}"
                );
            }
        }
    }
}

fn opaque_colour(x: u32, y: u32) -> [f64; 4] {
    let [r, g, b] = colour(x, y);
    [r, g, b, 1.0]
}

fn opaque_gray(x: u32, y: u32) -> [f64; 4] {
    [gray(x, y), gray(x, y), gray(x, y), 1.0]
}

#[test]
fn gray_of_any_depth() {
    for bits in [1, 2, 3, 4, 6, 7, 8, 10, 12, 14] {
        let data = bits_of(bits, |x, y| vec![gray(x, y)]);
        let most = (1u64 << bits) as f64 - 1.0;
        let stored = |x, y| (gray(x, y) * most).round() / most;
        check(File::new(1, 1, bits.into(), data.clone()), 1, |x, y| {
            [stored(x, y), stored(x, y), stored(x, y), 1.0]
        });
        check(File::new(0, 1, bits.into(), data), 1, |x, y| {
            let white = 1.0 - stored(x, y);
            [white, white, white, 1.0]
        });
    }
}

#[test]
fn whole_bytes_in_either_order() {
    for little in [true, false] {
        let ordered = |file: File| File { little, ..file };
        macro_rules! whole {
            ($kind:ty) => {
                let data = bytes_of(|x, y| {
                    let value = (gray(x, y) * <$kind>::MAX as f64) as $kind;
                    vec![if little {
                        value.to_le_bytes()
                    } else {
                        value.to_be_bytes()
                    }]
                });
                check(
                    ordered(File::new(1, 1, <$kind>::BITS.into(), data)),
                    1,
                    opaque_gray,
                );
            };
        }
        whole!(u16);
        whole!(u32);
        whole!(u64);
        let float = |value: f64| match value {
            ..=0.04045 => value / 12.92,
            _ => ((value + 0.055) / 1.055).powf(2.4),
        };
        let four = bytes_of(|x, y| {
            let light = |value| float(value) as f32;
            let order = |value: f32| {
                if little {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                }
            };
            colour(x, y).map(light).map(order).to_vec()
        });
        let file = File::new(2, 3, 32, four).with(339, &[3, 3, 3]);
        check(ordered(file), 1, opaque_colour);
        let eight = bytes_of(|x, y| {
            let order = |value: f64| {
                if little {
                    value.to_le_bytes()
                } else {
                    value.to_be_bytes()
                }
            };
            colour(x, y).map(float).map(order).to_vec()
        });
        let file = File::new(2, 3, 64, eight).with(339, &[3, 3, 3]);
        check(ordered(file), 1, opaque_colour);
    }
}

/// Negative values are black; the rest is as for unsigned values.
#[test]
fn numbers_with_a_sign() {
    let data = bytes_of(|x, y| {
        let value = (gray(x, y) * 255.0).round() - 100.0;
        vec![(value.clamp(-128.0, 127.0) as i8).to_le_bytes()]
    });
    check(File::new(1, 1, 8, data).with(339, &[2]), 1, |x, y| {
        let value = ((gray(x, y) * 255.0).round() - 100.0).clamp(0.0, 127.0) / 255.0;
        [value, value, value, 1.0]
    });
}

#[test]
fn strips_tiles_and_planes_of_any_shape() {
    let chunked = |width: u32, height: u32, planes: bool| {
        let mut chunks = Vec::new();
        let channels: &[&[usize]] = if planes {
            &[&[0], &[1], &[2]]
        } else {
            &[&[0, 1, 2]]
        };
        for channels in channels {
            for top in (0..SIZE.height).step_by(height as usize) {
                for left in (0..SIZE.width).step_by(width as usize) {
                    let is_tile = width != SIZE.width;
                    let bottom = if is_tile {
                        top + height
                    } else {
                        (top + height).min(SIZE.height)
                    };
                    let mut chunk = Vec::new();
                    for y in top..bottom {
                        for x in left..left + width {
                            // Pixels outside must not show.
                            let inside = x < SIZE.width && y < SIZE.height;
                            let shown = colour(x.min(SIZE.width - 1), y.min(SIZE.height - 1));
                            chunk.extend(channels.iter().map(|channel| match inside {
                                true => eight(shown[*channel])[0],
                                false => 77,
                            }));
                        }
                    }
                    chunks.push(chunk);
                }
            }
        }
        let mut file = File::new(2, 3, 8, Vec::new()).with(284, &[1 + u64::from(planes)]);
        file.chunks = chunks;
        file.tiles = width != SIZE.width;
        match file.tiles {
            true => file.with(322, &[width.into()]).with(323, &[height.into()]),
            false => file.with(278, &[height.into()]),
        }
    };
    for planes in [false, true] {
        for (width, height) in [
            (SIZE.width, 5),
            (SIZE.width, 29),
            (16, 16),
            (48, 7),
            (5, 64),
            (1, 1),
        ] {
            check(chunked(width, height, planes), 0, opaque_colour);
            let lzw = |chunk: &[u8]| {
                Encoder::with_tiff_size_switch(BitOrder::Msb, 8)
                    .encode(chunk)
                    .unwrap()
            };
            check(
                chunked(width, height, planes).packed(5, lzw),
                0,
                opaque_colour,
            );
        }
    }
}

fn deflated(chunk: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(chunk).unwrap();
    zlib.finish().unwrap()
}

#[test]
fn codings_and_what_was_predicted() {
    let plain = || File::new(2, 3, 8, rgb());
    for number in [8, 32_946] {
        check(plain().packed(number, deflated), 0, opaque_colour);
    }
    // libtiff's first variant: least significant bit first, and code lengths that grow one code later.
    let old = |chunk: &[u8]| Encoder::new(BitOrder::Lsb, 8).encode(chunk).unwrap();
    check(plain().packed(5, old), 0, opaque_colour);
    let runs = |chunk: &[u8]| {
        let copied = chunk.chunks(128);
        let copied = copied.flat_map(|part| [&[part.len() as u8 - 1], part, &[0x80]].concat());
        copied.collect()
    };
    check(plain().packed(32_773, runs), 0, opaque_colour);
    let rows = bytes_of(|_, y| vec![eight(alpha(y))]);
    let repeated = |chunk: &[u8]| {
        let rows = chunk.chunks(SIZE.width as usize);
        rows.flat_map(|row| [1u8.wrapping_sub(row.len() as u8), row[0]])
            .collect()
    };
    let file = File::new(1, 1, 8, rows).packed(32_773, repeated);
    check(file, 0, |_, y| [alpha(y), alpha(y), alpha(y), 1.0]);
    let reversed = |chunk: &[u8]| chunk.iter().map(|byte| byte.reverse_bits()).collect();
    check(
        plain().packed(1, reversed).with(266, &[2]),
        0,
        opaque_colour,
    );

    let stride = SIZE.width as usize * 3;
    let differences = |chunk: &[u8]| {
        let rows = chunk.chunks(stride).flat_map(|row| {
            (0..row.len()).map(|at| row[at].wrapping_sub(if at < 3 { 0 } else { row[at - 3] }))
        });
        deflated(&rows.collect::<Vec<u8>>())
    };
    check(
        plain().packed(8, differences).with(317, &[2]),
        0,
        opaque_colour,
    );
}

/// Written by other libraries (`tiff/make.py`).
#[test]
fn codings_that_are_not_written_here() {
    for (name, most) in [("zstd", 0), ("lzma", 0), ("webp", 0), ("jpeg", 12)] {
        println!("{name}");
        check_bytes(&fixture(name), most, opaque_colour);
    }
    for name in ["group3", "group3-2d", "group4", "runs"] {
        println!("{name}");
        check_bytes(&fixture(name), 0, |x, y| {
            let down = f64::from(y) / f64::from(SIZE.height - 1);
            let value = f64::from(u8::from(gray(x, y) + down / 4.0 > 0.5));
            [value, value, value, 1.0]
        });
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/tiff");
    std::fs::read(folder.join(format!("{name}.tif"))).unwrap()
}

#[test]
fn palettes() {
    for bits in [1u32, 2, 4, 8] {
        let count = 1usize << bits;
        let level = |index: usize| index as f64 / (count - 1) as f64;
        let wide = (0..count).map(|index| (level(index) * 65_535.0) as u64);
        let dark = (0..count).map(|index| ((1.0 - level(index)) * 65_535.0) as u64);
        let map: Vec<u64> = wide.clone().chain(dark).chain(wide).collect();
        let narrow: Vec<u64> = map.iter().map(|value| value >> 8).collect();
        for map in [map, narrow] {
            let data = bits_of(bits, |x, y| vec![gray(x, y)]);
            let most = (count - 1) as f64;
            check(
                File::new(3, 1, bits.into(), data).with(320, &map),
                1,
                |x, y| {
                    let value = (gray(x, y) * most).round() / most;
                    [value, 1.0 - value, value, 1.0]
                },
            );
        }
    }
}

/// The lowest is transparent, the highest opaque.
fn alpha(y: u32) -> f64 {
    f64::from(y) / f64::from(SIZE.height - 1)
}

#[test]
fn alpha_of_both_kinds_and_samples_that_are_none() {
    let seen = |x, y| {
        let [r, g, b] = colour(x, y);
        [r, g, b, alpha(y)]
    };
    let with = |factor: fn(f64) -> f64| {
        bits_of(16, move |x, y| {
            let [r, g, b] = colour(x, y).map(|value| value * factor(alpha(y)));
            vec![r, g, b, alpha(y)]
        })
    };
    let big = |data, extra: &[u64]| File {
        little: false,
        ..File::new(2, 4, 16, data).with(338, extra)
    };
    check(big(with(|_| 1.0), &[2]), 1, seen);
    check(big(with(|alpha| alpha), &[1]), 1, seen);
    check(big(with(|_| 1.0), &[0]), 1, opaque_colour);
    let data = bytes_of(|x, y| vec![eight(gray(x, y) * alpha(y)), eight(alpha(y))]);
    check(File::new(1, 2, 8, data).with(338, &[1]), 10, |x, y| {
        [gray(x, y), gray(x, y), gray(x, y), alpha(y)]
    });
}

#[test]
fn inks_of_16_bits_are_those_of_8() {
    let inks = |x, y| {
        let [c, m, yellow] = colour(x, y);
        vec![c, m, yellow, c * m / 2.0]
    };
    let render = |file: File| picture(&file.bytes(), SIZE.width).unwrap().rgba;
    let eight = render(File::new(5, 4, 8, bits_of(8, inks)));
    let sixteen = bytes_of(|x, y| {
        let code = |ink: f64| ((ink * 255.0).round() as u16 * 257).to_le_bytes();
        inks(x, y).into_iter().map(code).collect()
    });
    assert_eq!(render(File::new(5, 4, 16, sixteen)), eight);
    let clear = bits_of(8, |x, y| [inks(x, y), vec![0.0]].concat());
    let clear = render(File::new(5, 5, 8, clear).with(338, &[2]));
    assert!(clear.chunks_exact(4).all(|pixel| pixel[3] == 0));
}

#[test]
fn luma_with_chroma_for_several_pixels() {
    for (across, down) in [(1, 1), (2, 1), (2, 2), (4, 2)] {
        let mut data = Vec::new();
        for top in (0..SIZE.height).step_by(down) {
            for left in (0..SIZE.width).step_by(across) {
                for y in top..top + down as u32 {
                    for x in left..left + across as u32 {
                        data.extend(eight(gray(x.min(SIZE.width - 1), y)));
                    }
                }
                data.extend([128, 128]);
            }
        }
        let file = File::new(6, 3, 8, data).with(530, &[across as u64, down as u64]);
        check(file, 1, opaque_gray);
    }
}

#[test]
fn lab_that_is_gray() {
    // CIE lightness of each gray.
    let lightness = |value: f64| {
        let light = match value {
            ..=0.04045 => value / 12.92,
            _ => ((value + 0.055) / 1.055).powf(2.4),
        };
        match light {
            ..0.008_856 => light * 9.032_963,
            _ => 1.16 * light.cbrt() - 0.16,
        }
    };
    let lab = |x, y| lightness(gray(x, y));
    let eight_bits = bytes_of(|x, y| vec![eight(lab(x, y)), [0], [0]]);
    check(File::new(8, 3, 8, eight_bits), 2, opaque_gray);
    let by_icc = bytes_of(|x, y| vec![eight(lab(x, y)), [128], [128]]);
    check(File::new(9, 3, 8, by_icc), 2, opaque_gray);
    let sixteen = bytes_of(|x, y| {
        let code = (lab(x, y) * 65_535.0).round() as u16;
        vec![code.to_le_bytes(), [0; 2], [0; 2]]
    });
    check(File::new(8, 3, 16, sixteen), 1, opaque_gray);
}

#[test]
fn what_others_leave_out_or_get_wrong() {
    let plain = || File::new(2, 3, 8, rgb());
    check(plain().with(279, &[]), 0, opaque_colour);
    check(plain().with(278, &[0xffff_ffff]), 0, opaque_colour);
    check(plain().with(258, &[8]), 0, opaque_colour);
    check(plain().packed(8, deflated).with(279, &[]), 0, opaque_colour);
    let mut unnamed = plain();
    unnamed.entries.retain(|(tag, _)| *tag != 262);
    check(unnamed, 0, opaque_colour);
}

#[test]
fn rows_that_are_there_are_shown() {
    let mut file = File::new(2, 3, 8, Vec::new()).with(278, &[1]);
    file.chunks = rgb()
        .chunks(SIZE.width as usize * 3)
        .map(deflated)
        .collect();
    let file = file.with(259, &[8]);
    let mut damaged = file.clone();
    damaged.chunks[3].fill(0xff);
    check(damaged, 0, |x, y| match y {
        3 => [0.0, 0.0, 0.0, 1.0],
        _ => opaque_colour(x, y),
    });
    let whole = file.clone().bytes();
    let left: usize = file.chunks[..20].iter().map(Vec::len).sum();
    let all: usize = file.chunks.iter().map(Vec::len).sum();
    let cut = &whole[..whole.len() - all + left];
    assert!(header(cut).unwrap().truncated);
    assert!(!header(&whole).unwrap().truncated);
    check_bytes(cut, 0, |x, y| match y {
        0..20 => opaque_colour(x, y),
        _ => [0.0, 0.0, 0.0, 1.0],
    });
    // No data at all is no image.
    let none = &whole[..whole.len() - all];
    assert!(matches!(
        to_width(none, 10, Format::Png),
        Err(Error::Malformed(_))
    ));
}

#[test]
fn what_is_left_out_says_its_name() {
    let named = |file: File| match to_width(&file.bytes(), 10, Format::Png) {
        Err(Error::Unsupported(what)) => what.into_owned(),
        other => panic!("{:?}", other.map(|rendered| rendered.size)),
    };
    let coded = |number| named(File::new(2, 3, 8, rgb()).with(259, &[number]));
    assert_eq!(coded(34_661), "TIFF with compression 34661 (JBIG)");
    assert_eq!(coded(6), "TIFF with compression 6 (old-style JPEG)");
    assert_eq!(coded(12_345), "TIFF with compression 12345");
    let logarithms = named(File::new(32_845, 3, 8, rgb()));
    assert_eq!(logarithms, "TIFF with colours in LogLuv");
    let inks = named(File::new(5, 4, 8, rgb()).with(332, &[2]));
    assert_eq!(inks, "TIFF with inks that are not CMYK");
}

/// Sizes, counts and lists that are only claimed cost nothing.
#[test]
fn claims_are_checked_before_anything_is_allocated() {
    let refused = |file: File| match to_width(&file.bytes(), 10, Format::Png) {
        Err(Error::OverLimit { what, .. }) => what,
        other => panic!("{:?}", other.map(|rendered| rendered.size)),
    };
    let tall = |tag| {
        File::new(2, 3, 8, rgb())
            .with(256, &[60_000])
            .with(257, &[1_600])
            .with(tag, &[1])
    };
    let tiny = |file: File| {
        let file = file.with(322, &[1]).with(323, &[1]);
        File {
            tiles: true,
            ..file
        }
    };
    assert_eq!(refused(tiny(tall(278))), "number of TIFF strips and tiles");
    let wide = File::new(2, 3, 8, rgb())
        .with(322, &[1 << 30])
        .with(323, &[1 << 30]);
    assert_eq!(
        refused(File {
            tiles: true,
            ..wide
        }),
        "side of a TIFF tile"
    );
}

/// Corpus files that are known to show the same as another file.
#[test]
fn reported_files_look_as_they_should() {
    let same = |file: &str, other: &str| -> (Picture, Picture) {
        (
            picture(&read(file), 320).unwrap(),
            picture(&read(other), 320).unwrap(),
        )
    };
    let (float, palette) = same("reported/float-linear.tif", "reported/palette.tif");
    let (coded, associated) = same("reported/jpeg-vips.tif", "reported/alpha-assoc.tif");
    assert!(
        float.difference(&coded) < 4.0,
        "{}",
        float.difference(&coded)
    );
    assert!(
        float.difference(&palette) < 8.0,
        "{}",
        float.difference(&palette)
    );
    assert_eq!(associated.size, float.size);
    for file in [
        "reported/gray-alpha.tif",
        "reported/cmyk16.tif",
        "reported/4bit.tif",
        "reported/planar-tiled-none.tif",
        "reported/g4-fillorder-test.tif",
    ] {
        picture(&read(file), 320).unwrap();
    }
}

#[test]
fn all_of_the_corpus_but_one() {
    let (mut seen, mut refused) = (0, Vec::new());
    for folder in ["colour", "formats", "metadata", "orientation", "reported"] {
        for file in files(folder) {
            let lower = file.to_ascii_lowercase();
            if !lower.ends_with(".tif") && !lower.ends_with(".tiff") {
                continue;
            }
            seen += 1;
            if let Err(error) = picture(&read(&file), 320) {
                refused.push(format!("{file}: {error}"));
            }
        }
    }
    assert_eq!(seen, 44);
    let expected =
        "formats/ojpeg-tile.tif: TIFF with compression 6 (old-style JPEG) is not supported";
    assert_eq!(refused, [expected]);
}
