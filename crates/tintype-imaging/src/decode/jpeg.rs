//! JPEG: each component is decoded at its own resolution, row by row, so that subsampled chroma is not enlarged only to
//! be reduced again. CMYK is decoded to whole pixels, because its conversion needs all inks; so is anything that is not
//! reduced, with chroma upsampled as in libjpeg.

use std::time::Instant;

use tintype_jpeg::{Chroma, Coding, Colour, Decoder, Scale};

use super::{
    Band, BandSink, JpegComponent, Layout, Needed, Samples, ScaledBandSink, eighths, in_planes,
};
use crate::Error;
use crate::limits::{Limits, check_deadline};
use crate::spec::Size;

pub(super) fn decode(
    bytes: &[u8],
    needed: Needed,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<bool, Error> {
    let Needed { part, target, .. } = needed;
    let frame = tintype_jpeg::read_frame(bytes).map_err(error)?;
    let channels = frame.coding.colour().channels() as u8;
    if in_planes(channels, part, target) {
        let mut take = |_, band: Band<'_>| take(band);
        return decode_all(bytes, &[needed], limits, deadline, &mut take);
    }
    let eighths = eighths(part, target).next_power_of_two();
    let size = Size::new(frame.width, frame.height);
    Error::check_pixels(scaled(size, eighths).pixels(), limits.max_pixels)?;
    whole(bytes, eighths, limits, deadline, take)
}

/// Decodes each component at its own resolution, for parts and targets that are all [`in_planes`].
pub(super) fn decode_all(
    bytes: &[u8],
    needed: &[Needed],
    limits: &Limits,
    deadline: Instant,
    take: &mut ScaledBandSink<'_>,
) -> Result<bool, Error> {
    let frame = tintype_jpeg::read_frame(bytes).map_err(error)?;
    let (size, coding) = (Size::new(frame.width, frame.height), frame.coding);
    let scales = needed.iter().map(|needed| {
        let (part, target) = (needed.part, needed.target);
        let eighths = fitting(eighths(part, target), size, (part, target), limits)?;
        let chroma = match needed.quarter_chroma {
            true => Chroma::Halved,
            false => Chroma::Scaled,
        };
        Ok((Scale::eighths(eighths), chroma))
    });
    let wanted: Vec<(Scale, Chroma)> = scales.collect::<Result<_, Error>>()?;
    let mut scales = wanted.clone();
    scales.sort();
    scales.dedup();

    let limits = jpeg_limits(limits);
    let mut decoder = Decoder::at_scales(bytes, &scales, &limits).map_err(error)?;
    let outputs = wanted.iter().map(|scale| {
        let output = scales.partition_point(|other| other < scale);
        (output, decoder.sizes(output), decoder.reaches(output))
    });
    let outputs: Vec<_> = outputs.collect();
    while decoder.advance() {
        check_deadline(deadline)?;
        for (place, (output, sizes, reaches)) in outputs.iter().enumerate() {
            for (index, (size, reach)) in sizes.iter().zip(reaches).enumerate() {
                let stripe = decoder.stripe(*output, index);
                let band = Band {
                    size: Size::new(size.0 as u32, size.1 as u32),
                    reach: *reach,
                    plane: Some(JpegComponent {
                        index,
                        coding,
                        stride: stripe.stride,
                    }),
                    layout: Layout::Gray,
                    samples: Samples::Eight(stripe.samples.into()),
                };
                take(place, band)?;
            }
        }
    }
    Ok(decoder.is_damaged())
}

/// Whether it is stored as luma and chroma.
pub(crate) fn has_chroma(bytes: &[u8]) -> bool {
    tintype_jpeg::read_frame(bytes).is_ok_and(|frame| frame.coding == Coding::YCbCr)
}

/// The size of an image decoded at `eighths`/8.
pub(super) fn scaled(size: Size, eighths: u32) -> Size {
    let scale = Scale::eighths(eighths);
    Size::new(scale.apply(size.width), scale.apply(size.height))
}

/// Returns the required scale or, if that exceeds the limit, the largest lower scale that still covers the target: a
/// softer image is better than none.
fn fitting(
    wanted: u32,
    size: Size,
    (part, target): (Size, Size),
    limits: &Limits,
) -> Result<u32, Error> {
    let fits = |eighths: u32| scaled(size, eighths).pixels() <= limits.max_pixels;
    let leaves = |eighths: u32| {
        let part = scaled(part, eighths);
        part.width >= target.width && part.height >= target.height
    };
    let fitting = [8, 6, 5, 4, 2, 1].into_iter();
    let fitting = fitting.filter(|&eighths| eighths <= wanted && fits(eighths));
    let fitting = fitting
        .max()
        .filter(|&eighths| eighths == wanted || leaves(eighths));
    let too_many = Error::TooManyPixels {
        is: scaled(size, wanted).pixels(),
        limit: limits.max_pixels,
    };
    fitting.ok_or(too_many)
}

fn whole(
    bytes: &[u8],
    eighths: u32,
    limits: &Limits,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<bool, Error> {
    let go_on = || Instant::now() < deadline;
    let scale = Scale::eighths(eighths);
    let picture =
        tintype_jpeg::decode(bytes, scale, &jpeg_limits(limits), &go_on).map_err(error)?;
    let layout = match picture.colour {
        Colour::Gray => Layout::Gray,
        Colour::Rgb => Layout::Rgb,
        Colour::Cmyk => Layout::Cmyk,
    };
    take(Band {
        size: Size::new(picture.width, picture.height),
        reach: (f64::from(8 / eighths), f64::from(8 / eighths)),
        plane: None,
        layout,
        samples: Samples::Eight(picture.samples.into()),
    })?;
    Ok(picture.damaged)
}

pub(super) fn jpeg_limits(limits: &Limits) -> tintype_jpeg::Limits {
    tintype_jpeg::Limits {
        max_pixels: limits.max_pixels,
        max_scans: limits.max_scans,
    }
}

pub(super) fn error(error: tintype_jpeg::Error) -> Error {
    match error {
        tintype_jpeg::Error::Malformed(why) => Error::malformed(why),
        tintype_jpeg::Error::Unsupported(what) => Error::unsupported(format!("JPEG with {what}")),
        tintype_jpeg::Error::OverLimit { what, is, limit } => Error::OverLimit { what, is, limit },
        tintype_jpeg::Error::Stopped => Error::DeadlineExceeded,
        tintype_jpeg::Error::BadInput(_) => Error::internal(error.to_string()),
    }
}

/// Combines components into RGB pixels.
pub(crate) fn rgb(coding: Coding, planes: [&[u8]; 3]) -> Vec<u8> {
    let mut samples = vec![0; planes[0].len() * 3];
    match coding {
        Coding::Rgb => {
            for (index, plane) in planes.into_iter().enumerate() {
                let places = samples.iter_mut().skip(index).step_by(3);
                places
                    .zip(plane)
                    .for_each(|(place, sample)| *place = *sample);
            }
        }
        _ => tintype_jpeg::to_rgb(planes, &mut samples),
    }
    samples
}
