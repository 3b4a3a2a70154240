//! Reads the headers of an original, before anything is decoded.
//!
//! Each container is walked here first, with bounded reads, so that no decoder meets a colour profile of a gigabyte, a
//! thousand scans or a canvas of four billion pixels.

pub(crate) mod bmp;
mod gif;
pub(crate) mod heif;
mod ico;
pub(crate) mod ifd;
mod jp2;
mod jpeg;
mod jxl;
mod keep;
mod metadata;
mod png;
mod psd;
mod read;
mod rights;
mod svg;
pub(crate) mod tiff;
mod webp;
mod xmp;

use std::fmt;
use std::io::{BufRead, Seek};
use std::str::FromStr;
use std::time::Instant;

use crate::Error;
use crate::limits::Limits;
use crate::sniff::{self, sniff};
use crate::spec::Size;

pub use crate::format::SourceFormat;
pub(crate) use ico::largest as largest_of_icon;
pub(crate) use metadata::MetadataBlocks;
pub(crate) use psd::{Mode, Psd};
pub(crate) use read::ContainerReader;
pub(crate) use rights::EncodedRights;
pub use rights::{Rights, SetRights};
pub(crate) use svg::{MAX_TIMES as MAX_SVG_TIMES, parse as parse_svg};
pub(crate) use tiff::MAX_STRIP_BYTES;

/// The word is not in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such word")]
pub struct UnknownWord;

pub(crate) fn word<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Result<T, UnknownWord> {
    let found = all.into_iter().find(|word| name(*word) == text);
    found.ok_or(UnknownWord)
}

/// What the samples mean, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColourSpace {
    Gray,
    Rgb,
    Cmyk,
    Lab,
}

impl ColourSpace {
    const ALL: [Self; 4] = [Self::Gray, Self::Rgb, Self::Cmyk, Self::Lab];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gray => "gray",
            Self::Rgb => "rgb",
            Self::Cmyk => "cmyk",
            Self::Lab => "lab",
        }
    }
}

impl fmt::Display for ColourSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses the output of [`ColourSpace::as_str`].
impl FromStr for ColourSpace {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        word(Self::ALL, ColourSpace::as_str, text)
    }
}

/// The header of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub format: SourceFormat,
    /// As stored, before the orientation is applied.
    pub size: Size,
    /// The EXIF orientation, 1..=8.
    pub orientation: u8,
    pub frames: u32,
    /// Some pixels may be transparent.
    pub has_alpha: bool,
    pub colour_space: ColourSpace,
    /// Per sample.
    pub bits: u8,
    /// For a JPEG, the number of scans.
    pub scans: u32,
    /// Not stored from top to bottom, or not readable so: a progressive JPEG, an Adam7 PNG, an interlaced GIF, a
    /// run-length coded BMP, a TIFF in large tiles or in large JPEG or WebP strips, a WebP that is lossless, animated
    /// or has alpha.
    pub interlaced: bool,
    /// The file ends before the end that its format marks. What is there can be shown.
    pub truncated: bool,
    /// It contains a gain map (ISO 21496-1, Ultra HDR, Apple's), which makes it HDR on other screens.
    pub has_gain_map: bool,
    /// It contains a C2PA manifest, which signs its bytes.
    pub has_c2pa: bool,
    /// As read by [`header`].
    pub rights: Rights,
}

impl Header {
    /// Describes an image of which only the format is known: the size is zero, and the rest is what most files have.
    pub const fn of(format: SourceFormat) -> Self {
        Self {
            format,
            size: Size::new(0, 0),
            orientation: 1,
            frames: 1,
            has_alpha: false,
            colour_space: ColourSpace::Rgb,
            bits: 8,
            scans: 1,
            interlaced: false,
            truncated: false,
            has_gain_map: false,
            has_c2pa: false,
            rights: Rights::NONE,
        }
    }

    /// The displayed size.
    pub const fn upright(&self) -> Size {
        if self.orientation >= 5 {
            self.size.transposed()
        } else {
            self.size
        }
    }

