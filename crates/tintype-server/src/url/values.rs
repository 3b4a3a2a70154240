//! The kinds of values that items have. Each is read strictly and written in one spelling.

use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use tintype_imaging::spec::{
    Background, Compass, Crop, Decimal, Fit, Flip, Format, Gamut, Gravity, Metadata, Rect, Rgba,
    Rotate,
};

use super::{Download, FormatItem, Version};

/// The end of the year 9999 in Unix seconds, the last second that an HTTP date can express.
pub const LAST_SECOND: u64 = 253_402_300_799;
const MAX_CROP: u32 = 1_000_000;
const MAX_FILE_NAME_BYTES: usize = 128;

/// One kind of value.
pub(super) trait ValueKind {
    type Value;

    /// Returns the value, or else the accepted ones, in the words that follow "must be".
    fn read(&self, text: &str) -> Result<Self::Value, String>;

    /// Returns the canonical spelling; none if the value is expressed by leaving the item out.
    fn write(&self, value: &Self::Value) -> Option<String>;

    /// The words that are accepted, for kinds that consist of words.
    fn words(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

/// A closed set.
pub(super) struct Words<T: 'static>(&'static [(&'static str, T)]);

pub(super) const FITS: Words<Fit> = Words(&[
    ("contain", Fit::Contain),
    ("cover", Fit::Cover),
    ("stretch", Fit::Stretch),
    ("pad", Fit::Pad),
]);

const COMPASS: Words<Compass> = Words(&[
    ("c", Compass::Center),
    ("n", Compass::North),
    ("ne", Compass::NorthEast),
    ("e", Compass::East),
    ("se", Compass::SouthEast),
    ("s", Compass::South),
    ("sw", Compass::SouthWest),
    ("w", Compass::West),
    ("nw", Compass::NorthWest),
]);

pub(super) const FORMATS: Words<FormatItem> = Words(&[
    ("auto", FormatItem::Auto),
    ("jpeg", FormatItem::Image(Format::Jpeg)),
    ("png", FormatItem::Image(Format::Png)),
    ("webp", FormatItem::Image(Format::Webp)),
    ("avif", FormatItem::Image(Format::Avif)),
    ("gif", FormatItem::Image(Format::Gif)),
    ("json", FormatItem::Json),
    ("original", FormatItem::Original),
]);

/// `Rotate::None` has no word.
pub(super) const ROTATIONS: Words<Rotate> = Words(&[
    ("90", Rotate::Quarter),
    ("180", Rotate::Half),
    ("270", Rotate::ThreeQuarters),
]);

/// A flip of neither has no word.
pub(super) const FLIPS: Words<Flip> = Words(&[
    ("h", flip(true, false)),
    ("v", flip(false, true)),
    ("hv", flip(true, true)),
]);

pub(super) const METADATA: Words<Metadata> = Words(&[
    ("none", Metadata::None),
    ("copyright", Metadata::Copyright),
    ("keep", Metadata::Keep),
]);

pub(super) const GAMUTS: Words<Gamut> = Words(&[("srgb", Gamut::Srgb), ("p3", Gamut::P3)]);

pub(super) const SWITCH: Words<bool> = Words(&[("0", false), ("1", true)]);

const fn flip(horizontal: bool, vertical: bool) -> Flip {
    Flip {
        horizontal,
        vertical,
    }
}

impl<T: Copy + PartialEq> Words<T> {
    fn meaning(&self, text: &str) -> Option<T> {
        let (_, value) = self.0.iter().find(|(word, _)| *word == text)?;
        Some(*value)
    }

    fn word(&self, value: T) -> Option<&'static str> {
        let (word, _) = self.0.iter().find(|(_, candidate)| *candidate == value)?;
        Some(word)
    }
}

impl<T: Copy + PartialEq> ValueKind for Words<T> {
    type Value = T;

    fn read(&self, text: &str) -> Result<T, String> {
        self.meaning(text)
            .ok_or_else(|| format!("one of {}", self.words().join(" ")))
    }

    fn write(&self, value: &T) -> Option<String> {
        self.word(*value).map(str::to_owned)
    }

    fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|(word, _)| *word).collect()
    }
}

/// A whole number within a range.
pub(super) struct Number<T> {
    range: RangeInclusive<u64>,
    of: PhantomData<T>,
}

pub(super) const fn number<T>(first: u64, last: u64) -> Number<T> {
    Number {
        range: first..=last,
        of: PhantomData,
    }
}

impl<T: TryFrom<u64> + Display> ValueKind for Number<T> {
    type Value = T;

