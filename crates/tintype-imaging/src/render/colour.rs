//! Converts any description of colour to 8-bit sRGB: ICC profiles, PNG's cICP and gAMA/cHRM, CMYK with or without a
//! profile, 16 bits, gray.
//!
//! A profile that is unreadable, or meant for another kind of samples, is ignored as in browsers, and the image is
//! treated as sRGB.

use std::borrow::Cow;
use std::sync::Arc;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, CmsError, ColorPrimaries, ColorProfile,
    DataColorSpace, MatrixCoefficients, RenderingIntent, ToneReprCurve, TransferCharacteristics,
    Transform8BitExecutor, Transform16BitExecutor, TransformOptions, XyY,
};

use super::Pixels;
use super::hdr::{self, Hdr};
use super::inks;
use super::pixels::Layout;
use crate::Error;
use crate::decode::{self, Band, Samples};
use crate::probe::{ColourSpace, Colouring, Container};

/// Code points of H.273.
const BT709: u8 = 1;
const SRGB: u8 = 13;

/// Conversions that cannot wait until after resizing: CMYK, and samples that would lose too much at 8 bits before their
/// curve is applied. Works on rows, so that no more than a band exists in both forms.
pub(super) struct ToEightBits {
    /// The output layout.
    pub(super) layout: Layout,
    /// No conversion is left for later.
    pub(super) is_srgb: bool,
    how: How,
}

enum How {
    AsItIs,
    Inks(Option<Arc<Transform8BitExecutor>>),
    Hdr(Hdr),
    Profile(Arc<Transform16BitExecutor>),
    /// Of sRGB.
    Sixteen,
}

impl ToEightBits {
    /// For bands like this one.
    pub(super) fn new(band: &Band<'_>, container: &Container) -> Result<Self, Error> {
        let is_sixteen = matches!(band.samples, Samples::Sixteen(_));
        let layout = match band.layout {
            decode::Layout::Gray => Layout::Gray,
            decode::Layout::GrayAlpha => Layout::GrayAlpha,
            decode::Layout::Rgb => Layout::Rgb,
            decode::Layout::Rgba => Layout::Rgba,
            decode::Layout::Cmyk | decode::Layout::CmykAlpha if is_sixteen => {
                return Err(Error::internal("16-bit CMYK"));
            }
            decode::Layout::Cmyk | decode::Layout::CmykAlpha => {
                return Ok(Self {
                    layout: match band.layout {
                        decode::Layout::Cmyk => Layout::Rgb,
                        _ => Layout::Rgba,
                    },
                    is_srgb: true,
                    how: How::Inks(by_press(container)),
                });
            }
        };
        if !is_sixteen {
            return Ok(Self {
                layout,
                is_srgb: false,
                how: How::AsItIs,
            });
        }
        let (how, layout) = if let Some(hdr) = hdr_of(container) {
            (How::Hdr(hdr), hdr::layout(layout))
        } else {
            let (from, to, target) = layouts(layout);
            let transform = profile(container, layout).and_then(|profile| {
                let srgb = ColorProfile::new_srgb();
                profile
                    .create_transform_16bit(from, &srgb, to, options())
                    .ok()
            });
            match transform {
                Some(transform) => (How::Profile(transform), target),
                None => (How::Sixteen, layout),
            }
        };
        Ok(Self {
            layout,
            is_srgb: true,
            how,
        })
    }

    pub(super) fn is_needed(&self) -> bool {
        !matches!(self.how, How::AsItIs)
    }

    /// `channels` counts those of the input.
    pub(super) fn convert<'a>(
        &self,
        samples: Samples<'a>,
        channels: usize,
    ) -> Result<Cow<'a, [u8]>, Error> {
        let failed = |error: CmsError| Error::internal(format!("colour conversion: {error}"));
        let samples = match (samples, &self.how) {
            (Samples::Eight(samples), How::Inks(_)) if channels == 5 => {
                let (pixels, _) = samples.as_chunks::<5>();
                let inks = pixels.iter().flat_map(|[c, m, y, k, _]| [*c, *m, *y, *k]);
                let rgb = self.convert(Samples::Eight(inks.collect()), 4)?;
                let colours = rgb.as_chunks::<3>().0.iter().zip(pixels);
                let rgba = colours.flat_map(|([r, g, b], pixel)| [*r, *g, *b, pixel[4]]);
                return Ok(rgba.collect());
            }
            (samples, _) => samples,
        };
        let converted = match (samples, &self.how) {
            (Samples::Eight(samples), How::AsItIs) => return Ok(samples),
            (Samples::Eight(samples), How::Inks(Some(transform))) => {
                let mut rgb = vec![0; samples.len() / 4 * 3];
                transform.transform(&samples, &mut rgb).map_err(failed)?;
                rgb
            }
            (Samples::Eight(samples), How::Inks(None)) => {
                let (pixels, _) = samples.as_chunks();
                pixels
                    .iter()
                    .flat_map(|of_one| inks::to_srgb(*of_one))
                    .collect()
            }
            (Samples::Sixteen(samples), How::Hdr(hdr)) => hdr::to_srgb(hdr, channels, &samples),
            (Samples::Sixteen(samples), How::Profile(transform)) => {
                let mut srgb = vec![0; samples.len() / channels * self.layout.channels()];
                transform.transform(&samples, &mut srgb).map_err(failed)?;
                to_eight(&srgb)
            }
            (Samples::Sixteen(samples), How::Sixteen) => to_eight(&samples),
            _ => return Err(Error::internal("bands of one image differ")),
        };
        Ok(converted.into())
    }
}

