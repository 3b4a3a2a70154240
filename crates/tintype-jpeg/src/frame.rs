//! Marker segments (T.81 B.2): what the picture is, and which tables its scans use.

use crate::bits::next_marker;
use crate::huffman::{AcSkip, Table};
use crate::{
    Colour, Error, Limits, Picture, Scale, colour, idct, progressive, sequential, standard,
};

/// The facts of a frame header.
#[derive(Clone, Debug)]
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub progressive: bool,
    pub(crate) components: Vec<Component>,
    max_h: usize,
    max_v: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Component {
    id: u8,
    pub(crate) h: usize,
    pub(crate) v: usize,
    table: usize,
    /// Blocks of the component itself, as a scan of its own has them.
    pub(crate) blocks_x: usize,
    pub(crate) blocks_y: usize,
    /// Blocks a row, filled up to whole MCUs.
    pub(crate) stride_blocks: usize,
    pub(crate) rows_blocks: usize,
}

impl Frame {
    pub(crate) fn mcus(&self) -> (usize, usize) {
        let mcu = |pixels: u32, factor: usize| (pixels as usize).div_ceil(8 * factor);
        (mcu(self.width, self.max_h), mcu(self.height, self.max_v))
    }
}

/// One scan header.
pub(crate) struct Scan {
    pub(crate) parts: Vec<ScanPart>,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) high: u32,
    pub(crate) low: u32,
}

pub(crate) struct ScanPart {
    pub(crate) component: usize,
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}

#[derive(Default)]
pub(crate) struct Tables {
    quantisation: [Option<[u16; 64]>; 4],
    pub(crate) dc: [Option<Table>; 4],
    pub(crate) ac: [Option<Table>; 4],
    pub(crate) skip: [Option<AcSkip>; 4],
    pub(crate) restart: usize,
    adobe: Option<u8>,
    jfif: bool,
}

/// The pixels of one component, filled up to whole MCUs.
pub(crate) struct Plane {
    /// Pixels that a block is wide and high.
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) pixels: Vec<u8>,
    pub(crate) factors: Option<[f32; 64]>,
}

/// Reads as far as the frame header.
pub fn read_frame(bytes: &[u8]) -> Result<Frame, Error> {
    let mut reader = Reader::new(bytes)?;
    let mut tables = Tables::default();
    loop {
        let (marker, body) = reader.segment()?;
        if let Some(frame) = frame(marker, body)? {
            return Ok(frame);
        }
        tables.read(marker, body)?;
    }
}

pub(crate) fn decode(
    bytes: &[u8],
    scale: Scale,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
) -> Result<Picture, Error> {
    let mut reader = Reader::new(bytes)?;
    let mut tables = Tables::default();
    let frame = loop {
        let (marker, body) = reader.segment()?;
        match frame(marker, body)? {
            Some(frame) => break frame,
            None => tables.read(marker, body)?,
        }
    };
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    limit("the picture in pixels", pixels, limits.max_pixels)?;
    // Only the DC scans count there, whatever the subsampling.
    let dc_only = frame.progressive && scale == Scale::Eighth;
    let mut planes: Vec<Plane> = frame
        .components
        .iter()
        .map(|c| plane(&frame, c, scale, dc_only))
        .collect();
    let mut store = if frame.progressive {
        limit(
            "the memory for coefficients in bytes",
            progressive::Store::bytes(&frame, &planes),
            limits.max_coefficient_bytes,
        )?;
        Some(progressive::Store::new(&frame, &planes))
    } else {
        None
    };

    let mut scans = 0u32;
    let mut damaged = false;
    loop {
        let (marker, body) = match reader.segment() {
            Ok((0xD9, _)) => break,
            Ok(segment) => segment,
            // Truncated: what was read so far is the picture.
            Err(error) if scans == 0 => return Err(error),
            Err(_) => {
                damaged = true;
                break;
            }
        };
        if marker != 0xDA {
            // Tables between scans. Damage here is damage to what follows.
            damaged |= tables.read(marker, body).is_err();
            continue;
        }
        scans += 1;
        limit(
            "the number of scans",
            u64::from(scans),
            u64::from(limits.max_scans),
        )?;
        let scan = scan(&frame, body)?;
        for part in &scan.parts {
            let plane = &mut planes[part.component];
            if plane.factors.is_none() {
                let table = frame.components[part.component].table;
                let table = tables.quantisation[table].as_ref();
                let table = table.ok_or(Error::Malformed("missing quantisation table"))?;
                plane.factors = Some(idct::factors(table, plane.side));
            }
        }
        if !frame.progressive {
            tables.fill_in(&scan)?;
        }
        let whole;
        (whole, reader.at) = match &mut store {
            None => sequential::scan(bytes, reader.at, &frame, &scan, &tables, &mut planes, go_on)?,
            Some(store) => store.scan(bytes, reader.at, &frame, &scan, &tables, go_on)?,
        };
        damaged |= !whole;
    }
    if scans == 0 {
        return Err(Error::Malformed("no scan"));
    }
    if let Some(store) = store {
        store.finish(&frame, &mut planes, go_on)?;
    }
    let colour = meaning(&frame, &tables);
    let samples = colour::assemble(&frame, &planes, scale, colour, go_on)?;
    let (width, height) = (scale.apply(frame.width), scale.apply(frame.height));
    Ok(Picture {
        width,
        height,
        colour: colour.result(),
        samples,
        damaged,
    })
}

