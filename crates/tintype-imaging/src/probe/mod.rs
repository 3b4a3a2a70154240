//! What the head of an original tells, before anything is decoded.
//!
//! Each container is walked here first, with bounded reads, so that no decoder meets a colour
//! profile of a gigabyte, a thousand scans or a canvas of four billion pixels.

mod bmp;
mod gif;
mod ifd;
mod jpeg;
mod look;
mod metadata;
mod png;
mod read;
mod tiff;
mod webp;

use std::fmt;
use std::io::{BufRead, Seek};

use crate::Error;
use crate::limits::Limits;
use crate::sniff::{self, sniff};
use crate::spec::Size;

pub(crate) use look::size as look_size;
pub use look::{Look, look};
pub(crate) use metadata::{Blocks, Rights};
use read::Reader;

/// Formats of originals. Those that cannot be decoded are named for the sake of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceFormat {
    Jpeg,
    Png,
    Webp,
    Gif,
    Bmp,
    Tiff,
    Avif,
    Heic,
    Jxl,
    Jp2,
    Psd,
    Ico,
    Svg,
}

impl SourceFormat {
    const ALL: [Self; 13] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Bmp,
        Self::Tiff,
        Self::Avif,
        Self::Heic,
        Self::Jxl,
        Self::Jp2,
        Self::Psd,
        Self::Ico,
        Self::Svg,
    ];

    /// The format of this name, as [`Self::as_str`] gives it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    fn of(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "image/jpeg" => Self::Jpeg,
            "image/png" => Self::Png,
            "image/webp" => Self::Webp,
            "image/gif" => Self::Gif,
            "image/bmp" => Self::Bmp,
            "image/tiff" => Self::Tiff,
            "image/avif" => Self::Avif,
            "image/heic" => Self::Heic,
            "image/jxl" => Self::Jxl,
            "image/jp2" => Self::Jp2,
            "image/vnd.adobe.photoshop" => Self::Psd,
            "image/vnd.microsoft.icon" => Self::Ico,
            "image/svg+xml" => Self::Svg,
            _ => return None,
        })
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Avif => "avif",
            Self::Heic => "heic",
            Self::Jxl => "jxl",
            Self::Jp2 => "jp2",
            Self::Psd => "psd",
            Self::Ico => "ico",
            Self::Svg => "svg",
        }
    }

    /// Whether variants can be made of it.
    pub const fn is_decodable(self) -> bool {
        matches!(
            self,
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif | Self::Bmp | Self::Tiff
        )
    }
}

impl fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the samples mean, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColourSpace {
    Gray,
    Rgb,
    Cmyk,
    Lab,
}

impl fmt::Display for ColourSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gray => "gray",
            Self::Rgb => "rgb",
            Self::Cmyk => "cmyk",
            Self::Lab => "lab",
        })
    }
}

/// The facts of a picture's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub format: SourceFormat,
    /// As stored, before the orientation is applied.
    pub size: Size,
    /// The EXIF number, 1..=8.
    pub orientation: u8,
    pub frames: u32,
    /// May be transparent somewhere.
    pub has_alpha: bool,
    pub colour_space: ColourSpace,
    /// Per sample.
    pub bits: u8,
    /// Of a JPEG: how many passes over the pixels it takes.
    pub scans: u32,
    /// Not from top to bottom: a progressive JPEG, a PNG by Adam7, a GIF whose rows are not in order, a TIFF in planes.
    pub interlaced: bool,
}

impl Header {
    pub const fn media_type(&self) -> &'static str {
        match self.format {
            SourceFormat::Jpeg => "image/jpeg",
            SourceFormat::Png => "image/png",
            SourceFormat::Webp => "image/webp",
            SourceFormat::Gif => "image/gif",
            SourceFormat::Bmp => "image/bmp",
            SourceFormat::Tiff => "image/tiff",
            SourceFormat::Avif => "image/avif",
            SourceFormat::Heic => "image/heic",
            SourceFormat::Jxl => "image/jxl",
            SourceFormat::Jp2 => "image/jp2",
            SourceFormat::Psd => "image/vnd.adobe.photoshop",
            SourceFormat::Ico => "image/vnd.microsoft.icon",
            SourceFormat::Svg => "image/svg+xml",
        }
    }

    /// The size a viewer sees.
    pub const fn upright(&self) -> Size {
        if self.orientation >= 5 {
            self.size.transposed()
        } else {
            self.size
        }
    }

    /// As they are decoded: palettes become RGB.
    pub const fn channels(&self) -> u8 {
        match (self.format, self.colour_space, self.has_alpha) {
            (SourceFormat::Gif, ..) => 4,
            (_, ColourSpace::Gray, false) => 1,
            (_, ColourSpace::Gray, true) => 2,
            (_, ColourSpace::Rgb | ColourSpace::Lab, false) => 3,
            _ => 4,
        }
    }
}

/// Reads the facts of a picture. No pixel is decoded, and a size above the limit is no error here:
/// such an original may be kept, only not rendered.
pub fn header<R: BufRead + Seek>(reader: R, limits: &Limits) -> Result<Header, Error> {
    Ok(container(reader, limits)?.header)
}

/// How colour is described besides a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Colouring {
    /// By the ICC profile; without one it is sRGB.
    Profile,
    /// sRGB, whatever else is there.
    Srgb,
    /// By code points (H.273): primaries, transfer.
    Cicp { primaries: u8, transfer: u8 },
    /// By PNG's gAMA and cHRM: the gamma of the file, and white, red, green, blue as x and y.
    Gamma {
        gamma: f32,
        chromaticities: Option<[f32; 8]>,
    },
}

/// A walked container.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) header: Header,
    pub(crate) blocks: Blocks,
    pub(crate) colouring: Colouring,
}

pub(crate) fn container<R: BufRead + Seek>(reader: R, limits: &Limits) -> Result<Container, Error> {
    let mut reader = Reader::new(reader)?;
    Error::check("size of the file", reader.length(), limits.max_file_bytes)?;
    let sniffed = sniff(&reader.peek(sniff::HEAD_BYTES as u64)?);
    let format = SourceFormat::of(sniffed.media_type)
        .ok_or_else(|| Error::unsupported(sniffed.media_type))?;
    let container = match format {
        SourceFormat::Jpeg => jpeg::walk(&mut reader, limits)?,
        SourceFormat::Png => png::walk(&mut reader, limits)?,
        SourceFormat::Webp => webp::walk(&mut reader, limits)?,
        SourceFormat::Gif => gif::walk(&mut reader, limits)?,
        SourceFormat::Bmp => bmp::walk(&mut reader)?,
        SourceFormat::Tiff => tiff::walk(reader.into_inner(), limits)?,
        other => return Err(Error::NotYetSupported(other.as_str())),
    };
    let size = container.header.size;
    if size.width == 0 || size.height == 0 {
        return Err(Error::malformed("it has no width or no height"));
    }
    Ok(container)
}
