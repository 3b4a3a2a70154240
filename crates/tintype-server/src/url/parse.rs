//! Strict parsing of text into [`SpecUrl`].

use std::ops::RangeInclusive;

use tintype_imaging::spec::{Background, Crop, Decimal, Gravity, Rect, Rgba};

use super::items::{
    BLUR, COMPASS, FITS, FLIPS, FORMATS, ITEMS, METADATA, ROTATIONS, SIG, SWITCH, Words, meaning,
    names,
};
use super::spec::shortened;
use super::{Download, PresetName, Signature, SpecError, SpecUrl, Version, check};

/// Fits every item at its longest.
pub const MAX_SPEC_BYTES: usize = 1_024;
const MAX_BOX: u32 = 8_192;
const MAX_CROP: u32 = 1_000_000;
const MAX_FILE_NAME_BYTES: usize = 128;
/// The end of the year 9999 in Unix seconds, the last second that an HTTP date can express.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// Parses the decoded last segment of a delivery path.
pub fn parse_spec(text: &str) -> Result<SpecUrl, SpecError> {
    if text.len() > MAX_SPEC_BYTES {
        let reason = format!("is {} bytes, limit is {MAX_SPEC_BYTES}", text.len());
        return Err(SpecError::new("spec", reason));
    }
    if let Some(c) = text.chars().find(|&c| !is_unreserved(c)) {
        let reason = format!("has the character {c:?}, allowed are A-Z a-z 0-9 - . _ ~");
        return Err(SpecError::new("spec", reason));
    }
    let mut spec = SpecUrl::default();
    let mut seen = [false; ITEMS.len()];
    for (at, item) in text.split('~').enumerate() {
        if spec.signature.is_some() {
            return Err(SpecError::new(SIG, "must be the last item"));
        }
        match item.split_once('_') {
            None if at == 0 => spec.preset = Some(preset_name(item)?),
            None => {
                let reason = "is not written name_value, and only the first item can be a preset";
                return Err(SpecError::new(item, reason));
            }
            Some((SIG, _)) if at == 0 => {
                return Err(SpecError::new(SIG, "must follow the items that it signs"));
            }
            Some((SIG, value)) => {
                let reason = "must be 22 characters of base64url";
                let signature = Signature::parse(value);
                spec.signature = Some(signature.ok_or_else(|| SpecError::new(SIG, reason))?);
            }
            Some((name, value)) => {
                let place = place(name)?;
                if std::mem::replace(&mut seen[place], true) {
                    return Err(SpecError::new(name, "occurs twice"));
                }
                set(&mut spec, ITEMS[place].name, value)?;
            }
        }
    }
    if spec.preset.is_none() {
        drop_defaults(&mut spec);
        // A preset may complete or contradict the items, so such specs are checked in `with_preset`.
        check::consistent(&spec.request, spec.format.unwrap_or_default())?;
    }
    Ok(spec)
}

/// The values that an item accepts, in the words of its error message.
pub fn allowed(item: &str) -> String {
    // A signature must follow another item.
    let before = if item == SIG { "w_1~" } else { "" };
    // No item accepts an empty value, so this always fails with the message.
    let refused = parse_spec(&format!("{before}{item}_"));
    let reason = refused.err().map(|error| error.reason).unwrap_or_default();
    let reason = reason.strip_prefix("must be ").unwrap_or(&reason);
    reason
        .strip_suffix(", not \"\"")
        .unwrap_or(reason)
        .to_owned()
}

fn place(name: &str) -> Result<usize, SpecError> {
    names().position(|item| item == name).ok_or_else(|| {
        let known: Vec<_> = names().chain([SIG]).collect();
        let reason = format!("unknown item, known are {}", known.join(" "));
        SpecError::new(name, reason)
    })
}

fn preset_name(text: &str) -> Result<PresetName, SpecError> {
    PresetName::parse(text).ok_or_else(|| {
        let reason = "is neither an item (name_value) nor the name of a preset";
        SpecError::new(text, reason)
    })
}

fn set(spec: &mut SpecUrl, item: &'static str, value: &str) -> Result<(), SpecError> {
    let request = &mut spec.request;
    let read = Reader { item, value };
    match item {
        "w" => request.width = Some(read.number(1..=MAX_BOX)?),
        "h" => request.height = Some(read.number(1..=MAX_BOX)?),
        "fit" => request.fit = Some(read.one_of(FITS)?),
        "g" => request.gravity = Some(read.gravity()?),
        "crop" => request.crop = Some(read.crop()?),
        "dpr" => request.dpr = Some(read.decimal(1_000_000..=4_000_000)?),
        "up" => request.enlarge = Some(read.one_of(SWITCH)?),
        "q" => request.quality = Some(read.number(1..=100u8)?),
        "f" => spec.format = Some(read.one_of(FORMATS)?),
        "bg" => request.background = Some(read.background()?),
        "rot" => request.rotate = Some(read.one_of(ROTATIONS)?),
        "flip" => request.flip = Some(read.one_of(FLIPS)?),
        "blur" => request.blur = Some(read.decimal(300_000..=100_000_000)?),
        "sharpen" => request.sharpen = Some(read.decimal(0..=10_000_000)?),
        "gray" => request.gray = Some(read.one_of(SWITCH)?),
        "trim" => request.trim = Some(read.decimal(0..=1_000_000)?),
        "anim" => request.animate = Some(read.one_of(SWITCH)?),
        "meta" => request.metadata = Some(read.one_of(METADATA)?),
        "max" => request.max_bytes = Some(read.number(1..=1_000_000_000u64)?),
        "v" => {
            let version = Version::parse(value);
            spec.version = Some(version.ok_or_else(|| read.refuse("16 hex digits"))?);
        }
        "exp" => spec.expires = Some(read.number(1..=LAST_SECOND)?),
        "dl" => spec.download = Some(read.download()?),
        _ => return Err(SpecError::new(item, "unknown item")),
    }
    Ok(())
}

