//! The first frame of a GIF, on its canvas; [`frames`] reads all of them. Indices are converted to colours band by
//! band; only those of an interlaced frame are in memory as a whole.

mod frames;

use std::io::{Chain, Cursor, Read};
use std::time::Instant;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError};

use super::{Band, BandSink, ITS_OWN, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::probe::Header;

pub(super) use frames::Frames;

type GifDecoder<'a> = Decoder<DeadlineReader<Chain<Cursor<Vec<u8>>, Cursor<&'a [u8]>>>>;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let failed = |error: DecodingError| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        other => Error::malformed(other.to_string()),
    };
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let mut reader = options
        .read_info(DeadlineReader::new(with_palette(bytes), deadline))
        .map_err(failed)?;
    let frame = reader.next_frame_info().map_err(failed)?;
    let frame = frame.ok_or_else(|| Error::malformed("no frame"))?;
    let place = FrameRect {
        left: usize::from(frame.left),
        top: usize::from(frame.top),
        width: usize::from(frame.width),
        height: usize::from(frame.height),
    };
    let (interlaced, transparent) = (frame.interlaced, frame.transparent);
    let colours = Colours::new(reader.palette().map_err(failed)?, transparent);

    let mut rows = Rows {
        whole: Vec::new(),
        at: 0,
        width: place.width,
    };
    if interlaced {
        let length = reader.buffer_size();
        Error::check(
            "bytes of the decoded picture",
            length as u64,
            limits.max_decoded_bytes,
        )?;
        rows.whole = vec![0; length];
        let read = interlaced_rows(&mut reader, &mut rows.whole, place.width);
        if read.is_err() && Instant::now() >= deadline {
            return Err(Error::DeadlineExceeded);
        }
        read.map_err(failed)?;
    }

    let canvas = header.size;
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let covers =
        place.left == 0 && place.top == 0 && place.width >= width && place.height >= height;
    // The canvas is transparent where there are no pixels, which includes missing ones.
    let layout = match covers && colours.are_opaque() && !header.truncated {
        true => Layout::Rgb,
        false => Layout::Rgba,
    };
    let stride = layout.channels() * width;
    let at_once = rows_of_a_band(stride);
    let mut band = Vec::with_capacity(stride * at_once.min(height));
    let mut indices = Vec::with_capacity(place.width);
    let mut is_whole = true;
    let mut y = 0;
    while y < height && is_whole {
        band.clear();
        for y in y..(y + at_once).min(height) {
            let begin = band.len();
            band.resize(begin + stride, 0);
            if y < place.top || y - place.top >= place.height {
                continue;
            }
            match rows.next(&mut reader, &mut indices) {
                Ok(true) => {}
                // The data breaks off here; the rows above are worth showing.
                Ok(false) | Err(_) if y > place.top && Instant::now() < deadline => {
                    is_whole = false;
                    break;
                }
                Ok(false) => return Err(Error::malformed("no pixels")),
                Err(error) => return Err(failed(error)),
            }
            let row = &mut band[begin..];
            if layout == Layout::Rgb {
                let onto = row.as_chunks_mut::<3>().0.iter_mut();
                for (pixel, index) in onto.zip(&indices) {
                    let [r, g, b, _] = colours.0[usize::from(*index)];
                    *pixel = [r, g, b];
                }
            } else {
                let onto = row.as_chunks_mut::<4>().0.iter_mut();
                for (pixel, index) in onto.skip(place.left).zip(&indices) {
                    *pixel = colours.0[usize::from(*index)];
                }
            }
        }
        check_deadline(deadline)?;
        take(Band {
            size: canvas,
            reach: ITS_OWN,
            plane: None,
            layout,
            samples: Samples::Eight(band.as_slice().into()),
        })?;
        y += at_once;
    }
    Ok(())
}

/// Inserts a gray palette if the file has no global one, because its frames need not have one either.
fn with_palette(bytes: &[u8]) -> Chain<Cursor<Vec<u8>>, Cursor<&[u8]>> {
    let (head, rest) = bytes.split_at(bytes.len().min(HEAD));
    let mut front = head.to_vec();
    if let Some(flags) = front.get_mut(10)
        && *flags & HAS_PALETTE == 0
    {
        *flags |= HAS_PALETTE | 7;
        front.extend((0..=255).flat_map(|gray| [gray; 3]));
    }
    Cursor::new(front).chain(Cursor::new(rest))
}

/// Length of the signature and the logical screen descriptor.
const HEAD: usize = 13;
const HAS_PALETTE: u8 = 0x80;

/// First row and step of each pass (GIF89a, appendix E).
const PASSES: [(usize, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];

/// Reorders the rows of all passes. Rows missing at the end repeat the nearest one above.
fn interlaced_rows(
    reader: &mut GifDecoder<'_>,
    whole: &mut [u8],
    width: usize,
) -> Result<(), DecodingError> {
    let height = whole.len() / width.max(1);
    let mut is_there = vec![false; height];
    let rows = PASSES
        .iter()
        .flat_map(|(first, step)| (*first..height).step_by(*step));
    for (count, row) in rows.enumerate() {
        match reader.fill_buffer(&mut whole[row * width..][..width]) {
            Ok(true) => is_there[row] = true,
            Err(error) if count == 0 => return Err(error),
            Ok(false) | Err(_) => break,
        }
    }
    for (row, is_there) in is_there.into_iter().enumerate().skip(1) {
        if !is_there {
            let above = (row - 1) * width;
            whole.copy_within(above..above + width, row * width);
        }
    }
    Ok(())
}

/// The frame's rectangle on the canvas.
struct FrameRect {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// Reads the frame's indices row by row.
struct Rows {
    /// All rows of an interlaced frame.
    whole: Vec<u8>,
    at: usize,
    width: usize,
}

impl Rows {
    /// Returns `false` if there are no more rows.
    fn next(
        &mut self,
        reader: &mut GifDecoder<'_>,
        row: &mut Vec<u8>,
    ) -> Result<bool, DecodingError> {
        row.resize(self.width, 0);
        if self.whole.is_empty() {
            return reader.fill_buffer(row);
        }
        row.copy_from_slice(&self.whole[self.at..self.at + self.width]);
        self.at += self.width;
        Ok(true)
    }
}

/// The palette as RGBA. Indices beyond it are transparent.
struct Colours([[u8; 4]; 256]);

impl Colours {
    fn new(palette: &[u8], transparent: Option<u8>) -> Self {
        let mut colours = [[0; 4]; 256];
        for (colour, &[r, g, b]) in colours.iter_mut().zip(palette.as_chunks().0) {
            *colour = [r, g, b, 255];
        }
        if let Some(index) = transparent {
            colours[usize::from(index)][3] = 0;
        }
        Self(colours)
    }

    /// Returns whether every possible index is opaque.
    fn are_opaque(&self) -> bool {
        self.0.iter().all(|[.., alpha]| *alpha == 255)
    }
}
