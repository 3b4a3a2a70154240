//! Baseline JPEG with Huffman tables fitted to the picture.
//!
//! A photograph below quality 90 is 4:2:0, with the quantisation tables that mozjpeg has from a search for the best
//! MS-SSIM: 5 to 7 % fewer bytes than libjpeg's for the same score and CPU (25 photographs at 320, 640 and 1200
//! pixels, SSIMULACRA2). Also measured: the tables of Klein, Silverstein and Carney save 8 %, but take 8 points from
//! a photograph that was a JPEG of this very size before; trellis quantisation (`mozjpeg-rs`) saves 8 % for 3.9 times
//! the CPU; progressive mode, here, costs 6 %.

use jpeg_encoder::{
    ChromaSubsamplingMethod, ColorType, Encoder, QuantizationTableType, SamplingFactor,
};

use super::super::pixels::Layout;
use super::Pixels;
use crate::Error;
use crate::probe::Written;

/// From here on readers expect sharp colour edges (libjpeg's users draw the line there too).
const FULL_CHROMA_QUALITY: u8 = 90;

/// What begins a segment of XMP, and one of resources of Photoshop.
pub(in crate::render) const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub(in crate::render) const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

pub(super) fn encode(
    pixels: &Pixels,
    quality: u8,
    is_drawn: bool,
    rights: Option<&Written>,
) -> Result<Vec<u8>, Error> {
    let side =
        |pixels: u32| u16::try_from(pixels).map_err(|_| Error::internal("a JPEG side above 65535"));
    let (width, height) = (side(pixels.size.width)?, side(pixels.size.height)?);
    let failed = |error: jpeg_encoder::EncodingError| {
        Error::internal(format!("JPEG encoding failed: {error}"))
    };
    let mut bytes = Vec::with_capacity(pixels.samples.len() / 8);
    let mut encoder = Encoder::new(&mut bytes, quality);
    // Half the chroma takes the colour out of thin coloured lines and letters.
    if is_drawn || quality >= FULL_CHROMA_QUALITY {
        encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    } else {
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        let table = QuantizationTableType::CustomMsSsim;
        encoder.set_quantization_tables(table.clone(), table);
        // One less looks as libjpeg's tables do at the number itself.
        encoder.set_quality(quality.saturating_sub(1).max(1));
    }
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_optimized_huffman_tables(true);
    if let Some(exif) = rights.and_then(|rights| rights.exif.as_ref()) {
        encoder.add_exif_metadata(exif).map_err(failed)?;
    }
    if let Some(rights) = rights {
        let xmp = [XMP, &rights.xmp].concat();
        encoder.add_app_segment(1, xmp).map_err(failed)?;
        let iptc = [PHOTOSHOP, &rights.iptc].concat();
        encoder.add_app_segment(13, iptc).map_err(failed)?;
    }
    let encoded = match pixels.layout {
        Layout::Gray => encoder.encode(&pixels.samples, width, height, ColorType::Luma),
        Layout::Rgb => encoder.encode(&pixels.samples, width, height, ColorType::Rgb),
        Layout::GrayAlpha | Layout::Rgba => {
            return Err(Error::internal("transparency was not flattened"));
        }
    };
    encoded.map_err(failed)?;
    Ok(bytes)
}
