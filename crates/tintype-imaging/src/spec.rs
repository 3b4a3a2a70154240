//! The vocabulary of a rendering: what a caller may request ([`Request`]), and what that means for a given original
//! ([`Resolved`]).
//!
//! A `Request` consists of boxes, fits and gravity. [`crate::geometry::resolve`] turns it into a `Resolved` in whole
//! pixels only, so that requests for the same image are equal values and share one variant.

use std::fmt;

pub use crate::format::Format;
use crate::probe::SetRights;

/// A non-negative decimal number with up to six decimals, kept exactly so that specs can be compared and hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    millionths: u32,
}

impl Decimal {
    pub const ZERO: Self = Self { millionths: 0 };
    pub const ONE: Self = Self {
        millionths: 1_000_000,
    };

    pub const fn from_millionths(millionths: u32) -> Self {
        Self { millionths }
    }

    pub const fn millionths(self) -> u32 {
        self.millionths
    }

    pub fn to_f64(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }
}

impl fmt::Display for Decimal {
    /// The shortest spelling: no trailing zeros, no dot when whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.millionths / 1_000_000, self.millionths % 1_000_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Width and height in pixels, both at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl Size {
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Returns the size after a quarter turn.
    pub const fn transposed(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
        }
    }
}

/// A rectangle in pixels; never empty, always inside what it was cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// How an image is fitted to its box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// All of the image, inside the box.
    #[default]
    Contain,
    /// The whole box, cutting what does not fit.
    Cover,
    /// The whole box, changing the aspect ratio.
    Stretch,
    /// All of the image, with the rest of the box filled by the background.
    Pad,
}

/// Which part of an image survives a crop, or where it is placed in a padded box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gravity {
    Compass(Compass),
    /// The part that a saliency measure prefers.
    Smart,
    /// A point in fractions (0..=1) of the upright original.
    Point {
        x: Decimal,
        y: Decimal,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compass {
    Center,
    North,
    NorthEast,
    East,
    SouthEast,
    South,
    SouthWest,
    West,
    NorthWest,
}

/// A crop of the upright original, applied first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crop {
    Pixels(Rect),
    /// Each value in 0..=1.
    Fractions {
        x: Decimal,
        y: Decimal,
        width: Decimal,
        height: Decimal,
    },
}

/// Clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rotate {
    #[default]
    None,
    Quarter,
    Half,
    ThreeQuarters,
}

impl Rotate {
    pub const fn degrees(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }
}

/// Mirrored left to right (`horizontal`), top to bottom (`vertical`), after the rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flip {
    pub horizontal: bool,
    pub vertical: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgba {
    pub r: u8,
    pub g: u8,
    pub b: u8,
    pub a: u8,
}

impl Rgba {
    pub const WHITE: Self = Self {
        r: 255,
        g: 255,
        b: 255,
        a: 255,
    };
}

/// What shows through transparency, and around a padded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Background {
    Colour(Rgba),
    /// Around a padded image: the image itself, as large as the canvas and out of focus.
    Blur,
}

/// The most frames of an animation; of a longer one, only the first frame is shown.
pub const MAX_FRAMES: u32 = 1_000;
/// The most pixels of all frames together, in the original and in the response.
pub const MAX_FRAME_PIXELS_IN: u64 = 500_000_000;
pub const MAX_FRAME_PIXELS_OUT: u64 = 100_000_000;

/// Which metadata the response contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metadata {
    None,
    /// Author and copyright; never locations, serial numbers or owners.
    #[default]
    Copyright,
    Keep,
}

impl Metadata {
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Copyright => "copyright",
            Self::Keep => "keep",
        }
    }
}

/// The colours that a response can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gamut {
    #[default]
    Srgb,
    /// Display P3, for originals in other colours than sRGB.
    P3,
}

impl Gamut {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Srgb => "srgb",
            Self::P3 => "p3",
        }
    }
}

