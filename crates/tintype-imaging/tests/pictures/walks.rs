//! Every walk over a file has a deadline and a count limit, and takes few reads for many small parts.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::time::Instant;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use tintype_imaging::Error;
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, SourceFormat, Stopped};

use crate::corpus::{read, soon};

/// Counts reads of a file.
struct Counted<'a> {
    inner: Cursor<&'a [u8]>,
    asked: &'a Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.asked.set(self.asked.get() + 1);
        self.inner.read(buffer)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        self.asked.set(self.asked.get() + 1);
        self.inner.seek(position)
    }
}

/// How a walk with these limits ends, and how many reads it takes.
fn walked(bytes: &[u8], limits: &Limits) -> (Result<probe::Header, Stopped>, u64) {
    let asked = Cell::new(0);
    let file = Counted {
        inner: Cursor::new(bytes),
        asked: &asked,
    };
    let header = probe::header(BufReader::new(file), limits, soon());
    (header, asked.get())
}

#[track_caller]
fn check_count(bytes: &[u8], expected: &str) {
    let (header, _) = walked(bytes, &Limits::default());
    match header {
        Err(Stopped {
            error: Error::OverLimit { what, is, limit },
            known: Some(_),
        }) => {
            assert_eq!(what, expected);
            assert!(is > limit, "{is} {limit}");
        }
        other => panic!("{expected}: {other:?}"),
    }
    // Within the limit, no more than a few reads per buffer, and per part that is examined.
    let generous = Limits {
        max_pixel_chunks: u32::MAX,
        max_pixel_blocks: u32::MAX,
        ..Limits::default()
    };
    let (_, asked) = walked(bytes, &generous);
    let buffers = bytes.len() as u64 / 8192;
    assert!(
        asked <= 3 * buffers + 100,
        "{expected}: {asked} for {buffers} buffers"
    );
}

fn gif(after_header: &[u8]) -> Vec<u8> {
    [b"GIF89a\x02\0\x02\0\0\0\0".as_slice(), after_header].concat()
}

const FRAME: &[u8] = b"\x2c\0\0\0\0\x02\0\x02\0\0\x02";

fn png(chunks: &[u8]) -> Vec<u8> {
    let ihdr = b"\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\0\0\0\0";
    [b"\x89PNG\r\n\x1a\n".as_slice(), ihdr, chunks].concat()
}

