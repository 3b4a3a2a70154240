//! Marker segments (T.81 B.2): the properties of the image, and the tables of its scans.

use crate::Error;
use crate::bits::next_marker;
use crate::colour::Coding;
use crate::frame::{Component, FrameHeader, ScanHeader, ScanPart};
use crate::huffman::HuffmanTable;
use crate::standard;

pub(crate) const EOI: u8 = 0xD9;
pub(crate) const SOS: u8 = 0xDA;
const DNL: u8 = 0xDC;

/// Everything before the data of the first scan.
pub(crate) struct Head<'a> {
    pub(crate) frame: FrameHeader,
    pub(crate) tables: Tables,
    pub(crate) scan: ScanHeader,
    /// Positioned after the scan header.
    pub(crate) reader: SegmentReader<'a>,
}

/// Reads up to the first scan, where the meaning of the components is known.
pub fn read_frame(bytes: &[u8]) -> Result<FrameHeader, Error> {
    Ok(Head::read(bytes)?.frame)
}

impl<'a> Head<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = SegmentReader::new(bytes)?;
        let mut tables = Tables::default();
        let mut frame = None;
        loop {
            match reader.segment()? {
                (EOI, _) => return Err(Error::Malformed("no scan")),
                (SOS, body) => {
                    let mut frame: FrameHeader =
                        frame.ok_or(Error::Malformed("scan before frame"))?;
                    let ids: Vec<u8> = frame.components.iter().map(|c| c.id).collect();
                    frame.coding = Coding::of(&ids, tables.jfif, tables.adobe);
                    if frame.height == 0 {
                        frame.set_height(reader.height_behind()?);
                    }
                    let scan = scan(&frame, body)?;
                    return Ok(Self {
                        frame,
                        tables,
                        scan,
                        reader,
                    });
                }
                (marker, body) if frame.is_none() => {
                    frame = self::frame(marker, body)?;
                    tables.read(marker, body)?;
                }
                (marker, body) => tables.read(marker, body)?,
            }
        }
    }
}

pub(crate) struct SegmentReader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> SegmentReader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Error::Malformed("no start of image"));
        }
        Ok(Self { bytes, at: 2 })
    }

    /// Returns the next marker and its body. Skips garbage between segments; a truncated segment is left in place.
    pub(crate) fn segment(&mut self) -> Result<(u8, &'a [u8]), Error> {
        loop {
            let at = next_marker(self.bytes, self.at).ok_or(Error::Malformed("end of file"))?;
            let marker = self.bytes[at + 1];
            match marker {
                0x01..=0xBF | 0xD0..=0xD8 => self.at = at + 2,
                EOI => {
                    self.at = at + 2;
                    return Ok((marker, &[]));
                }
                _ => {
                    let rest = &self.bytes[at + 2..];
                    let length = match rest {
                        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
                        _ => return Err(Error::Malformed("end of file")),
                    };
                    let body = rest.get(2..length.max(2));
                    let body = body.ok_or(Error::Malformed("segment beyond the end"))?;
                    self.at = at + 2 + length.max(2);
                    return Ok((marker, body));
                }
            }
        }
    }

    /// Returns whether a segment follows.
    pub(crate) fn has_marker(&self) -> bool {
        next_marker(self.bytes, self.at).is_some()
    }

    /// Finds the end of the current scan's data: the first marker that is not a restart.
    pub(crate) fn end_of_scan(&self) -> usize {
        let mut at = self.at;
        while let Some(marker) = next_marker(self.bytes, at) {
            // An invalid marker is damage.
            if !matches!(self.bytes[marker + 1], 0x01..=0xBF | 0xD0..=0xD7) {
                return marker;
            }
            at = marker + 2;
        }
        self.bytes.len()
    }

    /// The number of lines, which may follow the first scan (T.81 B.2.5).
    fn height_behind(&self) -> Result<u32, Error> {
        match self.bytes.get(self.end_of_scan()..) {
            Some([0xFF, DNL, 0, 4, high, low, ..]) if (*high, *low) != (0, 0) => {
                Ok(u32::from(u16::from_be_bytes([*high, *low])))
            }
            _ => Err(Error::Malformed("height of zero")),
        }
    }
}

fn frame(marker: u8, body: &[u8]) -> Result<Option<FrameHeader>, Error> {
    let progressive = match marker {
        0xC0 | 0xC1 => false,
        0xC2 => true,
        0xC3 | 0xC7 | 0xCB | 0xCF => return Err(Error::Unsupported("a lossless process")),
        0xC5 | 0xC6 | 0xCD | 0xCE => return Err(Error::Unsupported("a hierarchical process")),
        0xC9 | 0xCA => return Err(Error::Unsupported("arithmetic coding")),
        _ => return Ok(None),
    };
    let [precision, h1, h0, w1, w0, count, rest @ ..] = body else {
        return Err(Error::Malformed("short frame header"));
    };
    if *precision != 8 {
        return Err(Error::Unsupported("other than 8 bits per sample"));
    }
    let width = u32::from(u16::from_be_bytes([*w1, *w0]));
    if width == 0 {
        return Err(Error::Malformed("width of zero"));
    }
    let count = usize::from(*count);
    if !matches!(count, 1 | 3 | 4) {
        return Err(Error::Unsupported("other than 1, 3 or 4 components"));
    }
    let fields = rest
        .get(..count * 3)
        .ok_or(Error::Malformed("short frame header"))?;
    let mut components = Vec::with_capacity(count);
    for field in fields.chunks_exact(3) {
        let (h, v) = (usize::from(field[1] >> 4), usize::from(field[1] & 15));
        components.push(Component::new(field[0], h, v, usize::from(field[2]))?);
    }
    let mut frame = FrameHeader::new(progressive, width, components);
    frame.set_height(u32::from(u16::from_be_bytes([*h1, *h0])));
    Ok(Some(frame))
}

