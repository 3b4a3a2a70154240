//! AV1, decoded by a Rust port of dav1d.

use std::panic::{AssertUnwindSafe, catch_unwind};

use re_rav1d::{Decoder, Error as Av1, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::frame::{YuvFrame, YuvPlanes};
use crate::Error;
use crate::spec::Size;

/// One image takes a handful of steps.
const MAX_STEPS: u32 = 64;

/// What to decode.
pub(super) struct DecodeRequest {
    /// An item, or a sample of a track.
    pub(super) data: Vec<u8>,
    /// The operating point.
    pub(super) point: Option<u8>,
    /// The most pixels of a picture.
    pub(super) most: u64,
    /// The decoder that has decoded the samples before, by its number. `None` for an item, which refers to nothing.
    pub(super) track: Option<u8>,
}

/// The decoders of tracks.
#[derive(Default)]
pub(super) struct Decoders([Option<PictureDecoder>; 2]);

impl Decoders {
    pub(super) fn decode(&mut self, request: DecodeRequest) -> Result<YuvFrame, Error> {
        let new = || PictureDecoder::new(request.point, request.most);
        let Some(track) = request.track else {
            return new()?.next(request.data);
        };
        let kept = self.0.get_mut(usize::from(track));
        let decoder = match kept.ok_or_else(|| Error::internal("a track too many"))? {
            Some(decoder) => decoder,
            none => none.insert(new()?),
        };
        decoder.next(request.data)
    }
}

/// A decoder with the pictures that later ones may refer to.
struct PictureDecoder(Decoder);

impl PictureDecoder {
    fn new(point: Option<u8>, most: u64) -> Result<Self, Error> {
        let mut settings = Settings::new();
        settings.set_n_threads(1);
        settings.set_max_frame_delay(1);
        // Decode only the best of several layers.
        settings.set_all_layers(false);
        settings.set_operating_point(u32::from(point.unwrap_or(0).min(31)));
        settings.set_frame_size_limit(u32::try_from(most).unwrap_or(u32::MAX));
        Ok(Self(Decoder::with_settings(&settings).map_err(failed)?))
    }

    /// Decodes the first picture that the data shows.
    fn next(&mut self, data: Vec<u8>) -> Result<YuvFrame, Error> {
        self.skip_rest()?;
        let mut sent = self.0.send_data(data, None, None, None);
        for _ in 0..MAX_STEPS {
            match self.0.get_picture() {
                Ok(picture) => return frame(picture),
                Err(Av1::Again) => {}
                Err(error) => return Err(failed(error)),
            }
            match sent {
                Ok(()) => break,
                Err(Av1::Again) => sent = self.0.send_pending_data(),
                Err(error) => return Err(failed(error)),
            }
        }
        // A frame that the decoder still holds at the end.
        self.0.get_picture().map_err(failed).and_then(frame)
    }

    /// Decodes what the last data contained besides its picture.
    fn skip_rest(&mut self) -> Result<(), Error> {
        for _ in 0..MAX_STEPS {
            match (self.0.get_picture(), self.0.send_pending_data()) {
                (Ok(_), _) | (_, Err(Av1::Again)) => {}
                (Err(Av1::Again), Ok(())) => return Ok(()),
                (Err(error), _) => return Err(failed(error)),
            }
        }
        Err(Error::malformed("a sample shows too many pictures"))
    }
}

fn failed(error: Av1) -> Error {
    match error {
        Av1::Again => Error::malformed("no AV1 picture"),
        other => Error::malformed(format!("AV1: {other}")),
    }
}

fn frame(picture: Picture) -> Result<YuvFrame, Error> {
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => None,
        PixelLayout::I420 => Some((2, 2)),
        PixelLayout::I422 => Some((2, 1)),
        PixelLayout::I444 => Some((1, 1)),
    };
    // The decoder panics on reserved values.
    let matrix = AssertUnwindSafe(|| picture.matrix_coefficients() as u8);
    let matrix = catch_unwind(matrix).unwrap_or(2);
    let primaries = AssertUnwindSafe(|| picture.color_primaries() as u8);
    let primaries = catch_unwind(primaries).unwrap_or(2);
    Ok(YuvFrame {
        size: Size::new(picture.width(), picture.height()),
        bits: u32::try_from(picture.bit_depth()).unwrap_or(8),
        chroma,
        matrix,
        primaries,
        full_range: picture.color_range() == re_rav1d::pixel::YUVRange::Full,
        planes: YuvPlanes::Av1(picture),
    })
}

/// Copies `length` samples of a plane's row.
pub(super) fn row(picture: &Picture, plane: usize, y: u32, length: usize, into: &mut Vec<u16>) {
    let component = PlanarImageComponent::from(plane);
    let samples = picture.plane(component);
    let start = y as usize * picture.stride(component) as usize;
    into.clear();
    if picture.bit_depth() == 8 {
        into.extend(
            samples[start..start + length]
                .iter()
                .map(|sample| u16::from(*sample)),
        );
    } else {
        let (pairs, _) = samples[start..start + 2 * length].as_chunks();
        into.extend(pairs.iter().map(|pair| u16::from_ne_bytes(*pair)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two samples of a track of 150x150 pixels, the second coded as a difference.
    const SAMPLES: [&str; 2] = [
        "12000a0e00000003bcacabfff32021a0d0803212100083a00000800000800c58f6d274dd22a0",
        "120032383003808000004689800000900000a000f95509bf3d4b3aa388a8b112e9bca951b606825b\
         674e28aa2767837517de6b3de2e9153c79ab9580",
    ];

    fn sample(at: usize) -> Vec<u8> {
        let digits = SAMPLES[at].as_bytes().chunks(2);
        digits
            .map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn a_sample_refers_to_its_own_track_and_an_item_to_nothing() {
        let mut decoders = Decoders::default();
        let mut is_decoded = |at, track| {
            let request = DecodeRequest {
                data: sample(at),
                point: None,
                most: 256 * 256,
                track,
            };
            match decoders.decode(request) {
                Ok(frame) => {
                    assert_eq!(frame.size, Size::new(150, 150));
                    true
                }
                Err(error) => {
                    assert!(matches!(error, Error::Malformed(_)), "{error}");
                    false
                }
            }
        };
        assert!(is_decoded(0, Some(0)));
        assert!(!is_decoded(1, None) && !is_decoded(1, Some(1)));
        assert!(is_decoded(0, None));
        assert!(!is_decoded(1, None));
        assert!(is_decoded(1, Some(0)));
        assert!(is_decoded(0, Some(1)) && is_decoded(1, Some(1)));
    }
}