/// 65535 / 257 = 255.
fn to_eight(samples: &[u16]) -> Vec<u8> {
    let eight = |sample: &u16| ((u32::from(*sample) + 128) / 257) as u8;
    samples.iter().map(eight).collect()
}

/// Converts 8-bit samples to sRGB.
pub(super) fn to_srgb(pixels: Pixels, container: &Container) -> Pixels {
    if let Some(hdr) = hdr_of(container) {
        let samples: Vec<u16> = pixels
            .samples
            .iter()
            .map(|&sample| u16::from(sample) * 257)
            .collect();
        return Pixels {
            size: pixels.size,
            layout: hdr::layout(pixels.layout),
            samples: hdr::to_srgb(&hdr, pixels.layout.channels(), &samples),
        };
    }
    let Some(profile) = profile(container, pixels.layout) else {
        return pixels;
    };
    let (from, to, layout) = layouts(pixels.layout);
    let transform = profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, options());
    let mut samples = vec![0; pixels.size.pixels() as usize * layout.channels()];
    match transform.and_then(|transform| transform.transform(&pixels.samples, &mut samples)) {
        Ok(()) => Pixels {
            size: pixels.size,
            layout,
            samples,
        },
        Err(_) => pixels,
    }
}

/// Gray becomes RGB, because a gray profile may be tinted.
fn layouts(layout: Layout) -> (moxcms::Layout, moxcms::Layout, Layout) {
    match layout {
        Layout::Gray => (moxcms::Layout::Gray, moxcms::Layout::Rgb, Layout::Rgb),
        Layout::GrayAlpha => (
            moxcms::Layout::GrayAlpha,
            moxcms::Layout::Rgba,
            Layout::Rgba,
        ),
        Layout::Rgb => (moxcms::Layout::Rgb, moxcms::Layout::Rgb, Layout::Rgb),
        Layout::Rgba => (moxcms::Layout::Rgba, moxcms::Layout::Rgba, Layout::Rgba),
    }
}

fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    }
}

/// Returns the conversion by the image's own CMYK profile, if there is one.
fn by_press(container: &Container) -> Option<Arc<Transform8BitExecutor>> {
    let profile = ColorProfile::new_from_slice(container.blocks.icc.as_deref()?).ok()?;
    if profile.color_space != DataColorSpace::Cmyk {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    profile
        .create_transform_8bit(moxcms::Layout::Rgba, &srgb, moxcms::Layout::Rgb, options())
        .ok()
}

/// Returns whether the samples are sRGB, or have no readable description.
pub(super) fn is_srgb(container: &Container) -> bool {
    let layout = match container.header.colour_space {
        ColourSpace::Gray => Layout::Gray,
        _ => Layout::Rgb,
    };
    hdr_of(container).is_none() && profile(container, layout).is_none()
}

/// The profile of the samples, if they are not sRGB.
fn profile(container: &Container, layout: Layout) -> Option<ColorProfile> {
    let gray = matches!(layout, Layout::Gray | Layout::GrayAlpha);
    match container.colouring {
        Colouring::Srgb => None,
        Colouring::Profile => {
            let profile = ColorProfile::new_from_slice(container.blocks.icc.as_deref()?).ok()?;
            let fits = match profile.color_space {
                DataColorSpace::Gray => gray,
                DataColorSpace::Rgb => !gray,
                _ => false,
            };
            fits.then_some(profile)
        }
        Colouring::Cicp {
            primaries,
            transfer,
        } => {
            if (primaries, transfer) == (BT709, SRGB) || gray && transfer == SRGB {
                return None;
            }
            let cicp = CicpProfile {
                color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
                transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            };
            let mut profile = ColorProfile::new_from_cicp(cicp);
            if gray {
                profile.gray_trc = profile.red_trc.clone();
                profile.color_space = DataColorSpace::Gray;
            }
            Some(profile)
        }
        Colouring::Gamma {
            gamma,
            chromaticities,
        } => by_gamma(gamma, chromaticities.filter(|_| !gray), gray),
    }
}

fn by_gamma(gamma: f32, chromaticities: Option<[f32; 8]>, gray: bool) -> Option<ColorProfile> {
    // Writers store this for sRGB, although its curve differs slightly.
    let usual = (gamma - 0.45455).abs() < 0.001;
    if usual && chromaticities.is_none_or(is_bt709) {
        return None;
    }
    if gray {
        return Some(ColorProfile::new_gray_with_gamma(1.0 / gamma));
    }
    let mut profile = ColorProfile::new_srgb();
    if let Some([wx, wy, rx, ry, gx, gy, bx, by]) = chromaticities {
        let point = |x, y| Chromaticity { x, y };
        let primaries = ColorPrimaries {
            red: point(rx, ry),
            green: point(gx, gy),
            blue: point(bx, by),
        };
        let white = XyY {
            x: f64::from(wx),
            y: f64::from(wy),
            yb: 1.0,
        };
        profile.update_rgb_colorimetry(white, primaries);
    }
    profile.cicp = None;
    let curve = ToneReprCurve::Parametric(vec![1.0 / gamma]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    Some(profile)
}

fn is_bt709(points: [f32; 8]) -> bool {
    let bt709 = [0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06];
    points
        .iter()
        .zip(bt709)
        .all(|(point, expected)| (point - expected).abs() < 0.005)
}

fn hdr_of(container: &Container) -> Option<Hdr> {
    match container.colouring {
        Colouring::Cicp {
            primaries,
            transfer,
        } => Hdr::of(primaries, transfer),
        _ => None,
    }
}
