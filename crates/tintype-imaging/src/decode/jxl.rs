//! JPEG XL through `jxl-oxide`: its first frame, decoded as a whole.

use std::io::Cursor;
use std::time::Instant;

use jxl_oxide::{AllocTracker, FrameBufferSample, ImageStream, JxlImage, JxlThreadPool};

use super::{Band, BandSink, ITS_OWN, Layout, Samples, rows_of_a_band};
use crate::Error;
use crate::limits::{DeadlineReader, Limits, check_deadline};
use crate::probe::{ColourSpace, Header};

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let reader = DeadlineReader::new(Cursor::new(bytes), deadline);
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| match error {
        _ if Instant::now() >= deadline => Error::DeadlineExceeded,
        error => Error::malformed(format!("JPEG XL: {error}")),
    };
    // The decoder works in floating point, and some steps hold two copies.
    let most = usize::try_from(4 * limits.max_decoded_bytes).unwrap_or(usize::MAX);
    let image = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(most))
        .read(reader)
        .map_err(failed)?;
    check_deadline(deadline)?;
    if image.num_loaded_keyframes() == 0 {
        return Err(Error::malformed("it ends too early"));
    }
    let render = image.render_frame(0).map_err(failed)?;
    let (layout, mut stream) = match (header.colour_space, header.has_alpha) {
        (ColourSpace::Gray, false) => (Layout::Gray, render.stream_no_alpha()),
        (ColourSpace::Gray, true) => (Layout::GrayAlpha, render.stream()),
        (ColourSpace::Cmyk, _) => (Layout::Cmyk, render.stream_no_alpha()),
        (_, false) => (Layout::Rgb, render.stream_no_alpha()),
        (_, true) => (Layout::Rgba, render.stream()),
    };
    let is_as_told = stream.channels() as usize == layout.channels()
        && (stream.width(), stream.height()) == (header.size.width, header.size.height);
    if !is_as_told {
        return Err(Error::malformed("its sizes disagree"));
    }
    let stride = header.size.width as usize * layout.channels();
    let mut done = 0;
    while done < header.size.height as usize {
        let rows = rows_of_a_band(2 * stride).min(header.size.height as usize - done);
        let samples = match header.bits {
            0..=8 => {
                let mut samples: Vec<u8> = read(&mut stream, rows * stride)?;
                // JPEG XL stores 255 for no ink.
                if layout == Layout::Cmyk {
                    samples.iter_mut().for_each(|ink| *ink = 255 - *ink);
                }
                Samples::Eight(samples.into())
            }
            _ => Samples::Sixteen(read::<u16>(&mut stream, rows * stride)?.into()),
        };
        take(Band {
            size: header.size,
            reach: ITS_OWN,
            plane: None,
            layout,
            samples,
        })?;
        check_deadline(deadline)?;
        done += rows;
    }
    Ok(())
}

fn read<S: FrameBufferSample + Copy + Default>(
    stream: &mut ImageStream<'_>,
    length: usize,
) -> Result<Vec<S>, Error> {
    let mut samples = vec![S::default(); length];
    match stream.write_to_buffer(&mut samples) {
        written if written == length => Ok(samples),
        _ => Err(Error::malformed("its sizes disagree")),
    }
}
