//! TIFF image file directories (TIFF 6.0 section 2), shared by TIFF files and EXIF. Values are read on demand, and
//! never beyond a limit.

use std::io::{Read, Seek, SeekFrom};

use crate::Error;

pub(crate) struct Directory {
    entries: Vec<DirectoryEntry>,
    /// Offset of the next directory, 0 for the last.
    pub(crate) next: u64,
}

struct DirectoryEntry {
    tag: u16,
    kind: u16,
    count: u64,
    value: [u8; 8],
}

/// A TIFF structure, classic or BigTIFF, in either byte order.
pub(crate) struct Tiff<R> {
    reader: R,
    little: bool,
    big: bool,
    pub(crate) first: u64,
}

impl Directory {
    fn entry(&self, tag: u16) -> Option<&DirectoryEntry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    /// Each with its type and how many values it has, in the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u16, u16, u64)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.tag, entry.kind, entry.count))
    }
}

impl<R: Read + Seek> Tiff<R> {
    pub(crate) fn open(mut reader: R) -> Result<Self, Error> {
        let mut head = [0; 8];
        reader.seek(SeekFrom::Start(0))?;
        reader.read_exact(&mut head)?;
        let little = match &head[..2] {
            b"II" => true,
            b"MM" => false,
            _ => return Err(Error::malformed("no TIFF byte order")),
        };
        let mut tiff = Self {
            reader,
            little,
            big: false,
            first: 0,
        };
        match tiff.u16(&head[2..4]) {
            42 => tiff.first = u64::from(tiff.u32(&head[4..8])),
            43 => {
                tiff.big = true;
                let mut offset = [0; 8];
                tiff.reader.read_exact(&mut offset)?;
                tiff.first = tiff.u64(&offset);
            }
            _ => return Err(Error::malformed("no TIFF version")),
        }
        Ok(tiff)
    }

    pub(crate) fn directory(&mut self, offset: u64, max_entries: u32) -> Result<Directory, Error> {
        self.reader.seek(SeekFrom::Start(offset))?;
        let count = if self.big {
            self.read::<8>().map(|b| self.u64(&b))?
        } else {
            u64::from(self.read::<2>().map(|b| self.u16(&b))?)
        };
        Error::check("entries of a TIFF directory", count, u64::from(max_entries))?;
        self.entries(count)
    }

    /// The first directory of an EXIF block, as far as it goes, because writers miscount its entries.
    pub(crate) fn exif(&mut self, max_entries: u32) -> Option<Directory> {
        self.reader.seek(SeekFrom::Start(self.first)).ok()?;
        let count = u64::from(self.read::<2>().map(|b| self.u16(&b)).ok()?);
        self.entries(count.min(u64::from(max_entries))).ok()
    }

    /// Reads as many entries as there are.
    fn entries(&mut self, count: u64) -> Result<Directory, Error> {
        let mut entries = Vec::with_capacity(count as usize);
        while (entries.len() as u64) < count {
            match self.entry() {
                Err(Error::Malformed(_)) => break,
                entry => entries.push(entry?),
            }
        }
        let next = if self.big {
            self.read::<8>().map(|b| self.u64(&b))
        } else {
            self.read::<4>().map(|b| u64::from(self.u32(&b)))
        };
        // Writers of EXIF omit the final offset.
        Ok(Directory {
            entries,
            next: next.unwrap_or(0),
        })
    }

    fn entry(&mut self) -> Result<DirectoryEntry, Error> {
        let head = self.read::<4>()?;
        let (tag, kind) = (self.u16(&head[..2]), self.u16(&head[2..]));
        let mut value = [0; 8];
        let count = if self.big {
            let count = self.read::<8>()?;
            value = self.read::<8>()?;
            self.u64(&count)
        } else {
            let count = self.read::<4>()?;
            value[..4].copy_from_slice(&self.read::<4>()?);
            u64::from(self.u32(&count))
        };
        Ok(DirectoryEntry {
            tag,
            kind,
            count,
            value,
        })
    }

    /// The bytes of a value; `None` if it is missing, truncated or longer than the limit.
    pub(crate) fn bytes(&mut self, directory: &Directory, tag: u16, limit: u64) -> Option<Vec<u8>> {
        let entry = directory.entry(tag)?;
        let length = entry.count.checked_mul(kind_size(entry.kind)?)?;
        if length > limit {
            return None;
        }
        let bytes = self.first_bytes(entry, length)?;
        (bytes.len() as u64 == length).then_some(bytes)
    }

