//! Encodes pixels into a file: baseline with one interleaved scan, or progressive.
//!
//! Huffman tables are fitted to the image, so its coefficients stay in memory until all are known: only nonzero ones,
//! about one in eight for a photograph. The same code then walks each scan twice, first to count symbols and then to
//! write them.

mod bits;
mod blocks;
mod codes;
mod coefficients;
mod progressive;
mod quantisation;
mod rows;
mod scan;
mod transform;

use coefficients::Coefficients;
pub use quantisation::BaseTables;
use scan::{Scan, SymbolCounts, SymbolWriter};

use crate::Error;
use crate::markers::{EOI, SOS};

/// 8-bit samples, interleaved, rows without padding.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    Gray(&'a [u8]),
    Rgb(&'a [u8]),
    /// Components apart, chroma at half the width and height, rounded up. Only for [`Sampling::Quarter`].
    YCbCr420 {
        luma: &'a [u8],
        chroma: [&'a [u8]; 2],
    },
}

impl<'a> Samples<'a> {
    const fn components(self) -> usize {
        match self {
            Self::Gray(_) => 1,
            Self::Rgb(_) | Self::YCbCr420 { .. } => 3,
        }
    }

    /// Whether there are as many samples as an image of this size has.
    fn are_of(self, width: usize, height: usize) -> bool {
        let all = width * height;
        match self {
            Self::Gray(samples) => samples.len() == all,
            Self::Rgb(samples) => samples.len() == 3 * all,
            Self::YCbCr420 { luma, chroma } => {
                let quarter = width.div_ceil(2) * height.div_ceil(2);
                luma.len() == all && chroma.iter().all(|samples| samples.len() == quarter)
            }
        }
    }

    /// The samples of a row of MCUs that are `side` pixels high.
    fn row(self, number: usize, side: usize, width: usize) -> Self {
        let rows = |samples: &'a [u8], length: usize| {
            let end = samples.len().min((number + 1) * length);
            &samples[number * length..end]
        };
        match self {
            Self::Gray(samples) => Self::Gray(rows(samples, side * width)),
            Self::Rgb(samples) => Self::Rgb(rows(samples, 3 * side * width)),
            Self::YCbCr420 { luma, chroma } => Self::YCbCr420 {
                luma: rows(luma, side * width),
                chroma: chroma.map(|samples| rows(samples, side / 2 * width.div_ceil(2))),
            },
        }
    }
}

/// Chroma subsampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// 4:2:0, one chroma sample per four pixels: enough for photographs.
    Quarter,
    /// 4:4:4, full chroma: keeps thin coloured lines intact.
    Full,
}

#[derive(Clone, Copy, Debug)]
pub struct Encoding<'a> {
    /// 1..=100, on libjpeg's scale.
    pub quality: u8,
    pub tables: BaseTables,
    pub sampling: Sampling,
    /// Coarse scans first, then finer ones, so that a slow connection shows the whole image early. 2 to 4 % smaller,
    /// for three times the CPU.
    pub progressive: bool,
    /// Application segments after the JFIF header: each has a number, 1..=15, and at most 65,533 bytes.
    pub segments: &'a [(u8, Vec<u8>)],
}