fn jpeg(after_scan: &[u8], marker: u8) -> Vec<u8> {
    let frame = [0xff, marker, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
    let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    [b"\xff\xd8".as_slice(), &frame, &scan, after_scan].concat()
}

#[test]
fn small_parts_are_counted() {
    let many = 2_100_000;
    let ends = b"\0\x3b".as_slice();
    check_count(
        &gif(&[FRAME, &b"\x01\x55".repeat(many), ends].concat()),
        "number of GIF data blocks",
    );
    let comment = b"\x21\xfe\x01\x55".as_slice();
    check_count(
        &gif(&[comment, &b"\x01\x55".repeat(many), ends, FRAME, ends].concat()),
        "number of GIF data blocks",
    );
    check_count(
        &png(&b"\0\0\0\0IDAT\0\0\0\0".repeat(260_000)),
        "number of PNG chunks with pixels",
    );
    check_count(
        &png(&b"\0\0\0\0fdAT\0\0\0\0".repeat(260_000)),
        "number of PNG chunks with pixels",
    );
    for marker in [0xc0, 0xc2] {
        check_count(
            &jpeg(&b"\xff\xd0".repeat(many), marker),
            "number of JPEG restart markers",
        );
    }
    check_count(
        &jpeg(&b"\xff\xda\0\x08\x01\x01\0\0\x3f\0".repeat(101), 0xc0),
        "number of scans",
    );
    check_count(
        &jpeg(&b"\xff\xda\0\x08\x01\x01\0\0\x3f\0".repeat(101), 0xc2),
        "number of scans",
    );
}

/// Stuffing, fill bytes and padding have no limit: they are skipped as fast as they are read.
#[test]
fn what_is_only_passed_over_takes_few_reads() {
    let length = 4 << 20;
    for (name, bytes) in [
        ("stuffing", jpeg(&b"\xff\0".repeat(length / 2), 0xc2)),
        ("fill bytes", jpeg(&vec![0xff; length], 0xc2)),
        ("entropy-coded bytes", jpeg(&vec![0x55; length], 0xc0)),
        (
            "padding",
            gif(&[&vec![0; length], FRAME, b"\0\x3b"].concat()),
        ),
    ] {
        let (header, asked) = walked(&bytes, &Limits::default());
        header.unwrap_or_else(|stopped| panic!("{name}: {stopped}"));
        assert!(asked < length as u64 / 8192 + 100, "{name}: {asked}");
    }
}

#[test]
fn a_file_that_is_walked_too_long_is_let_go() {
    for (file, format) in [
        ("photos/tower.jpg", SourceFormat::Jpeg),
        ("photos/tower_progressive.jpg", SourceFormat::Jpeg),
        ("orientation/png-orientation-6.png", SourceFormat::Png),
        ("orientation/made-orient-5.webp", SourceFormat::Webp),
        ("orientation/made-orient-6.tif", SourceFormat::Tiff),
        ("orientation/made-orient-6.avif", SourceFormat::Avif),
        ("orientation/made-orient-6.heic", SourceFormat::Heic),
    ] {
        let bytes = read(file);
        let stopped = probe::header(Cursor::new(&bytes), &Limits::default(), Instant::now());
        let Err(Stopped { error, known }) = stopped else {
            panic!("{file} was read after the deadline");
        };
        assert!(matches!(error, Error::DeadlineExceeded), "{file}: {error}");
        // Nothing was read at all.
        assert!(known.is_none(), "{file}: {format:?}");
    }
    // In the middle of a file.
    let late = |bytes: Vec<u8>| {
        let limits = Limits {
            max_pixel_blocks: u32::MAX,
            max_pixel_chunks: u32::MAX,
            ..Limits::default()
        };
        let reader = Late {
            inner: Cursor::new(bytes),
            left: 200_000,
        };
        probe::header(reader, &limits, Instant::now() + Late::PATIENCE)
    };
    for bytes in [
        gif(&[FRAME, &b"\x01\x55".repeat(1_000_000)].concat()),
        gif(&vec![0; 2_000_000]),
        png(&b"\0\0\0\0IDAT\0\0\0\0".repeat(200_000)),
        jpeg(&b"\xff\xd0".repeat(1_000_000), 0xc0),
        jpeg(&b"\xff\0".repeat(1_000_000), 0xc2),
        tiff_pages(),
    ] {
        let format = probe::header(Cursor::new(&bytes), &Limits::default(), soon());
        let stopped = late(bytes);
        assert!(
            matches!(
                &stopped,
                Err(Stopped {
                    error: Error::DeadlineExceeded,
                    known: Some(_)
                })
            ),
            "{stopped:?} {format:?}"
        );
    }
}

/// Lets the deadline pass once `left` bytes have been read.
struct Late {
    inner: Cursor<Vec<u8>>,
    left: usize,
}

impl Late {
    const PATIENCE: std::time::Duration = std::time::Duration::from_millis(200);

    fn gave(&mut self, bytes: usize) {
        if self.left > 0 && bytes >= self.left {
            std::thread::sleep(Self::PATIENCE);
        }
        self.left = self.left.saturating_sub(bytes);
    }
}

impl Read for Late {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.gave(read);
        Ok(read)
    }
}

impl BufRead for Late {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.gave(amount);
    }
}

impl Seek for Late {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(position)
    }
}

/// A file of 900 pages, each with a directory of the maximum length.
fn tiff_pages() -> Vec<u8> {
    const PAGE: usize = 2 + 12 * 900 + 4;
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    for page in 1..=900_usize {
        tiff.extend(900_u16.to_le_bytes());
        for entry in 0..900_u16 {
            tiff.extend((256 + entry).to_le_bytes());
            tiff.extend([3, 0, 1, 0, 0, 0, 4, 0, 0, 0]);
        }
        let next = if page == 900 { 0 } else { 8 + page * PAGE };
        tiff.extend((next as u32).to_le_bytes());
    }
    tiff
}

/// A truncated profile is ignored, and the next is not tried: each may inflate to megabytes.
#[test]
fn one_profile_is_inflated() {
    use std::io::Write;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&vec![0; 1 << 20]).unwrap();
    let mut broken = zlib.finish().unwrap();
    broken.truncate(broken.len() - 10);
    let chunk = |profile: &[u8]| {
        let body = [b"x\0\0".as_slice(), profile].concat();
        let length = (body.len() as u32).to_be_bytes();
        [&length, b"iCCP".as_slice(), &body, b"\0\0\0\0"].concat()
    };
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&vec![0; 5 << 20]).unwrap();
    let bomb = zlib.finish().unwrap();
    let pixels = b"\0\0\0\0IDAT\0\0\0\0".as_slice();
    let file = png(&[&chunk(&broken), &chunk(&bomb), pixels].concat());
    assert!(walked(&file, &Limits::default()).0.is_ok());
}