/// A caller's request about pixels. `None` means "the default".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// The box, in CSS pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Option<Fit>,
    pub gravity: Option<Gravity>,
    pub crop: Option<Crop>,
    /// 1..=4.
    pub dpr: Option<Decimal>,
    pub enlarge: Option<bool>,
    /// 1..=100.
    pub quality: Option<u8>,
    pub background: Option<Background>,
    pub rotate: Option<Rotate>,
    pub flip: Option<Flip>,
    /// Sigma in pixels of the response, before dpr: 0.3..=100.
    pub blur: Option<Decimal>,
    /// 0..=10.
    pub sharpen: Option<Decimal>,
    pub gray: Option<bool>,
    pub gamut: Option<Gamut>,
    /// Tolerance for cutting off an even border, 0..=1 of a channel's range; 0 is off, and 1 means the usual tolerance.
    pub trim: Option<Decimal>,
    pub animate: Option<bool>,
    pub metadata: Option<Metadata>,
    pub max_bytes: Option<u64>,
}

/// Everything besides the original that determines the bytes of a variant, in whole pixels. Its text form (`Display`)
/// is stable, and equal exactly for equal values; a hash of it names the variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// Cropped from the upright original.
    pub crop: Rect,
    /// Applied to the upright crop.
    pub rotate: Rotate,
    pub flip: Flip,
    /// The turned crop is resized to exactly this.
    pub size: Size,
    /// For `pad`: the size of the response, and where the image is placed in it.
    pub canvas: Option<Canvas>,
    /// Set if all of the above depends on the pixels. The values above then apply to an image with no border, cropped
    /// around its centre.
    pub look: Option<Look>,
    /// Sigma in pixels of the response, dpr included.
    pub blur: Option<Decimal>,
    pub sharpen: Option<Decimal>,
    pub gray: bool,
    pub gamut: Gamut,
    /// Whether light is averaged in place of samples. An image that keeps its size is the same either way.
    pub linear: bool,
    /// Shows through transparency and fills the canvas. `None` is transparent if the format can be, else white.
    pub background: Option<Background>,
    pub format: Format,
    pub quality: u8,
    pub metadata: Metadata,
    pub max_bytes: Option<u64>,
    /// For JPEG: coarse scans first, then finer ones.
    pub progressive: bool,
    /// Whether all frames are rendered, instead of the first.
    pub animated: bool,
    /// Whether the response may use the original's own coding instead of `format` if that is smaller. Only set together
    /// with [`Self::is_original`], so that no two values mean the same image.
    pub own_coding: bool,
    /// Overrides of the original's rights. Only set if `metadata` keeps rights, so that no two values mean the same
    /// image.
    pub rights: SetRights,
}

/// What can only be planned once the image has been analysed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Look {
    /// The part of the upright original to analyse.
    pub within: Rect,
    /// Cuts off an even border, whose pixels differ by at most this many levels of 255.
    pub trim: Option<u8>,
    pub framing: Framing,
}

/// The box, and how an image is fitted to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Framing {
    /// In pixels of the response.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    pub gravity: Option<Gravity>,
    pub enlarge: bool,
}

