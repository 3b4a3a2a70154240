//! The pixel limit applies to the decoded size, where the format allows reduced decoding.

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::render::{self, Rendered};
use tintype_imaging::spec::{Format, Resolved, Size};
use tintype_imaging::{Error, placeholder};
use tintype_jpeg::{BaseTables, Encoding, Samples, Sampling};

use crate::corpus::{header, read, soon, to_width, whole};

/// Produced by phones with many small pixels.
const LARGE: Size = Size::new(12_000, 9_000);

fn jpeg(size: Size, progressive: bool) -> Vec<u8> {
    let samples = vec![90; size.pixels() as usize];
    let encoding = Encoding {
        quality: 80,
        tables: BaseTables::Standard,
        sampling: Sampling::Quarter,
        progressive,
        segments: &[],
    };
    tintype_jpeg::encode(Samples::Gray(&samples), size.width, size.height, &encoding).unwrap()
}

fn refused(rendered: Result<Rendered, Error>) -> (u64, u64) {
    match rendered {
        Err(Error::TooManyPixels { is, limit }) => (is, limit),
        other => panic!("{:?}", other.map(|rendered| rendered.size)),
    }
}

#[test]
fn a_hundred_and_eight_megapixels_are_shown_as_far_as_they_need_no_more_than_the_limit() {
    for (progressive, widths) in [(false, &[300, 1200, 6000][..]), (true, &[300])] {
        let bytes = jpeg(LARGE, progressive);
        assert_eq!(header(&bytes).unwrap().size, LARGE);
        for &width in widths {
            let rendered = to_width(&bytes, width, Format::Jpeg).unwrap();
            assert_eq!(rendered.size, Size::new(width, width * 3 / 4));
        }
        let own = to_width(&bytes, LARGE.width, Format::Jpeg);
        assert_eq!(refused(own), (LARGE.pixels(), 100_000_000));
        let cut = Resolved {
            crop: tintype_imaging::spec::Rect {
                x: 8_000,
                y: 8_000,
                width: 4_000,
                height: 1_000,
            },
            ..whole(LARGE, Size::new(1_000, 250), Format::Jpeg)
        };
        render::render(&bytes, &cut, &Limits::default(), soon()).unwrap();
    }
}

#[test]
fn what_a_file_may_declare_has_a_limit_of_its_own() {
    let bytes = jpeg(Size::new(1_000, 800), false);
    let size = Size::new(10, 8);
    let limits = Limits {
        max_declared_pixels: 799_999,
        ..Limits::default()
    };
    let resolved = whole(Size::new(1_000, 800), size, Format::Jpeg);
    let rendered = render::render(&bytes, &resolved, &limits, soon());
    assert_eq!(refused(rendered), (800_000, 799_999));
}

#[test]
fn what_cannot_be_decoded_smaller_is_limited_by_what_it_declares() {
    let limits = Limits::default();
    let check = |format, size| render::check_original(format, size, &limits).is_ok();
    assert!(check(SourceFormat::Jpeg, LARGE));
    assert!(!check(SourceFormat::Jpeg, Size::new(20_000, 20_000)));
    for format in [SourceFormat::Png, SourceFormat::Webp, SourceFormat::Tiff] {
        assert!(!check(format, LARGE), "{format}");
        assert!(check(format, Size::new(10_000, 10_000)), "{format}");
    }
}

#[test]
fn a_progressive_photograph_is_shown_in_full_detail() {
    let bytes = read("reported/prog48mp.jpg");
    assert!(header(&bytes).unwrap().interlaced);
    let rendered = to_width(&bytes, 3_000, Format::Jpeg).unwrap();
    assert_eq!(rendered.size.width, 3_000);
}

/// The frame header has zero lines; their number follows the scan (T.81 B.2.5).
#[test]
fn the_height_may_follow_the_scan() {
    let bytes = read("formats/made-jpeg-420-base.jpg");
    let mut late = bytes.clone();
    let frame = late
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    let height = [late[frame + 5], late[frame + 6]];
    late[frame + 5..frame + 7].fill(0);
    let end = late.len() - 2;
    late.splice(end..end, [0xFF, 0xDC, 0, 4, height[0], height[1]]);
    assert_eq!(header(&late).unwrap(), header(&bytes).unwrap());
    let shown = |bytes: &[u8]| to_width(bytes, 320, Format::Jpeg).unwrap().bytes;
    assert_eq!(shown(&late), shown(&bytes));
}

/// By name, rather than as damage.
#[test]
fn other_processes_are_told_as_unsupported() {
    let bytes = read("formats/made-jpeg-420-base.jpg");
    let frame = bytes
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    for (marker, bits, what) in [
        (0xC0, 12, "JPEG of 12 bits per sample"),
        (0xC1, 12, "JPEG of 12 bits per sample"),
        (0xC3, 8, "lossless JPEG"),
        (0xC5, 8, "hierarchical JPEG"),
        (0xC9, 8, "arithmetic-coded JPEG"),
        (0xCA, 8, "arithmetic-coded JPEG"),
    ] {
        let mut other = bytes.clone();
        (other[frame + 1], other[frame + 4]) = (marker, bits);
        let error = header(&other).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{what}: {error}");
        assert_eq!(error.to_string(), format!("{what} is not supported"));
    }
}

#[test]
fn what_is_damaged_is_told_with_the_placeholder() {
    let whole = read("formats/made-jpeg-420-base.jpg");
    let cut = &whole[..whole.len() / 2];
    for (bytes, is_damaged) in [
        (whole.as_slice(), false),
        (cut, true),
        (&read("reported/corrupt-middle.jpg"), true),
        (&read("reported/restart-marker-missing.jpg"), true),
        (&read("reported/trunc-eoi-only.jpg"), false),
    ] {
        let header = header(bytes).unwrap();
        let made = placeholder::make(bytes, &header, &Limits::default(), soon()).unwrap();
        assert_eq!(made.is_damaged, is_damaged);
    }
}
