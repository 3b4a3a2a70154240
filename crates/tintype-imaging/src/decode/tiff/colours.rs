//! Converts samples to pixels: gray, RGB, palette, CMYK, YCbCr and Lab, with straight alpha. Profiles are applied by
//! later steps, so colours are left as they are where a profile may follow.

use std::io::{Read, Seek};

use super::form::{Depth, Packing, PageFormat};
use super::{Layout, form::refused};
use crate::Error;
use crate::probe::Container;
use crate::probe::ifd::{Directory, Tiff};
use crate::probe::tiff::Page;
use crate::probe::tiff::page::{self, CIE_LAB, ICC_LAB, INKS, PALETTE, WHITE_IS_ZERO, YCBCR};

const COLOUR_MAP: u16 = 320;
const YCBCR_COEFFICIENTS: u16 = 529;
const REFERENCE_BLACK_WHITE: u16 = 532;

/// A band under construction.
pub(super) enum BandSamples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

impl BandSamples {
    pub(super) fn new(colours: &PixelConverter, depth: Depth) -> Self {
        let is_eight = match &colours.how {
            ColourModel::AsItIs { .. } => matches!(depth, Depth::Eight { .. }),
            ColourModel::Palette(_) | ColourModel::Inks | ColourModel::YCbCr(_) => true,
            ColourModel::Lab { .. } => false,
        };
        match is_eight {
            true => Self::Eight(Vec::new()),
            false => Self::Sixteen(Vec::new()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Eight(samples) => samples.len(),
            Self::Sixteen(samples) => samples.len(),
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Eight(samples) => samples.clear(),
            Self::Sixteen(samples) => samples.clear(),
        }
    }

    /// Skips `count` unknown samples.
    pub(super) fn leave_out(&mut self, count: usize) {
        let length = self.len() + count;
        match self {
            Self::Eight(samples) => samples.resize(length, 0),
            Self::Sixteen(samples) => samples.resize(length, 0),
        }
    }

    fn eight(&mut self) -> Result<&mut Vec<u8>, Error> {
        match self {
            Self::Eight(samples) => Ok(samples),
            Self::Sixteen(_) => Err(Error::internal("TIFF samples with another depth")),
        }
    }

    fn sixteen(&mut self) -> Result<&mut Vec<u16>, Error> {
        match self {
            Self::Sixteen(samples) => Ok(samples),
            Self::Eight(_) => Err(Error::internal("TIFF samples with another depth")),
        }
    }
}

pub(super) struct PixelConverter {
    how: ColourModel,
    /// Samples per stored pixel.
    samples: usize,
    alpha: Option<Alpha>,
}

enum ColourModel {
    /// Gray or RGB.
    AsItIs {
        colours: usize,
        inverted: bool,
        /// Converts linear light to sRGB, for files without a profile.
        curve: Option<Curve>,
    },
    Palette(Vec<[u8; 3]>),
    Inks,
    YCbCr(Box<YCbCr>),
    Lab {
        /// ICC encoding rather than CIE.
        offset: bool,
        curve: Curve,
    },
}

#[derive(Clone, Copy)]
struct Alpha {
    at: usize,
    /// Colours are premultiplied.
    premultiplied: bool,
}

impl PixelConverter {
    pub(super) fn new<R: Read + Seek>(
        page: &Page,
        form: &PageFormat,
        tiff: &mut Tiff<R>,
        directory: &Directory,
        container: &Container,
    ) -> Result<Self, Error> {
        let at = page.colour_samples() as usize;
        let alpha = page.has_alpha().then(|| Alpha {
            at,
            premultiplied: page.extra.first() == Some(&1),
        });
        // These decoders return RGB.
        let is_rgb = matches!(form.packing, Packing::Jpeg | Packing::Webp) && !page.planar;
        let how = match page.photometric {
            PALETTE => {
                ColourModel::Palette(palette(&tiff.list(directory, COLOUR_MAP, 3 << 8), form)?)
            }
            INKS => ColourModel::Inks,
            YCBCR if !is_rgb => ColourModel::YCbCr(Box::new(YCbCr::new(
                &tiff.fractions(directory, YCBCR_COEFFICIENTS),
                &tiff.fractions(directory, REFERENCE_BLACK_WHITE),
            )?)),
            CIE_LAB | ICC_LAB => ColourModel::Lab {
                offset: page.photometric == ICC_LAB,
                curve: Curve::new(),
            },
            _ => ColourModel::AsItIs {
                colours: at,
                inverted: page.photometric == WHITE_IS_ZERO,
                curve: (matches!(form.depth, Depth::Float { .. })
                    && !has_profile(container, page.photometric))
                .then(Curve::new),
            },
        };
        Ok(Self {
            how,
            samples: page.samples as usize,
            alpha,
        })
    }

