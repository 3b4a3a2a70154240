//! thumbor's filters: their arguments, and their equivalents here.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::super::Unmapped;
use super::super::items::SpecItems;
use ArgumentKind::{Boolean, Decimal, Integer, NonZero, Text, Whole, Word};

#[derive(Clone, Copy, PartialEq, Eq)]
enum ArgumentKind {
    Whole,
    NonZero,
    Integer,
    Decimal,
    Boolean,
    Word,
    Text,
}

/// Name, required arguments, and optional arguments.
type FilterSignature = (
    &'static str,
    &'static [ArgumentKind],
    &'static [ArgumentKind],
);

/// The filters that thumbor enables by default, as far as their arguments are checked. thumbor skips a filter whose
/// arguments do not match, and so do we.
const KNOWN: &[FilterSignature] = &[
    ("background_color", &[Word], &[]),
    ("blur", &[NonZero], &[Decimal]),
    ("brightness", &[Integer], &[]),
    ("colorize", &[Whole, Whole, Whole, Text], &[]),
    ("contrast", &[Integer], &[]),
    ("cover", &[], &[]),
    ("equalize", &[], &[]),
    ("extract_focal", &[], &[]),
    ("fill", &[Word], &[Boolean]),
    ("focal", &[Text], &[]),
    ("format", &[Text], &[]),
    ("frame", &[Text], &[]),
    ("grayscale", &[], &[]),
    ("max_age", &[Whole], &[]),
    ("max_bytes", &[Whole], &[]),
    ("no_upscale", &[], &[]),
    ("noise", &[Whole], &[Whole]),
    ("proportion", &[Decimal], &[]),
    ("quality", &[Whole], &[]),
    ("red_eye", &[], &[]),
    ("rgb", &[Integer, Integer, Integer], &[]),
    ("rotate", &[Integer], &[]),
    ("saturation", &[Decimal], &[]),
    ("sharpen", &[Decimal, Decimal, Boolean], &[]),
    ("stretch", &[], &[]),
    ("strip_exif", &[], &[]),
    ("strip_icc", &[], &[]),
    ("upscale", &[], &[]),
];

/// Filters with a special syntax. `gifv` makes a video of an animation.
const OF_THEIR_OWN: &[&str] = &[
    "autojpg",
    "convolution",
    "curve",
    "gifv",
    "round_corner",
    "watermark",
];

/// The combined filters.
#[derive(Default)]
pub(super) struct Filters {
    pub(super) items: Vec<(&'static str, String)>,
    /// Clockwise, as in a spec.
    pub(super) quarters: u8,
    pub(super) fill: Option<Fill>,
    pub(super) background: Option<Colour>,
    pub(super) no_upscale: bool,
    pub(super) upscale: bool,
    pub(super) stretch: bool,
    /// A part of the original is named.
    pub(super) focal: bool,
}

pub(super) struct Fill {
    pub(super) colour: Colour,
    /// Also shown behind transparent parts.
    pub(super) is_behind: bool,
}

pub(super) struct Colour(String);

impl Filters {
    pub(super) fn read(text: &str) -> Result<Self, Unmapped> {
        let text = decoded(text);
        let mut filters = Self::default();
        // The last bracket closes the last filter.
        let text = text.strip_suffix(')').unwrap_or(&text);
        for filter in text.split("):").filter(|filter| !filter.is_empty()) {
            let (name, arguments) = filter.split_once('(').unwrap_or((filter, ""));
            if OF_THEIR_OWN.contains(&name) {
                return Err(Unmapped::option(format!("filter {name}")));
            }
            if filter.contains('(')
                && let Some(known) = KNOWN.iter().find(|known| known.0 == name)
                && let Some(arguments) = matching(known, arguments)
            {
                filters.apply(name, &arguments)?;
            }
        }
        Ok(filters)
    }

    fn apply(&mut self, name: &str, arguments: &[&str]) -> Result<(), Unmapped> {
        let argument = |at: usize| arguments.get(at).copied().unwrap_or_default();
        let first = argument(0);
        match name {
            "cover" | "max_age" | "strip_exif" | "strip_icc" => {}
            "no_upscale" => self.no_upscale = true,
            "upscale" => self.upscale = true,
            "stretch" => self.stretch = true,
            "grayscale" => self.items.push(("gray", "1".to_owned())),
            "quality" => {
                let quality: u64 = first.parse().unwrap_or(u64::MAX);
                self.items.push(("q", quality.clamp(1, 100).to_string()));
            }
            "max_bytes" if zero(first) => {}
            "max_bytes" => self.items.push(("max", without_zeros(first))),
            "blur" => {
                let sigma = argument(1);
                let sigma = if zero(sigma) { first } else { sigma };
                self.items.push(("blur", without_zeros(sigma)));
            }
            "sharpen" if zero(first) => {}
            "sharpen" => self.items.push(("sharpen", without_zeros(first))),
            "format" => self.format(first)?,
            "rotate" => {
                let degrees: i64 = first.parse().unwrap_or_default();
                // thumbor skips other angles, and turns counterclockwise.
                if degrees % 90 == 0 {
                    let quarters = u8::try_from((-degrees / 90).rem_euclid(4)).unwrap_or_default();
                    self.quarters = (self.quarters + quarters) % 4;
                }
            }
            "focal" => self.focal |= is_focal(first),
            "fill" => {
                let is_behind = matches!(argument(1), "true" | "True" | "1");
                let colour = Colour(first.to_owned());
                self.fill = Some(Fill { colour, is_behind });
            }
            "background_color" => self.background = Some(Colour(first.to_owned())),
            // These change the image.
            _ => return Err(Unmapped::option(format!("filter {name}"))),
        }
        Ok(())
    }

