//! Scans of baseline and extended sequential frames (T.81 F.2): blocks become pixels as they are read or, for several
//! scales, are stored for one row of MCUs. If each component has its own scan, the scans are read side by side.

use fearless_simd::{Level, dispatch};

use crate::Error;
use crate::bits::BitReader;
use crate::coefficients::CoefficientBuffer;
use crate::frame::{FrameHeader, ScanHeader};
use crate::huffman::{AcSkip, AcTable, END_OF_BLOCK, SymbolTable};
use crate::idct::{InverseFactors, TransformedRows, last_needed};
use crate::level::level;
use crate::markers::{EOI, Head, SOS, SegmentReader, Tables, scan};
use crate::plane::{Output, Plane};
use crate::scan::{BlockDecoder, EntropyState, ScanReader};

/// A scan, and how far it has been read.
struct OpenScan<'a> {
    parts: Vec<ScanComponent>,
    walk: ScanReader<'a>,
}

struct ScanComponent {
    component: usize,
    dc: SymbolTable,
    ac: AcTable,
    /// The last coefficient needed, in zigzag order.
    last: usize,
    /// Present unless all coefficients are needed.
    skip: Option<AcSkip>,
    /// One per output.
    factors: Vec<InverseFactors>,
}

/// Scans that together contain each component once.
pub(crate) struct Sequential<'a> {
    scans: Vec<OpenScan<'a>>,
    /// By component; present only for several outputs.
    stores: Option<Vec<CoefficientBuffer>>,
    damaged: bool,
    level: Level,
}

impl<'a> Sequential<'a> {
    pub(crate) fn new(head: Head<'a>, outputs: &[Output]) -> Result<Self, Error> {
        let Head {
            frame,
            mut tables,
            scan,
            mut reader,
        } = head;
        let mut scans = vec![open(&frame, scan, &mut tables, &reader, outputs)?];
        let mut damaged = false;
        while frame.components.len() > scans.iter().map(|open| open.parts.len()).sum() {
            reader.at = reader.end_of_scan();
            match next(&frame, &mut reader, &mut tables, outputs, &scans) {
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
            stores: (outputs.len() > 1).then(|| CoefficientBuffer::of_components(&frame, outputs)),
            damaged,
            level: level(),
        })
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged || self.scans.iter().any(|open| open.walk.is_damaged())
    }

    /// Reads a row of MCUs of the frame.
    pub(crate) fn row(&mut self, row: usize, outputs: &mut [Output]) {
        if let Some(stores) = &mut self.stores {
            stores.iter_mut().for_each(|store| store.begin(row));
        }
        for OpenScan { parts, walk } in &mut self.scans {
            match &mut self.stores {
                None => {
                    let planes = &mut outputs[0].planes;
                    let mut blocks = StripeDecoder { parts, planes };
                    dispatch!(self.level, _simd => walk.stripe(&mut blocks));
                }
                Some(stores) => {
                    let mut blocks = Kept { parts, stores };
                    dispatch!(self.level, _simd => walk.stripe(&mut blocks));
                    for part in parts {
                        let (factors, index) = (&part.factors, part.component);
                        let store = &stores[index];
                        dispatch!(self.level, _simd => store.write(factors, outputs, index));
                    }
                }
            }
        }
    }
}

/// Reads the next scan with components that have none so far; `None` for any other segment.
fn next<'a>(
    frame: &FrameHeader,
    reader: &mut SegmentReader<'a>,
    tables: &mut Tables,
    outputs: &[Output],
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
            open(frame, scan, tables, reader, outputs).map(Some)
        }
        (marker, body) => tables.read(marker, body).map(|()| None),
    }
}

fn open<'a>(
    frame: &FrameHeader,
    scan: ScanHeader,
    tables: &mut Tables,
    reader: &SegmentReader<'a>,
    outputs: &[Output],
) -> Result<OpenScan<'a>, Error> {
    tables.fill_in()?;
    let bits = BitReader::new(reader.bytes, reader.at);
    let walk = ScanReader::new(bits, frame, &scan.parts, tables.restart);
    let mut parts = Vec::with_capacity(scan.parts.len());
    for part in scan.parts {
        let component = &frame.components[part.component];
        let sides = outputs.iter().map(|o| o.planes[part.component].side);
        let last = last_needed(sides.max().unwrap_or(8));
        let ac = AcTable::new(tables.ac(part.ac)?)?;
        parts.push(ScanComponent {
            component: part.component,
            dc: SymbolTable::new(tables.dc(part.dc)?)?,
            skip: (last < 63).then(|| AcSkip::new(&ac.symbols)),
            ac,
            last,
            factors: InverseFactors::of_outputs(
                tables.quantisation(component)?,
                outputs,
                part.component,
            ),
        });
    }
    Ok(OpenScan { parts, walk })
}

/// The output of one row of MCUs.
struct StripeDecoder<'s> {
    parts: &'s [ScanComponent],
    planes: &'s mut [Plane],
}

impl BlockDecoder for StripeDecoder<'_> {
    /// Huffman codes usually resynchronise, and only what was missed in between is wrong.
    const CONTINUES_AFTER_ERROR: bool = true;

    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        before: &mut EntropyState,
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

/// Stores the coefficients of one row of MCUs.
struct Kept<'s> {
    parts: &'s [ScanComponent],
    stores: &'s mut [CoefficientBuffer],
}

impl BlockDecoder for Kept<'_> {
    const CONTINUES_AFTER_ERROR: bool = true;

    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        before: &mut EntropyState,
        [index, x, y]: [usize; 3],
    ) -> Result<(), Error> {
        let part = &self.parts[index];
        let mut block = self.stores[part.component].block(x, y);
        let dc = &mut before.dc[index & 3];
        let mut local = *bits;
        let mut read = part.dc.first(&mut local, dc);
        *block.first = *dc;
        if read.is_ok() {
            read = others(&mut local, part, part.last, |index, value| {
                block.set(index, value);
            });
        }
        *bits = local;
        read
    }

    /// Stays zero, which is gray.
    fn missing(&mut self, _: [usize; 3]) {}
}

/// What can be read is written: the block in which data breaks off, up to there.
#[inline(always)]
fn block<const SIDE: usize>(
    bits: &mut BitReader<'_>,
    part: &ScanComponent,
    dc: &mut i32,
    plane: &mut Plane,
    at: usize,
) -> Result<(), Error> {
    // Keeps the state in registers rather than behind a reference.
    let mut local = *bits;
    let mut read = part.dc.first(&mut local, dc);
    let mut rows = TransformedRows::new(&part.factors[0], *dc);
    if read.is_ok() {
        let last = const { last_needed(SIDE) };
        read = others(&mut local, part, last, |index, value| {
            rows.add(index, value);
        });
    }
    rows.write::<SIDE>(&mut plane.samples, at, plane.stride);
    *bits = local;
    read
}

#[inline(always)]
fn others(
    bits: &mut BitReader<'_>,
    part: &ScanComponent,
    last: usize,
    mut add: impl FnMut(usize, i16),
) -> Result<(), Error> {
    let mut index = 1;
    while index <= last {
        bits.refill();
        let found = part.ac.next(bits)?;
        index += usize::from(found.run);
        if index <= last {
            add(index, found.value);
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
