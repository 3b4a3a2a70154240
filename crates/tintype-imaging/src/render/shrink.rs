//! Crops and resizes rows from the decoder as they arrive, so that for a format stored in rows only a window is in memory.
//! Samples of 8 bits are resized with 8 bits, deeper ones and light with 16.
//!
//! Lanczos3 over the encoded samples, like libvips, or on request over light: first the height, by windows of rows that overlap by the reach of
//! the filter, then the width. The result equals one pass over the whole image. Alpha is premultiplied on the way, so
//! that invisible colours do not bleed into visible ones.

use std::borrow::Cow;
use std::ops::Range;
use std::time::{Duration, Instant};

use tintype_jpeg::Coding;

use super::colour::{Colours, Conversion, Depth};
use super::drawn::Judge;
use super::pixels::Layout;
use super::resize::{self, Part};
use super::{Pixels, Stored};
use crate::Error;
use crate::decode::{self, BAND_BYTES, Band};
use crate::limits::check_deadline;
use crate::probe::Container;
use crate::spec::Size;

/// Approximate size of a window, or of the windows of all components together; at least twice what neighbouring windows
/// share.
pub(crate) const WINDOW_BYTES: usize = 1024 * 1024;

/// The reach of Lanczos3, in pixels of the source or the target, whichever is coarser.
const REACH: f64 = 3.0;

pub(super) struct Shrink<'a> {
    container: &'a Container,
    stored: &'a Stored,
    deadline: Instant,
    /// Present if the caller wants to know whether the image is drawn.
    judge: Option<Judge>,
    /// Present from the first band on; one per component if those are decoded separately.
    rows: Vec<Lines>,
    /// How components combine to pixels.
    coding: Option<Coding>,
    spent: Duration,
}

pub(super) struct Shrunk {
    /// Luma alone if there is `chroma`.
    pub(super) pixels: Pixels,
    /// At half the size, if it was requested.
    pub(super) chroma: Option<(Pixels, Pixels)>,
    pub(super) colours: Colours,
    /// Judged at the size of the original, if requested.
    pub(super) is_drawn: bool,
    /// As reported by the decoder.
    pub(super) is_damaged: bool,
    /// The part of the measured decoding time that was spent here.
    pub(super) spent: Duration,
}

impl<'a> Shrink<'a> {
    pub(super) fn new(container: &'a Container, stored: &'a Stored, deadline: Instant) -> Self {
        Self {
            container,
            stored,
            deadline,
            judge: None,
            rows: Vec::new(),
            coding: None,
            spent: Duration::ZERO,
        }
    }

    pub(super) fn judging(mut self) -> Self {
        self.judge = Some(Judge::default());
        self
    }

    pub(super) fn is_judging(&self) -> bool {
        self.judge.is_some()
    }

    pub(super) fn take(&mut self, band: Band<'_>) -> Result<(), Error> {
        let start = Instant::now();
        let index = band.plane.map_or(0, |plane| plane.index);
        if self.rows.len() == index {
            self.coding = band.plane.map(|plane| plane.coding);
            self.rows
                .push(Lines::new(&band, self.container, self.stored)?);
        }
        let judge = self.judge.as_mut();
        match self.rows.get_mut(index) {
            Some(Lines::Eight(rows)) => rows.take(band, judge)?,
            Some(Lines::Sixteen(rows)) => rows.take(band, judge)?,
            None => return Err(Error::internal("components out of order")),
        }
        self.spent += start.elapsed();
        check_deadline(self.deadline)
    }

    /// Time spent on the bands taken so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    pub(super) fn finish(self) -> Result<Shrunk, Error> {
        let start = Instant::now();
        let planes = self.rows.into_iter().map(|lines| match lines {
            Lines::Eight(rows) => rows.finish(self.container),
            Lines::Sixteen(rows) => rows.finish(self.container),
        });
        let planes: Vec<(Pixels, Colours)> = planes.collect::<Result<_, _>>()?;
        let colours = planes.first().map_or(Colours::Own, |(_, colours)| *colours);
        let mut planes = planes.into_iter().map(|(pixels, _)| pixels);
        let (pixels, chroma) = match (self.stored.quarter_chroma, planes.len()) {
            (true, 3) => {
                let luma = planes.next();
                let mut chroma = planes.map(|plane| quartered(plane, self.stored.size));
                (luma, chroma.next().zip(chroma.next()))
            }
            _ => (Some(together(planes.collect(), self.coding)?), None),
        };
        Ok(Shrunk {
            colours,
            pixels: pixels.ok_or_else(|| Error::malformed("no pixels"))?,
            chroma,
            is_drawn: self.judge.is_some_and(|judge| judge.is_drawn()),
            is_damaged: false,
            spent: self.spent + start.elapsed(),
        })
    }
}

