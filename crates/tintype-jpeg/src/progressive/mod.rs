//! Scans of progressive frames (T.81 G), read side by side: of each the part that belongs to a row of MCUs, which then
//! becomes pixels. So no more than a row of coefficients is in memory, where a processor finds it at once.

mod band;

use fearless_simd::{Level, dispatch};

use crate::bits::Bits;
use crate::frame::{Frame, Scan};
use crate::huffman::{AcTable, Table};
use crate::idct::Factors;
use crate::level::level;
use crate::markers::{self, EOI, Head, Reader, SOS, Tables};
use crate::plane::Output;
use crate::scan::{Before, Blocks, Walk};
use crate::store::Store;
use crate::{Error, Limits};

pub(crate) struct Progressive<'a> {
    /// In the order of the file, without those that nothing is needed of.
    scans: Vec<Open<'a>>,
    /// By component.
    stores: Vec<Store>,
    /// For each of the outputs; empty where no scan has spoken of the component.
    factors: Vec<Vec<Factors>>,
    damaged: bool,
    level: Level,
}

/// One scan, and how far it was read.
struct Open<'a> {
    scan: Scan,
    /// By the place of the component in the scan.
    coded: Vec<Coded>,
    walk: Walk<'a>,
}

enum Coded {
    First(Table),
    /// Corrections of first coefficients are bits without a code.
    FirstAgain,
    Others(AcTable),
    OthersAgain(Table),
}

impl<'a> Progressive<'a> {
    /// Finds all scans. Where one cannot be read, those before it count.
    pub(crate) fn new(head: Head<'a>, outputs: &[Output], limits: &Limits) -> Result<Self, Error> {
        let Head {
            frame,
            mut tables,
            scan,
            mut reader,
        } = head;
        let mut progressive = Self {
            scans: Vec::new(),
            stores: Store::of_components(&frame, outputs),
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
                // Tables between scans. Damage here is damage to what follows.
                Ok((marker, body)) => tables.read(marker, body),
                // It ends without its end or, where a marker is left, breaks off.
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
        reader: &mut Reader<'a>,
        frame: &Frame,
        scan: Scan,
        tables: &Tables,
        outputs: &[Output],
    ) -> Result<(), Error> {
        let bits = Bits::new(reader.bytes, reader.at);
        for part in &scan.parts {
            let index = part.component;
            if self.factors[index].is_empty() {
                let table = tables.quantisation(&frame.components[index])?;
                self.factors[index] = Factors::of_outputs(table, outputs, index);
            }
        }
        let coded = scan.parts.iter().map(|part| {
            Ok(match (scan.start, scan.high) {
                (0, 0) => Coded::First(Table::new(tables.dc(part.dc)?)?),
                (0, _) => Coded::FirstAgain,
                (_, 0) => Coded::Others(AcTable::new(tables.ac(part.ac)?)?),
                _ => Coded::OthersAgain(Table::new(tables.ac(part.ac)?)?),
            })
        });
        self.scans.push(Open {
            coded: coded.collect::<Result<_, Error>>()?,
            walk: Walk::new(bits, frame, &scan.parts, tables.restart),
            scan,
        });
        reader.at = reader.end_of_scan();
        Ok(())
    }

    /// Leaves those scans that say something of coefficients that are kept, or of others that a later one of these
    /// corrects: how its bits are read depends on which of them are not zero.
    fn keep_needed(&mut self) {
        let stores = &self.stores;
        let mut corrected = vec![0; stores.len()];
        let needed = self.scans.iter().rev().map(|Open { scan, .. }| {
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
        for Open { scan, coded, walk } in &mut self.scans {
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

/// A part of one scan.
struct Pass<'p> {
    stores: &'p mut [Store],
    scan: &'p Scan,
    coded: &'p [Coded],
}

impl Blocks for Pass<'_> {
    /// What an earlier scan has is better than what follows damage.
    const GO_ON: bool = false;

    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut Bits<'_>,
        before: &mut Before,
        [part, x, y]: [usize; 3],
    ) -> Result<(), Error> {
        let scan = self.scan;
        // Most blocks of most scans.
        if before.end_of_band > 0 && matches!(self.coded[part], Coded::Others(_)) {
            before.end_of_band -= 1;
            return Ok(());
        }
        let mut block = self.stores[scan.parts[part].component].block(x, y);
        match &self.coded[part] {
            Coded::First(table) => {
                let dc = &mut before.dc[part & 3];
                table.first(bits, dc)?;
                *block.first = *dc << scan.low;
                Ok(())
            }
            Coded::FirstAgain => {
                *block.first |= i32::from(bits.bit()) << scan.low;
                Ok(())
            }
            Coded::Others(table) => {
                // In registers, other than through the references.
                let (mut local, mut end_of_band) = (*bits, before.end_of_band);
                let read = band::first(&mut local, table, scan, &mut end_of_band, &mut block);
                (*bits, before.end_of_band) = (local, end_of_band);
                read
            }
            Coded::OthersAgain(table) => {
                let (mut local, mut end_of_band) = (*bits, before.end_of_band);
                let read = band::again(&mut local, table, scan, &mut end_of_band, &mut block);
                (*bits, before.end_of_band) = (local, end_of_band);
                read
            }
        }
    }

    /// It stays as it is.
    fn missing(&mut self, _: [usize; 3]) {}
}