    pub(super) fn layout(&self) -> Layout {
        let is_gray = matches!(self.how, ColourModel::AsItIs { colours: 1, .. });
        match (&self.how, self.alpha) {
            (ColourModel::Inks, None) => Layout::Cmyk,
            (ColourModel::Inks, Some(_)) => Layout::CmykAlpha,
            (_, None) if is_gray => Layout::Gray,
            (_, Some(_)) if is_gray => Layout::GrayAlpha,
            (_, None) => Layout::Rgb,
            (_, Some(_)) => Layout::Rgba,
        }
    }

    pub(super) fn paint_eight(&self, row: &[u8], to: &mut BandSamples) -> Result<(), Error> {
        match &self.how {
            ColourModel::AsItIs {
                colours, inverted, ..
            } => {
                let to = to.eight()?;
                let is_ready = self.samples == colours + usize::from(self.alpha.is_some());
                if is_ready && !inverted && self.alpha.is_none_or(|alpha| !alpha.premultiplied) {
                    to.extend_from_slice(row);
                    return Ok(());
                }
                let turn = if *inverted { 255 } else { 0 };
                if is_ready && self.alpha.is_none() {
                    to.extend(row.iter().map(|colour| colour ^ turn));
                    return Ok(());
                }
                for pixel in row.chunks_exact(self.samples) {
                    let alpha = self.alpha.map(|alpha| pixel[alpha.at]);
                    let over = |colour: u8| match (self.alpha, alpha) {
                        (Some(Alpha { premultiplied, .. }), Some(alpha)) if premultiplied => {
                            divided(u32::from(colour), u32::from(alpha), 255) as u8
                        }
                        _ => colour,
                    };
                    to.extend(pixel[..*colours].iter().map(|&colour| over(colour) ^ turn));
                    to.extend(alpha);
                }
            }
            ColourModel::Palette(palette) => {
                let to = to.eight()?;
                for pixel in row.chunks_exact(self.samples) {
                    let colour = palette.get(usize::from(pixel[0]));
                    to.extend(colour.unwrap_or(&[0; 3]));
                    to.extend(self.alpha.map(|alpha| pixel[alpha.at]));
                }
            }
            ColourModel::Inks => {
                let to = to.eight()?;
                for inks in row.chunks_exact(self.samples) {
                    to.extend_from_slice(&inks[..4]);
                    to.extend(self.alpha.map(|alpha| inks[alpha.at]));
                }
            }
            ColourModel::YCbCr(conversion) => {
                let to = to.eight()?;
                for pixel in row.chunks_exact(self.samples) {
                    to.extend(conversion.rgb([pixel[0], pixel[1], pixel[2]]));
                    to.extend(self.alpha.map(|alpha| pixel[alpha.at]));
                }
            }
            ColourModel::Lab { offset, curve } => {
                let to = to.sixteen()?;
                for pixel in row.chunks_exact(self.samples) {
                    let signed = |value: u8| match offset {
                        true => f32::from(value) - 128.0,
                        false => f32::from(value.cast_signed()),
                    };
                    let lightness = f32::from(pixel[0]) / 2.55;
                    to.extend(curve.of_lab([lightness, signed(pixel[1]), signed(pixel[2])]));
                }
            }
        }
        Ok(())
    }

