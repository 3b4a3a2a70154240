//! Item properties (ISO/IEC 23008-12, section 6.5).

use super::boxes::{Fields, FourCc};
use crate::Error;
use crate::limits::Limits;
use crate::spec::{Rect, Size};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Property {
    Size(Size),
    /// The visible part.
    Aperture(Aperture),
    /// Counterclockwise, in steps of 90 degrees.
    Turn(u8),
    /// Top to bottom if vertical, else left to right.
    Mirror {
        is_vertical: bool,
    },
    Icc(Vec<u8>),
    Nclx(Nclx),
    Av1(SampleFormat),
    Hevc(Hevc),
    Alpha,
    GainMap,
    OperatingPoint(u8),
    Other(FourCc),
}

/// Code points of H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nclx {
    pub(crate) primaries: u8,
    pub(crate) transfer: u8,
    pub(crate) matrix: u8,
    pub(crate) full_range: bool,
}

/// The format of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleFormat {
    pub(crate) bits: u8,
    pub(crate) is_gray: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hevc {
    pub(crate) coding: SampleFormat,
    /// Size of the length field before each unit.
    pub(crate) length_bytes: usize,
    /// Parameter sets, without start codes.
    pub(crate) units: Vec<Vec<u8>>,
}

/// `clap`, as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aperture {
    width: (u32, u32),
    height: (u32, u32),
    /// Offset of its centre from the image centre.
    across: (i32, u32),
    down: (i32, u32),
}

impl Aperture {
    /// In whole pixels, clamped to the image. `None` if it is empty or invalid.
    pub(crate) fn within(&self, whole: Size) -> Option<Rect> {
        let side = |(length, of): (u32, u32), (middle, parts): (i32, u32), whole: u32| {
            let length = f64::from(length) / f64::from(of);
            let middle = f64::from(middle) / f64::from(parts);
            let start = (f64::from(whole) - length) / 2.0 + middle;
            // Half a pixel belongs to what is shown, as in libheif; a third may have been rounded down.
            let start = (start + 1e-6).floor();
            let (start, end) = (start.max(0.0), start + length.round());
            let end = end.min(f64::from(whole));
            // NaN where a denominator is zero.
            (end > start).then_some((start as u32, (end - start) as u32))
        };
        let (x, width) = side(self.width, self.across, whole.width)?;
        let (y, height) = side(self.height, self.down, whole.height)?;
        Some(Rect {
            x,
            y,
            width,
            height,
        })
    }
}

impl Property {
    pub(super) fn read(kind: FourCc, content: &[u8], limits: &Limits) -> Result<Self, Error> {
        let mut fields = Fields::new(content);
        Ok(match &kind {
            b"ispe" => {
                fields.version()?;
                Self::Size(Size::new(fields.be32()?, fields.be32()?))
            }
            b"clap" => Self::Aperture(Aperture {
                width: (fields.be32()?, fields.be32()?),
                height: (fields.be32()?, fields.be32()?),
                across: (fields.be32()?.cast_signed(), fields.be32()?),
                down: (fields.be32()?.cast_signed(), fields.be32()?),
            }),
            b"irot" => Self::Turn(fields.byte()? & 3),
            b"imir" => Self::Mirror {
                is_vertical: fields.byte()? & 1 == 0,
            },
            b"colr" => colour(fields, limits)?,
            b"av1C" => {
                fields.take(2)?;
                let flags = fields.byte()?;
                Self::Av1(SampleFormat {
                    bits: match (flags & 0x40 != 0, flags & 0x20 != 0) {
                        (false, _) => 8,
                        (true, false) => 10,
                        (true, true) => 12,
                    },
                    is_gray: flags & 0x10 != 0,
                })
            }
            b"hvcC" => Self::Hevc(hevc(fields)?),
            b"auxC" | b"auxi" => {
                fields.version()?;
                match fields.text()? {
                    urn if is_alpha(urn) => Self::Alpha,
                    urn if urn.ends_with(GAIN_MAP) => Self::GainMap,
                    _ => Self::Other(kind),
                }
            }
            b"a1op" => Self::OperatingPoint(fields.byte()?),
            _ => Self::Other(kind),
        })
    }

    /// Returns whether an essential property is supported, or does not affect pixels.
    pub(super) fn is_understood(&self) -> bool {
        const NO_PIXELS: [&FourCc; 12] = [
            b"pixi", b"pasp", b"auxC", b"clli", b"mdcv", b"cclv", b"amve", b"lsel", b"a1lx",
            b"rloc", b"ndwt", b"colr",
        ];
        match self {
            Self::Other(kind) => NO_PIXELS.contains(&kind),
            _ => true,
        }
    }
}

/// The end of the names that Apple and other writers give to it.
const GAIN_MAP: &[u8] = b":aux:hdrgainmap";

fn is_alpha(urn: &[u8]) -> bool {
    let urns: [&[u8]; 3] = [
        b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
        b"urn:mpeg:hevc:2015:auxid:1",
        b"urn:mpeg:avc:2015:auxid:1",
    ];
    urns.contains(&urn)
}

fn colour(mut fields: Fields<'_>, limits: &Limits) -> Result<Property, Error> {
    Ok(match &fields.kind()? {
        b"nclx" => Property::Nclx(Nclx {
            primaries: code_point(fields.be16()?),
            transfer: code_point(fields.be16()?),
            matrix: code_point(fields.be16()?),
            // QuickTime omits it.
            full_range: fields.byte().is_ok_and(|flags| flags & 0x80 != 0),
        }),
        b"prof" | b"rICC" => {
            let icc = fields.rest();
            let what = "bytes of the colour profile";
            Error::check(what, icc.len() as u64, limits.max_icc_bytes)?;
            Property::Icc(icc.to_vec())
        }
        _ => Property::Other(*b"colr"),
    })
}

/// 2 means unspecified.
fn code_point(number: u16) -> u8 {
    u8::try_from(number).unwrap_or(2)
}

/// The `hvcC` box (ISO/IEC 14496-15, section 8.3.2).
fn hevc(mut fields: Fields<'_>) -> Result<Hevc, Error> {
    fields.take(16)?;
    let is_gray = fields.byte()? & 3 == 0;
    let bits = fields.byte()?.max(fields.byte()?) & 7;
    fields.take(2)?;
    let length_bytes = usize::from(fields.byte()? & 3) + 1;
    let mut units = Vec::new();
    for _ in 0..fields.byte()? {
        fields.take(1)?;
        for _ in 0..fields.be16()? {
            let length = fields.be16()?;
            units.push(fields.take(usize::from(length))?.to_vec());
            Error::check("parameter sets", units.len() as u64, MAX_UNITS)?;
        }
    }
    Ok(Hevc {
        coding: SampleFormat {
            bits: 8 + bits,
            is_gray,
        },
        length_bytes,
        units,
    })
}

/// At most 16 video, 16 sequence and 64 picture parameter sets have distinct IDs; the rest leaves room for SEI
/// messages.
const MAX_UNITS: u64 = 256;
