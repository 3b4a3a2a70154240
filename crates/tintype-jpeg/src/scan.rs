//! Walks the MCUs of a scan (T.81 A.2, E.2), for all coding processes: from restart to restart, skipping what was lost
//! in between.

use crate::Error;
use crate::bits::BitReader;
use crate::frame::{FrameHeader, ScanPart};

/// The decoding state that carries over from block to block.
#[derive(Clone, Copy, Default)]
pub(crate) struct EntropyState {
    /// DC coefficients, by index of the component in the scan.
    pub(crate) dc: [i32; 4],
    /// Remaining blocks of an end-of-band run; for progressive frames.
    pub(crate) end_of_band: u32,
}

/// Consumes the blocks of a scan. `place` is the index of the component in the scan, then column and row of the block.
pub(crate) trait BlockDecoder {
    /// Whether blocks after an invalid code are still worth reading.
    const CONTINUES_AFTER_ERROR: bool;

    fn read(
        &mut self,
        bits: &mut BitReader<'_>,
        before: &mut EntropyState,
        place: [usize; 3],
    ) -> Result<(), Error>;

    /// The block is lost.
    fn missing(&mut self, place: [usize; 3]);
}

pub(crate) struct ScanReader<'a> {
    bits: BitReader<'a>,
    /// Columns and rows of MCUs in the scan; rows of the scan that make up one MCU row of the frame.
    columns: usize,
    rows: usize,
    rows_at_once: usize,
    /// The next row.
    row: usize,
    /// Blocks per MCU across and down, by index of the component in the scan.
    shapes: Vec<(usize, usize)>,
    before: EntropyState,
    /// MCUs between restart markers; 0 without them.
    interval: usize,
    until_restart: usize,
    /// Number of the next restart marker.
    number: u8,
    /// Nothing more can be read before the next restart marker.
    lost: bool,
    damaged: bool,
}

impl<'a> ScanReader<'a> {
    pub(crate) fn new(
        bits: BitReader<'a>,
        frame: &FrameHeader,
        parts: &[ScanPart],
        interval: usize,
    ) -> Self {
        let (columns, rows) = frame.mcus_of(parts);
        let rows_at_once = match parts {
            [only] => frame.components[only.component].v,
            _ => 1,
        };
        Self {
            bits,
            columns,
            rows,
            rows_at_once,
            row: 0,
            shapes: frame.shapes_of(parts),
            before: EntropyState::default(),
            interval,
            until_restart: interval,
            number: 0,
            lost: false,
            damaged: false,
        }
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Reads the next MCU row of the frame.
    #[inline(always)]
    pub(crate) fn stripe<B: BlockDecoder>(&mut self, blocks: &mut B) {
        let end = (self.row + self.rows_at_once).min(self.rows);
        for row in self.row..end {
            self.row(row, blocks);
        }
        self.row = end;
    }

    #[inline(always)]
    fn row<B: BlockDecoder>(&mut self, row: usize, blocks: &mut B) {
        for column in 0..self.columns {
            if self.interval != 0 {
                if self.until_restart == 0 {
                    self.restart();
                }
                self.until_restart -= 1;
            }
            for part in 0..self.shapes.len() {
                let (h, v) = self.shapes[part];
                for y in 0..v {
                    for x in 0..h {
                        self.block([part, column * h + x, row * v + y], blocks);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn block<B: BlockDecoder>(&mut self, place: [usize; 3], blocks: &mut B) {
        if self.lost {
            blocks.missing(place);
            return;
        }
        let read = blocks.read(&mut self.bits, &mut self.before, place);
        if read.is_err() || self.bits.overrun() {
            self.damaged = true;
            self.lost = self.bits.overrun() || !B::CONTINUES_AFTER_ERROR;
        }
    }

    #[cold]
    fn restart(&mut self) {
        self.lost = !self.bits.restart(self.number);
        self.damaged |= self.lost;
        self.number = (self.number + 1) & 7;
        self.until_restart = self.interval;
        self.before = EntropyState::default();
    }
}