    pub(super) fn paint_sixteen(&self, row: &[u16], to: &mut BandSamples) -> Result<(), Error> {
        match &self.how {
            ColourModel::AsItIs {
                colours, inverted, ..
            } => {
                let to = to.sixteen()?;
                let turn = if *inverted { u16::MAX } else { 0 };
                for pixel in row.chunks_exact(self.samples) {
                    let alpha = self.alpha.map(|alpha| pixel[alpha.at]);
                    let over = |colour: u16| match (self.alpha, alpha) {
                        (Some(Alpha { premultiplied, .. }), Some(alpha)) if premultiplied => {
                            divided(u32::from(colour), u32::from(alpha), 65_535) as u16
                        }
                        _ => colour,
                    };
                    to.extend(pixel[..*colours].iter().map(|&colour| over(colour) ^ turn));
                    to.extend(alpha);
                }
            }
            // The same conversion as for 8 bits.
            ColourModel::Inks => {
                let to = to.eight()?;
                let eight = |sample: u16| ((u32::from(sample) + 128) / 257) as u8;
                for inks in row.chunks_exact(self.samples) {
                    to.extend(inks[..4].iter().map(|ink| eight(*ink)));
                    to.extend(self.alpha.map(|alpha| eight(inks[alpha.at])));
                }
            }
            ColourModel::Lab { offset, curve } => {
                let to = to.sixteen()?;
                for pixel in row.chunks_exact(self.samples) {
                    let signed = |value: u16| match offset {
                        true => (f32::from(value) - 32_768.0) / 256.0,
                        false => f32::from(value.cast_signed()) / 256.0,
                    };
                    // ICC encodes white as 0xff00.
                    let white = if *offset { 652.8 } else { 655.35 };
                    let lightness = f32::from(pixel[0]) / white;
                    to.extend(curve.of_lab([lightness, signed(pixel[1]), signed(pixel[2])]));
                }
            }
            ColourModel::Palette(_) | ColourModel::YCbCr(_) => {
                return Err(refused("16 bits of that kind"));
            }
        }
        Ok(())
    }

    pub(super) fn paint_float(&self, row: &[f32], to: &mut BandSamples) -> Result<(), Error> {
        let to = to.sixteen()?;
        let (colours, inverted, curve) = match &self.how {
            ColourModel::AsItIs {
                colours,
                inverted,
                curve,
            } => (colours, inverted, curve),
            // Unchanged.
            ColourModel::Lab { curve, .. } => {
                for pixel in row.chunks_exact(self.samples) {
                    to.extend(curve.of_lab([pixel[0], pixel[1], pixel[2]]));
                }
                return Ok(());
            }
            ColourModel::Palette(_) | ColourModel::Inks | ColourModel::YCbCr(_) => {
                return Err(refused("floating point samples of that kind"));
            }
        };
        for pixel in row.chunks_exact(self.samples) {
            let alpha = self.alpha.map(|alpha| pixel[alpha.at]);
            let over = match (self.alpha, alpha) {
                (Some(kind), Some(alpha)) if kind.premultiplied && alpha > 0.0 => alpha,
                _ => 1.0,
            };
            to.extend(pixel[..*colours].iter().map(|colour| {
                let light = whole(colour / over);
                let light = if *inverted { u16::MAX - light } else { light };
                curve.as_ref().map_or(light, |curve| curve.of(light))
            }));
            to.extend(alpha.map(whole));
        }
        Ok(())
    }
}

/// Undoes the premultiplication of `colour`.
fn divided(colour: u32, alpha: u32, most: u32) -> u32 {
    match alpha {
        0 => 0,
        _ => ((colour * most + alpha / 2) / alpha).min(most),
    }
}

/// Scales 0..=1 to 16 bits. NaN becomes black.
fn whole(value: f32) -> u16 {
    (value.clamp(0.0, 1.0) * 65_535.0 + 0.5) as u16
}

/// Returns whether there is a profile for samples of this kind.
fn has_profile(container: &Container, photometric: u64) -> bool {
    let space = container
        .blocks
        .icc
        .as_ref()
        .and_then(|icc| icc.get(16..20));
    let expected = match photometric {
        page::RGB => b"RGB ",
        _ => b"GRAY",
    };
    space.is_some_and(|space| space == expected)
}

fn palette(map: &[u64], form: &PageFormat) -> Result<Vec<[u8; 3]>, Error> {
    let count = 1 << form.depth.bits();
    let Some(map) = map.get(..3 * count) else {
        return Err(Error::malformed("no palette"));
    };
    // Some writers store 8-bit values in the 16-bit map.
    let shift = if map.iter().all(|&value| value < 256) {
        0
    } else {
        8
    };
    let part = |at: usize| (map[at] >> shift).min(255) as u8;
    let colour = |index| [index, count + index, 2 * count + index].map(part);
    Ok((0..count).map(colour).collect())
}

/// YCbCr conversion by coefficients and the code values of black and white (TIFF 6.0 sections 20 and 21).
struct YCbCr {
    luma: [f32; 256],
    red_of_cr: [f32; 256],
    blue_of_cb: [f32; 256],
    green_of_cr: [f32; 256],
    green_of_cb: [f32; 256],
}

impl YCbCr {
    fn new(coefficients: &[f64], black_white: &[f64]) -> Result<Self, Error> {
        let [red, green, blue] = match *coefficients {
            [red, green, blue, ..] => [red, green, blue],
            _ => [0.299, 0.587, 0.114],
        };
        let points = match *black_white {
            [a, b, c, d, e, f, ..] => [(a, b), (c, d), (e, f)],
            _ => [(0.0, 255.0), (128.0, 255.0), (128.0, 255.0)],
        };
        let usual = |number: &f64| number.is_finite() && number.abs() < 100_000.0;
        let all = points.iter().flat_map(|(black, white)| [black, white]);
        if !all.chain(&[red, green, blue]).all(usual) || green < 0.01 {
            return Err(Error::malformed("impossible YCbCr coefficients"));
        }
        let table = |(black, white): (f64, f64), range: f64, factor: f64| {
            let span = if white == black { 1.0 } else { white - black };
            std::array::from_fn(|code| ((code as f64 - black) * range / span * factor) as f32)
        };
        let [luma, cb, cr] = points;
        let (of_red, of_blue) = (2.0 - 2.0 * red, 2.0 - 2.0 * blue);
        Ok(Self {
            luma: table(luma, 255.0, 1.0),
            red_of_cr: table(cr, 127.0, of_red),
            blue_of_cb: table(cb, 127.0, of_blue),
            green_of_cr: table(cr, 127.0, -red * of_red / green),
            green_of_cb: table(cb, 127.0, -blue * of_blue / green),
        })
    }

