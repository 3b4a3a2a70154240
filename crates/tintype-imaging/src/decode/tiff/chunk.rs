//! Reads the rows of one strip or tile, from packed bytes to samples.

use std::io::Read;
use std::time::Instant;

use super::form::{Packing, PageFormat};
use super::sample::TiffSample;
use super::{predict, unpack};
use crate::Error;
use crate::limits::Limits;
use crate::probe::tiff::page::{CIE_LAB, ICC_LAB, PALETTE};
use crate::probe::tiff::{ChunkTable, Page};

/// What all strips or tiles of a page have in common.
pub(super) struct PageChunks<'a> {
    pub(super) file: &'a [u8],
    pub(super) page: Page,
    pub(super) form: PageFormat,
    pub(super) table: ChunkTable,
    pub(super) tables: Vec<u8>,
    pub(super) limits: &'a Limits,
    pub(super) deadline: Instant,
}

impl<'a> PageChunks<'a> {
    /// The number of image rows in a row of chunks.
    pub(super) fn rows(&self, chunk_row: u64) -> u32 {
        let height = u64::from(self.page.chunk.height);
        let left = u64::from(self.page.size.height) - chunk_row * height;
        height.min(left) as u32
    }

    /// Opens a chunk; one that cannot be read has no rows.
    pub(super) fn open<'c>(&'c self, index: u64, chunk_row: u64) -> Result<ChunkReader<'c>, Error> {
        let page = &self.page;
        let samples = (page.samples / page.planes()) as usize;
        let shape = unpack::Shape {
            width: page.chunk.width,
            rows: self.rows(chunk_row),
            samples,
        };
        let bits = shape.width as usize * samples * self.form.depth.bits() as usize;
        let row_bytes = match self.form.subsampling {
            None => bits.div_ceil(8),
            Some((across, down)) => {
                let blocks = (shape.width as usize).div_ceil(usize::from(across));
                blocks * (usize::from(across) * usize::from(down) + 2)
            }
        };
        let reader = match unpack::open(self, self.chunk(index), &shape, row_bytes) {
            Ok(reader) => Some(reader),
            // Other chunks may be intact.
            Err(Error::Malformed(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(ChunkReader {
            reader,
            form: &self.form,
            raw: matches!(page.photometric, PALETTE | CIE_LAB | ICC_LAB),
            apart: samples,
            packed: vec![0; row_bytes],
            scratch: Vec::new(),
            line: 0,
        })
    }

    /// The chunk's bytes, truncated at the end of the file. If its length is unknown, everything that follows.
    fn chunk(&self, index: u64) -> &'a [u8] {
        let at = index as usize;
        let Some(&offset) = self.table.offsets.get(at) else {
            return &[];
        };
        let file = self.file;
        let rest = usize::try_from(offset).ok().and_then(|at| file.get(at..));
        let rest = rest.unwrap_or_default();
        match self.table.counts.get(at) {
            // The end of raw samples is known anyway, and some writers store wrong counts.
            Some(&count) if count > 0 && self.form.packing != Packing::None => {
                &rest[..rest.len().min(usize::try_from(count).unwrap_or(usize::MAX))]
            }
            _ => rest,
        }
    }
}

pub(super) struct ChunkReader<'c> {
    /// `None` when there are no more rows.
    reader: Option<Box<dyn Read + 'c>>,
    form: &'c PageFormat,
    raw: bool,
    apart: usize,
    packed: Vec<u8>,
    scratch: Vec<u8>,
    /// The next of the rows that share their chroma.
    line: usize,
}

impl ChunkReader<'_> {
    /// Fills a row; returns `false` and clears it if there is none.
    pub(super) fn next<S: TiffSample>(&mut self, row: &mut [S]) -> bool {
        if self.line == 0 && !self.read() {
            row.fill(S::default());
            return false;
        }
        match self.form.subsampling {
            None => S::unpack(&self.packed, self.form, self.raw, row),
            Some((across, down)) => {
                let (across, down) = (usize::from(across), usize::from(down));
                self.scratch.clear();
                for block in self.packed.chunks_exact(across * down + 2) {
                    let (luma, chroma) = block.split_at(across * down);
                    for luma in &luma[self.line * across..][..across] {
                        self.scratch.extend([*luma, chroma[0], chroma[1]]);
                    }
                }
                S::unpack(&self.scratch, self.form, self.raw, row);
                self.line = (self.line + 1) % down;
            }
        }
        true
    }

    fn read(&mut self) -> bool {
        let Some(reader) = &mut self.reader else {
            return false;
        };
        if reader.read_exact(&mut self.packed).is_err() {
            self.reader = None;
            return false;
        }
        predict::undo(&mut self.packed, &mut self.scratch, self.form, self.apart);
        true
    }
}