/// Removes items at their default, so that equal specs are equal values.
fn drop_defaults(spec: &mut SpecUrl) {
    fn drop<T: PartialEq>(value: &mut Option<T>, default: T) {
        if value.as_ref() == Some(&default) {
            *value = None;
        }
    }
    drop(&mut spec.format, Default::default());
    let request = &mut spec.request;
    drop(&mut request.fit, Default::default());
    drop(&mut request.dpr, Decimal::ONE);
    drop(&mut request.enlarge, false);
    drop(&mut request.sharpen, Decimal::ZERO);
    drop(&mut request.gray, false);
    drop(&mut request.trim, Decimal::ZERO);
    drop(&mut request.animate, false);
    drop(&mut request.metadata, Default::default());
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

struct Reader<'a> {
    item: &'static str,
    value: &'a str,
}

impl Reader<'_> {
    fn refuse(&self, allowed: &str) -> SpecError {
        let reason = format!("must be {allowed}, not {:?}", shortened(self.value));
        SpecError::new(self.item, reason)
    }

    fn one_of<T: Copy>(&self, words: Words<T>) -> Result<T, SpecError> {
        meaning(words, self.value).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(&format!("one of {}", words.join(" ")))
        })
    }

    fn number<T>(&self, range: RangeInclusive<T>) -> Result<T, SpecError>
    where
        T: TryFrom<u64> + PartialOrd + std::fmt::Display,
    {
        whole(self.value)
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (first, last) = (range.start(), range.end());
                self.refuse(&format!("a whole number from {first} to {last}"))
            })
    }

    /// Parses a decimal within `range`, given in millionths.
    fn decimal(&self, range: RangeInclusive<u32>) -> Result<Decimal, SpecError> {
        decimal(self.value)
            .filter(|number| range.contains(&number.millionths()))
            .ok_or_else(|| {
                let first = Decimal::from_millionths(*range.start());
                let last = Decimal::from_millionths(*range.end());
                self.refuse(&format!(
                    "a number from {first} to {last} with at most six decimals"
                ))
            })
    }

    fn gravity(&self) -> Result<Gravity, SpecError> {
        if let Some(compass) = meaning(COMPASS, self.value) {
            return Ok(Gravity::Compass(compass));
        }
        if self.value == "smart" {
            return Ok(Gravity::Smart);
        }
        let point = || {
            let (x, y) = self.value.split_once('x')?;
            let (x, y) = (decimal(x)?, decimal(y)?);
            (x <= Decimal::ONE && y <= Decimal::ONE).then_some(Gravity::Point { x, y })
        };
        point().ok_or_else(|| {
            self.refuse(
                "c n ne e se s sw w nw, smart, or a point such as 0.35x0.6, each from 0 to 1",
            )
        })
    }

    fn crop(&self) -> Result<Crop, SpecError> {
        let parts: Vec<&str> = self.value.splitn(5, 'x').collect();
        let allowed = "XxYxWxH, in pixels or (when any has a dot) in fractions from 0 to 1";
        let [x, y, width, height] = parts[..] else {
            return Err(self.refuse(allowed));
        };
        let crop = if self.value.contains('.') {
            fractions(x, y, width, height)
        } else {
            pixels(x, y, width, height)
        };
        crop.ok_or_else(|| {
            self.refuse(&format!(
                "{allowed}, starting inside the image and not empty"
            ))
        })
    }

    fn background(&self) -> Result<Background, SpecError> {
        match self.value {
            BLUR => Ok(Background::Blur),
            _ => self.colour().map(Background::Colour),
        }
    }

    /// Three digits as in CSS, where each stands for two.
    fn colour(&self) -> Result<Rgba, SpecError> {
        let digits: Option<Vec<u8>> = self
            .value
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let colour = match digits.as_deref() {
            Some(&[r, g, b]) => Rgba {
                r: r * 17,
                g: g * 17,
                b: b * 17,
                a: 255,
            },
            Some(&[r, s, g, h, b, c]) => Rgba {
                r: r * 16 + s,
                g: g * 16 + h,
                b: b * 16 + c,
                a: 255,
            },
            Some(&[r, s, g, h, b, c, a, d]) => Rgba {
                r: r * 16 + s,
                g: g * 16 + h,
                b: b * 16 + c,
                a: a * 16 + d,
            },
            _ => return Err(self.refuse("blur, or a colour of 3, 6 or (with alpha) 8 hex digits")),
        };
        Ok(colour)
    }

    fn download(&self) -> Result<Download, SpecError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match self.value {
            "1" => Ok(Download::KeyName),
            name if name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.len() <= MAX_FILE_NAME_BYTES
                && name.chars().all(is_allowed) =>
            {
                Ok(Download::Named(name.to_owned()))
            }
            _ => Err(self.refuse(&format!(
                "1, or a file name of A-Z a-z 0-9 . - that starts with a letter or digit, \
                 at most {MAX_FILE_NAME_BYTES} bytes"
            ))),
        }
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
