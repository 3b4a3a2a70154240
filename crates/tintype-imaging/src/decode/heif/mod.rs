//! HEIF: an item and everything it is derived from. Tiles are decoded one row of tiles at a time; overlays are composed
//! on a canvas first.
//!
//! The deadline is checked between items: it cannot be checked within an HEVC item, but the work of all items together
//! is bounded.

mod alpha;
pub mod apart;
mod av1;
mod canvas;
mod frame;
mod frames;
mod grid;
mod hevc;
mod overlay;

use std::borrow::Cow;
use std::io::Cursor;
use std::time::Instant;

use self::apart::Av1Decoder;
use self::av1::DecodeRequest;
use self::canvas::{Sample, WholeImage};
use self::frame::{Converter, YuvFrame};
pub(super) use self::frames::Frames;
use super::{Band, BandSink, ITS_OWN, Layout, rows_of_a_band};
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::probe::heif::{
    AV1, GRID, HEV1, HVC1, HeifFile, IDENTITY, MAX_DEPTH, Nclx, OVERLAY, Property, TONE_MAP,
};
use crate::probe::{ContainerReader, Header};
use crate::spec::{Rect, Size};

/// Limit on everything decoded for one image: this many times its pixels, plus an allowance for small images.
const MOST_TIMES: u64 = 8;
const MOST_BESIDES: u64 = 4_000_000;

/// Fixed cost of an item, in pixels: a decoder is set up for each.
const OF_AN_ITEM: u64 = 4_096;

/// Coded pictures are padded to whole blocks of this many pixels a side.
const BLOCK: u64 = 128;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let mut reader = ContainerReader::new(Cursor::new(bytes), deadline)?;
    let file = HeifFile::read(&mut reader, limits)?;
    let layout = match header.channels() {
        1 => Layout::Gray,
        2 => Layout::GrayAlpha,
        3 => Layout::Rgb,
        _ => Layout::Rgba,
    };
    let (id, whole) = (file.primary, file.size(file.primary)?);
    Error::check_pixels(whole.pixels(), limits.max_pixels)?;
    let (shown, _) = file.shown(id)?;
    if Size::new(shown.width, shown.height) != header.size {
        return Err(Error::malformed("its sizes disagree"));
    }
    let mut items = Items {
        file: &file,
        reader,
        deadline,
        av1: Av1Decoder::default(),
        left: MOST_TIMES * whole.pixels() + MOST_BESIDES,
        channels: layout.channels(),
    };
    match header.bits {
        0..=8 => items.emit::<u8>(id, (shown, layout), take),
        _ => items.emit::<u16>(id, (shown, layout), take),
    }
}

/// Takes rows of an item, top to bottom, as wide as the item: the index of the first row, and the samples.
type Rows<'a, S> = dyn FnMut(u32, &mut [S]) -> Result<(), Error> + 'a;

struct Items<'a> {
    file: &'a HeifFile,
    reader: ContainerReader<Cursor<&'a [u8]>>,
    deadline: Instant,
    av1: Av1Decoder,
    /// Pixels that may still be decoded.
    left: u64,
    /// Channels of each output pixel.
    channels: usize,
}

