//! Scans of baseline and extended sequential frames (T.81 F.2): blocks become pixels as they are read. If each
//! component has its own scan, the scans are read side by side.

use fearless_simd::{Level, dispatch};

use crate::Error;
use crate::bits::Bits;
use crate::frame::{Frame, Scan};
use crate::huffman::{AcSkip, AcTable, END_OF_BLOCK, Table};
use crate::idct::{Factors, Rows, last_needed};
use crate::level::level;
use crate::markers::{EOI, Head, Reader, SOS, Tables, scan};
use crate::plane::Plane;
use crate::scan::{Before, Blocks, Walk};

/// A scan, and how far it has been read.
struct OpenScan<'a> {
    parts: Vec<Part>,
    walk: Walk<'a>,
}

struct Part {
    component: usize,
    dc: Table,
    ac: AcTable,
    /// Present if not all coefficients are needed.
    skip: Option<AcSkip>,
    factors: Factors,
}

/// Scans that together contain each component once.
pub(crate) struct Sequential<'a> {
    scans: Vec<OpenScan<'a>>,
    damaged: bool,
    level: Level,
}

impl<'a> Sequential<'a> {
    pub(crate) fn new(head: Head<'a>, planes: &[Plane]) -> Result<Self, Error> {
        let Head {
            frame,
            mut tables,
            scan,
            mut reader,
        } = head;
        let mut scans = vec![open(&frame, scan, &mut tables, &reader, planes)?];
        let mut damaged = false;
        while frame.components.len() > scans.iter().map(|open| open.parts.len()).sum() {
            reader.at = reader.end_of_scan();
            match next(&frame, &mut reader, &mut tables, planes, &scans) {
                Ok(Some(open)) => scans.push(open),
                Ok(None) => {}
                Err(_) => {
                    damaged = true;
                    break;
                }
            }
        }
        Ok(Self {
            scans,
            damaged,
            level: level(),
        })
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged || self.scans.iter().any(|open| open.walk.is_damaged())
    }

    /// Reads one MCU row of the frame.
    pub(crate) fn row(&mut self, planes: &mut [Plane]) {
        for open in &mut self.scans {
            let mut blocks = Stripe {
                parts: &open.parts,
                planes,
            };
            let walk = &mut open.walk;
            dispatch!(self.level, _simd => walk.stripe(&mut blocks));
        }
    }
}

/// Reads the next scan with components that have none so far; `None` for any other segment.
fn next<'a>(
    frame: &Frame,
    reader: &mut Reader<'a>,
    tables: &mut Tables,
    planes: &[Plane],
    so_far: &[OpenScan<'a>],
) -> Result<Option<OpenScan<'a>>, Error> {
    match reader.segment()? {
        (EOI, _) => Err(Error::Malformed("components without a scan")),
        (SOS, body) => {
            let scan = scan(frame, body)?;
            let is_known = |component: usize| {
                let mut parts = so_far.iter().flat_map(|open| &open.parts);
                parts.any(|part| part.component == component)
            };
            if scan.parts.iter().any(|part| is_known(part.component)) {
                return Ok(None);
            }
            open(frame, scan, tables, reader, planes).map(Some)
        }
        (marker, body) => tables.read(marker, body).map(|()| None),
    }
}

fn open<'a>(
    frame: &Frame,
    scan: Scan,
    tables: &mut Tables,
    reader: &Reader<'a>,
    planes: &[Plane],
) -> Result<OpenScan<'a>, Error> {
    tables.fill_in()?;
    let bits = Bits::new(reader.bytes, reader.at);
    let walk = Walk::new(bits, frame, &scan.parts, tables.restart);
    let mut parts = Vec::with_capacity(scan.parts.len());
    for part in scan.parts {
        let component = &frame.components[part.component];
        let side = planes[part.component].side;
        let ac = AcTable::new(tables.ac(part.ac)?)?;
        parts.push(Part {
            component: part.component,
            dc: Table::new(tables.dc(part.dc)?)?,
            skip: (last_needed(side) < 63).then(|| AcSkip::new(&ac.symbols)),
            ac,
            factors: Factors::new(tables.quantisation(component)?, side),
        });
    }
    Ok(OpenScan { parts, walk })
}

/// The output of one row of MCUs.
struct Stripe<'s> {
    parts: &'s [Part],
    planes: &'s mut [Plane],
}

impl Blocks for Stripe<'_> {
    /// Huffman codes usually resynchronise, and only what was missed in between is wrong.
    const CONTINUES_AFTER_ERROR: bool = true;

    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut Bits<'_>,
        before: &mut Before,
        [index, x, y]: [usize; 3],
    ) -> Result<(), Error> {
        let part = &self.parts[index];
        let plane = &mut self.planes[part.component];
        let dc = &mut before.dc[index & 3];
        let at = plane.place(x, y);
        match plane.side {
            1 => block::<1>(bits, part, dc, plane, at),
            2 => block::<2>(bits, part, dc, plane, at),
            3 => block::<3>(bits, part, dc, plane, at),
            4 => block::<4>(bits, part, dc, plane, at),
            5 => block::<5>(bits, part, dc, plane, at),
            6 => block::<6>(bits, part, dc, plane, at),
            7 => block::<7>(bits, part, dc, plane, at),
            _ => block::<8>(bits, part, dc, plane, at),
        }
    }

    fn missing(&mut self, [index, x, y]: [usize; 3]) {
        self.planes[self.parts[index].component].fill_block(x, y);
    }
}

/// Decodes one block. If the data breaks off within it, the coefficients read so far are used.
#[inline(always)]
fn block<const SIDE: usize>(
    bits: &mut Bits<'_>,
    part: &Part,
    dc: &mut i32,
    plane: &mut Plane,
    at: usize,
) -> Result<(), Error> {
    // Keeps the state in registers rather than behind a reference.
    let mut local = *bits;
    let mut read = part.dc.first(&mut local, dc);
    let mut rows = Rows::new(&part.factors, *dc);
    if read.is_ok() {
        read = others::<SIDE>(&mut local, part, &mut rows);
    }
    rows.write::<SIDE>(&mut plane.samples, at, plane.stride);
    *bits = local;
    read
}

#[inline(always)]
fn others<const SIDE: usize>(
    bits: &mut Bits<'_>,
    part: &Part,
    rows: &mut Rows<'_>,
) -> Result<(), Error> {
    let last = const { last_needed(SIDE) };
    let mut index = 1;
    while index <= last {
        bits.refill();
        let found = part.ac.next(bits)?;
        index += usize::from(found.run);
        if index <= last {
            rows.add(index, found.value);
        }
        index += 1;
    }
    if index > usize::from(END_OF_BLOCK) {
        return Ok(());
    }
    if index > 64 {
        return Err(Error::Malformed("AC coefficient"));
    }
    match &part.skip {
        Some(skip) => skip.rest(&part.ac.symbols, bits, index),
        None => Ok(()),
    }
}
