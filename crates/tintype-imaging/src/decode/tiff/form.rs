//! The sample format of a page. Unsupported forms are refused here, by name.

use std::io::{Read, Seek};

use crate::Error;
use crate::limits::Limits;
use crate::probe::ifd::{Directory, Tiff};
use crate::probe::tiff::Page;
use crate::probe::tiff::page::{self, PALETTE, YCBCR};

const JPEG_TABLES: u16 = 347;
const T4_OPTIONS: u16 = 292;
const INK_SET: u16 = 332;
const SUBSAMPLING: u16 = 530;

/// The maximum bits of a palette index.
const MAX_PALETTE_BITS: u32 = 8;

#[derive(Clone, Copy, Debug)]
pub(super) struct PageFormat {
    pub(super) packing: Packing,
    pub(super) depth: Depth,
    pub(super) little: bool,
    pub(super) predictor: Predictor,
    /// Pixels across and down for each pair of Cb and Cr, if chroma is subsampled.
    pub(super) subsampling: Option<(u8, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstd,
    Lzma,
    Webp,
    Jpeg,
    Fax(FaxCoding),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaxCoding {
    /// Modified Huffman runs only; each row begins at a byte or a 16-bit word.
    Rle {
        words: bool,
    },
    Group3 {
        two_dimensional: bool,
    },
    Group4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    Horizontal,
    FloatingPoint,
}

/// Stored samples, by the depth that they are converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// 1 to 8 bits.
    Eight { bits: u32, signed: bool },
    /// Up to 64 bits.
    Sixteen { bits: u32, signed: bool },
    /// 16, 24, 32 or 64 bits.
    Float { bits: u32 },
}

impl Depth {
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Eight { bits, .. } | Self::Sixteen { bits, .. } | Self::Float { bits } => bits,
        }
    }
}

impl PageFormat {
    pub(super) fn of<R: Read + Seek>(
        page: &Page,
        tiff: &mut Tiff<R>,
        directory: &Directory,
    ) -> Result<Self, Error> {
        let packing = packing(page, tiff.number(directory, T4_OPTIONS).unwrap_or(0))?;
        let depth = depth(page)?;
        photometric(page, tiff.number(directory, INK_SET))?;
        let predictor = predictor(page, packing, depth)?;
        let subsampling = match tiff.numbers(directory, SUBSAMPLING)[..] {
            [across, down, ..] => (across, down),
            _ => (2, 2),
        };
        let form = Self {
            packing,
            depth,
            little: tiff.is_little(),
            predictor,
            subsampling: None,
        };
        form.check(page)?;
        let is_subsampled = page.photometric == YCBCR
            && subsampling != (1, 1)
            && !matches!(packing, Packing::Jpeg | Packing::Webp);
        if !is_subsampled {
            return Ok(form);
        }
        let factor = |factor: u64| match factor {
            1 | 2 | 4 => Ok(factor as u8),
            _ => Err(Error::malformed("impossible chroma subsampling")),
        };
        if page.planar || page.samples != 3 || predictor != Predictor::None {
            return Err(refused("chroma subsampling of that form"));
        }
        Ok(Self {
            subsampling: Some((factor(subsampling.0)?, factor(subsampling.1)?)),
            ..form
        })
    }