    fn format(&mut self, text: &str) -> Result<(), Unmapped> {
        let format = match text.to_ascii_lowercase().as_str() {
            "jpeg" | "jpg" => "jpeg",
            "png" => "png",
            "webp" => "webp",
            "avif" => "avif",
            "gif" => {
                // thumbor keeps animations in it.
                self.items.push(("anim", "1".to_owned()));
                "gif"
            }
            other @ ("heic" | "heif") => {
                return Err(Unmapped::option(format!("filter format({other})")));
            }
            // thumbor skips it.
            _ => "auto",
        };
        self.items.push(("f", format.to_owned()));
        Ok(())
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The arguments, if the filter accepts them.
fn matching<'a>((_, must, may): &FilterSignature, text: &'a str) -> Option<Vec<&'a str>> {
    let arguments = split(text);
    if !(must.len()..=must.len() + may.len()).contains(&arguments.len()) {
        return None;
    }
    let kinds = must.iter().chain(may.iter());
    let is_of = |(kind, text): (&ArgumentKind, &&str)| kind.is_of(text);
    kinds.zip(&arguments).all(is_of).then(|| {
        let plain = |text| unquoted(text).unwrap_or(text);
        arguments.into_iter().map(plain).collect()
    })
}

/// Splits at commas outside of quotes.
fn split(text: &str) -> Vec<&str> {
    let mut arguments = Vec::new();
    let mut rest = text;
    if text.trim().is_empty() {
        return arguments;
    }
    loop {
        let start = rest.trim_start();
        let quoted = start
            .strip_prefix('\'')
            .and_then(|inside| inside.find("',").or_else(|| inside.find('\'')))
            .map_or(0, |end| rest.len() - start.len() + end + 2);
        let Some(comma) = rest.get(quoted..).and_then(|rest| rest.find(',')) else {
            arguments.push(rest.trim());
            return arguments;
        };
        arguments.push(rest[..quoted + comma].trim());
        rest = &rest[quoted + comma + 1..];
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?
        .strip_suffix('\'')
        .filter(|text| !text.is_empty())
}

impl ArgumentKind {
    fn is_of(self, text: &str) -> bool {
        let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let without_sign = text.strip_prefix('-').unwrap_or(text);
        match self {
            Whole => is_whole(text),
            NonZero => is_whole(text) && !zero(text),
            Integer => is_whole(without_sign),
            Decimal => {
                let (whole, rest) = without_sign.split_once('.').unwrap_or((without_sign, ""));
                let digits = |text: &str| text.is_empty() || is_whole(text);
                digits(whole) && digits(rest) && !(whole.is_empty() && rest.is_empty())
            }
            Boolean => matches!(text, "true" | "True" | "false" | "False" | "1" | "0"),
            Word => !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_'),
            Text => unquoted(text).is_some() || (!text.is_empty() && !text.contains(',')),
        }
    }
}

/// Also true for an empty text.
fn zero(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0' | b'.' | b'-'))
}

/// Formats numbers as in a spec: `.5` is `0.5`, `2.` is `2`.
fn without_zeros(text: &str) -> String {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match rest.trim_end_matches('0') {
        "" => whole.to_owned(),
        rest => format!("{whole}.{rest}"),
    }
}

/// A rectangle that is not empty.
fn is_focal(text: &str) -> bool {
    let rectangle = || {
        let (from, to) = text.split_once(':')?;
        let ((left, top), (right, bottom)) = (from.split_once('x')?, to.split_once('x')?);
        // thumbor ignores what follows the digits.
        let digits = bottom.len()
            - bottom
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len();
        let number = |text: &str| text.parse::<u64>().ok();
        let (left, top) = (number(left)?, number(top)?);
        Some((number(right)? != left, number(&bottom[..digits])? != top))
    };
    rectangle() == Some((true, true))
}

impl Colour {
    /// Sets nothing for `transparent`, which is the default if the format supports it.
    pub(super) fn set_background(
        &self,
        filter: &str,
        items: &mut SpecItems,
    ) -> Result<(), Unmapped> {
        let text = self.0.to_ascii_lowercase();
        if text == "transparent" {
            return Ok(());
        }
        let is_hex = text.bytes().all(|b| b.is_ascii_hexdigit());
        let hex = match text.len() {
            3 | 6 | 8 if is_hex => Some(text.as_str()),
            _ => NAMES
                .iter()
                .find(|(name, _)| *name == text)
                .map(|(_, hex)| *hex),
        };
        let hex = hex.ok_or_else(|| Unmapped::option(format!("filter {filter}({text})")))?;
        items.set("bg", hex);
        Ok(())
    }
}

/// The colours of HTML 4. There are 130 more, which nobody has needed.
const NAMES: &[(&str, &str)] = &[
    ("aqua", "00ffff"),
    ("black", "000000"),
    ("blue", "0000ff"),
    ("fuchsia", "ff00ff"),
    ("gray", "808080"),
    ("green", "008000"),
    ("grey", "808080"),
    ("lime", "00ff00"),
    ("maroon", "800000"),
    ("navy", "000080"),
    ("olive", "808000"),
    ("purple", "800080"),
    ("red", "ff0000"),
    ("silver", "c0c0c0"),
    ("teal", "008080"),
    ("white", "ffffff"),
    ("yellow", "ffff00"),
];
