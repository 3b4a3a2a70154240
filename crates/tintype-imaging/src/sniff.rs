//! Determines the media type of a file by its content. Names and declared types are ignored, because an attacker
//! chooses them.
//!
//! Anything without a magic number is searched for active types (those a browser would run), because browsers tolerate
//! leading blanks, byte order marks and comments too.

use std::io::Read;

use flate2::bufread::GzDecoder;

/// How much of the start of a file decides.
pub const HEAD_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    pub media_type: &'static str,
    pub kind: ContentClass,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentClass {
    /// An image; the probe decides whether it can be rendered.
    Picture,
    /// A browser would run it.
    Active,
    Passive,
    /// The content shows no more than "text", "zip" or "bytes": the name may choose among passive types.
    Unknown,
}

use ContentClass::{Active, Passive, Picture, Unknown};

/// Decides by the first bytes; 64 KiB suffice.
pub fn sniff(head: &[u8]) -> Sniffed {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let (media_type, kind) = packed(head)
        .or_else(|| magic(head))
        .or_else(|| iso_media(head))
        .or_else(|| markup(head))
        .unwrap_or_else(|| {
            if is_text(head) {
                ("text/plain", Unknown)
            } else {
                ("application/octet-stream", Unknown)
            }
        });
    Sniffed { media_type, kind }
}

type Detected = Option<(&'static str, ContentClass)>;

const MAGIC: &[(usize, &[u8], &str, ContentClass)] = &[
    // JPEG-LS, which begins like a JPEG.
    (0, b"\xff\xd8\xff\xf7", "image/jls", Picture),
    (0, b"\xff\xd8\xff", "image/jpeg", Picture),
    (0, b"\x89PNG\r\n\x1a\n", "image/png", Picture),
    (0, b"GIF87a", "image/gif", Picture),
    (0, b"GIF89a", "image/gif", Picture),
    (0, b"II*\0", "image/tiff", Picture),
    (0, b"MM\0*", "image/tiff", Picture),
    (0, b"II+\0", "image/tiff", Picture),
    (0, b"MM\0+", "image/tiff", Picture),
    (0, b"\xff\x0a", "image/jxl", Picture),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl", Picture),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2", Picture),
    (0, b"\xff\x4f\xff\x51", "image/jp2", Picture),
    (0, b"8BPS", "image/vnd.adobe.photoshop", Picture),
    (0, b"\x76\x2f\x31\x01", "image/x-exr", Picture),
    (0, b"qoif", "image/x-qoi", Picture),
    (0, b"DDS ", "image/vnd-ms.dds", Picture),
    // Camera raw files; those not listed here look like TIFF.
    (0, b"FUJIFILMCCD-RAW", "image/x-fuji-raf", Picture),
    (0, b"IIU\0", "image/x-panasonic-rw2", Picture),
    (0, b"IIRO", "image/x-olympus-orf", Picture),
    (0, b"IIRS", "image/x-olympus-orf", Picture),
    (0, b"%PDF-", "application/pdf", Passive),
    (0, b"%!PS", "application/postscript", Passive),
    (0, b"ID3", "audio/mpeg", Passive),
    (0, b"\xff\xfb", "audio/mpeg", Passive),
    (0, b"\xff\xf3", "audio/mpeg", Passive),
    (0, b"\xff\xf2", "audio/mpeg", Passive),
    (0, b"fLaC", "audio/flac", Passive),
    (0, b"\x7fELF", "application/octet-stream", Passive),
    (0, b"MZ", "application/octet-stream", Passive),
    (0, b"\x1f\x8b", "application/gzip", Passive),
    (0, b"BZh", "application/x-bzip2", Passive),
    (0, b"\xfd7zXZ\0", "application/x-xz", Passive),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd", Passive),
    (
        0,
        b"7z\xbc\xaf\x27\x1c",
        "application/x-7z-compressed",
        Passive,
    ),
    (0, b"Rar!\x1a\x07", "application/vnd.rar", Passive),
    (0, b"wOFF", "font/woff", Passive),
    (0, b"wOF2", "font/woff2", Passive),
    (0, b"PK\x05\x06", "application/zip", Unknown),
];

/// How much decompressed content decides.
const PACKED_BYTES: u64 = 4 * 1024;

