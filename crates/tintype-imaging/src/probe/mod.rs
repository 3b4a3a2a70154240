//! What the head of an original tells, before anything is decoded.
//!
//! Each container is walked here first, with bounded reads, so that no decoder meets a colour
//! profile of a gigabyte, a thousand scans or a canvas of four billion pixels.

pub(crate) mod bmp;
mod gif;
pub(crate) mod heif;
mod ico;
pub(crate) mod ifd;
mod jp2;
mod jpeg;
mod jxl;
mod metadata;
mod png;
mod psd;
mod read;
mod rights;
mod svg;
pub(crate) mod tiff;
mod webp;

use std::fmt;
use std::io::{BufRead, Seek};
use std::str::FromStr;
use std::time::Instant;

use crate::Error;
use crate::limits::Limits;
use crate::sniff::{self, sniff};
use crate::spec::Size;

pub(crate) use ico::largest as largest_of_icon;
pub(crate) use metadata::Blocks;
pub(crate) use psd::{Mode, Psd};
pub(crate) use read::Reader;
pub(crate) use rights::Written;
pub use rights::{Rights, SetRights};
pub(crate) use svg::{MAX_TIMES as MAX_SVG_TIMES, parse as parse_svg};
pub(crate) use tiff::MAX_STRIP_BYTES;

/// Formats of originals of which variants can be made.
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
    pub const ALL: [Self; 13] = [
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

    /// The format of this media type.
    pub fn of(media_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.media_types().contains(&media_type))
    }

    /// Those that a file of it may have; its own comes first.
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["image/jpeg"],
            Self::Png => &["image/png"],
            Self::Webp => &["image/webp"],
            Self::Gif => &["image/gif"],
            Self::Bmp => &["image/bmp"],
            Self::Tiff => &["image/tiff"],
            Self::Avif => &["image/avif"],
            // The other says less of how it is coded.
            Self::Heic => &["image/heic", "image/heif"],
            Self::Jxl => &["image/jxl"],
            Self::Jp2 => &["image/jp2"],
            Self::Psd => &["image/vnd.adobe.photoshop"],
            Self::Ico => &["image/vnd.microsoft.icon"],
            Self::Svg => &["image/svg+xml"],
        }
    }

    pub const fn media_type(self) -> &'static str {
        self.media_types()[0]
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
}

impl fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// As [`SourceFormat::as_str`] gives it.
impl FromStr for SourceFormat {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        word(Self::ALL, SourceFormat::as_str, text)
    }
}

/// A word that is none of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such word")]
pub struct UnknownWord;

fn word<T: Copy, const N: usize>(
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

/// As [`ColourSpace::as_str`] gives it.
impl FromStr for ColourSpace {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        word(Self::ALL, ColourSpace::as_str, text)
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
    /// Not from top to bottom, or not to be read so: a progressive JPEG, a PNG by Adam7, a GIF whose rows are not in
    /// order, a BMP of run lengths, a TIFF in large tiles or in large strips of JPEG or WebP, a WebP that is lossless, has alpha or moves.
    pub interlaced: bool,
    /// It breaks off before the end that its format marks. What is there can be shown.
    pub truncated: bool,
    /// As [`header`] has read them.
    pub rights: Rights,
}

impl Header {
    /// Of which nothing but the format is known: a size of nothing, and for the rest what most files of
    /// any format have.
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
            rights: Rights::NONE,
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
            (_, ColourSpace::Cmyk, true) => 5,
            _ => 4,
        }
    }
}

/// Why a walk ended early, and what was known by then.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Stopped {
    pub error: Error,
    /// `None`: not even the format. A size of nothing: not even that.
    pub known: Option<Box<Header>>,
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        stopped.error
    }
}

/// Reads the facts of a picture, from its first byte to its end. No pixel is decoded, and a size above
/// the limit is no error here: such an original may be kept, only not rendered.
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

/// How far a file is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// As far as a decoder has to be told what it will meet.
    Decoding,
    /// To its end, to learn whether that is there.
    Whole,
}

/// What a rendering has to know. `header` has seen the whole file when it came in.
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
    let mut reader = Reader::new(reader, deadline)?;
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