pub(crate) fn scan(frame: &FrameHeader, body: &[u8]) -> Result<ScanHeader, Error> {
    let short = Error::Malformed("short scan header");
    let count = usize::from(*body.first().ok_or(short.clone())?);
    let fields = body.get(1..1 + count * 2).ok_or(short.clone())?;
    let [start, end, approximation] = *body.get(1 + count * 2..4 + count * 2).ok_or(short)? else {
        return Err(Error::Malformed("short scan header"));
    };
    let mut parts: Vec<ScanPart> = Vec::with_capacity(count);
    for field in fields.chunks_exact(2) {
        let component = frame.components.iter().position(|c| c.id == field[0]);
        let component = component.ok_or(Error::Malformed("scan of an unknown component"))?;
        if parts.iter().any(|part| part.component == component) {
            return Err(Error::Malformed("component twice in a scan"));
        }
        let (dc, ac) = (usize::from(field[1] >> 4), usize::from(field[1] & 15));
        if dc > 3 || ac > 3 {
            return Err(Error::Malformed("table number"));
        }
        parts.push(ScanPart { component, dc, ac });
    }
    if parts.is_empty() {
        return Err(Error::Malformed("scan of nothing"));
    }
    let (high, low) = (u32::from(approximation >> 4), u32::from(approximation & 15));
    let (start, end) = (usize::from(start), usize::from(end));
    if frame.progressive {
        let ranges = if start == 0 {
            end == 0
        } else {
            start <= end && end < 64 && parts.len() == 1
        };
        if !ranges || low > 13 || (high != 0 && high != low + 1) {
            return Err(Error::Malformed("scan parameters"));
        }
    }
    Ok(ScanHeader {
        parts,
        start,
        end,
        high,
        low,
    })
}

/// The tables in force at the reader's position.
#[derive(Clone, Default)]
pub(crate) struct Tables {
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
    /// MCUs between restart markers; 0 without them.
    pub(crate) restart: usize,
    adobe: Option<u8>,
    jfif: bool,
}

impl Tables {
    pub(crate) fn read(&mut self, marker: u8, body: &[u8]) -> Result<(), Error> {
        match marker {
            0xDB => self.read_quantisation(body),
            0xC4 => self.read_huffman(body),
            0xDD => {
                let [high, low, ..] = body else {
                    return Err(Error::Malformed("restart interval"));
                };
                self.restart = usize::from(u16::from_be_bytes([*high, *low]));
                Ok(())
            }
            0xE0 if body.starts_with(b"JFIF\0") && body.len() >= 12 => {
                self.jfif = true;
                Ok(())
            }
            0xEE if body.starts_with(b"Adobe") && body.len() >= 12 => {
                self.adobe = Some(body[11]);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn quantisation(&self, component: &Component) -> Result<&[u16; 64], Error> {
        let table = self.quantisation[component.table].as_ref();
        table.ok_or(Error::Malformed("missing quantisation table"))
    }

    pub(crate) fn dc(&self, number: usize) -> Result<&HuffmanTable, Error> {
        let codes = self.dc[number].as_ref();
        codes.ok_or(Error::Malformed("missing Huffman table"))
    }

    pub(crate) fn ac(&self, number: usize) -> Result<&HuffmanTable, Error> {
        let codes = self.ac[number].as_ref();
        codes.ok_or(Error::Malformed("missing Huffman table"))
    }

    fn read_quantisation(&mut self, mut body: &[u8]) -> Result<(), Error> {
        while let [head, rest @ ..] = body {
            let bytes = if head >> 4 == 0 { 1 } else { 2 };
            let slot = self.quantisation.get_mut(usize::from(head & 15));
            let slot = slot.ok_or(Error::Malformed("quantisation table number"))?;
            let values = rest
                .get(..64 * bytes)
                .ok_or(Error::Malformed("quantisation table"))?;
            *slot = Some(std::array::from_fn(|i| match bytes {
                1 => u16::from(values[i]),
                _ => u16::from_be_bytes([values[2 * i], values[2 * i + 1]]),
            }));
            body = &rest[64 * bytes..];
        }
        Ok(())
    }

    /// Supplies the default Huffman tables, which Motion JPEG frames omit.
    pub(crate) fn fill_in(&mut self) -> Result<(), Error> {
        let mut standard = Self::default();
        standard.read_huffman(&standard::TABLES)?;
        for number in 0..4 {
            if self.dc[number].is_none() {
                self.dc[number] = standard.dc[number].take();
            }
            if self.ac[number].is_none() {
                self.ac[number] = standard.ac[number].take();
            }
        }
        Ok(())
    }

    fn read_huffman(&mut self, mut body: &[u8]) -> Result<(), Error> {
        while let [head, rest @ ..] = body {
            let codes = HuffmanTable::read(rest)?;
            body = &rest[codes.length()..];
            let tables = if head >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            let slot = tables.get_mut(usize::from(head & 15));
            *slot.ok_or(Error::Malformed("Huffman table number"))? = Some(codes);
        }
        Ok(())
    }
}