fn together(mut planes: Vec<Pixels>, coding: Option<Coding>) -> Result<Pixels, Error> {
    if let ([one, two, three], Some(coding)) = (planes.as_slice(), coding) {
        return Ok(Pixels {
            size: one.size,
            layout: Layout::Rgb,
            samples: decode::rgb(coding, [&one.samples, &two.samples, &three.samples]),
        });
    }
    planes.pop().ok_or_else(|| Error::malformed("no pixels"))
}

/// Halves the sides that chroma shares with an image of this size, as the encoder would.
fn quartered(mut chroma: Pixels, size: Size) -> Pixels {
    let Size { width, height } = chroma.size;
    if width == size.width {
        let rows = chroma.samples.chunks_exact(width as usize);
        let pairs = rows.flat_map(|row| row.chunks(2));
        // Rounded up, and rows down.
        let mean = |pair: &[u8]| u8::MAX - (!pair[0]).midpoint(!pair[pair.len() - 1]);
        chroma.samples = pairs.map(mean).collect();
        chroma.size.width = width.div_ceil(2);
    }
    if height == size.height {
        let stride = chroma.size.width as usize;
        let pairs = chroma.samples.chunks(2 * stride).map(|pair| {
            let last = &pair[pair.len() - stride..];
            pair[..stride].iter().zip(last).map(|(a, b)| a.midpoint(*b))
        });
        chroma.samples = pairs.flatten().collect();
        chroma.size.height = height.div_ceil(2);
    }
    chroma
}

/// One dimension of the crop, in decoded pixels.
#[derive(Clone, Copy)]
struct Side {
    start: f64,
    length: f64,
    /// Size after resizing.
    target: u32,
}

impl Side {
    /// `reach`: pixels of the original per decoded pixel.
    fn new(start: u32, length: u32, decoded: u32, reach: f64, target: u32) -> Self {
        let start = f64::from(start) / reach;
        let length = (f64::from(length) / reach).min(f64::from(decoded) - start);
        // A reach that is a fraction of whole sizes may have been rounded.
        let near = length.round();
        let length = if (length - near).abs() < 1e-6 {
            near
        } else {
            length
        };
        Self {
            start,
            length,
            target,
        }
    }

    fn is_resampled(&self) -> bool {
        f64::from(self.target) != self.length || self.start.fract() != 0.0
    }

    /// Decoded pixels per target pixel.
    fn scale(&self) -> f64 {
        self.length / f64::from(self.target)
    }

    fn reach(&self) -> f64 {
        if self.is_resampled() {
            REACH * self.scale().max(1.0)
        } else {
            0.0
        }
    }

    /// All decoded rows or columns that the filter uses.
    fn needed(&self, decoded: u32) -> Range<u32> {
        let first = (self.start - self.reach()).floor().max(0.0) as u32;
        let end = (self.start + self.length + self.reach()).ceil() as u32;
        first..end.min(decoded)
    }
}

enum Lines {
    Eight(Rows<u8>),
    Sixteen(Rows<u16>),
}

impl Lines {
    fn new(band: &Band<'_>, container: &Container, stored: &Stored) -> Result<Self, Error> {
        let conversion = Conversion::new(band, container, (stored.linear, stored.gamut))?;
        Ok(match conversion.is_deep(band) {
            false => Self::Eight(Rows::new(band, conversion, stored)),
            true => Self::Sixteen(Rows::new(band, conversion, stored)),
        })
    }
}

struct Rows<S> {
    decoded: Size,
    /// Channels of the bands.
    channels: usize,
    conversion: Conversion,
    /// The layout while resizing: gray with alpha goes through RGBA, rather than compile the resizer once more.
    layout: Layout,
    across: Side,
    down: Side,
    columns: Range<u32>,
    needed: Range<u32>,
    /// First row of the next band.
    next: u32,
    window: Vec<S>,
    window_top: u32,
    window_limit: usize,
    /// Finished rows of the target, with all `columns`.
    short: Vec<S>,
    done: u32,
}

