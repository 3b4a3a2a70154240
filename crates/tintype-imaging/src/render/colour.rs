//! Converts any description of colour to 8-bit sRGB or Display P3: ICC profiles, PNG's cICP and gAMA/cHRM, CMYK with or
//! without a profile, 16 bits, gray.
//!
//! A profile that is unreadable, or meant for another kind of samples, is ignored as in browsers, and the image is
//! treated as sRGB.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, CmsError, ColorPrimaries, ColorProfile,
    DataColorSpace, MatrixCoefficients, RenderingIntent, ToneReprCurve, TransferCharacteristics,
    Transform8BitExecutor, TransformOptions, XyY,
};

use super::hdr::{self, Hdr};
use super::pixels::Layout;
use super::resize::Sample;
use super::{Pixels, inks, linear};
use crate::Error;
use crate::decode::{self, Band, Samples};
use crate::probe::{ColourSpace, Colouring, Container};
use crate::spec::{Gamut, Rgba, Size};

/// Code points of H.273.
const BT709: u8 = 1;
const SRGB: u8 = 13;

/// How the samples of an original become those of a response: what cannot wait until after resizing, and the rest.
/// CMYK and HDR are converted before, in rows, so that no more than a band exists in both forms. Everything else is
/// resized as it is encoded, 16 bits with all of them, and converted once there are few pixels.
pub(super) struct Conversion {
    /// The layout of what is resized.
    pub(super) layout: Layout,
    before: Before,
    linear: bool,
    target: Gamut,
}

enum Before {
    Nothing,
    Inks(Option<Arc<Transform8BitExecutor>>),
    Hdr(Hdr),
}

/// The colours of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// As the original describes them.
    Own,
    Of(Gamut),
}

/// Samples as they are resized.
pub(super) trait Depth: Sample {
    /// `channels` counts those of the input.
    fn before<'a>(
        conversion: &Conversion,
        samples: Samples<'a>,
        channels: usize,
    ) -> Result<Cow<'a, [Self]>, Error>;

    /// Converts the result of resizing to 8 bits.
    fn after(
        conversion: &Conversion,
        pixels: (Size, Layout, Vec<Self>),
        container: &Container,
    ) -> Result<(Pixels, Colours), Error>;

    fn to_eight_bits(samples: &[Self]) -> Cow<'_, [u8]>;
}

impl Conversion {
    /// For bands like this one.
    pub(super) fn new(
        band: &Band<'_>,
        container: &Container,
        (linear, target): (bool, Gamut),
    ) -> Result<Self, Error> {
        let is_sixteen = matches!(band.samples, Samples::Sixteen(_));
        let (layout, before) = match band.layout {
            decode::Layout::Cmyk | decode::Layout::CmykAlpha if is_sixteen => {
                return Err(Error::internal("16-bit CMYK"));
            }
            decode::Layout::Cmyk => (Layout::Rgb, Before::Inks(by_press(container, target))),
            decode::Layout::CmykAlpha => (Layout::Rgba, Before::Inks(by_press(container, target))),
            decode::Layout::Gray => (Layout::Gray, Before::Nothing),
            decode::Layout::GrayAlpha => (Layout::GrayAlpha, Before::Nothing),
            decode::Layout::Rgb => (Layout::Rgb, Before::Nothing),
            decode::Layout::Rgba => (Layout::Rgba, Before::Nothing),
        };
        let hdr = is_sixteen.then(|| hdr_of(container, target)).flatten();
        let (layout, before) = match hdr {
            Some(hdr) => (hdr::layout(layout), Before::Hdr(hdr)),
            None => (layout, before),
        };
        Ok(Self {
            layout,
            before,
            linear,
            target,
        })
    }

    /// Whether samples of such bands are resized with 16 bits.
    pub(super) fn is_deep(&self, band: &Band<'_>) -> bool {
        let is_kept = matches!(self.before, Before::Nothing);
        self.linear || is_kept && matches!(band.samples, Samples::Sixteen(_))
    }

    /// Whether samples change before they are resized.
    pub(super) fn is_needed(&self) -> bool {
        self.linear || !matches!(self.before, Before::Nothing)
    }

    fn colours(&self) -> Colours {
        match self.before {
            Before::Nothing => Colours::Own,
            Before::Inks(None) => Colours::Of(Gamut::Srgb),
            Before::Inks(Some(_)) | Before::Hdr(_) => Colours::Of(self.target),
        }
    }
}

