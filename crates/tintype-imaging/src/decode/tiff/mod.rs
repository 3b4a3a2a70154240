//! TIFF (6.0, BigTIFF, and extensions by Adobe and libtiff): the main page, row by row.
//!
//! Reading order: [`form`], the sample format of a page, which refuses everything unsupported by name; [`unpack`], from
//! the bytes of a strip or tile to rows of packed samples; [`chunk`], from those to samples; [`colours`], from samples
//! to pixels. Strips are read by row, so that only those of one row are open at once; tiles by rows of tiles.
//!
//! Damaged or missing strips and tiles are left empty; everything after them stays in its place.

mod chunk;
mod colours;
mod form;
mod predict;
mod sample;
mod unpack;

use std::io::Cursor;
use std::time::Instant;

use super::{Band, BandSink, ITS_OWN, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::Container;
use crate::probe::ifd::Tiff;
use crate::probe::tiff::{Page, page};
use crate::spec::Size;
use chunk::PageChunks;
use colours::{BandSamples, PixelConverter};
use form::{Depth, PageFormat};
use sample::TiffSample;

pub(super) fn decode(
    bytes: &[u8],
    container: &Container,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let mut tiff = Tiff::open(Cursor::new(bytes))?;
    let directory = page::main(&mut tiff, limits)?;
    let page = Page::read(&mut tiff, &directory)?;
    if page.size != container.header.size {
        return Err(Error::malformed("its sizes disagree"));
    }
    let form = PageFormat::of(&page, &mut tiff, &directory)?;
    Error::check(
        "bytes of the decoded picture",
        page.bytes_at_once(),
        limits.max_decoded_bytes,
    )?;
    let colours = PixelConverter::new(&page, &form, &mut tiff, &directory, container)?;
    let chunks = PageChunks {
        file: bytes,
        tables: form::jpeg_tables(&mut tiff, &directory, limits),
        table: page.table(&mut tiff, &directory, limits)?,
        page,
        form,
        limits,
        deadline,
    };
    let depth = chunks.form.depth;
    let output = Output {
        size: chunks.page.size,
        pixels: BandSamples::new(&colours, depth),
        layout: colours.layout(),
        take,
        deadline,
        left_out: 0,
    };
    match depth {
        Depth::Eight { .. } => rows::<u8>(&chunks, &colours, output),
        Depth::Sixteen { .. } => rows::<u16>(&chunks, &colours, output),
        Depth::Float { .. } => rows::<f32>(&chunks, &colours, output),
    }
}

fn rows<S: TiffSample>(
    chunks: &PageChunks<'_>,
    colours: &PixelConverter,
    output: Output<'_, '_>,
) -> Result<(), Error> {
    match chunks.page.chunk.is_tile {
        true => tiles::<S>(chunks, colours, output),
        false => strips::<S>(chunks, colours, output),
    }
}

/// Reads all planes of a row at once.
fn strips<S: TiffSample>(
    chunks: &PageChunks<'_>,
    colours: &PixelConverter,
    mut output: Output<'_, '_>,
) -> Result<(), Error> {
    let page = &chunks.page;
    let (_, down) = page.grid();
    let width = page.size.width as usize;
    let samples = page.samples as usize;
    let planes = page.planes() as usize;
    let mut row = vec![S::default(); width * samples];
    let mut line = vec![S::default(); width * samples / planes];
    for strip in 0..down {
        let open = |plane: usize| chunks.open(plane as u64 * down + strip, strip);
        let mut readers = (0..planes).map(open).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..chunks.rows(strip) {
            let mut is_there = false;
            if let [reader] = readers.as_mut_slice() {
                is_there = reader.next(&mut row);
            } else {
                for (plane, reader) in readers.iter_mut().enumerate() {
                    is_there |= reader.next(&mut line);
                    spread(&line, &mut row, plane, planes);
                }
            }
            output.row(&row, is_there, colours)?;
        }
        check_deadline(chunks.deadline)?;
    }
    output.finish()
}

fn tiles<S: TiffSample>(
    chunks: &PageChunks<'_>,
    colours: &PixelConverter,
    mut output: Output<'_, '_>,
) -> Result<(), Error> {
    let page = &chunks.page;
    let (across, down) = page.grid();
    let width = page.size.width as usize;
    let samples = page.samples as usize;
    let planes = page.planes() as usize;
    let in_a_plane = samples / planes;
    let tile_width = page.chunk.width as usize;
    let stride = width * samples;
    let mut rows = vec![S::default(); stride * page.chunk.height.min(page.size.height) as usize];
    let mut line = vec![S::default(); tile_width * in_a_plane];
    for tile_row in 0..down {
        let height = chunks.rows(tile_row) as usize;
        let mut there = 0;
        for (plane, column) in (0..planes).flat_map(|plane| (0..across).map(move |x| (plane, x))) {
            let index = (plane as u64 * down + tile_row) * across + column;
            let mut reader = chunks.open(index, tile_row)?;
            let left = column as usize * tile_width;
            let shown = tile_width.min(width - left) * in_a_plane;
            for (y, row) in rows.chunks_exact_mut(stride).take(height).enumerate() {
                if reader.next(&mut line) {
                    there = there.max(y + 1);
                }
                spread(&line[..shown], &mut row[left * samples..], plane, planes);
            }
            check_deadline(chunks.deadline)?;
        }
        for (y, row) in rows.chunks_exact(stride).take(height).enumerate() {
            output.row(row, y < there, colours)?;
        }
    }
    output.finish()
}

/// Interleaves the samples of one plane with the others.
fn spread<S: Copy>(line: &[S], row: &mut [S], plane: usize, planes: usize) {
    if planes == 1 {
        row[..line.len()].copy_from_slice(line);
        return;
    }
    let places = row.iter_mut().skip(plane).step_by(planes);
    places
        .zip(line)
        .for_each(|(place, sample)| *place = *sample);
}

/// Gathers pixels into bands.
struct Output<'a, 't> {
    size: Size,
    layout: Layout,
    pixels: BandSamples,
    take: &'a mut BandSink<'t>,
    deadline: Instant,
    /// Missing rows since the last known one.
    left_out: usize,
}

impl Output<'_, '_> {
    fn row<S: TiffSample>(
        &mut self,
        row: &[S],
        is_there: bool,
        colours: &PixelConverter,
    ) -> Result<(), Error> {
        if !is_there {
            self.left_out += 1;
            return Ok(());
        }
        for _ in 0..std::mem::take(&mut self.left_out) {
            self.pixels.leave_out(self.stride());
            self.emit_if_full()?;
        }
        S::paint(colours, row, &mut self.pixels)?;
        self.emit_if_full()
    }

    fn stride(&self) -> usize {
        self.size.width as usize * self.layout.channels()
    }

    fn emit_if_full(&mut self) -> Result<(), Error> {
        let stride = self.stride();
        match self.pixels.len() >= rows_of_a_band(stride) * stride {
            true => self.emit(),
            false => Ok(()),
        }
    }

    fn emit(&mut self) -> Result<(), Error> {
        check_deadline(self.deadline)?;
        let samples = match &self.pixels {
            BandSamples::Eight(samples) => Samples::Eight(samples.as_slice().into()),
            BandSamples::Sixteen(samples) => Samples::Sixteen(samples.as_slice().into()),
        };
        (self.take)(Band {
            size: self.size,
            reach: ITS_OWN,
            plane: None,
            layout: self.layout,
            samples,
        })?;
        self.pixels.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        if self.left_out == self.size.height as usize {
            check_deadline(self.deadline)?;
            return Err(Error::malformed("none of its pixels can be read"));
        }
        match self.pixels.len() {
            0 => Ok(()),
            _ => self.emit(),
        }
    }
}