    /// Fewer bytes if the file ends first.
    fn first_bytes(&mut self, entry: &DirectoryEntry, length: u64) -> Option<Vec<u8>> {
        let all = entry.count.checked_mul(kind_size(entry.kind)?)?;
        let inline = if self.big { 8 } else { 4 };
        if all <= inline {
            return Some(entry.value[..length.min(all) as usize].to_vec());
        }
        let offset = if self.big {
            self.u64(&entry.value)
        } else {
            u64::from(self.u32(&entry.value[..4]))
        };
        self.reader.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = Vec::new();
        // The buffer grows with the data, not with the claimed length.
        self.reader
            .by_ref()
            .take(length.min(all))
            .read_to_end(&mut bytes)
            .ok()?;
        Some(bytes)
    }

    /// The claimed length of a value, without reading it.
    pub(crate) fn length(&self, directory: &Directory, tag: u16) -> u64 {
        directory.entry(tag).map_or(0, |entry| {
            entry
                .count
                .saturating_mul(kind_size(entry.kind).unwrap_or(1))
        })
    }

    /// Up to 16 integers.
    pub(crate) fn numbers(&mut self, directory: &Directory, tag: u16) -> Vec<u64> {
        match self.bytes(directory, tag, 128) {
            Some(_) => self.list(directory, tag, 128),
            None => Vec::new(),
        }
    }

    /// The first integers, at most `most` of them, as far as the file goes. Negative values become larger than any
    /// limit.
    pub(crate) fn list(&mut self, directory: &Directory, tag: u16, most: u64) -> Vec<u64> {
        let Some(entry) = directory.entry(tag) else {
            return Vec::new();
        };
        let size = kind_size(entry.kind).unwrap_or(1);
        let length = most.min(entry.count).saturating_mul(size);
        let bytes = self.first_bytes(entry, length).unwrap_or_default();
        let values = bytes.chunks_exact(size as usize);
        let signed = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
        match entry.kind {
            1 => bytes.iter().map(|&byte| u64::from(byte)).collect(),
            3 => values.map(|b| u64::from(self.u16(b))).collect(),
            4 | 13 => values.map(|b| u64::from(self.u32(b))).collect(),
            16 | 18 => values.map(|b| self.u64(b)).collect(),
            6 => values
                .map(|b| signed(i64::from(b[0].cast_signed())))
                .collect(),
            8 => values
                .map(|b| signed(i64::from(self.u16(b).cast_signed())))
                .collect(),
            9 => values
                .map(|b| signed(i64::from(self.u32(b).cast_signed())))
                .collect(),
            17 => values.map(|b| signed(self.u64(b).cast_signed())).collect(),
            _ => Vec::new(),
        }
    }

    /// Up to 16 fractions or integers.
    pub(crate) fn fractions(&mut self, directory: &Directory, tag: u16) -> Vec<f64> {
        let kind = directory.entry(tag).map_or(0, |entry| entry.kind);
        if !matches!(kind, 5 | 10) {
            let whole = self.numbers(directory, tag).into_iter();
            return whole.map(|value| value as f64).collect();
        }
        let bytes = self.bytes(directory, tag, 128).unwrap_or_default();
        let fraction = |b: &[u8]| {
            let (above, below) = (self.u32(b), self.u32(&b[4..]));
            match kind {
                5 => f64::from(above) / f64::from(below),
                _ => f64::from(above.cast_signed()) / f64::from(below.cast_signed()),
            }
        };
        bytes.chunks_exact(8).map(fraction).collect()
    }

    pub(crate) fn is_little(&self) -> bool {
        self.little
    }

    pub(crate) fn number(&mut self, directory: &Directory, tag: u16) -> Option<u64> {
        self.numbers(directory, tag).first().copied()
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u16(&self, b: &[u8]) -> u16 {
        let b = [b[0], b[1]];
        if self.little {
            u16::from_le_bytes(b)
        } else {
            u16::from_be_bytes(b)
        }
    }

    fn u32(&self, b: &[u8]) -> u32 {
        let b = [b[0], b[1], b[2], b[3]];
        if self.little {
            u32::from_le_bytes(b)
        } else {
            u32::from_be_bytes(b)
        }
    }

    fn u64(&self, b: &[u8]) -> u64 {
        let b = [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]];
        if self.little {
            u64::from_le_bytes(b)
        } else {
            u64::from_be_bytes(b)
        }
    }
}

fn kind_size(kind: u16) -> Option<u64> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => return None,
    })
}