impl Depth for u8 {
    fn before<'a>(
        conversion: &Conversion,
        samples: Samples<'a>,
        channels: usize,
    ) -> Result<Cow<'a, [u8]>, Error> {
        let converted = match (samples, &conversion.before) {
            (Samples::Eight(samples), Before::Nothing) => return Ok(samples),
            (Samples::Eight(samples), Before::Inks(_)) if channels == 5 => {
                let (pixels, _) = samples.as_chunks::<5>();
                let inks = pixels.iter().flat_map(|[c, m, y, k, _]| [*c, *m, *y, *k]);
                let rgb = Self::before(conversion, Samples::Eight(inks.collect()), 4)?;
                let colours = rgb.as_chunks::<3>().0.iter().zip(pixels);
                let rgba = colours.flat_map(|([r, g, b], pixel)| [*r, *g, *b, pixel[4]]);
                rgba.collect()
            }
            (Samples::Eight(samples), Before::Inks(Some(transform))) => {
                let mut rgb = vec![0; samples.len() / 4 * 3];
                transform.transform(&samples, &mut rgb).map_err(failed)?;
                rgb
            }
            (Samples::Eight(samples), Before::Inks(None)) => {
                let (pixels, _) = samples.as_chunks();
                let rgb = pixels.iter().flat_map(|of_one| inks::to_srgb(*of_one));
                rgb.collect()
            }
            (Samples::Sixteen(samples), Before::Hdr(hdr)) => {
                hdr::to_eight_bits(hdr, channels, &samples)
            }
            _ => return Err(Error::internal("bands of one image differ")),
        };
        Ok(converted.into())
    }

    fn after(
        conversion: &Conversion,
        (size, layout, samples): (Size, Layout, Vec<u8>),
        _: &Container,
    ) -> Result<(Pixels, Colours), Error> {
        let pixels = Pixels {
            size,
            layout,
            samples,
        };
        Ok((pixels, conversion.colours()))
    }

    fn to_eight_bits(samples: &[u8]) -> Cow<'_, [u8]> {
        samples.into()
    }
}

impl Depth for u16 {
    fn before<'a>(
        conversion: &Conversion,
        samples: Samples<'a>,
        channels: usize,
    ) -> Result<Cow<'a, [u16]>, Error> {
        let samples = match samples {
            Samples::Sixteen(samples) if matches!(conversion.before, Before::Nothing) => samples,
            samples => {
                let eight = u8::before(conversion, samples, channels)?;
                eight
                    .iter()
                    .map(|&sample| u16::from(sample) * 257)
                    .collect()
            }
        };
        if !conversion.linear {
            return Ok(samples);
        }
        let mut samples = samples.into_owned();
        linear::map(&mut samples, conversion.layout, linear::to_light());
        Ok(samples.into())
    }

    fn after(
        conversion: &Conversion,
        (size, layout, mut samples): (Size, Layout, Vec<u16>),
        container: &Container,
    ) -> Result<(Pixels, Colours), Error> {
        if conversion.linear {
            linear::map(&mut samples, layout, linear::from_light());
        }
        let eight = |layout: Layout, samples: &[u16]| Pixels {
            size,
            layout,
            samples: u16::to_eight_bits(samples).into_owned(),
        };
        if conversion.colours() != Colours::Own {
            return Ok((eight(layout, &samples), conversion.colours()));
        }
        let Some(profile) = profile(container, layout) else {
            return Ok((eight(layout, &samples), Colours::Of(Gamut::Srgb)));
        };
        let gamut = gamut(layout, conversion.target);
        let (from, to, target) = layouts(layout);
        let transform = profile.create_transform_16bit(from, &described(gamut), to, options());
        let mut converted = vec![0; size.pixels() as usize * target.channels()];
        match transform.and_then(|transform| transform.transform(&samples, &mut converted)) {
            Ok(()) => Ok((eight(target, &converted), Colours::Of(gamut))),
            Err(_) => Ok((eight(layout, &samples), Colours::Of(Gamut::Srgb))),
        }
    }

    /// 65535 / 257 = 255.
    fn to_eight_bits(samples: &[u16]) -> Cow<'_, [u8]> {
        let eight = |sample: &u16| ((u32::from(*sample) + 128) / 257) as u8;
        samples.iter().map(eight).collect()
    }
}

fn failed(error: CmsError) -> Error {
    Error::internal(format!("colour conversion: {error}"))
}

