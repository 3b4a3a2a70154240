//! The encoder: pixels to one file, baseline with one interleaved scan, or progressive.
//!
//! Huffman tables are fitted to the picture, so its coefficients wait in memory until all are known: those that
//! are not zero, which of a photograph is one in eight. Then each scan is walked twice by the same code, once to
//! count symbols and once to write them.

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
pub use quantisation::Tables;
use scan::{Counts, Scan, Written};

use crate::Error;
use crate::markers::{EOI, SOS};

/// 8-bit samples, interleaved, rows without padding.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    Gray(&'a [u8]),
    Rgb(&'a [u8]),
}

/// How many samples of colour there are for one of brightness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// One for four (4:2:0): what photographs need.
    Quarter,
    /// As many (4:4:4): thin coloured lines stay what they are.
    Full,
}

#[derive(Clone, Copy, Debug)]
pub struct Encoding<'a> {
    /// 1..=100, on libjpeg's scale.
    pub quality: u8,
    pub tables: Tables,
    pub sampling: Sampling,
    /// Rough first, then finer: a slow line shows all of it early. 2 to 4 % smaller, for three times the CPU.
    pub progressive: bool,
    /// Application segments behind the JFIF header: each with its number, 1..=15, and at most 65,533 bytes.
    pub segments: &'a [(u8, Vec<u8>)],
}

/// A file with a JFIF header. Sides are 1..=65535.
pub fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    encoding: &Encoding<'_>,
) -> Result<Vec<u8>, Error> {
    let (components, length) = match samples {
        Samples::Gray(samples) => (1, samples.len()),
        Samples::Rgb(samples) => (3, samples.len()),
    };
    let sides = [width, height].map(|side| u16::try_from(side).unwrap_or(0));
    if sides.contains(&0) {
        return Err(Error::BadInput("a side that is not 1..=65535"));
    }
    if length != width as usize * height as usize * components {
        return Err(Error::BadInput("samples that are not those of its size"));
    }
    let tables = encoding.tables.at(encoding.quality);
    let coefficients = Coefficients::of(samples, width as usize, encoding.sampling, &tables);
    let mut file = File {
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

struct File {
    bytes: Vec<u8>,
}

impl File {
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
        // Version 1.2, pixels as wide as high, no preview.
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
        let mut counts = Counts::default();
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
        // Corrections of first coefficients are bits without a code.
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
        let mut written = Written::new(&codes, &mut self.bytes);
        scan.walk(coefficients, &mut written);
        written.finish();
        Ok(())
    }
}

/// Number of the tables of a component: brightness has its own, both colours share one.
const fn table_of(component: usize) -> u8 {
    if component == 0 { 0 } else { 1 }
}
