//! Adds what libavif's safe interface cannot: the colour description (sRGB), EXIF and XMP.
//!
//! ISO/IEC 14496-12 (boxes), 23008-12 (image items). Accepts only files just written by libavif: `ftyp`, `meta` with
//! 32-bit offsets, `mdat`. Returns `None` for anything else.

use crate::{Description, Primaries};

/// H.273: primaries, sRGB transfer, BT.601 matrix. libavif leaves all three unspecified, which some readers take for
/// sRGB and others do not.
const fn code_points(primaries: Primaries) -> [u8; 6] {
    let primaries = match primaries {
        Primaries::Srgb => 1,
        Primaries::DisplayP3 => 12,
    };
    [0, primaries, 0, 13, 0, 6]
}

/// An item added to the file.
struct Item {
    /// libavif itself writes item 1, the image, and item 2, its alpha.
    number: [u8; 2],
    /// Item type, an empty name and, for `mime`, the content type.
    kind: &'static [u8],
    bytes: Vec<u8>,
}

impl Item {
    fn all(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Vec<Self> {
        // EXIF data begins with the offset of its TIFF header.
        let exif = exif.map(|exif| Self {
            number: [0, 3],
            kind: b"Exif\0",
            bytes: [&[0; 4], exif].concat(),
        });
        let xmp = xmp.map(|xmp| Self {
            number: [0, 4],
            kind: b"mime\0application/rdf+xml\0",
            bytes: xmp.to_vec(),
        });
        exif.into_iter().chain(xmp).collect()
    }
}

pub(crate) fn finish(file: &[u8], description: &Description<'_>) -> Option<Vec<u8>> {
    let (b"ftyp", head, rest) = next_box(file)? else {
        return None;
    };
    let (b"meta", old, rest) = next_box(rest)? else {
        return None;
    };
    let (b"mdat", data, []) = next_box(rest)? else {
        return None;
    };
    let colour = code_points(description.primaries);
    let items = Item::all(description.exif, description.xmp);
    // Offsets count from the start of the file, and the additions come before most of the data.
    let grown = meta(old, 0, 0, (&colour, &items))?.len() - old.len();
    let end = u32::try_from(file.len() + grown).ok()?;
    let new = meta(old, grown as u32, end, (&colour, &items))?;

    let added: Vec<u8> = items.into_iter().flat_map(|item| item.bytes).collect();
    let mut out = Vec::with_capacity(end as usize + added.len());
    push_box(&mut out, b"ftyp", &[head]);
    push_box(&mut out, b"meta", &[&new]);
    push_box(&mut out, b"mdat", &[data, &added]);
    Some(out)
}

/// Rewrites `meta`: adds `shift` to every file offset, and appends the items, whose data starts at `end`.
fn meta(
    content: &[u8],
    shift: u32,
    end: u32,
    (colour, items): (&[u8; 6], &[Item]),
) -> Option<Vec<u8>> {
    let (version_and_flags, mut rest) = content.split_at_checked(4)?;
    let mut out = version_and_flags.to_vec();
    let mut references = Vec::new();
    while !rest.is_empty() {
        let (kind, content, after) = next_box(rest)?;
        rest = after;
        match kind {
            b"iloc" => push_box(&mut out, kind, &[&locations(content, shift, end, items)?]),
            b"iinf" if !items.is_empty() => push_box(&mut out, kind, &[&infos(content, items)?]),
            b"iref" => references = content.to_vec(),
            b"iprp" => {
                if !items.is_empty() {
                    references.resize(references.len().max(4), 0);
                }
                for item in items {
                    let describes_picture = [&item.number[..], &[0, 1, 0, 1]];
                    push_box(&mut references, b"cdsc", &describes_picture);
                }
                if !references.is_empty() {
                    push_box(&mut out, b"iref", &[&references]);
                }
                push_box(&mut out, kind, &[&properties(content, colour)?]);
            }
            _ => push_box(&mut out, kind, &[content]),
        }
    }
    Some(out)
}

/// `iloc`, version 0: per item its number, data reference 0 (this file), and one extent with offset and length.
fn locations(content: &[u8], shift: u32, end: u32, items: &[Item]) -> Option<Vec<u8>> {
    const ENTRY: usize = 14;
    let (head, entries) = content.split_at_checked(8)?;
    let [0, 0, 0, 0, 0x44, 0, count @ ..] = head else {
        return None;
    };
    let count = u16::from_be_bytes(count.try_into().ok()?);
    let all = count + items.len() as u16;
    let mut out = [&head[..6], &all.to_be_bytes()].concat();
    if entries.len() != usize::from(count) * ENTRY {
        return None;
    }
    for entry in entries.as_chunks::<ENTRY>().0 {
        let [number @ .., 0, 0, 0, 1, _, _, _, _, _, _, _, _] = entry else {
            return None;
        };
        let place = u32::from_be_bytes(entry[6..10].try_into().ok()?);
        push_location(&mut out, *number, place.checked_add(shift)?, &entry[10..]);
    }
    let mut place = end;
    for item in items {
        let length = u32::try_from(item.bytes.len()).ok()?;
        push_location(&mut out, item.number, place, &length.to_be_bytes());
        place = place.checked_add(length)?;
    }
    Some(out)
}

fn push_location(out: &mut Vec<u8>, number: [u8; 2], place: u32, length: &[u8]) {
    out.extend(number);
    out.extend([0, 0, 0, 1]);
    out.extend(place.to_be_bytes());
    out.extend(length);
}

/// `iinf`, version 0, with an `infe`, version 2, for each new item.
fn infos(content: &[u8], items: &[Item]) -> Option<Vec<u8>> {
    let [0, 0, 0, 0, high, low, rest @ ..] = content else {
        return None;
    };
    let count = u16::from_be_bytes([*high, *low]) + items.len() as u16;
    let mut out = [&[0; 4], &count.to_be_bytes()[..], rest].concat();
    for item in items {
        let (kind, behind) = item.kind.split_at(4);
        let parts = [&[2, 0, 0, 0][..], &item.number, &[0, 0], kind, behind];
        push_box(&mut out, b"infe", &parts);
    }
    Some(out)
}

/// `iprp` and its `ipco`, with the colour description set in every `colr`.
fn properties(mut content: &[u8], colour: &[u8; 6]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len());
    while !content.is_empty() {
        let (kind, inner, rest) = next_box(content)?;
        content = rest;
        match (kind, inner) {
            (b"ipco", _) => push_box(&mut out, kind, &[&properties(inner, colour)?]),
            (b"colr", [b'n', b'c', b'l', b'x', _, _, _, _, _, _, range]) => {
                push_box(&mut out, kind, &[b"nclx", colour, &[*range]]);
            }
            _ => push_box(&mut out, kind, &[inner]),
        }
    }
    Some(out)
}

/// Returns the kind and content of the first box, and the bytes after it.
fn next_box(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (content, rest) = rest.split_at_checked(length.checked_sub(8)?)?;
    Some((kind, content, rest))
}

fn push_box(out: &mut Vec<u8>, kind: &[u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend((8 + length as u32).to_be_bytes());
    out.extend(kind);
    out.extend(parts.concat());
}