/// Converts 8-bit samples from the original's own colours to this gamut. What has no readable description is sRGB
/// already.
pub(super) fn convert(pixels: Pixels, container: &Container, target: Gamut) -> (Pixels, Gamut) {
    if let Some(hdr) = hdr_of(container, target) {
        let samples = pixels.samples.iter();
        let samples: Vec<u16> = samples.map(|&sample| u16::from(sample) * 257).collect();
        let pixels = Pixels {
            size: pixels.size,
            layout: hdr::layout(pixels.layout),
            samples: hdr::to_eight_bits(&hdr, pixels.layout.channels(), &samples),
        };
        return (pixels, target);
    }
    let Some(profile) = profile(container, pixels.layout) else {
        return (pixels, Gamut::Srgb);
    };
    let gamut = gamut(pixels.layout, target);
    let (from, to, layout) = layouts(pixels.layout);
    let transform = profile.create_transform_8bit(from, &described(gamut), to, options());
    let mut samples = vec![0; pixels.size.pixels() as usize * layout.channels()];
    match transform.and_then(|transform| transform.transform(&pixels.samples, &mut samples)) {
        Ok(()) => {
            let size = pixels.size;
            let pixels = Pixels {
                size,
                layout,
                samples,
            };
            (pixels, gamut)
        }
        Err(_) => (pixels, Gamut::Srgb),
    }
}

/// Converts a colour of sRGB.
pub(super) fn of_srgb(colour: Rgba, target: Gamut) -> Rgba {
    let Rgba { r, g, b, a } = colour;
    let rgb = moxcms::Layout::Rgb;
    let transform = match target {
        Gamut::Srgb => return colour,
        Gamut::P3 => {
            described(Gamut::Srgb).create_transform_8bit(rgb, &described(target), rgb, options())
        }
    };
    let mut converted = [r, g, b];
    // Otherwise the colour stays as it is, a little more saturated.
    let _ = transform.and_then(|transform| transform.transform(&[r, g, b], &mut converted));
    let [r, g, b] = converted;
    Rgba { r, g, b, a }
}

/// The profile that a response in this gamut contains; sRGB needs none.
pub(super) fn icc(gamut: Gamut) -> Option<&'static [u8]> {
    static P3: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
        let mut profile = described(Gamut::P3).encode().ok()?;
        // The time of its creation would give every replica other bytes.
        profile.get_mut(24..36)?.fill(0);
        Some(profile)
    });
    match gamut {
        Gamut::Srgb => None,
        Gamut::P3 => P3.as_deref(),
    }
}

fn described(gamut: Gamut) -> ColorProfile {
    match gamut {
        Gamut::Srgb => ColorProfile::new_srgb(),
        Gamut::P3 => ColorProfile::new_display_p3(),
    }
}

/// Gray needs no wide gamut.
fn gamut(layout: Layout, target: Gamut) -> Gamut {
    match layout {
        Layout::Gray | Layout::GrayAlpha => Gamut::Srgb,
        Layout::Rgb | Layout::Rgba => target,
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
fn by_press(container: &Container, target: Gamut) -> Option<Arc<Transform8BitExecutor>> {
    let profile = ColorProfile::new_from_slice(container.blocks.icc.as_deref()?).ok()?;
    if profile.color_space != DataColorSpace::Cmyk {
        return None;
    }
    let (inks, rgb) = (moxcms::Layout::Rgba, moxcms::Layout::Rgb);
    let transform = profile.create_transform_8bit(inks, &described(target), rgb, options());
    transform.ok()
}

/// Returns whether the samples are sRGB, or have no readable description.
pub(super) fn is_srgb(container: &Container) -> bool {
    let layout = match container.header.colour_space {
        ColourSpace::Gray => Layout::Gray,
        _ => Layout::Rgb,
    };
    hdr_of(container, Gamut::Srgb).is_none() && profile(container, layout).is_none()
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

fn hdr_of(container: &Container, target: Gamut) -> Option<Hdr> {
    match container.colouring {
        Colouring::Cicp {
            primaries,
            transfer,
        } => Hdr::of(primaries, transfer, &described(target)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_same_on_every_replica() {
        let profile = icc(Gamut::P3).unwrap();
        assert_eq!(&profile[36..40], b"acsp");
        assert_eq!(profile[24..36], [0; 12], "the time of its creation");
    }
}