impl Framing {
    pub fn is_smart(&self) -> bool {
        self.gravity == Some(Gravity::Smart)
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            within,
            trim,
            framing,
        } = self;
        let Framing {
            width,
            height,
            fit,
            gravity,
            enlarge,
        } = framing;
        let side = |side: &Option<u32>| side.unwrap_or_default();
        let (trim, up) = (trim.map_or(-1, i16::from), u8::from(*enlarge));
        write!(
            f,
            "{},{},{},{},{trim},{},{},{fit:?},{up},",
            within.x,
            within.y,
            within.width,
            within.height,
            side(width),
            side(height),
        )?;
        match gravity {
            None => Ok(()),
            Some(Gravity::Smart) => f.write_str("smart"),
            Some(Gravity::Compass(compass)) => write!(f, "{compass:?}"),
            Some(Gravity::Point { x, y }) => write!(f, "{x}x{y}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Canvas {
    pub size: Size,
    pub x: u32,
    pub y: u32,
}

impl Resolved {
    /// Returns a plan for all of an upright image at a size, at quality 80 and without metadata.
    pub fn whole(upright: Size, size: Size, format: Format) -> Self {
        Self {
            crop: Rect {
                x: 0,
                y: 0,
                width: upright.width,
                height: upright.height,
            },
            rotate: Rotate::None,
            flip: Flip::default(),
            size,
            canvas: None,
            look: None,
            blur: None,
            sharpen: None,
            gray: false,
            gamut: Gamut::Srgb,
            linear: false,
            background: None,
            format,
            quality: 80,
            metadata: Metadata::None,
            max_bytes: None,
            progressive: false,
            animated: false,
            own_coding: false,
            rights: SetRights::default(),
        }
    }

    /// Returns the size of the response.
    pub fn output(&self) -> Size {
        self.canvas.map_or(self.size, |canvas| canvas.size)
    }

    /// Returns whether it requests nothing but the whole original of this upright size, unchanged.
    pub fn is_original(&self, upright: Size) -> bool {
        let whole = Rect {
            x: 0,
            y: 0,
            width: upright.width,
            height: upright.height,
        };
        self.crop == whole
            && self.rotate == Rotate::None
            && self.flip == Flip::default()
            && self.size == upright
            && self.canvas.is_none()
            && self.look.is_none()
            && self.blur.is_none()
            && self.sharpen.is_none()
            && !self.gray
    }
}

impl fmt::Display for Resolved {
    /// Every field in a fixed order; `look`, `anim`, `gamut`, `linear` and `rights` only if set. A change of this text
    /// renders all variants again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Destructured by name, so that a new field cannot be forgotten here.
        let Self {
            crop,
            rotate,
            flip,
            size,
            canvas,
            look,
            blur,
            sharpen,
            gray,
            gamut,
            linear,
            background,
            format,
            quality,
            metadata,
            max_bytes,
            progressive,
            animated,
            own_coding,
            rights,
        } = self;
        let Rect {
            x,
            y,
            width,
            height,
        } = crop;
        write!(f, "crop={x},{y},{width},{height};")?;
        write!(f, "rot={};", rotate.degrees())?;
        let (horizontal, vertical) = (u8::from(flip.horizontal), u8::from(flip.vertical));
        write!(f, "flip={horizontal},{vertical};")?;
        write!(f, "size={},{};", size.width, size.height)?;
        match canvas {
            Some(Canvas { size, x, y }) => {
                write!(f, "canvas={},{},{x},{y};", size.width, size.height)?;
            }
            None => write!(f, "canvas=;")?,
        }
        // Only if set, so that the names of all other variants stay the same.
        if let Some(look) = look {
            write!(f, "look={look};")?;
        }
        write!(f, "blur={};", blur.unwrap_or_default())?;
        write!(f, "sharpen={};", sharpen.unwrap_or_default())?;
        write!(f, "gray={};", u8::from(*gray))?;
        match background {
            Some(Background::Blur) => write!(f, "bg=blur;")?,
            Some(Background::Colour(Rgba { r, g, b, a })) => {
                write!(f, "bg={r:02x}{g:02x}{b:02x}{a:02x};")?
            }
            None => write!(f, "bg=;")?,
        }
        write!(
            f,
            "f={};q={quality};meta={};",
            format.name(),
            metadata.name()
        )?;
        match max_bytes {
            Some(bytes) => write!(f, "max={bytes};")?,
            None => write!(f, "max=;")?,
        }
        write!(f, "progressive={};", u8::from(*progressive))?;
        write!(f, "own={}", u8::from(*own_coding))?;
        if *animated {
            write!(f, ";anim=1")?;
        }
        if *gamut != Gamut::Srgb {
            write!(f, ";gamut={}", gamut.name())?;
        }
        if *linear {
            write!(f, ";linear=1")?;
        }
        match rights.is_empty() {
            // As before rights could be set, so that no variant is rendered again.
            true => Ok(()),
            false => write!(f, ";rights={rights}"),
        }
    }
}