impl<S: Depth> Rows<S> {
    fn new(band: &Band<'_>, conversion: Conversion, stored: &Stored) -> Self {
        let (decoded, crop) = (band.size, stored.crop);
        let is_chroma = band.plane.is_some_and(|plane| plane.index > 0);
        // An odd side is halved afterwards: a chroma sample is two pixels wide, and the last one reaches over the edge.
        let half = |side: u32| {
            if side.is_multiple_of(2) {
                side / 2
            } else {
                side
            }
        };
        let target = match is_chroma && stored.quarter_chroma {
            true => Size::new(half(stored.size.width), half(stored.size.height)),
            false => stored.size,
        };
        let reach_across = band.reach.0 * stored.reach.0;
        let reach_down = band.reach.1 * stored.reach.1;
        let across = Side::new(
            crop.x,
            crop.width,
            decoded.width,
            reach_across,
            target.width,
        );
        let down = Side::new(
            crop.y,
            crop.height,
            decoded.height,
            reach_down,
            target.height,
        );
        let layout = match conversion.layout {
            Layout::GrayAlpha => Layout::Rgba,
            other => other,
        };
        let columns = across.needed(decoded.width);
        let stride = decoded.width as usize * layout.channels();
        let windows = band
            .plane
            .map_or(1, |plane| plane.coding.colour().channels());
        let shared = (2.0 * down.reach() + down.scale()).ceil() as usize * stride;
        let short = columns.len() * down.target as usize * layout.channels();
        Self {
            decoded,
            channels: band.layout.channels(),
            conversion,
            layout,
            across,
            down,
            columns,
            needed: down.needed(decoded.height),
            next: 0,
            window: Vec::new(),
            window_top: 0,
            window_limit: (WINDOW_BYTES / windows / size_of::<S>()).max(2 * shared),
            short: Vec::with_capacity(short),
            done: 0,
        }
    }

    fn is_resampled(&self) -> bool {
        self.across.is_resampled() || self.down.is_resampled()
    }

    fn is_premultiplied(&self) -> bool {
        self.layout.has_alpha() && self.is_resampled()
    }

    fn stride(&self) -> usize {
        self.decoded.width as usize * self.layout.channels()
    }

    fn take(&mut self, band: Band<'_>, mut judge: Option<&mut Judge>) -> Result<(), Error> {
        if let Some(plane) = band.plane {
            let samples = S::before(&self.conversion, band.samples, 1)?;
            return self.add(&samples, plane.stride);
        }
        let stride = self.decoded.width as usize * self.channels;
        let is_used_as_it_is = !self.conversion.is_needed()
            && self.layout == self.conversion.layout
            && !self.is_premultiplied();
        // Conversion needs a second copy in memory, so it takes a few rows at a time.
        let at_once = match is_used_as_it_is {
            true => band.samples.len(),
            false => (BAND_BYTES / size_of::<S>() / stride).max(1) * stride,
        };
        let whole = self.columns.len() as u64 * self.needed.len() as u64;
        let is_whole = whole * self.channels as u64 == band.samples.len() as u64;
        if is_used_as_it_is && is_whole && !self.is_resampled() {
            let samples = S::before(&self.conversion, band.samples, self.channels)?;
            if let Some(judge) = judge {
                judge.rows(&S::to_eight_bits(&samples), self.decoded, self.layout);
            }
            self.next = self.decoded.height;
            self.done = self.down.target;
            self.short = samples.into_owned();
            return Ok(());
        }
        let mut start = 0;
        while start < band.samples.len() {
            let end = (start + at_once).min(band.samples.len());
            let samples = band.samples.part(start..end);
            let samples = S::before(&self.conversion, samples, self.channels)?;
            if let Some(judge) = &mut judge {
                let layout = self.conversion.layout;
                judge.rows(&S::to_eight_bits(&samples), self.decoded, layout);
            }
            let samples = self.prepared(samples)?;
            self.add(&samples, self.stride())?;
            start = end;
        }
        Ok(())
    }

