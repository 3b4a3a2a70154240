//! Copies allowed EXIF entries (CIPA DC-008) in their original byte order.

use std::io::Cursor;

use super::MAX_BYTES;
use crate::limits::Limits;
use crate::probe::ifd::{Directory, Tiff};
use crate::probe::rights::exif::{ARTIST, COPYRIGHT};
use crate::probe::rights::{self, Rights};

const ORIENTATION: u16 = 0x0112;
const EXIF_DIRECTORY: u16 = 0x8769;
const WINDOWS_AUTHOR: u16 = 0x9c9d;

/// Tags of the first directory: description, camera, resolution, software, time, artist, rating, copyright, and the
/// title, comment, author, keywords and subject of Windows. `HostComputer` is left out: it often contains the owner's
/// name.
const MAIN: &[u16] = &[
    0x010e, 0x010f, 0x0110, 0x011a, 0x011b, 0x0128, 0x0131, 0x0132, 0x013b, 0x4746, 0x4749, 0x8298,
    0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f,
];

/// Tags of the EXIF directory: exposure, times, light, lens, and processing.
const DETAILS: &[u16] = &[
    0x829a, 0x829d, 0x8822, 0x8824, 0x8827, 0x8830, 0x8831, 0x8832, 0x8833, 0x8834, 0x8835, 0x9000,
    0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9201, 0x9202, 0x9203, 0x9204, 0x9205, 0x9206, 0x9207,
    0x9208, 0x9209, 0x920a, 0x9286, 0x9290, 0x9291, 0x9292, 0xa20b, 0xa215, 0xa217, 0xa300, 0xa301,
    0xa401, 0xa402, 0xa403, 0xa404, 0xa405, 0xa406, 0xa407, 0xa408, 0xa409, 0xa40a, 0xa40c, 0xa432,
    0xa433, 0xa434, 0xa436, 0xa437, 0xa438, 0xa439, 0xa43a, 0xa43b, 0xa43c,
];

struct KeptEntry {
    tag: u16,
    kind: u16,
    count: u32,
    bytes: Vec<u8>,
}

/// `instead`: replaces author and copyright.
pub(super) fn kept(exif: &[u8], instead: Option<&Rights>, limits: &Limits) -> Option<Vec<u8>> {
    let mut tiff = Tiff::open(Cursor::new(exif)).ok()?;
    let first = tiff.exif(limits.max_directory_entries)?;
    let mut room = MAX_BYTES;
    let mut main = entries(&mut tiff, &first, MAIN, &mut room);
    if let Some(rights) = instead {
        main.retain(|entry| ![ARTIST, COPYRIGHT, WINDOWS_AUTHOR].contains(&entry.tag));
        for (tag, bytes) in rights::exif::texts(&rights.creators, rights.notice.as_deref()) {
            main.push(KeptEntry {
                tag,
                kind: 2,
                count: bytes.len() as u32,
                bytes,
            });
        }
    }
    let place = tiff.number(&first, EXIF_DIRECTORY);
    let details = place.and_then(|at| tiff.directory(at, limits.max_directory_entries).ok());
    let details = details.map(|details| entries(&mut tiff, &details, DETAILS, &mut room));
    let details = details.unwrap_or_default();
    if main.is_empty() && details.is_empty() {
        return None;
    }
    let writer = Writer {
        little: tiff.is_little(),
    };
    let upright = writer.u16(1).to_vec();
    main.push(KeptEntry::new(ORIENTATION, 3, upright));
    Some(writer.block(main, details))
}

/// Returns the wanted entries that fit into `room`.
fn entries(
    tiff: &mut Tiff<Cursor<&[u8]>>,
    directory: &Directory,
    wanted: &[u16],
    room: &mut usize,
) -> Vec<KeptEntry> {
    let mut found: Vec<KeptEntry> = Vec::new();
    for (tag, kind, count) in directory.entries() {
        let is_new = found.iter().all(|entry| entry.tag != tag);
        if !wanted.contains(&tag) || !is_new {
            continue;
        }
        let (Ok(count), Some(bytes)) = (
            u32::try_from(count),
            tiff.bytes(directory, tag, *room as u64),
        ) else {
            continue;
        };
        *room -= bytes.len().min(*room);
        found.push(KeptEntry {
            tag,
            kind,
            count,
            bytes,
        });
    }
    found
}

impl KeptEntry {
    /// Creates an entry with a single value.
    fn new(tag: u16, kind: u16, bytes: Vec<u8>) -> Self {
        Self {
            tag,
            kind,
            count: 1,
            bytes,
        }
    }
}

struct Writer {
    little: bool,
}

impl Writer {
    fn u16(&self, value: u16) -> [u8; 2] {
        match self.little {
            true => value.to_le_bytes(),
            false => value.to_be_bytes(),
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        match self.little {
            true => value.to_le_bytes(),
            false => value.to_be_bytes(),
        }
    }

    fn block(&self, mut main: Vec<KeptEntry>, details: Vec<KeptEntry>) -> Vec<u8> {
        let order: &[u8] = if self.little { b"II" } else { b"MM" };
        let mut block = [order, &self.u16(42), &self.u32(8)].concat();
        if !details.is_empty() {
            // A placeholder: the offset is known once everything before it has its size.
            main.push(KeptEntry::new(EXIF_DIRECTORY, 4, vec![0; 4]));
            let place = block.len() + self.directory(&mut main, 0).len();
            if let Some(entry) = main.iter_mut().find(|entry| entry.tag == EXIF_DIRECTORY) {
                entry.bytes = self.u32(place as u32).to_vec();
            }
        }
        let start = block.len();
        block.extend(self.directory(&mut main, start));
        if !details.is_empty() {
            let (mut details, start) = (details, block.len());
            block.extend(self.directory(&mut details, start));
        }
        block
    }

    /// Writes a directory and its values; `start` is its offset in the block.
    fn directory(&self, entries: &mut [KeptEntry], start: usize) -> Vec<u8> {
        entries.sort_by_key(|entry| entry.tag);
        let mut head = self.u16(entries.len() as u16).to_vec();
        let mut values = Vec::new();
        let first = start + head.len() + 12 * entries.len() + 4;
        for entry in entries {
            head.extend(self.u16(entry.tag));
            head.extend(self.u16(entry.kind));
            head.extend(self.u32(entry.count));
            if entry.bytes.len() <= 4 {
                let mut value = entry.bytes.clone();
                value.resize(4, 0);
                head.extend(value);
                continue;
            }
            head.extend(self.u32((first + values.len()) as u32));
            values.extend(&entry.bytes);
            // Values begin at even offsets.
            values.resize(values.len().next_multiple_of(2), 0);
        }
        head.extend(self.u32(0));
        [head, values].concat()
    }
}
