//! The formats of originals and of images, one row each.

use std::fmt;
use std::str::FromStr;

use crate::probe::{UnknownWord, word};

/// Formats of originals that variants can be made from.
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

struct SourceRow {
    name: &'static str,
    /// What people call it.
    title: &'static str,
    /// The canonical one comes first.
    media_types: &'static [&'static str],
    /// Whether frames of it are read. Of others that may have some, the first is shown.
    moves: bool,
    /// What is read of it.
    text: &'static str,
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

    const fn row(self) -> &'static SourceRow {
        match self {
            Self::Jpeg => &SourceRow {
                name: "jpeg",
                title: "JPEG",
                media_types: &["image/jpeg"],
                moves: false,
                text: "Baseline and progressive; gray, colour and CMYK, with or without a profile. Rotated as EXIF says.",
            },
            Self::Png => &SourceRow {
                name: "png",
                title: "PNG",
                media_types: &["image/png"],
                moves: true,
                text: "All depths and colour types, interlaced too. HDR is converted to sRGB. Of an animation, the \
                       default image or, with `anim_1`, all frames.",
            },
            Self::Webp => &SourceRow {
                name: "webp",
                title: "WebP",
                media_types: &["image/webp"],
                moves: true,
                text: "Lossy and lossless, with transparency. Of an animation, the first frame or, with `anim_1`, all \
                       frames.",
            },
            Self::Gif => &SourceRow {
                name: "gif",
                title: "GIF",
                media_types: &["image/gif"],
                moves: true,
                text: "The first frame or, with `anim_1`, all frames.",
            },
            Self::Bmp => &SourceRow {
                name: "bmp",
                title: "BMP",
                media_types: &["image/bmp"],
                moves: false,
                text: "From Windows and OS/2, compressed or not, with transparency if it is used.",
            },
            Self::Tiff => &SourceRow {
                name: "tiff",
                title: "TIFF",
                media_types: &["image/tiff"],
                moves: false,
                text: "The first page: gray, palettes, RGB, CMYK, YCbCr and Lab, integers and floating point, in strips, \
                       tiles or planes; uncompressed, or with LZW, Deflate, PackBits, JPEG, fax, zstd, LZMA or WebP.",
            },
            Self::Avif => &SourceRow {
                name: "avif",
                title: "AVIF",
                media_types: &["image/avif"],
                moves: true,
                text: "8, 10 and 12 bits, in tiles, with transparency, rotated and cropped as the file says. HDR is \
                       converted to sRGB. Of a sequence, the still image or else the first frame or, with `anim_1`, \
                       all frames.",
            },
            Self::Heic => &SourceRow {
                name: "heic",
                title: "HEIC, HEIF",
                // The other one does not say how it is coded.
                media_types: &["image/heic", "image/heif"],
                moves: false,
                text: "As phones write it: in tiles, with transparency and overlays, rotated and cropped as the file \
                       says, up to 16 bits. HDR is converted to sRGB; a gain map is ignored. Of a sequence, the still \
                       image or else the first frame.",
            },
            Self::Jxl => &SourceRow {
                name: "jxl",
                title: "JPEG XL",
                media_types: &["image/jxl"],
                moves: false,
                text: "Lossy and lossless, with transparency and CMYK. HDR is converted to sRGB. Of an animation, the \
                       first frame.",
            },
            Self::Jp2 => &SourceRow {
                name: "jp2",
                title: "JPEG 2000",
                media_types: &["image/jp2"],
                moves: false,
                text: "JP2 and bare codestreams; gray, colour and CMYK, with 8 bits.",
            },
            Self::Psd => &SourceRow {
                name: "psd",
                title: "PSD, PSB",
                media_types: &["image/vnd.adobe.photoshop"],
                moves: false,
                text: "The flattened image that Photoshop adds for other programs: bitmap, gray, indexed, RGB and CMYK, \
                       with 8 or 16 bits.",
            },
            Self::Ico => &SourceRow {
                name: "ico",
                title: "ICO, CUR",
                media_types: &["image/vnd.microsoft.icon"],
                moves: false,
                text: "The largest image of an icon or a cursor.",
            },
            Self::Svg => &SourceRow {
                name: "svg",
                title: "SVG",
                media_types: &["image/svg+xml"],
                moves: false,
                text: "Drawn at the requested size, up to 4,096 pixels a side; without scripts, external files, text and \
                       embedded images; `.svgz` too. The original could run in a browser, so it is delivered only as a \
                       download.",
            },
        }
    }

    /// Returns the format with this media type.
    pub fn of(media_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.media_types().contains(&media_type))
    }

    /// All media types of this format; the canonical one comes first.
    pub const fn media_types(self) -> &'static [&'static str] {
        self.row().media_types
    }

    pub const fn media_type(self) -> &'static str {
        self.media_types()[0]
    }

    /// Whether frames of it are read. Of others that may have some, the first is shown.
    pub const fn moves(self) -> bool {
        self.row().moves
    }

    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What is read of it, in Markdown.
    pub const fn text(self) -> &'static str {
        self.row().text
    }
}

impl fmt::Display for SourceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses the output of [`SourceFormat::as_str`].
impl FromStr for SourceFormat {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        word(Self::ALL, SourceFormat::as_str, text)
    }
}

/// Formats of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Jpeg,
    Png,
    Webp,
    Avif,
    Gif,
}

struct Output {
    name: &'static str,
    media_type: &'static str,
    /// The one that is given comes first.
    extensions: &'static [&'static str],
    moves: bool,
    holds_p3: bool,
    text: &'static str,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Avif, Self::Gif];

    const fn row(self) -> &'static Output {
        match self {
            Self::Jpeg => &Output {
                name: "jpeg",
                media_type: "image/jpeg",
                extensions: &["jpg", "jpeg", "jpe"],
                moves: false,
                holds_p3: true,
                text: "For every client. Transparent parts show `bg`, or else white.",
            },
            Self::Png => &Output {
                name: "png",
                media_type: "image/png",
                extensions: &["png"],
                moves: false,
                holds_p3: true,
                text: "Lossless, with a palette if that suffices. Replaces JPEG for drawings and transparent images.",
            },
            Self::Webp => &Output {
                name: "webp",
                media_type: "image/webp",
                extensions: &["webp"],
                moves: true,
                holds_p3: true,
                text: "If `Accept` lists it. Drawings are lossless. Animated with `anim_1`.",
            },
            Self::Avif => &Output {
                name: "avif",
                media_type: "image/avif",
                extensions: &["avif"],
                moves: false,
                holds_p3: tintype_avif::HOLDS_P3,
                text: "The fewest bytes, and the most work. Preferred if `Accept` lists it, except for drawings.",
            },
            Self::Gif => &Output {
                name: "gif",
                media_type: "image/gif",
                extensions: &["gif"],
                moves: true,
                holds_p3: false,
                text: "With `f_gif`, and for animations where the client takes no WebP. 256 colours per frame, dithered \
                       if there are more; pixels are either opaque or fully transparent.",
            },
        }
    }

    /// Its name in URLs, metrics and documentation.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    pub const fn media_type(self) -> &'static str {
        self.row().media_type
    }

    /// All extensions of file names, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        self.row().extensions
    }

    /// Whether animations are rendered in this format.
    pub const fn moves(self) -> bool {
        self.row().moves
    }

    /// Whether an image can say that its colours are those of Display P3.
    pub const fn holds_p3(self) -> bool {
        self.row().holds_p3
    }

    /// When it is used, in Markdown.
    pub const fn text(self) -> &'static str {
        self.row().text
    }
}
