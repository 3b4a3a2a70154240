//! Scans of progressive frames (T.81 G), read side by side: the part of each that belongs to one row of MCUs is read
//! and becomes pixels at once. Only one row of coefficients is in memory, and it stays in the CPU cache.

mod band;

use fearless_simd::{Level, dispatch};

use crate::bits::BitReader;
use crate::coefficients::CoefficientBuffer;
use crate::frame::{FrameHeader, ScanHeader};
use crate::huffman::{AcTable, SymbolTable};
use crate::idct::InverseFactors;
use crate::level::level;
use crate::markers::{self, EOI, Head, SOS, SegmentReader, Tables};
use crate::plane::Output;
use crate::scan::{BlockDecoder, EntropyState, ScanReader};
use crate::{Error, Limits};

pub(crate) struct Progressive<'a> {
    /// In file order, without scans that contribute nothing at this scale.
    scans: Vec<OpenScan<'a>>,
    /// By component.
    stores: Vec<CoefficientBuffer>,
    /// By component, one per output; empty until a scan mentions the component.
    factors: Vec<Vec<InverseFactors>>,
    damaged: bool,
    level: Level,
}

/// A scan, and how far it has been read.
struct OpenScan<'a> {
    scan: ScanHeader,
    /// By index of the component in the scan.
    coded: Vec<Coded>,
    walk: ScanReader<'a>,
}

enum Coded {
    DcFirst(SymbolTable),
    /// DC refinement: raw bits without codes.
    DcRefinement,
    AcFirst(AcTable),
    AcRefinement(SymbolTable),
}

impl<'a> Progressive<'a> {
    /// Locates all scans. If one cannot be parsed, the scans before it still count.
    pub(crate) fn new(head: Head<'a>, outputs: &[Output], limits: &Limits) -> Result<Self, Error> {
        let Head {
            frame,
            mut tables,
            scan,
            mut reader,
        } = head;
        let mut progressive = Self {
            scans: Vec::new(),
            stores: CoefficientBuffer::of_components(&frame, outputs),
            factors: frame.components.iter().map(|_| Vec::new()).collect(),
            damaged: false,
            level: level(),
        };
        progressive.open(&mut reader, &frame, scan, &tables, outputs)?;
        let mut scans = 1;
        loop {
            let read = match reader.segment() {
                Ok((EOI, _)) => break,
                Ok((SOS, body)) => {
                    scans += 1;
                    Error::check("the number of scans", scans, u64::from(limits.max_scans))?;
                    markers::scan(&frame, body).and_then(|scan| {
                        progressive.open(&mut reader, &frame, scan, &tables, outputs)
                    })
                }
                // Tables between scans: damage here damages the scans that follow.
                Ok((marker, body)) => tables.read(marker, body),
                // The file ends without EOI or, if a marker is left, is truncated.
                Err(_) => {
                    progressive.damaged |= reader.has_marker();
                    break;
                }
            };
            progressive.damaged |= read.is_err();
        }
        progressive.keep_needed();
        Ok(progressive)
    }

    fn open(
        &mut self,
        reader: &mut SegmentReader<'a>,
        frame: &FrameHeader,
        scan: ScanHeader,
        tables: &Tables,
        outputs: &[Output],
    ) -> Result<(), Error> {
        let bits = BitReader::new(reader.bytes, reader.at);
        for part in &scan.parts {
            let index = part.component;
            if self.factors[index].is_empty() {
                let table = tables.quantisation(&frame.components[index])?;
                self.factors[index] = InverseFactors::of_outputs(table, outputs, index);
            }
        }
        let coded = scan.parts.iter().map(|part| {
            Ok(match (scan.start, scan.high) {
                (0, 0) => Coded::DcFirst(SymbolTable::new(tables.dc(part.dc)?)?),
                (0, _) => Coded::DcRefinement,
                (_, 0) => Coded::AcFirst(AcTable::new(tables.ac(part.ac)?)?),
                _ => Coded::AcRefinement(SymbolTable::new(tables.ac(part.ac)?)?),
            })
        });
        self.scans.push(OpenScan {
            coded: coded.collect::<Result<_, Error>>()?,
            walk: ScanReader::new(bits, frame, &scan.parts, tables.restart),
            scan,
        });
        reader.at = reader.end_of_scan();
        Ok(())
    }