impl Items<'_> {
    /// Emits the visible part in bands.
    fn emit<S: Sample>(
        &mut self,
        id: u32,
        (shown, layout): (Rect, Layout),
        take: &mut BandSink<'_>,
    ) -> Result<(), Error> {
        let (width, channels) = (self.file.size(id)?.width, self.channels);
        let mut emitted = false;
        let result = self.rows::<S>(id, 0, None, &mut |top, rows| {
            let part = within(shown, (top, width), rows, channels);
            if part.is_empty() {
                return Ok(());
            }
            emitted = true;
            take(Band {
                size: Size::new(shown.width, shown.height),
                reach: ITS_OWN,
                plane: None,
                layout,
                samples: S::samples(part),
            })
        });
        match result {
            // If tiles are missing or broken, the rows above are worth showing.
            Err(Error::Malformed(_)) if emitted => check_deadline(self.deadline),
            other => other,
        }
    }

    /// Decodes an item before it is cropped and rotated. `outer` is the colour description of its parent.
    fn rows<S: Sample>(
        &mut self,
        id: u32,
        depth: u32,
        outer: Option<Nclx>,
        to: &mut Rows<'_, S>,
    ) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::malformed("items are nested too deeply"));
        }
        let outer = self.file.nclx(id).or(outer);
        match self.file.kind(id)? {
            AV1 | HVC1 | HEV1 => self.coded(id, outer, to),
            GRID => self.grid(id, depth, outer, to),
            OVERLAY => {
                let mut canvas = self.overlay::<S>(id, depth, outer)?;
                to(0, &mut canvas.samples)
            }
            IDENTITY | TONE_MAP => {
                let source = self.file.inputs(id).first().copied();
                let source =
                    source.ok_or_else(|| Error::malformed("a derived image without inputs"))?;
                let mut canvas = self.canvas::<S>(source, depth + 1, outer)?;
                if canvas.size != self.file.size(id)? {
                    return Err(Error::malformed("its sizes disagree"));
                }
                to(0, &mut canvas.samples)
            }
            _ => Err(Error::unsupported("this kind of HEIF item")),
        }
    }

    fn coded<S: Sample>(
        &mut self,
        id: u32,
        outer: Option<Nclx>,
        to: &mut Rows<'_, S>,
    ) -> Result<(), Error> {
        let size = self.file.size(id)?;
        let alpha = self.alpha::<S>(id)?;
        let frame = self.frame(id, outer)?;
        let mut converter = Converter::new(&frame, self.channels, S::MAX);
        let stride = size.width as usize * self.channels;
        let at_once = rows_of_a_band(stride * size_of::<S>()) as u32;
        let mut band = vec![S::default(); at_once.min(size.height) as usize * stride];
        let mut top = 0;
        while top < size.height {
            let count = at_once.min(size.height - top);
            let rows = &mut band[..count as usize * stride];
            for (y, row) in (top..).zip(rows.chunks_exact_mut(stride)) {
                converter.row(y, row);
            }
            if let Some(alpha) = &alpha {
                alpha.apply(rows, top, self.channels);
            }
            to(top, rows)?;
            check_deadline(self.deadline)?;
            top += count;
        }
        Ok(())
    }

    /// Decodes an item as displayed.
    fn canvas<S: Sample>(
        &mut self,
        id: u32,
        depth: u32,
        outer: Option<Nclx>,
    ) -> Result<WholeImage<S>, Error> {
        let (size, channels) = (self.file.size(id)?, self.channels);
        let (shown, turn) = self.file.shown(id)?;
        self.charge(size)?;
        let mut canvas = WholeImage::new(Size::new(shown.width, shown.height), channels);
        let mut filled = 0;
        self.rows::<S>(id, depth, outer, &mut |top, rows| {
            let part = within(shown, (top, size.width), rows, channels);
            canvas.samples[filled..filled + part.len()].copy_from_slice(&part);
            filled += part.len();
            Ok(())
        })?;
        Ok(canvas.turned(turn))
    }

    /// Decodes a coded item, which must be at least as large as declared.
    fn frame(&mut self, id: u32, outer: Option<Nclx>) -> Result<YuvFrame, Error> {
        let size = self.file.size(id)?;
        self.charge(size)?;
        let data = self.data(id)?;
        let most = most(size);
        let mut frame = match self.file.kind(id)? {
            AV1 => {
                let point = self
                    .file
                    .properties(id)
                    .find_map(|property| match property {
                        Property::OperatingPoint(point) => Some(*point),
                        _ => None,
                    });
                let request = DecodeRequest {
                    data,
                    point,
                    most,
                    track: None,
                };
                self.av1.decode(request, self.deadline)?
            }
            HVC1 | HEV1 => {
                let config = self
                    .file
                    .properties(id)
                    .find_map(|property| match property {
                        Property::Hevc(config) => Some(config),
                        _ => None,
                    });
                let config = config.ok_or_else(|| Error::malformed("no configuration"))?;
                hevc::decode(&data, config, most, self.deadline)?
            }
            _ => return Err(Error::unsupported("this kind of HEIF item")),
        };
        if frame.size.width < size.width || frame.size.height < size.height {
            return Err(Error::malformed("its sizes disagree"));
        }
        if let Some(nclx) = self.file.nclx(id).or(outer) {
            frame.describe(nclx);
        }
        Ok(frame)
    }

    /// Charges pixels to the budget before they are decoded or composed.
    fn charge(&mut self, size: Size) -> Result<(), Error> {
        self.spend(size.pixels() + OF_AN_ITEM)
    }

    fn spend(&mut self, pixels: u64) -> Result<(), Error> {
        check_deadline(self.deadline)?;
        self.left = self.left.checked_sub(pixels).ok_or(Error::OverLimit {
            what: "pixels of the parts of a HEIF",
            is: pixels,
            limit: self.left,
        })?;
        Ok(())
    }

    /// Reads an item's data; each byte is charged as one pixel.
    fn data(&mut self, id: u32) -> Result<Vec<u8>, Error> {
        let (data, is_whole) = self.file.data(&mut self.reader, id)?;
        self.spend(data.len() as u64)?;
        match is_whole {
            true => Ok(data),
            false => Err(Error::malformed("it ends too early")),
        }
    }
}

/// Returns the most pixels of a coded picture.
fn most(size: Size) -> u64 {
    let blocks = |side: u32| u64::from(side).next_multiple_of(BLOCK);
    blocks(size.width) * blocks(size.height)
}

/// Extracts the pixels of `part` from rows that are `width` pixels wide and begin at row `top`.
fn within<S: Sample>(
    part: Rect,
    (top, width): (u32, u32),
    rows: &[S],
    channels: usize,
) -> Cow<'_, [S]> {
    let stride = width as usize * channels;
    let (left, length) = (part.x as usize * channels, part.width as usize * channels);
    let first = part.y.saturating_sub(top) as usize;
    let end = (part.y + part.height).saturating_sub(top) as usize;
    let end = end.min(rows.len() / stride);
    if first >= end {
        return Cow::Borrowed(&[]);
    }
    let rows = &rows[first * stride..end * stride];
    if length == stride {
        return rows.into();
    }
    let lines = rows.chunks_exact(stride);
    let parts = lines.flat_map(|line| &line[left..left + length]);
    parts.copied().collect()
}