    /// As decoded: palettes become RGB.
    pub const fn channels(&self) -> u8 {
        match (self.format, self.colour_space, self.has_alpha) {
            (SourceFormat::Gif, ..) => 4,
            (_, ColourSpace::Gray, false) => 1,
            (_, ColourSpace::Gray, true) => 2,
            (_, ColourSpace::Rgb | ColourSpace::Lab, false) => 3,
            (_, ColourSpace::Cmyk, true) => 5,
            _ => 4,
        }
    }
}

/// Why a walk stopped early, and what was known by then.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Stopped {
    pub error: Error,
    /// `None` if not even the format is known; the size is zero if it is unknown.
    pub known: Option<Box<Header>>,
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

/// Reads the headers of an image, from its first byte to its last, without decoding pixels. A size above the limit is
/// no error here: such an original may be stored, just not rendered.
pub fn header<R: BufRead + Seek>(
    reader: R,
    limits: &Limits,
    deadline: Instant,
) -> Result<Header, Stopped> {
    let mut known = None;
    match walk(reader, limits, Extent::Whole, deadline, &mut known) {
        Ok(container) => Ok(Header {
            rights: container.blocks.rights(limits),
            ..container.header
        }),
        Err(error) => Err(Stopped {
            error,
            known: known.map(Box::new),
        }),
    }
}

/// How colour is described, other than by a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Colouring {
    /// The ICC profile; without one, sRGB.
    Profile,
    /// sRGB, whatever else the file says.
    Srgb,
    /// Code points (H.273): primaries and transfer.
    Cicp { primaries: u8, transfer: u8 },
    /// PNG's gAMA and cHRM: the file gamma, and white, red, green and blue as x and y.
    Gamma {
        gamma: f32,
        chromaticities: Option<[f32; 8]>,
    },
}

/// The result of walking a container.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) header: Header,
    pub(crate) blocks: MetadataBlocks,
    pub(crate) colouring: Colouring,
}

/// How far to walk a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// As far as decoding requires.
    Decoding,
    /// To the end, to learn whether the file is complete.
    Whole,
}

/// Reads what a rendering needs. [`header`] has checked the whole file at upload.
pub(crate) fn container<R: BufRead + Seek>(
    reader: R,
    limits: &Limits,
    deadline: Instant,
) -> Result<Container, Error> {
    walk(reader, limits, Extent::Decoding, deadline, &mut None)
}

fn walk<R: BufRead + Seek>(
    reader: R,
    limits: &Limits,
    extent: Extent,
    deadline: Instant,
    known: &mut Option<Header>,
) -> Result<Container, Error> {
    let mut reader = ContainerReader::new(reader, deadline)?;
    let length = reader.length();
    let sniffed = sniff(&reader.peek(sniff::HEAD_BYTES as u64)?);
    let format = SourceFormat::of(sniffed.media_type)
        .ok_or_else(|| Error::unsupported(sniffed.media_type))?;
    let header = known.insert(Header::of(format));
    let (blocks, colouring) = match format {
        SourceFormat::Jpeg => jpeg::walk(&mut reader, limits, extent, header)?,
        SourceFormat::Png => png::walk(&mut reader, limits, header)?,
        SourceFormat::Webp => webp::walk(&mut reader, limits, header)?,
        SourceFormat::Gif => gif::walk(&mut reader, limits, header)?,
        SourceFormat::Bmp => bmp::walk(&mut reader, header)?,
        SourceFormat::Tiff => tiff::walk(reader.into_inner(), length, limits, header)?,
        SourceFormat::Avif | SourceFormat::Heic => heif::walk(&mut reader, limits, header)?,
        SourceFormat::Jxl => jxl::walk(&mut reader, limits, header)?,
        SourceFormat::Jp2 => jp2::walk(&mut reader, limits, header)?,
        SourceFormat::Psd => psd::walk(&mut reader, limits, header)?,
        SourceFormat::Ico => ico::walk(&mut reader, limits, header)?,
        SourceFormat::Svg => svg::walk(&mut reader, header)?,
    };
    Error::check("bytes of the file", length, limits.max_file_bytes)?;
    if header.size.width == 0 || header.size.height == 0 {
        return Err(Error::malformed("it has no width or no height"));
    }
    Ok(Container {
        header: header.clone(),
        blocks,
        colouring,
    })
}