    /// Prepares samples for the resizer.
    fn prepared<'s>(&self, samples: Cow<'s, [S]>) -> Result<Cow<'s, [S]>, Error> {
        let samples = if self.layout == self.conversion.layout {
            samples
        } else {
            let (pixels, _) = samples.as_chunks();
            let widened = pixels
                .iter()
                .flat_map(|&[gray, alpha]| [gray, gray, gray, alpha]);
            widened.collect()
        };
        if !self.is_premultiplied() {
            return Ok(samples);
        }
        let mut samples = samples.into_owned();
        resize::multiply_alpha(&mut samples, self.decoded.width)?;
        Ok(samples.into())
    }

    /// Adds the next whole rows, `stride` samples apart.
    fn add(&mut self, rows: &[S], stride: usize) -> Result<(), Error> {
        let width = self.stride();
        let top = self.next;
        let end = top + (rows.len() / stride) as u32;
        self.next = end;
        let first = top.max(self.needed.start);
        let last = end.min(self.needed.end);
        if first >= last {
            return Ok(());
        }
        let rows = &rows[(first - top) as usize * stride..(last - top) as usize * stride];
        let are_last = last == self.needed.end;
        if self.window.is_empty() && are_last && stride == width {
            return self.resize(rows, first);
        }
        if self.window.is_empty() {
            self.window_top = first;
        }
        if stride == width {
            self.window.extend(rows);
        } else {
            let lines = rows.chunks_exact(stride);
            lines.for_each(|line| self.window.extend(&line[..width]));
        }
        if self.window.len() < self.window_limit && !are_last {
            return Ok(());
        }
        let mut window = std::mem::take(&mut self.window);
        self.resize(&window, self.window_top)?;
        let kept = self.down.start + f64::from(self.done) * self.down.scale() - self.down.reach();
        let kept = (kept.floor().max(0.0) as u32).clamp(self.window_top, last);
        window.drain(..(kept - self.window_top) as usize * width);
        self.window_top = kept;
        self.window = window;
        Ok(())
    }

    /// Resizes as many rows of the target as these allow.
    fn resize(&mut self, rows: &[S], top: u32) -> Result<(), Error> {
        let count = (rows.len() / self.stride()) as u32;
        let (end, down) = (top + count, self.down);
        let ready = if end >= self.needed.end {
            down.target
        } else {
            let reached = f64::from(end) - down.reach() - down.start;
            ((reached / down.scale()).floor().max(0.0) as u32).clamp(self.done, down.target)
        };
        if ready == self.done {
            return Ok(());
        }
        let scale = down.scale();
        let start = down.start + f64::from(self.done) * scale - f64::from(top);
        let height = (f64::from(ready - self.done) * scale).min(f64::from(count) - start);
        let part = Part {
            left: f64::from(self.columns.start),
            top: start,
            width: self.columns.len() as f64,
            height,
        };
        let source = Size::new(self.decoded.width, count);
        let target = Size::new(self.columns.len() as u32, ready - self.done);
        resize::append(rows, source, self.layout, part, target, &mut self.short)?;
        self.done = ready;
        Ok(())
    }

    fn finish(mut self, container: &Container) -> Result<(Pixels, Colours), Error> {
        // Truncated: missing rows are black, or transparent if there is alpha.
        let rows = (BAND_BYTES / size_of::<S>() / self.stride()).max(1);
        let missing = vec![S::default(); rows * self.stride()];
        while self.next < self.needed.end {
            self.add(&missing, self.stride())?;
        }
        self.window = Vec::new();
        let size = Size::new(self.across.target, self.down.target);
        let mut samples = std::mem::take(&mut self.short);
        if self.across.is_resampled() {
            let part = (
                self.across.start - f64::from(self.columns.start),
                self.across.length,
            );
            let source = Size::new(self.columns.len() as u32, size.height);
            samples = resize::across(samples, source, self.layout, part, size.width)?;
        }
        if self.is_premultiplied() {
            resize::divide_alpha(&mut samples, size.width)?;
        }
        let (layout, samples) = match self.conversion.layout {
            Layout::GrayAlpha => (Layout::GrayAlpha, resize::gray_alone(&samples)),
            _ => (self.layout, samples),
        };
        S::after(&self.conversion, (size, layout, samples), container)
    }
}

#[cfg(test)]
mod tests {
    //! However the rows arrive, the image equals one pass of the resizer over the whole.

    use fast_image_resize::images::{TypedImage, TypedImageRef};
    use fast_image_resize::pixels::U8x4;
    use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

    use super::*;
    use crate::decode::Samples;
    use crate::probe::{ColourSpace, Colouring, Header, MetadataBlocks, SourceFormat};
    use crate::spec::{Gamut, Rect};

    const DECODED: Size = Size::new(640, 1000);