fn limit(what: &'static str, is: u64, limit: u64) -> Result<(), Error> {
    if is > limit {
        Err(Error::OverLimit { what, is, limit })
    } else {
        Ok(())
    }
}

fn plane(frame: &Frame, component: &Component, scale: Scale, dc_only: bool) -> Plane {
    let mut side = scale.block();
    // Chroma that is stored smaller is decoded larger.
    while !dc_only
        && side < 8
        && frame
            .max_h
            .is_multiple_of(component.h * side * 2 / scale.block())
        && frame
            .max_v
            .is_multiple_of(component.v * side * 2 / scale.block())
    {
        side *= 2;
    }
    let stride = component.stride_blocks * side;
    let pixels = vec![128; stride * component.rows_blocks * side];
    Plane {
        side,
        stride,
        pixels,
        factors: None,
    }
}

impl Frame {
    /// How many pixels of the answer one pixel of a plane covers, as a fraction (over, under).
    pub(crate) fn reach(
        &self,
        component: usize,
        plane: &Plane,
        scale: Scale,
    ) -> [(usize, usize); 2] {
        let c = &self.components[component];
        [
            (c.h * plane.side, self.max_h * scale.block()),
            (c.v * plane.side, self.max_v * scale.block()),
        ]
    }
}

/// What the components are (the JFIF and Adobe conventions, as libjpeg reads them).
fn meaning(frame: &Frame, tables: &Tables) -> colour::Coding {
    use colour::Coding;
    match frame.components.len() {
        1 => Coding::Gray,
        3 => match tables.adobe {
            Some(0) => Coding::Rgb,
            Some(_) => Coding::YCbCr,
            None => {
                let ids: Vec<u8> = frame.components.iter().map(|c| c.id).collect();
                let rgb = !tables.jfif && ids == *b"RGB";
                if rgb { Coding::Rgb } else { Coding::YCbCr }
            }
        },
        _ => match tables.adobe {
            Some(2) => Coding::Ycck,
            Some(_) => Coding::InvertedCmyk,
            None => Coding::Cmyk,
        },
    }
}

impl colour::Coding {
    fn result(self) -> Colour {
        match self {
            Self::Gray => Colour::Gray,
            Self::Rgb | Self::YCbCr => Colour::Rgb,
            Self::Cmyk | Self::InvertedCmyk | Self::Ycck => Colour::Cmyk,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Error::Malformed("no start of image"));
        }
        Ok(Self { bytes, at: 2 })
    }

    /// The next marker and what belongs to it. Rubbish between segments is passed over.
    fn segment(&mut self) -> Result<(u8, &'a [u8]), Error> {
        loop {
            let at = next_marker(self.bytes, self.at).ok_or(Error::Malformed("end of file"))?;
            let marker = self.bytes[at + 1];
            self.at = at + 2;
            match marker {
                0x01 | 0xD0..=0xD8 => {}
                0xD9 => return Ok((marker, &[])),
                _ => {
                    let rest = &self.bytes[self.at..];
                    let length = match rest {
                        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
                        _ => return Err(Error::Malformed("end of file")),
                    };
                    let body = rest.get(2..length.max(2));
                    let body = body.ok_or(Error::Malformed("segment beyond the end"))?;
                    self.at += length.max(2);
                    return Ok((marker, body));
                }
            }
        }
    }
}

