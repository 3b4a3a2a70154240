//! Hostile files are rejected or rendered in time, without a panic.

use std::io::{Cursor, Read};
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use tintype_imaging::limits::Limits;
use tintype_imaging::placeholder;
use tintype_imaging::spec::{Format, Size};
use tintype_imaging::{Error, PIXELS, render, sniff};

use crate::corpus::{files, header, read, to_width, whole};

/// Does everything that a server does for an upload and a thumbnail request.
fn treat(bytes: &[u8]) -> Result<usize, Error> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let limits = Limits::default();
    sniff::sniff(bytes);
    let header = header(bytes)?;
    let made = placeholder::make(bytes, &header, &limits, deadline);
    let upright = header.upright();
    // Both ways of decoding: reduced and full.
    let size = Size::new(upright.width.min(100), upright.height.min(100));
    let small = render::render(
        bytes,
        &whole(upright, size, Format::Jpeg),
        &limits,
        deadline,
    );
    if header.size.pixels() < 4_000_000 {
        let size = Size::new(upright.width.min(1600), upright.height.min(1600));
        let _ = render::render(bytes, &whole(upright, size, Format::Png), &limits, deadline);
    }
    made?;
    Ok(small?.bytes.len())
}

/// No file reaches its deadline: each is rejected or rendered long before.
fn check(name: &str, bytes: &[u8], bad: &mut Vec<String>) {
    let start = Instant::now();
    match catch_unwind(|| treat(bytes)) {
        Ok(Err(error @ (Error::DeadlineExceeded | Error::Internal(_)))) => {
            bad.push(format!("{name}: {error}"))
        }
        Ok(_) => {}
        Err(_) => bad.push(format!("{name}: panic")),
    }
    if start.elapsed() > Duration::from_secs(1) {
        println!("{name}: {:?}", start.elapsed());
    }
}

#[test]
fn single_files() {
    let (mut seen, mut bad) = (0, Vec::new());
    for file in files("hostile")
        .into_iter()
        .filter(|file| !file.ends_with(".tar.gz"))
    {
        check(&file, &read(&file), &mut bad);
        seen += 1;
    }
    assert!(seen > 140, "{seen} files");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn sets_of_fuzz_files() {
    let (mut seen, mut bad) = (0, Vec::new());
    for archive in files("hostile")
        .into_iter()
        .filter(|file| file.ends_with(".tar.gz"))
    {
        let mut tar = Vec::new();
        GzDecoder::new(read(&archive).as_slice())
            .read_to_end(&mut tar)
            .unwrap();
        for (name, bytes) in members(&tar) {
            check(&format!("{archive}: {name}"), bytes, &mut bad);
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen} files");
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn good_files_cut_anywhere() {
    for file in [
        "photos/tower_progressive.jpg",
        "photos/tower.jpg",
        "orientation/made-orient-5.webp",
        "orientation/png-orientation-6.png",
        "orientation/made-orient-6.tif",
        "formats/sofa_grid1x5_420.avif",
        "formats/with-alpha-512x512.heic",
        "orientation/made-orient-5.heic",
    ] {
        let bytes = read(file);
        let mut bad = Vec::new();
        for part in 0..40 {
            check(
                &format!("{file} cut to {part}/40"),
                &bytes[..bytes.len() * part / 40],
                &mut bad,
            );
        }
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }
}

/// A few bytes of each are changed, anywhere: third-party decoders get input that no writer produces.
#[test]
fn good_files_with_damages() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut bad = Vec::new();
    for file in [
        "orientation/made-orient-5.avif",
        "orientation/made-orient-6.heic",
        "formats/white_1x1.avif",
        "formats/colors-animated-8bpc-alpha-exif-xmp.avif",
        "formats/plum-blossom-small.profile1.10bpc.yuv444.alpha-full.avif",
        "formats/with-alpha-512x512.heic",
        "formats/made-jpeg-xl-alpha.jxl",
        "formats/grayscale.jxl",
        "formats/relax.jp2",
        "formats/purple-square.psd",
        "formats/smile.ico",
        "formats/logo.svg",
    ] {
        let bytes = read(file);
        for time in 0..25 {
            let mut damaged = bytes.clone();
            for _ in 0..=random(8) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            check(&format!("{file}, {time}"), &damaged, &mut bad);
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The plain files of a ustar archive: 512-byte headers, the name first, the length in octal at 124.
fn members(tar: &[u8]) -> Vec<(String, &[u8])> {
    let (mut members, mut at) = (Vec::new(), 0);
    while at + 512 <= tar.len() && tar[at] != 0 {
        let text = |range: std::ops::Range<usize>| {
            let field = &tar[at + range.start..at + range.end];
            String::from_utf8_lossy(field)
                .trim_matches(['\0', ' '])
                .to_owned()
        };
        let length = usize::from_str_radix(&text(124..136), 8).unwrap();
        if matches!(tar[at + 156], b'0' | 0) {
            members.push((text(0..100), &tar[at + 512..at + 512 + length]));
        }
        at += 512 + length.next_multiple_of(512);
    }
    members
}

#[test]
fn bombs_are_refused_by_name() {
    let refused = |file: &str| match header(&read(file)).and_then(|header| {
        let upright = header.upright();
        let resolved = whole(upright, Size::new(10, 10), Format::Jpeg);
        render::render(
            &read(file),
            &resolved,
            &Limits::default(),
            crate::corpus::soon(),
        )
    }) {
        Err(Error::OverLimit { what, .. }) => what,
        Err(Error::TooManyPixels { .. }) => PIXELS,
        other => panic!("{file}: {:?}", other.map(|rendered| rendered.size)),
    };
    assert_eq!(
        refused("hostile/bomb-jpeg-many-scans.jpg"),
        "scans times pixels"
    );
    assert_eq!(
        refused("hostile/bomb-png-iccp.png"),
        "bytes of the colour profile"
    );
    assert_eq!(refused("hostile/bomb-png-30000x30000-1bit.png"), PIXELS);
    assert_eq!(refused("hostile/bomb-png-12000x12000-rgba.png"), PIXELS);
}

/// Wherever the header says that the pixels begin: within the header, beyond the end, far beyond.
#[test]
fn a_bmp_may_say_anything_of_where_its_pixels_are() {
    let image = image::DynamicImage::from(image::RgbImage::new(7, 5));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Bmp).unwrap();
    let bytes = bytes.into_inner();
    for offset in (0..=60).chain([200, 20_000, u32::MAX]) {
        for bits in [0u16, 1, 24, 32, u16::MAX] {
            let mut bytes = bytes.clone();
            bytes[10..14].copy_from_slice(&offset.to_le_bytes());
            bytes[28..30].copy_from_slice(&bits.to_le_bytes());
            // An error or an image, never a panic.
            let _ = to_width(&bytes, 7, Format::Png);
        }
    }
}
