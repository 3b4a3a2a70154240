//! Input and output formats, with every limit.

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::render::{AVIF_ENCODER, check_size};
use tintype_imaging::spec::{Format, Size};

use super::page::{Page, ReferenceEntry};

pub(super) fn write(page: &mut Page) {
    page.section("formats", "Formats");
    page.prose(include_str!("prose/formats.md"));
    page.part("input", "In");
    for format in SourceFormat::ALL {
        page.entry(ReferenceEntry {
            id: format!("input-{format}"),
            name: format.as_str(),
            text: format.text(),
            facts: vec![(
                "Media type",
                format!("`{}`", format.media_types().join("`, `")),
            )],
            ..ReferenceEntry::default()
        });
    }
    page.part("output", "Out");
    for format in Format::ALL {
        page.entry(ReferenceEntry {
            id: format!("output-{}", format.name()),
            name: format.name(),
            text: format.text(),
            facts: vec![("At most", most(format)), ("Encoder", encoder(format))],
            ..ReferenceEntry::default()
        });
    }
    page.part("limits", "Limits");
    page.prose(include_str!("prose/limits.md"));
    page.table(["of one original", "at most"], limits());
}

fn encoder(format: Format) -> String {
    match format {
        Format::Avif => format!("{AVIF_ENCODER}, in this build"),
        _ => String::new(),
    }
}

/// The limit in the words of its error message.
fn most(format: Format) -> String {
    let huge = Size::new(1_000_000, 1_000_000);
    match check_size(format, huge) {
        Err(tintype_imaging::Error::OverLimit { what, limit, .. }) => {
            format!("{what}: {}", grouped(limit))
        }
        _ => String::new(),
    }
}

fn limits() -> Vec<[String; 2]> {
    // Destructured, so that a new limit cannot be forgotten here.
    let Limits {
        max_file_bytes,
        max_pixels,
        max_declared_pixels,
        max_side,
        max_decoded_bytes,
        max_icc_bytes,
        max_exif_bytes,
        max_xmp_bytes,
        max_text_bytes,
        max_metadata_parts,
        max_pixel_chunks,
        max_pixel_blocks,
        max_scans,
        max_scan_pixels,
        max_frames,
        max_animation_pixels,
        max_directory_entries,
        max_items,
    } = Limits::default();
    let count = |what: &str, limit: u32| [what.to_owned(), grouped(limit.into())];
    let many = |what: &str, limit: u64| [what.to_owned(), grouped(limit)];
    let size = |what: &str, limit: u64| [what.to_owned(), bytes(limit)];
    vec![
        many(
            "pixels that are decoded, width times height (`TINTYPE_MAX_PIXELS`)",
            max_pixels,
        ),
        many(
            "pixels that a file declares (`TINTYPE_MAX_DECLARED_PIXELS`)",
            max_declared_pixels,
        ),
        count("pixels a side", max_side),
        size("bytes of a file that is decoded", max_file_bytes),
        size("bytes that a decoder takes for it", max_decoded_bytes),
        size("ICC profile, unpacked", max_icc_bytes),
        size("EXIF", max_exif_bytes),
        size("XMP", max_xmp_bytes),
        size("one text or comment", max_text_bytes),
        count("parts without pixels", max_metadata_parts),
        count("PNG: chunks with pixels", max_pixel_chunks),
        count(
            "GIF: blocks of data; JPEG: restart intervals",
            max_pixel_blocks,
        ),
        count("JPEG: scans", max_scans),
        many("JPEG: scans times pixels", max_scan_pixels),
        count("frames", max_frames),
        many("frames times pixels", max_animation_pixels),
        count(
            "TIFF: entries of a directory, and directories",
            max_directory_entries,
        ),
        count("HEIF: items, and what is said of them", max_items),
    ]
}

pub(super) fn bytes(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units
        .into_iter()
        .find(|(_, bits)| bytes >= 1 << bits && bytes.is_multiple_of(1 << bits));
    match whole {
        // A non-breaking space.
        Some((unit, bits)) => format!("{}\u{a0}{unit}", grouped(bytes >> bits)),
        None => format!("{} bytes", grouped(bytes)),
    }
}

/// Groups digits by thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(String::from_utf8_lossy);
    let groups: Vec<_> = Some(head.into())
        .into_iter()
        .filter(|head: &std::borrow::Cow<'_, str>| !head.is_empty())
        .chain(groups)
        .collect();
    groups.join(",")
}