    fn rgb(&self, [luma, cb, cr]: [u8; 3]) -> [u8; 3] {
        let (luma, cb, cr) = (
            self.luma[usize::from(luma)],
            usize::from(cb),
            usize::from(cr),
        );
        [
            luma + self.red_of_cr[cr],
            luma + self.green_of_cr[cr] + self.green_of_cb[cb],
            luma + self.blue_of_cb[cb],
        ]
        .map(|value| (value + 0.5) as u8)
    }
}

/// A lookup table from linear light to sRGB, 16 bits each.
struct Curve(Vec<u16>);

impl Curve {
    fn new() -> Self {
        let encode = |light: f64| match light {
            ..=0.003_130_8 => 12.92 * light,
            _ => 1.055 * light.powf(1.0 / 2.4) - 0.055,
        };
        let codes = (0..=u16::MAX).map(|light| encode(f64::from(light) / 65_535.0));
        Self(codes.map(|code| (code * 65_535.0).round() as u16).collect())
    }

    fn of(&self, light: u16) -> u16 {
        self.0[usize::from(light)]
    }

    /// Converts D50 Lab, the encoding of Photoshop and ICC.
    fn of_lab(&self, [lightness, a, b]: [f32; 3]) -> [u16; 3] {
        let y = (lightness + 16.0) / 116.0;
        let light = |root: f32| match root {
            ..=0.206_896_55 => (root - 16.0 / 116.0) * 0.128_418_55,
            _ => root * root * root,
        };
        let x = light(y + a / 500.0) * 0.964_22;
        let z = light(y - b / 200.0) * 0.825_21;
        let y = light(y);
        // XYZ (D50) to sRGB, with Bradford adaptation.
        [
            3.133_856 * x - 1.616_867 * y - 0.490_615 * z,
            -0.978_768 * x + 1.916_142 * y + 0.033_454 * z,
            0.071_945 * x - 0.228_991 * y + 1.405_243 * z,
        ]
        .map(|light| self.of(whole(light)))
    }
}