    /// Nearly opaque: dividing by a low alpha would amplify rounding.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut samples: Vec<u8> = std::iter::repeat_with(next).take(length).collect();
        samples
            .iter_mut()
            .skip(3)
            .step_by(4)
            .for_each(|alpha| *alpha |= 0xc0);
        samples
    }

    fn container() -> Container {
        Container {
            header: Header {
                format: SourceFormat::Png,
                size: DECODED,
                orientation: 1,
                frames: 1,
                has_alpha: true,
                colour_space: ColourSpace::Rgb,
                bits: 8,
                scans: 1,
                interlaced: false,
                truncated: false,
                has_gain_map: false,
                has_c2pa: false,
                rights: Default::default(),
            },
            blocks: MetadataBlocks::default(),
            colouring: Colouring::Srgb,
        }
    }

    fn in_bands(samples: &[u8], rows: usize, stored: &Stored) -> Pixels {
        let container = container();
        let soon = Instant::now() + Duration::from_secs(60);
        let mut shrink = Shrink::new(&container, stored, soon);
        for band in samples.chunks(rows * 4 * DECODED.width as usize) {
            let band = Band {
                size: DECODED,
                reach: (1.0, 1.0),
                plane: None,
                layout: decode::Layout::Rgba,
                samples: Samples::Eight(band.into()),
            };
            shrink.take(band).unwrap();
        }
        shrink.finish().unwrap().pixels
    }

    fn in_one_pass(samples: &[u8], stored: &Stored) -> Vec<u8> {
        let Rect {
            x,
            y,
            width,
            height,
        } = stored.crop;
        let [x, y, width, height] = [x, y, width, height].map(f64::from);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .crop(x, y, width, height);
        let mut answer = vec![0; stored.size.pixels() as usize * 4];
        let source = TypedImageRef::<U8x4>::from_buffer(DECODED.width, DECODED.height, samples);
        let (width, height) = (stored.size.width, stored.size.height);
        let mut target = TypedImage::from_buffer(width, height, &mut answer).unwrap();
        Resizer::new()
            .resize_typed(&source.unwrap(), &mut target, &options)
            .unwrap();
        answer
    }

    #[test]
    fn bands_make_no_difference() {
        let samples = noise(DECODED.pixels() as usize * 4);
        let whole = (0, 0, DECODED.width, DECODED.height);
        for ((x, y, width, height), size) in [
            (whole, (100, 156)),
            (whole, (500, 333)),
            (whole, (640, 1000)),
            (whole, (640, 90)),
            (whole, (90, 1000)),
            (whole, (700, 1100)),
            ((33, 470, 400, 77), (100, 20)),
            ((1, 3, 600, 900), (600, 900)),
            ((639, 999, 1, 1), (1, 1)),
        ] {
            let stored = Stored {
                crop: Rect {
                    x,
                    y,
                    width,
                    height,
                },
                size: Size::new(size.0, size.1),
                reach: (1.0, 1.0),
                linear: false,
                gamut: Gamut::Srgb,
                quarter_chroma: false,
            };
            let expected = in_one_pass(&samples, &stored);
            for rows in [1, 7, 300, 1000] {
                let pixels = in_bands(&samples, rows, &stored);
                let steps = pixels.samples.iter().zip(&expected);
                let steps: Vec<u8> = steps.map(|(a, b)| a.abs_diff(*b)).collect();
                let different = steps.iter().filter(|step| **step > 0).count();
                // Weights depend on where a window begins, which may round differently.
                assert!(
                    pixels.samples.len() == expected.len()
                        && steps.iter().all(|step| *step <= 4)
                        && different * 100 <= steps.len(),
                    "{size:?} in bands of {rows}: {different} of {}",
                    steps.len()
                );
            }
        }
    }

    /// Missing rows are transparent.
    #[test]
    fn a_picture_may_break_off() {
        let stored = Stored {
            crop: Rect {
                x: 0,
                y: 0,
                width: DECODED.width,
                height: DECODED.height,
            },
            size: Size::new(64, 100),
            reach: (1.0, 1.0),
            linear: false,
            gamut: Gamut::Srgb,
            quarter_chroma: false,
        };
        let mut samples = noise(DECODED.pixels() as usize * 4);
        let half = samples.len() / 2;
        let pixels = in_bands(&samples[..half], 50, &stored);
        samples[half..].fill(0);
        assert_eq!(pixels.samples, in_one_pass(&samples, &stored));
    }
}
