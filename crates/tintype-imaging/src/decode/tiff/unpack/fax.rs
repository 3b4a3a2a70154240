//! Group 3 and 4 fax coding (ITU-T T.4 and T.6), row by row; `fax` supplies the codes of runs and modes. A damaged row
//! ends Group 4 and plain run-length data; Group 3 continues with the next marked row.

use std::borrow::Cow;
use std::io::{self, Read};

use fax::BitReader;
use fax::maps::{Mode, black, mode, white};

use super::super::form;
use super::Shape;

const EOL_ZEROS: u8 = 11;

pub(super) struct Fax<'c> {
    bits: Bits<'c>,
    coding: form::FaxCoding,
    width: u32,
    rows_left: u32,
    /// Columns where the colour changes in the previous row and in this one, beginning with white.
    above: Vec<u32>,
    changes: Vec<u32>,
    row: Vec<u8>,
    /// The column reached in this row.
    at: usize,
}

impl<'c> Fax<'c> {
    pub(super) fn new(
        bytes: Cow<'c, [u8]>,
        coding: form::FaxCoding,
        shape: &Shape,
        row_bytes: usize,
    ) -> Self {
        Self {
            bits: Bits { bytes, at: 0 },
            coding,
            width: shape.width,
            rows_left: shape.rows,
            above: Vec::new(),
            changes: Vec::new(),
            row: vec![0; row_bytes],
            at: row_bytes,
        }
    }

    /// Decodes the next row; `None` after the last.
    fn next_row(&mut self) -> Option<()> {
        self.rows_left = self.rows_left.checked_sub(1)?;
        std::mem::swap(&mut self.above, &mut self.changes);
        self.changes.clear();
        match self.coding {
            form::FaxCoding::Group4 => self.by_the_row_above()?,
            form::FaxCoding::Rle { words } => {
                self.bits.align(if words { 16 } else { 8 });
                self.by_runs()?;
            }
            form::FaxCoding::Group3 { two_dimensional } => self.marked_row(two_dimensional)?,
        }
        self.draw();
        Some(())
    }

    fn marked_row(&mut self, two_dimensional: bool) -> Option<()> {
        let is_marked = self.bits.skip_mark();
        let by_runs = !two_dimensional || self.bits.take(1)? == 1;
        // Two marks in a row are the end.
        if is_marked && self.bits.is_mark() {
            return None;
        }
        let read = match by_runs {
            true => self.by_runs(),
            false => self.by_the_row_above(),
        };
        if read.is_none() {
            // The part of the row that was read is shown.
            self.bits.find_mark()?;
        }
        Some(())
    }

    fn by_runs(&mut self) -> Option<()> {
        let (mut at, mut is_black) = (0, false);
        while at < self.width {
            at = self.run(at, is_black)?;
            self.changes.push(at);
            is_black = !is_black;
        }
        Some(())
    }

    /// The end of the run that begins at `at`.
    fn run(&mut self, at: u32, is_black: bool) -> Option<u32> {
        let mut end = at;
        loop {
            let length = match is_black {
                true => black::decode(&mut self.bits)?,
                false => white::decode(&mut self.bits)?,
            };
            end += u32::from(length);
            if length < 64 {
                return Some(end.min(self.width));
            }
            // Without a limit, zero-length codes could go on for ever.
            if end > self.width + 2_560 {
                return None;
            }
        }
    }

    fn by_the_row_above(&mut self) -> Option<()> {
        // Only the first pixel may be at or before the start.
        let (mut at, mut is_first, mut is_black) = (0, true, false);
        let mut index = 0;
        while at < self.width {
            let first = self.next_change(&mut index, at, is_first, is_black);
            let change = |index: usize| self.above.get(index).copied().unwrap_or(self.width);
            match mode::decode(&mut self.bits)? {
                Mode::Pass => at = change(first + 1),
                Mode::Vertical(delta) => {
                    let end = change(first).checked_add_signed(i32::from(delta))?;
                    if end < at {
                        return None;
                    }
                    at = end.min(self.width);
                    self.changes.push(at);
                    is_black = !is_black;
                }
                Mode::Horizontal => {
                    for is_black in [is_black, !is_black] {
                        at = self.run(at, is_black)?;
                        self.changes.push(at);
                    }
                }
                Mode::Extension | Mode::EOF => return None,
            }
            is_first = false;
        }
        Some(())
    }

    /// The first change after `at` to the other colour, in the previous row.
    fn next_change(&self, index: &mut usize, at: u32, is_first: bool, is_black: bool) -> usize {
        let is_behind = |change: u32| change > at || is_first;
        while *index > 0 && is_behind(self.above[*index - 1]) {
            *index -= 1;
        }
        while self
            .above
            .get(*index)
            .is_some_and(|&change| !is_behind(change))
        {
            *index += 1;
        }
        *index + usize::from(*index % 2 != usize::from(is_black))
    }

    fn draw(&mut self) {
        self.row.fill(0);
        for run in self.changes.chunks(2) {
            let end = run.get(1).copied().unwrap_or(self.width);
            fill(&mut self.row, run[0], end);
        }
        self.at = 0;
    }
}

/// Sets a range of bits.
fn fill(row: &mut [u8], start: u32, end: u32) {
    if start >= end {
        return;
    }
    let (first, last) = (start as usize / 8, (end as usize - 1) / 8);
    let from = 0xff >> (start % 8);
    let to = 0xff << (7 - (end - 1) % 8);
    if first == last {
        row[first] |= from & to;
        return;
    }
    row[first] |= from;
    row[first + 1..last].fill(0xff);
    row[last] |= to;
}

impl Read for Fax<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.row.len() && self.next_row().is_none() {
            self.rows_left = 0;
            return Ok(0);
        }
        let read = (&self.row[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Reads bits, most significant first. Past the end it returns zeros, which match no code.
struct Bits<'c> {
    bytes: Cow<'c, [u8]>,
    at: usize,
}

impl Bits<'_> {
    fn align(&mut self, bits: usize) {
        self.at = self.at.next_multiple_of(bits);
    }

    fn take(&mut self, bits: u8) -> Option<u16> {
        let value = self.peek(bits)?;
        self.at += usize::from(bits);
        Some(value)
    }

    fn is_at_end(&self) -> bool {
        self.at >= 8 * self.bytes.len()
    }

    /// Fill bits before it are zeros as well.
    fn is_mark(&self) -> bool {
        !self.is_at_end() && self.peek(EOL_ZEROS) == Some(0)
    }

    fn skip_mark(&mut self) -> bool {
        if !self.is_mark() {
            return false;
        }
        while !self.is_at_end() {
            if self.take(1) == Some(1) {
                return true;
            }
        }
        false
    }

    /// Stops before the mark.
    fn find_mark(&mut self) -> Option<()> {
        while !self.is_at_end() {
            if self.is_mark() {
                return Some(());
            }
            self.at += 1;
        }
        None
    }
}

impl BitReader for Bits<'_> {
    type Error = std::convert::Infallible;

    fn peek(&self, bits: u8) -> Option<u16> {
        let byte = |at: usize| u32::from(self.bytes.get(at).copied().unwrap_or(0));
        let first = self.at / 8;
        let window = byte(first) << 16 | byte(first + 1) << 8 | byte(first + 2);
        let shift = 24 - self.at as u32 % 8 - u32::from(bits);
        Some((window >> shift & ((1 << bits) - 1)) as u16)
    }

    fn consume(&mut self, bits: u8) -> Result<(), Self::Error> {
        self.at += usize::from(bits);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (8 - self.at % 8) as u8 % 8
    }
}