    /// Drops the scans that contribute nothing. Besides scans of stored coefficients, those are needed whose coefficients
    /// a needed scan refines: how its bits are parsed depends on which of them are nonzero.
    fn keep_needed(&mut self) {
        let stores = &self.stores;
        let mut corrected = vec![0; stores.len()];
        let needed = self.scans.iter().rev().map(|OpenScan { scan, .. }| {
            let is_needed = |component: usize| {
                stores[component].needs(scan.start) || scan.start <= corrected[component]
            };
            let is_needed = scan.parts.iter().any(|part| is_needed(part.component));
            if is_needed && scan.high > 0 {
                let parts = scan.parts.iter();
                parts.for_each(|part| {
                    corrected[part.component] = corrected[part.component].max(scan.end);
                });
            }
            is_needed
        });
        let needed: Vec<bool> = needed.collect();
        let mut needed = needed.into_iter().rev();
        self.scans.retain(|_| needed.next() == Some(true));
    }

    /// Of what was read so far.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged || self.scans.iter().any(|open| open.walk.is_damaged())
    }

    /// Reads a row of MCUs.
    pub(crate) fn row(&mut self, row: usize, outputs: &mut [Output]) {
        self.stores.iter_mut().for_each(|store| store.begin(row));
        for OpenScan { scan, coded, walk } in &mut self.scans {
            let mut pass = Pass {
                stores: &mut self.stores,
                scan,
                coded,
            };
            dispatch!(self.level, _simd => walk.stripe(&mut pass));
        }
        for (index, (store, factors)) in self.stores.iter().zip(&self.factors).enumerate() {
            dispatch!(self.level, _simd => store.write(factors, outputs, index));
        }
    }
}

/// Decodes one scan's part of a row.
struct Pass<'p> {
    stores: &'p mut [CoefficientBuffer],
    scan: &'p ScanHeader,
    coded: &'p [Coded],
}

impl BlockDecoder for Pass<'_> {
    /// After damage, the data of earlier scans is better than what follows.
    const CONTINUES_AFTER_ERROR: bool = false;

    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        before: &mut EntropyState,
        [part, x, y]: [usize; 3],
    ) -> Result<(), Error> {
        let scan = self.scan;
        // Most blocks of most scans.
        if before.end_of_band > 0 && matches!(self.coded[part], Coded::AcFirst(_)) {
            before.end_of_band -= 1;
            return Ok(());
        }
        let mut block = self.stores[scan.parts[part].component].block(x, y);
        match &self.coded[part] {
            Coded::DcFirst(table) => {
                let dc = &mut before.dc[part & 3];
                table.first(bits, dc)?;
                *block.first = *dc << scan.low;
                Ok(())
            }
            Coded::DcRefinement => {
                *block.first |= i32::from(bits.bit()) << scan.low;
                Ok(())
            }
            Coded::AcFirst(table) => {
                // Keeps the state in registers rather than behind references.
                let (mut local, mut end_of_band) = (*bits, before.end_of_band);
                let read = band::first(&mut local, table, scan, &mut end_of_band, &mut block);
                (*bits, before.end_of_band) = (local, end_of_band);
                read
            }
            Coded::AcRefinement(table) => {
                let (mut local, mut end_of_band) = (*bits, before.end_of_band);
                let read = band::refine(&mut local, table, scan, &mut end_of_band, &mut block);
                (*bits, before.end_of_band) = (local, end_of_band);
                read
            }
        }
    }

    /// The block keeps the data of earlier scans.
    fn missing(&mut self, _: [usize; 3]) {}
}