    fn read(&self, text: &str) -> Result<T, String> {
        whole(text)
            .filter(|number| self.range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                let (first, last) = (self.range.start(), self.range.end());
                format!("a whole number from {first} to {last}")
            })
    }

    fn write(&self, value: &T) -> Option<String> {
        Some(value.to_string())
    }
}

/// A decimal within a range.
pub(super) struct Fractional(RangeInclusive<u32>);

/// The bounds are in millionths.
pub(super) const fn fractional(first: u32, last: u32) -> Fractional {
    Fractional(first..=last)
}

impl ValueKind for Fractional {
    type Value = Decimal;

    fn read(&self, text: &str) -> Result<Decimal, String> {
        decimal(text)
            .filter(|number| self.0.contains(&number.millionths()))
            .ok_or_else(|| {
                let first = Decimal::from_millionths(*self.0.start());
                let last = Decimal::from_millionths(*self.0.end());
                format!("a number from {first} to {last} with at most six decimals")
            })
    }

    fn write(&self, value: &Decimal) -> Option<String> {
        Some(value.to_string())
    }
}

/// A compass point, a point of the image, or the most salient part.
pub(super) struct Gravities;

const SMART: &str = "smart";

impl ValueKind for Gravities {
    type Value = Gravity;

    fn read(&self, text: &str) -> Result<Gravity, String> {
        if text == SMART {
            return Ok(Gravity::Smart);
        }
        let point = || {
            let (x, y) = text.split_once('x')?;
            let (x, y) = (decimal(x)?, decimal(y)?);
            (x <= Decimal::ONE && y <= Decimal::ONE).then_some(Gravity::Point { x, y })
        };
        let compass = COMPASS.meaning(text).map(Gravity::Compass);
        compass.or_else(point).ok_or_else(|| {
            let points = COMPASS.words().join(" ");
            format!("{points}, {SMART}, or a point such as 0.35x0.6, each from 0 to 1")
        })
    }

    fn write(&self, value: &Gravity) -> Option<String> {
        match value {
            Gravity::Compass(compass) => COMPASS.word(*compass).map(str::to_owned),
            Gravity::Smart => Some(SMART.to_owned()),
            Gravity::Point { x, y } => Some(format!("{x}x{y}")),
        }
    }

    fn words(&self) -> Vec<&'static str> {
        [COMPASS.words(), vec![SMART]].concat()
    }
}

/// A rectangle, in pixels or in fractions of the image.
pub(super) struct Crops;

impl ValueKind for Crops {
    type Value = Crop;

    fn read(&self, text: &str) -> Result<Crop, String> {
        let parts: Vec<&str> = text.splitn(5, 'x').collect();
        let allowed = "XxYxWxH, in pixels or (when any has a dot) in fractions from 0 to 1";
        let [x, y, width, height] = parts[..] else {
            return Err(allowed.to_owned());
        };
        let crop = if text.contains('.') {
            fractions(x, y, width, height)
        } else {
            pixels(x, y, width, height)
        };
        crop.ok_or_else(|| format!("{allowed}, starting inside the image and not empty"))
    }

    fn write(&self, value: &Crop) -> Option<String> {
        Some(match value {
            Crop::Pixels(Rect {
                x,
                y,
                width,
                height,
            }) => format!("{x}x{y}x{width}x{height}"),
            Crop::Fractions {
                x,
                y,
                width,
                height,
            } => [x, y, width, height].map(dotted).join("x"),
        })
    }
}

/// A colour, or a blurred copy of the image.
pub(super) struct Backgrounds;

const BLUR: &str = "blur";

impl ValueKind for Backgrounds {
    type Value = Background;