fn frame(marker: u8, body: &[u8]) -> Result<Option<Frame>, Error> {
    let progressive = match marker {
        0xC0 | 0xC1 => false,
        0xC2 => true,
        0xC3 | 0xC7 | 0xCB | 0xCF => return Err(Error::Unsupported("a lossless process")),
        0xC5 | 0xC6 | 0xCD | 0xCE => return Err(Error::Unsupported("a hierarchical process")),
        0xC9 | 0xCA => return Err(Error::Unsupported("arithmetic coding")),
        0xDA => return Err(Error::Malformed("scan before frame")),
        _ => return Ok(None),
    };
    let [precision, h1, h0, w1, w0, count, rest @ ..] = body else {
        return Err(Error::Malformed("short frame header"));
    };
    if *precision != 8 {
        return Err(Error::Unsupported("other than 8 bits a sample"));
    }
    let height = u32::from(u16::from_be_bytes([*h1, *h0]));
    let width = u32::from(u16::from_be_bytes([*w1, *w0]));
    if width == 0 {
        return Err(Error::Malformed("width of zero"));
    }
    if height == 0 {
        return Err(Error::Unsupported("a height that follows the data"));
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
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) || field[2] > 3 {
            return Err(Error::Malformed("component"));
        }
        let table = usize::from(field[2]);
        components.push(Component {
            id: field[0],
            h,
            v,
            table,
            blocks_x: 0,
            blocks_y: 0,
            stride_blocks: 0,
            rows_blocks: 0,
        });
    }
    if count == 1 {
        // The factors of a lone component say nothing (T.81 A.2.2).
        (components[0].h, components[0].v) = (1, 1);
    }
    let max_h = components.iter().map(|c| c.h).max().unwrap_or(1);
    let max_v = components.iter().map(|c| c.v).max().unwrap_or(1);
    let mut frame = Frame {
        width,
        height,
        progressive,
        components,
        max_h,
        max_v,
    };
    let (mcus_x, mcus_y) = frame.mcus();
    for c in &mut frame.components {
        c.blocks_x = (width as usize * c.h).div_ceil(8 * max_h);
        c.blocks_y = (height as usize * c.v).div_ceil(8 * max_v);
        c.stride_blocks = mcus_x * c.h;
        c.rows_blocks = mcus_y * c.v;
    }
    Ok(Some(frame))
}

fn scan(frame: &Frame, body: &[u8]) -> Result<Scan, Error> {
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
    Ok(Scan {
        parts,
        start,
        end,
        high,
        low,
    })
}

impl Tables {
    fn read(&mut self, marker: u8, body: &[u8]) -> Result<(), Error> {
        match marker {
            0xDB => self.quantisation(body),
            0xC4 => self.huffman(body),
            0xDD => {
                let [high, low, ..] = body else {
                    return Err(Error::Malformed("restart interval"));
                };
                self.restart = usize::from(u16::from_be_bytes([*high, *low]));
                Ok(())
            }
            0xE0 if body.starts_with(b"JFIF\0") => {
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

    fn quantisation(&mut self, mut body: &[u8]) -> Result<(), Error> {
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

    /// Frames of Motion JPEG come without Huffman tables.
    fn fill_in(&mut self, scan: &Scan) -> Result<(), Error> {
        if scan
            .parts
            .iter()
            .all(|part| self.dc[part.dc].is_some() && self.ac[part.ac].is_some())
        {
            return Ok(());
        }
        let mut standard = Self::default();
        standard.huffman(&standard::TABLES)?;
        for number in 0..4 {
            if self.dc[number].is_none() {
                self.dc[number] = standard.dc[number].take();
            }
            if self.ac[number].is_none() {
                self.ac[number] = standard.ac[number].take();
                self.skip[number] = standard.skip[number].take();
            }
        }
        Ok(())
    }

    fn huffman(&mut self, mut body: &[u8]) -> Result<(), Error> {
        while let [head, rest @ ..] = body {
            let counts: &[u8; 16] = rest
                .first_chunk()
                .ok_or(Error::Malformed("Huffman table"))?;
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest
                .get(16..16 + total)
                .ok_or(Error::Malformed("Huffman table"))?;
            let table = Table::new(counts, symbols)?;
            let number = usize::from(head & 15);
            if number > 3 {
                return Err(Error::Malformed("Huffman table number"));
            }
            if head >> 4 == 0 {
                self.dc[number] = Some(table);
            } else {
                self.skip[number] = Some(AcSkip::new(&table));
                self.ac[number] = Some(table);
            }
            body = &rest[16 + total..];
        }
        Ok(())
    }
}