/// Recognises a gzipped SVG (`.svgz`), which other programs open as an SVG.
fn packed(head: &[u8]) -> Detected {
    if !head.starts_with(b"\x1f\x8b") {
        return None;
    }
    let mut start = Vec::new();
    // The content may be shorter, truncated or damaged.
    let _ = GzDecoder::new(head)
        .take(PACKED_BYTES)
        .read_to_end(&mut start);
    markup(&start).filter(|(media_type, _)| *media_type == "image/svg+xml")
}

fn magic(head: &[u8]) -> Detected {
    let riff = |kind: &[u8]| head.starts_with(b"RIFF") && head.get(8..12) == Some(kind);
    if riff(b"WEBP") {
        return Some(("image/webp", Picture));
    }
    if riff(b"WAVE") {
        return Some(("audio/wav", Passive));
    }
    if riff(b"AVI ") {
        return Some(("video/x-msvideo", Passive));
    }
    if is_bmp(head) {
        return Some(("image/bmp", Picture));
    }
    if head.starts_with(b"II*\0") && head.get(8..10) == Some(b"CR") {
        return Some(("image/x-canon-cr2", Picture));
    }
    if is_icon(head) {
        return Some(("image/vnd.microsoft.icon", Picture));
    }
    if let Some(container) = container(head) {
        return Some(container);
    }
    let found = MAGIC
        .iter()
        .find(|(at, magic, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    found.map(|&(_, _, media_type, kind)| (media_type, kind))
}

/// How far into a container the kind of its content is searched for, after a few short headers.
const CONTAINER_BYTES: usize = 4 * 1024;
/// An MPEG transport stream has packets of this length; on discs, each has four more bytes in front.
const PACKET: usize = 188;

/// Containers for several kinds of media, which declare the kind after the magic number.
fn container(head: &[u8]) -> Detected {
    let start = &head[..head.len().min(CONTAINER_BYTES)];
    let has = |needle: &[u8]| find(start, needle).is_some();
    if start.starts_with(b"\x1a\x45\xdf\xa3") {
        return Some(match has(b"matroska") {
            true => ("video/x-matroska", Passive),
            false => ("video/webm", Passive),
        });
    }
    if start.starts_with(b"OggS") {
        let is_video = [&b"\x80theora"[..], b"BBCD\0", b"\x80daala"]
            .iter()
            .any(|codec| has(codec));
        return Some(match is_video {
            true => ("video/ogg", Passive),
            false => ("audio/ogg", Passive),
        });
    }
    let has_sync = |first: usize, step: usize| {
        (0..3).all(|packet| head.get(first + packet * step) == Some(&0x47))
    };
    if has_sync(0, PACKET) || has_sync(4, PACKET + 4) {
        return Some(("video/mp2t", Passive));
    }
    if start.starts_with(b"PK\x03\x04") {
        return Some(match is_usd(first_entry(start)) {
            true => ("model/vnd.usdz+zip", Passive),
            false => ("application/zip", Unknown),
        });
    }
    None
}

/// The name of the first file of a ZIP.
fn first_entry(zip: &[u8]) -> &[u8] {
    let length = |at: usize| match zip.get(at..at + 2) {
        Some(bytes) => usize::from(u16::from_le_bytes([bytes[0], bytes[1]])),
        None => 0,
    };
    zip.get(30..30 + length(26)).unwrap_or_default()
}

/// A USDZ begins with its scene.
fn is_usd(name: &[u8]) -> bool {
    [&b".usdc"[..], b".usda", b".usd"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Many texts begin with `BM`; the size of the second header decides.
fn is_bmp(head: &[u8]) -> bool {
    let header = head
        .get(14..18)
        .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    head.starts_with(b"BM") && matches!(header, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// Brands of HEIF: for AV1, for HEVC, and for content declared later in the file.
const AVIF: [&[u8; 4]; 3] = [b"avif", b"avis", b"avio"];
const HEIC: [&[u8; 4]; 10] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"MiHE", b"MiHB",
];
const HEIF: [&[u8; 4]; 7] = [
    b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"1pic", b"MiHA",
];

/// An icon or a cursor: its magic number is mostly zeros, so its directory has to be plausible as well.
fn is_icon(head: &[u8]) -> bool {
    let little = |at: usize| {
        let found = head.get(at..).and_then(|rest| rest.first_chunk());
        found.map_or(0, |four| u32::from_le_bytes(*four))
    };
    let count = little(4) & 0xffff;
    matches!(head.get(..4), Some(b"\0\0\x01\0" | b"\0\0\x02\0"))
        && (1..=256).contains(&count)
        && little(14) > 0
        && little(18) >= 6 + 16 * count
}

/// The first box of an ISO base media file contains the major brand, a version, and compatible brands.
fn iso_media(head: &[u8]) -> Detected {
    if head.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let (short, _) = head.split_first_chunk()?;
    let (start, end) = match u32::from_be_bytes(*short) {
        // To the end of the file; or with a 64-bit length after the kind.
        0 => (8, head.len()),
        1 => {
            let long = u64::from_be_bytes(*head.get(8..)?.first_chunk()?);
            (16, usize::try_from(long).unwrap_or(usize::MAX))
        }
        length => (8, length as usize),
    };
    let brands = head.get(start..end.clamp(start, head.len()))?;
    let (brands, _) = brands.as_chunks::<4>();
    let major = brands.first();
    let among = |wanted: &[&[u8; 4]], brand: &[u8; 4]| wanted.contains(&brand);
    let has = |wanted: &[&[u8; 4]]| brands.iter().any(|brand| among(wanted, brand));
    let is = |wanted: &[&[u8; 4]]| major.is_some_and(|major| among(wanted, major));
    Some(if is(&AVIF) || has(&AVIF) && !is(&HEIC) {
        ("image/avif", Picture)
    } else if has(&HEIC) {
        ("image/heic", Picture)
    } else if has(&HEIF) {
        // Only its items show how it is coded.
        match find(head, b"av01").is_some() {
            true => ("image/avif", Picture),
            false => ("image/heif", Picture),
        }
    } else if is(&[b"crx "]) {
        ("image/x-canon-cr3", Picture)
    } else if has(&[b"qt  "]) {
        ("video/quicktime", Passive)
    } else if major.is_some_and(|brand| brand.starts_with(b"M4A")) {
        ("audio/mp4", Passive)
    } else {
        ("video/mp4", Passive)
    })
}

/// Elements that make a browser treat a text as HTML (WHATWG MIME sniffing, section 7.1), and active ones that no
/// honest text begins with.
const HTML: &[&[u8]] = &[
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<script",
    b"<iframe",
    b"<h1",
    b"<div",
    b"<font",
    b"<table",
    b"<a",
    b"<style",
    b"<title",
    b"<b",
    b"<body",
    b"<br",
    b"<p",
    b"<img",
    b"<form",
    b"<object",
    b"<embed",
    b"<meta",
    b"<link",
];

fn markup(head: &[u8]) -> Detected {
    let mut lower = decode_utf16(head).unwrap_or_else(|| head.to_vec());
    lower.make_ascii_lowercase();
    let mut rest = lower.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&lower);
    // Comments, declarations and blanks may precede the element that decides.
    loop {
        rest = rest.trim_ascii_start();
        let close: &[u8] = if rest.starts_with(b"<!--") {
            b"-->"
        } else if rest.starts_with(b"<?") {
            b"?>"
        } else if rest.starts_with(b"<!doctype") && !rest.starts_with(b"<!doctype html") {
            b">"
        } else {
            break;
        };
        match find(rest, close) {
            Some(at) => rest = &rest[at + close.len()..],
            None => break,
        }
    }
    let ends_tag = |at: usize| {
        rest.get(at)
            .is_none_or(|byte| matches!(byte, b' ' | b'>' | b'/' | b'\t' | b'\n' | b'\r' | 0x0c))
    };
    let element = |name: &[u8]| rest.starts_with(name) && ends_tag(name.len());
    if element(b"<svg")
        || (lower.trim_ascii_start().starts_with(b"<") && find(&lower, b"<svg").is_some())
    {
        return Some(("image/svg+xml", Active));
    }
    if HTML.iter().any(|name| element(name)) {
        return Some(("text/html", Active));
    }
    let first = lower.trim_ascii_start();
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    if first.starts_with(b"<?xml") || first.starts_with(b"<!doctype") {
        return Some(("text/xml", Active));
    }
    None
}

/// Browsers honour a UTF-16 byte order mark, so markup must not hide behind one.
fn decode_utf16(head: &[u8]) -> Option<Vec<u8>> {
    let little = match head.get(..2)? {
        b"\xff\xfe" => true,
        b"\xfe\xff" => false,
        _ => return None,
    };
    let ascii = |pair: &[u8]| match if little {
        (pair[0], pair[1])
    } else {
        (pair[1], pair[0])
    } {
        (low, 0) => low,
        _ => b'?',
    };
    Some(head[2..].chunks_exact(2).map(ascii).collect())
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b'))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn the_content_decides_and_active_content_is_found_behind_what_browsers_skip() {
        let cases: &[(&[u8], &str, ContentClass)] = &[
            (b"\xff\xd8\xff\xe0", "image/jpeg", Picture),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", Picture),
            (b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", "image/avif", Picture),
            (b"\0\0\0\x14ftypheic\0\0\0\0mif1", "image/heic", Picture),
            (b"\0\0\0\x14ftypmsf1\0\0\0\0hevc", "image/heic", Picture),
            (b"\0\0\0\x14ftypheic\0\0\0\0avif", "image/heic", Picture),
            (b"\0\0\0\x10ftypmif1\0\0\0\0", "image/heif", Picture),
            (
                b"\0\0\0\x10ftypmif1\0\0\0\0infe....av01",
                "image/avif",
                Picture,
            ),
            (
                b"\0\0\0\x01ftyp\0\0\0\0\0\0\0\x18avis\0\0\0\0",
                "image/avif",
                Picture,
            ),
            (b"\0\0\0\0ftypavif\0\0\0\0", "image/avif", Picture),
            (b"\0\0\0\x18ftypisom\0\0\0\0mp42mp41", "video/mp4", Passive),
            (
                b"\0\0\x02\0\x01\0\x10\x10\0\0\0\0\0\0\x40\0\0\0\x16\0\0\0",
                "image/vnd.microsoft.icon",
                Picture,
            ),
            // A TGA.
            (
                b"\0\0\x02\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\0\0\0\0\0",
                "application/octet-stream",
                Unknown,
            ),
            (b"%PDF-1.7", "application/pdf", Passive),
            (b"PK\x03\x04", "application/zip", Unknown),
            (
                b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\x02\0cat.usdc",
                "model/vnd.usdz+zip",
                Passive,
            ),
            (
                b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
                "video/x-matroska",
                Passive,
            ),
            (
                b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm",
                "video/webm",
                Passive,
            ),
            (b"OggS\0\x02\x01\x1e\x01vorbis", "audio/ogg", Passive),
            (b"OggS\0\x02\x01\x2a\x80theora", "video/ogg", Passive),
            (
                b"\xef\xbb\xbf\n <!-- x --><!DOCTYPE HTML>",
                "text/html",
                Active,
            ),
            (b"<ScRiPt>alert(1)</script>", "text/html", Active),
            (
                b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>",
                "image/svg+xml",
                Active,
            ),
            (b"\xff\xfe<\0h\0t\0m\0l\0>\0", "text/html", Active),
            (b"<?xml version='1.0'?><rss/>", "text/xml", Active),
            (b"WEBVTT\n\n", "text/plain", Unknown),
            (
                b"BMW is a car maker, and this is text",
                "text/plain",
                Unknown,
            ),
            (b"\0\x01\x02", "application/octet-stream", Unknown),
            (b"", "application/octet-stream", Unknown),
        ];
        for (head, media_type, kind) in cases {
            assert_eq!(
                sniff(head),
                Sniffed {
                    media_type,
                    kind: *kind
                },
                "{head:?}"
            );
        }
    }

    #[test]
    fn an_svg_in_gzip_is_an_svg_and_nothing_else_is() {
        let packed = |text: &str| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let svg = packed(&format!("<svg>{}</svg>", "<g/>".repeat(10_000)));
        for head in [&svg[..], &svg[..40]] {
            let sniffed = sniff(head);
            assert_eq!(
                (sniffed.media_type, sniffed.kind),
                ("image/svg+xml", Active)
            );
        }
        for other in [
            &packed("<html/>")[..],
            &packed("a text with <svg> in it"),
            &svg[..12],
        ] {
            assert_eq!(sniff(other).media_type, "application/gzip");
        }
    }

    #[test]
    fn a_transport_stream_is_told_by_its_packets() {
        for (first, step) in [(0, 188), (4, 192)] {
            let mut stream = vec![0xff; first + 3 * step];
            for packet in 0..3 {
                stream[first + packet * step] = b'G';
            }
            assert_eq!(sniff(&stream).media_type, "video/mp2t");
            stream[first + step] = 0;
            assert_eq!(sniff(&stream).kind, Unknown);
        }
    }
}