/// Encodes a file with a JFIF header. Both sides must be 1..=65535 pixels.
pub fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    encoding: &Encoding<'_>,
) -> Result<Vec<u8>, Error> {
    let components = samples.components();
    let sides = [width, height].map(|side| u16::try_from(side).unwrap_or(0));
    if sides.contains(&0) {
        return Err(Error::BadInput("a side that is not 1..=65535"));
    }
    let size = (width as usize, height as usize);
    if !samples.are_of(size.0, size.1) {
        return Err(Error::BadInput("samples that are not those of its size"));
    }
    let is_full = encoding.sampling == Sampling::Full;
    if is_full && matches!(samples, Samples::YCbCr420 { .. }) {
        return Err(Error::BadInput("4:2:0 to be stored as 4:4:4"));
    }
    let tables = encoding.tables.at(encoding.quality);
    let coefficients = Coefficients::of(samples, size, encoding.sampling, &tables);
    let mut file = FileWriter {
        bytes: Vec::with_capacity(coefficients.guessed_bytes()),
    };
    file.head(encoding.segments)?;
    file.tables(&tables[..components.min(tables.len())])?;
    file.frame(sides, &coefficients, encoding.progressive)?;
    let scans = match encoding.progressive {
        true => progressive::scans(components),
        false => vec![Scan::baseline(components)],
    };
    for scan in &scans {
        file.scan(scan, &coefficients)?;
    }
    file.bytes.extend([0xFF, EOI]);
    Ok(file.bytes)
}

struct FileWriter {
    bytes: Vec<u8>,
}

impl FileWriter {
    fn segment(&mut self, marker: u8, body: &[u8]) -> Result<(), Error> {
        let length = u16::try_from(body.len() + 2);
        let length = length.map_err(|_| Error::BadInput("a segment of more than 65,533 bytes"))?;
        self.bytes.extend([0xFF, marker]);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(body);
        Ok(())
    }

    fn head(&mut self, segments: &[(u8, Vec<u8>)]) -> Result<(), Error> {
        self.bytes.extend([0xFF, 0xD8]);
        // Version 1.2, square pixels, no thumbnail.
        self.segment(0xE0, b"JFIF\0\x01\x02\x00\x00\x01\x00\x01\x00\x00")?;
        segments
            .iter()
            .try_for_each(|(number, body)| self.segment(0xE0 | (number & 0x0F), body))
    }

    fn tables(&mut self, tables: &[[u8; 64]]) -> Result<(), Error> {
        let mut body = Vec::with_capacity(65 * tables.len());
        for (number, table) in (0..).zip(tables) {
            body.push(number);
            body.extend(table);
        }
        self.segment(0xDB, &body)
    }

    fn frame(
        &mut self,
        [width, height]: [u16; 2],
        coefficients: &Coefficients,
        progressive: bool,
    ) -> Result<(), Error> {
        let mut body = vec![8];
        body.extend(height.to_be_bytes());
        body.extend(width.to_be_bytes());
        body.push(coefficients.planes.len() as u8);
        for (index, plane) in (0..).zip(&coefficients.planes) {
            let factor = plane.factor as u8;
            body.extend([index + 1, factor << 4 | factor, table_of(index.into())]);
        }
        self.segment(if progressive { 0xC2 } else { 0xC0 }, &body)
    }

    fn scan(&mut self, scan: &Scan, coefficients: &Coefficients) -> Result<(), Error> {
        let mut counts = SymbolCounts::default();
        scan.walk(coefficients, &mut counts);
        let codes = counts.codes();
        let mut body = Vec::new();
        for (table, codes) in codes.iter().enumerate() {
            if let Some(codes) = codes {
                body.push((((table / 2) << 4) | (table % 2)) as u8);
                body.extend(&codes.counts);
                body.extend(&codes.symbols);
            }
        }
        // DC refinement scans contain raw bits without codes.
        if !body.is_empty() {
            self.segment(0xC4, &body)?;
        }
        let mut body = vec![scan.components.len() as u8];
        for &component in &scan.components {
            let table = table_of(component);
            body.extend([component as u8 + 1, table << 4 | table]);
        }
        let bits = scan.high << 4 | scan.low;
        body.extend([scan.first as u8, scan.last as u8, bits as u8]);
        self.segment(SOS, &body)?;
        let mut written = SymbolWriter::new(&codes, &mut self.bytes);
        scan.walk(coefficients, &mut written);
        written.finish();
        Ok(())
    }
}

/// The Huffman and quantisation table of a component: one for luma, one shared by both chroma components.
const fn table_of(component: usize) -> u8 {
    if component == 0 { 0 } else { 1 }
}