    /// Checks that these fields are valid in combination.
    fn check(&self, page: &Page) -> Result<(), Error> {
        let bits = self.depth.bits();
        let is_of_bytes = self.depth
            == Depth::Eight {
                bits: 8,
                signed: false,
            };
        match self.packing {
            Packing::Fax(_) if bits != 1 || page.samples != 1 => {
                Err(refused("fax coding of more than one bit a pixel"))
            }
            Packing::Webp if !is_of_bytes || page.planar || !matches!(page.samples, 3 | 4) => {
                Err(refused("WebP of that form"))
            }
            Packing::Jpeg if !is_of_bytes => {
                Err(refused(&format!("JPEG of {bits} bits per sample")))
            }
            _ if page.photometric == YCBCR && !is_of_bytes => {
                Err(refused(&format!("YCbCr of {bits} bits per sample")))
            }
            _ if page.photometric == PALETTE && bits > MAX_PALETTE_BITS => {
                Err(refused(&format!("a palette of {bits} bits")))
            }
            _ if page.samples < page.colour_samples() => {
                Err(Error::malformed("fewer samples than its colours need"))
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn refused(what: &str) -> Error {
    Error::unsupported(format!("TIFF with {what}"))
}

fn packing(page: &Page, t4_options: u64) -> Result<Packing, Error> {
    Ok(match page.compression {
        // Some writers use 0 for no compression.
        0 | 1 => Packing::None,
        page::CCITT_RLE => Packing::Fax(FaxCoding::Rle { words: false }),
        page::CCITT_RLE_WORDS => Packing::Fax(FaxCoding::Rle { words: true }),
        page::CCITT_G3 => Packing::Fax(FaxCoding::Group3 {
            two_dimensional: t4_options & 1 != 0,
        }),
        page::CCITT_G4 => Packing::Fax(FaxCoding::Group4),
        5 => Packing::Lzw,
        page::JPEG => Packing::Jpeg,
        8 | 32_946 => Packing::Deflate,
        32_773 => Packing::PackBits,
        34_925 => Packing::Lzma,
        50_000 => Packing::Zstd,
        page::WEBP => Packing::Webp,
        other => {
            let known = COMPRESSIONS.iter().find(|(number, _)| *number == other);
            let name = known.map_or(String::new(), |(_, name)| format!(" ({name})"));
            return Err(refused(&format!("compression {other}{name}")));
        }
    })
}

/// Compressions that are refused, by name.
const COMPRESSIONS: [(u64, &str); 22] = [
    (6, "old-style JPEG"),
    (9, "JBIG, T.85"),
    (10, "JBIG, T.43"),
    (32_766, "NeXT"),
    (32_809, "ThunderScan"),
    (32_895, "IT8 CT"),
    (32_896, "IT8 line work"),
    (32_897, "IT8 monochrome"),
    (32_898, "IT8 binary line art"),
    (32_908, "Pixar film"),
    (32_909, "Pixar log"),
    (33_003, "JPEG 2000, YCbCr"),
    (33_005, "JPEG 2000, RGB"),
    (34_661, "JBIG"),
    (34_676, "SGI log luminance"),
    (34_677, "SGI log luminance, 24 bits"),
    (34_712, "JPEG 2000"),
    (34_713, "Nikon NEF"),
    (34_887, "LERC"),
    (34_892, "lossy JPEG of DNG"),
    (50_002, "JPEG XL"),
    (52_546, "JPEG XL of DNG"),
];

fn depth(page: &Page) -> Result<Depth, Error> {
    let all_alike = |values: &[u64]| values.iter().all(|value| *value == values[0]);
    if !all_alike(&page.bits) || !all_alike(&page.formats) {
        return Err(refused("samples of different kinds"));
    }
    let is_lab = matches!(page.photometric, page::CIE_LAB | page::ICC_LAB);
    let (bits, format) = (page.bits[0] as u32, page.formats[0]);
    Ok(match (format, page.bits[0]) {
        (1 | 2 | 4, 1..=8) => Depth::Eight {
            bits,
            signed: format == 2 && !is_lab,
        },
        (1 | 2 | 4, 9..=64) => Depth::Sixteen {
            bits,
            signed: format == 2 && !is_lab,
        },
        (3, 16 | 24 | 32 | 64) => Depth::Float { bits },
        (5 | 6, _) => return Err(refused("complex samples")),
        (3, bits) => return Err(refused(&format!("floating point of {bits} bits"))),
        (_, bits) => return Err(refused(&format!("{bits} bits per sample"))),
    })
}

fn photometric(page: &Page, ink_set: Option<u64>) -> Result<(), Error> {
    let is_float = page.formats[0] == 3;
    let is_lab = matches!(page.photometric, page::CIE_LAB | page::ICC_LAB);
    Err(match page.photometric {
        page::INKS if !matches!(ink_set, None | Some(1)) => refused("inks that are not CMYK"),
        PALETTE | page::MASK | YCBCR | page::INKS if is_float => {
            refused("floating point samples of that kind")
        }
        _ if is_lab && !is_float && !matches!(page.bits[0], 8 | 16) => refused("Lab of that depth"),
        page::ITU_LAB => refused("colours in ITU L*a*b*"),
        32_803 => refused("the raw pixels of a sensor"),
        34_892 => refused("linear raw pixels"),
        32_844 => refused("colours in LogL"),
        32_845 => refused("colours in LogLuv"),
        0..=6 | 8 | 9 => return Ok(()),
        other => refused(&format!("photometric interpretation {other}")),
    })
}

fn predictor(page: &Page, packing: Packing, depth: Depth) -> Result<Predictor, Error> {
    // Meaningless for other compressions.
    let counts = matches!(
        packing,
        Packing::Lzw | Packing::Deflate | Packing::Zstd | Packing::Lzma
    );
    match (page.predictor, depth) {
        _ if !counts => Ok(Predictor::None),
        (0 | 1, _) => Ok(Predictor::None),
        (2, _) if matches!(depth.bits(), 8 | 16 | 24 | 32 | 64) => Ok(Predictor::Horizontal),
        (3, Depth::Float { .. }) => Ok(Predictor::FloatingPoint),
        (other, _) => {
            let bits = depth.bits();
            Err(refused(&format!("predictor {other} of {bits} bits")))
        }
    }
}

/// The tables shared by the JPEG streams of all strips or tiles.
pub(super) fn jpeg_tables<R: Read + Seek>(
    tiff: &mut Tiff<R>,
    directory: &Directory,
    limits: &Limits,
) -> Vec<u8> {
    let tables = tiff.bytes(directory, JPEG_TABLES, limits.max_text_bytes);
    tables.unwrap_or_default()
}
