//! JPEG 2000 through `hayro-jpeg2000`: decoded as a whole, at 8 bits.

use std::time::Instant;

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::{Band, BandSink, ITS_OWN, Layout, Samples};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::Header;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let failed = |error| Error::malformed(format!("JPEG 2000: {error}"));
    check_deadline(deadline)?;
    let image = Image::new(bytes, &DecodeSettings::default()).map_err(failed)?;
    if (image.width(), image.height()) != (header.size.width, header.size.height) {
        return Err(Error::malformed("its sizes disagree"));
    }
    let layout = match (image.color_space().num_channels(), image.has_alpha()) {
        (1, false) => Layout::Gray,
        (1, true) => Layout::GrayAlpha,
        (3, false) => Layout::Rgb,
        (3, true) => Layout::Rgba,
        (4, false) => Layout::Cmyk,
        _ => return Err(Error::unsupported("JPEG 2000 with this many channels")),
    };
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(failed)?;
    let pixels = header.size.pixels();
    let is_as_told = decoded.components().len() == layout.channels()
        && decoded
            .components()
            .iter()
            .all(|component| component.samples().len() as u64 == pixels);
    if !is_as_told {
        return Err(Error::malformed("its sizes disagree"));
    }
    let samples = decoded.data_u8();
    drop(context);
    check_deadline(deadline)?;
    take(Band {
        size: header.size,
        reach: ITS_OWN,
        plane: None,
        layout,
        samples: Samples::Eight(samples.into()),
    })
}
