//! IPTC's Information Interchange Model (4.2), bare or in a Photoshop resource.

use std::borrow::Cow;

use super::{MAX_CREATORS, Rights, text};

const BY_LINE: u8 = 80;
const CREDIT: u8 = 110;
const SOURCE: u8 = 115;
const NOTICE: u8 = 116;
/// All data sets that are rights, and the author's title.
pub(in crate::probe) const RIGHTS: [u8; 5] = [BY_LINE, 85, CREDIT, SOURCE, NOTICE];

/// The Photoshop resource that contains IPTC.
const RESOURCE: [u8; 2] = [0x04, 0x04];

pub(super) fn read(plain: Option<&[u8]>, photoshop: Option<&[u8]>) -> Rights {
    let blocks = blocks(plain, photoshop).into_iter();
    blocks.fold(Rights::default(), |rights, block| rights.or(of(block)))
}

pub(in crate::probe) fn blocks<'b>(
    plain: Option<&'b [u8]>,
    photoshop: Option<&'b [u8]>,
) -> Vec<&'b [u8]> {
    let resources = photoshop.map(resources).unwrap_or_default();
    plain.into_iter().chain(resources).collect()
}

fn of(block: &[u8]) -> Rights {
    let mut rights = Rights::default();
    for (record, set, value) in data_sets(block) {
        match (record, set) {
            (2, BY_LINE) if rights.creators.len() < MAX_CREATORS => {
                rights.creators.extend(text(value));
            }
            (2, CREDIT) => rights.credit = rights.credit.or_else(|| text(value)),
            (2, SOURCE) => rights.source = rights.source.or_else(|| text(value)),
            (2, NOTICE) => rights.notice = rights.notice.or_else(|| text(value)),
            _ => {}
        }
    }
    rights
}

/// Reads data sets up to the first error. Each is 0x1c, record, data set, length, value.
pub(in crate::probe) fn data_sets(mut rest: &[u8]) -> impl Iterator<Item = (u8, u8, &[u8])> {
    std::iter::from_fn(move || {
        let [0x1c, record, set, high, low, tail @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, after) = tail.split_at_checked(length)?;
        rest = after;
        Some((*record, *set, value))
    })
}

/// Returns all IPTC resources, including those after a damaged one.
fn resources(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    loop {
        // Some writers store the data without a resource around it.
        if found.is_empty() && rest.starts_with(&[0x1c]) {
            return vec![rest];
        }
        let Some(start) = memchr::memmem::find(rest, b"8BIM") else {
            return found;
        };
        rest = &rest[start + 4..];
        if let Some((id, value, after)) = resource(rest) {
            if id == RESOURCE {
                found.push(value);
            }
            rest = after;
        }
    }
}

/// Returns the number and content of a resource, and the bytes after it.
fn resource(body: &[u8]) -> Option<([u8; 2], &[u8], &[u8])> {
    let (id, body) = body.split_first_chunk()?;
    // The name is a Pascal string, padded to an even length.
    let name = usize::from(*body.first()?) + 1;
    let body = body.get(name.next_multiple_of(2)..)?;
    let (length, body) = body.split_first_chunk()?;
    let (value, after) = body.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let padding = value.len() % 2;
    Some((*id, value, after.get(padding..).unwrap_or_default()))
}

/// Writes a Photoshop resource.
pub(super) fn write(rights: &Rights) -> Vec<u8> {
    as_resource(&rights_in_utf8(rights))
}

/// Returns data sets.
pub(in crate::probe) fn rights_in_utf8(rights: &Rights) -> Vec<u8> {
    let mut sets = Vec::new();
    push(&mut sets, (1, 90), b"\x1b%G");
    // The version of the record.
    push(&mut sets, (2, 0), &[0, 4]);
    let mut add = |set: u8, text: &str, most: usize| {
        let text = &text[..text.floor_char_boundary(most)];
        push(&mut sets, (2, set), text.as_bytes());
    };
    for creator in &rights.creators {
        add(BY_LINE, creator, 32);
    }
    for (set, text, most) in [
        (CREDIT, &rights.credit, 32),
        (SOURCE, &rights.source, 32),
        (NOTICE, &rights.notice, 128),
    ] {
        if let Some(text) = text {
            add(set, text, most);
        }
    }
    sets
}

pub(in crate::probe) fn push(sets: &mut Vec<u8>, (record, set): (u8, u8), value: &[u8]) {
    sets.extend([0x1c, record, set]);
    sets.extend((value.len() as u16).to_be_bytes());
    sets.extend(value);
}

/// Text that is not UTF-8 is taken for Latin-1.
pub(in crate::probe) fn as_utf8(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    }
}

pub(in crate::probe) fn as_resource(sets: &[u8]) -> Vec<u8> {
    let mut resource = b"8BIM\x04\x04\0\0".to_vec();
    resource.extend((sets.len() as u32).to_be_bytes());
    resource.extend(sets);
    resource.resize(resource.len().next_multiple_of(2), 0);
    resource
}
