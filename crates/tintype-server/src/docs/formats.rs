//! What goes in and what comes out, with every limit.

use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::render::{AVIF_ENCODER, check_size};
use tintype_imaging::spec::{Format, Size};

use super::page::{Entry, Page};

pub(super) fn write(page: &mut Page) {
    page.section("formats", "Formats");
    page.prose(include_str!("prose/formats.md"));
    page.part("input", "In");
    for format in SourceFormat::ALL {
        page.entry(Entry {
            id: format!("input-{format}"),
            name: format.as_str(),
            text: of_input(format),
            facts: vec![(
                "Media type",
                format!("`{}`", format.media_types().join("`, `")),
            )],
            ..Entry::default()
        });
    }
    page.part("output", "Out");
    for format in [
        Format::Avif,
        Format::Webp,
        Format::Jpeg,
        Format::Png,
        Format::Gif,
    ] {
        page.entry(Entry {
            id: format!("output-{}", format.name()),
            name: format.name(),
            text: of_output(format),
            facts: vec![("At most", most(format)), ("Encoder", encoder(format))],
            ..Entry::default()
        });
    }
    page.part("limits", "Limits");
    page.prose(include_str!("prose/limits.md"));
    page.table(["of one original", "at most"], limits());
}

/// As people call it, who read the README.
#[cfg(test)]
pub(super) fn title(format: SourceFormat) -> &'static str {
    match format {
        SourceFormat::Jpeg => "JPEG",
        SourceFormat::Png => "PNG",
        SourceFormat::Webp => "WebP",
        SourceFormat::Gif => "GIF",
        SourceFormat::Bmp => "BMP",
        SourceFormat::Tiff => "TIFF",
        SourceFormat::Avif => "AVIF",
        SourceFormat::Heic => "HEIC, HEIF",
        SourceFormat::Jxl => "JPEG XL",
        SourceFormat::Jp2 => "JPEG 2000",
        SourceFormat::Psd => "PSD, PSB",
        SourceFormat::Ico => "ICO, CUR",
        SourceFormat::Svg => "SVG",
    }
}

pub(super) fn of_input(format: SourceFormat) -> &'static str {
    match format {
        SourceFormat::Jpeg => {
            "Baseline and progressive, gray, colour and CMYK, with or without a profile. Shown upright, as EXIF has it."
        }
        SourceFormat::Png => {
            "All depths and colour types, interlaced too. HDR is brought down to sRGB. Of an animation the first picture."
        }
        SourceFormat::Webp => {
            "Lossy and lossless, with transparency. Of an animation the first frame."
        }
        SourceFormat::Gif => "The first frame.",
        SourceFormat::Bmp => {
            "Of Windows and of OS/2, packed or not, with transparency where it is meant."
        }
        SourceFormat::Tiff => {
            "The first page: gray, palettes, RGB, CMYK, YCbCr and Lab, whole numbers and floating point, in strips, tiles or \
             planes; not packed, or by LZW, Deflate, PackBits, JPEG, fax, zstd, LZMA or WebP."
        }
        SourceFormat::Avif => {
            "8, 10 and 12 bits, in tiles, with transparency, turned and cut as it says. HDR is brought down to sRGB. Of a sequence its still picture, else the first frame."
        }
        SourceFormat::Heic => {
            "As phones write it: in tiles, with transparency, overlays, turned and cut as it says, up to 16 bits. HDR is brought down to sRGB; a gain map is passed over. Of a sequence its still picture, else the first frame."
        }
        SourceFormat::Jxl => {
            "Lossy and lossless, with transparency and CMYK. HDR is brought down to sRGB. Of an animation the first frame."
        }
        SourceFormat::Jp2 => "JP2 and bare codestreams, gray, colour and CMYK, at 8 bits.",
        SourceFormat::Psd => {
            "The flattened picture, which Photoshop keeps where files are to be read elsewhere: bitmap, gray, indexed, RGB and CMYK, with 8 or 16 bits; PSB too."
        }
        SourceFormat::Ico => "The largest picture of an icon or a cursor.",
        SourceFormat::Svg => {
            "Drawn as large as it is asked for, up to 4,096 pixels a side, which is the size that a record has; without scripts, other files, text and pictures within; packed with gzip (`.svgz`) too. The original is a document that a browser would run, and a download only."
        }
    }
}

fn of_output(format: Format) -> &'static str {
    match format {
        Format::Avif => {
            "The fewest bytes, and the longest work. First where `Accept` names it, not for drawings."
        }
        Format::Webp => "Where `Accept` names it. A drawing is without loss.",
        Format::Jpeg => "For everybody; what is transparent stands on `bg`, else on white.",
        Format::Png => {
            "Without loss, with a palette where that suffices. For drawings and transparent pictures in JPEG's place."
        }
        Format::Gif => "Not supported yet: `f_gif` is refused.",
    }
}

fn encoder(format: Format) -> String {
    match format {
        Format::Avif => format!("{AVIF_ENCODER}, in this build"),
        _ => String::new(),
    }
}

/// In the words of the refusal, which has the limit.
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
    // Taken apart by name, so that a new one cannot be forgotten here.
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
        // The space does not break.
        Some((unit, bits)) => format!("{}\u{a0}{unit}", grouped(bytes >> bits)),
        None => format!("{} bytes", grouped(bytes)),
    }
}

/// Thousands apart.
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