    fn read(&self, text: &str) -> Result<Background, String> {
        if text == BLUR {
            return Ok(Background::Blur);
        }
        colour(text)
            .map(Background::Colour)
            .ok_or_else(|| "blur, or a colour of 3, 6 or (with alpha) 8 hex digits".to_owned())
    }

    fn write(&self, value: &Background) -> Option<String> {
        Some(match value {
            Background::Blur => BLUR.to_owned(),
            Background::Colour(Rgba { r, g, b, a: 255 }) => format!("{r:02x}{g:02x}{b:02x}"),
            Background::Colour(Rgba { r, g, b, a }) => format!("{r:02x}{g:02x}{b:02x}{a:02x}"),
        })
    }
}

/// A record's version.
pub(super) struct Versions;

impl ValueKind for Versions {
    type Value = Version;

    fn read(&self, text: &str) -> Result<Version, String> {
        Version::parse(text).ok_or_else(|| "16 hex digits".to_owned())
    }

    fn write(&self, value: &Version) -> Option<String> {
        Some(value.to_string())
    }
}

/// The name of a download.
pub(super) struct Downloads;

const KEY_NAME: &str = "1";

impl ValueKind for Downloads {
    type Value = Download;

    fn read(&self, text: &str) -> Result<Download, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match text {
            KEY_NAME => Ok(Download::KeyName),
            name if name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.len() <= MAX_FILE_NAME_BYTES
                && name.chars().all(is_allowed) =>
            {
                Ok(Download::Named(name.to_owned()))
            }
            _ => Err(format!(
                "1, or a file name of A-Z a-z 0-9 . - that starts with a letter or digit, \
                 at most {MAX_FILE_NAME_BYTES} bytes"
            )),
        }
    }

    fn write(&self, value: &Download) -> Option<String> {
        Some(match value {
            Download::KeyName => KEY_NAME.to_owned(),
            Download::Named(name) => name.clone(),
        })
    }
}

fn pixels(x: &str, y: &str, width: &str, height: &str) -> Option<Crop> {
    let number = |text| {
        let number = u32::try_from(whole(text)?).ok()?;
        (number <= MAX_CROP).then_some(number)
    };
    let (x, y) = (number(x)?, number(y)?);
    let (width, height) = (number(width)?, number(height)?);
    (width > 0 && height > 0).then_some(Crop::Pixels(Rect {
        x,
        y,
        width,
        height,
    }))
}

fn fractions(x: &str, y: &str, width: &str, height: &str) -> Option<Crop> {
    let (x, y) = (decimal(x)?, decimal(y)?);
    let (width, height) = (decimal(width)?, decimal(height)?);
    let starts_inside = x < Decimal::ONE && y < Decimal::ONE;
    let has_length = |length| length > Decimal::ZERO && length <= Decimal::ONE;
    (starts_inside && has_length(width) && has_length(height)).then_some(Crop::Fractions {
        x,
        y,
        width,
        height,
    })
}

/// Keeps the dot in every value, so that none can be mistaken for pixels.
fn dotted(value: &Decimal) -> String {
    let text = value.to_string();
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

/// Three digits as in CSS, where each stands for two.
fn colour(text: &str) -> Option<Rgba> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match *digits.as_deref()? {
        [r, g, b] => Some(Rgba {
            r: r * 17,
            g: g * 17,
            b: b * 17,
            a: 255,
        }),
        [r, s, g, h, b, c] => Some(Rgba {
            r: r * 16 + s,
            g: g * 16 + h,
            b: b * 16 + c,
            a: 255,
        }),
        [r, s, g, h, b, c, a, d] => Some(Rgba {
            r: r * 16 + s,
            g: g * 16 + h,
            b: b * 16 + c,
            a: a * 16 + d,
        }),
        _ => None,
    }
}

/// Digits only: no sign, no space.
fn whole(text: &str) -> Option<u64> {
    let is_number = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Digits, and at most six more after a dot.
fn decimal(text: &str) -> Option<Decimal> {
    let (whole_part, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if decimals.is_empty() || decimals.len() > 6 {
        return None;
    }
    let millionths =
        whole(whole_part)?.checked_mul(1_000_000)? + whole(&format!("{decimals:0<6}"))?;
    u32::try_from(millionths).ok().map(Decimal::from_millionths)
}
