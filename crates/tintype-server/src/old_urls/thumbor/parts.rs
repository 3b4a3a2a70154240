//! The parts of thumbor's grammar. Each is a whole segment; one in the wrong place is part of the image.

/// The parts between the signature and the image.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UrlParts<'a> {
    pub(crate) debug: bool,
    pub(crate) meta: bool,
    pub(crate) trim: bool,
    /// Left, top, right, bottom.
    pub(crate) crop: Option<[u64; 4]>,
    pub(crate) fit_in: Option<FitIn>,
    pub(crate) width: BoxSide,
    pub(crate) height: BoxSide,
    /// Left to right, top to bottom.
    pub(crate) mirror: (bool, bool),
    /// -1 for left, 1 for right.
    pub(crate) halign: Option<i8>,
    /// -1 for top, 1 for bottom.
    pub(crate) valign: Option<i8>,
    pub(crate) smart: bool,
    pub(crate) filters: &'a str,
    pub(crate) image: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FitIn {
    pub(crate) adaptive: bool,
    pub(crate) full: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BoxSide {
    /// Follows from the other side.
    #[default]
    Free,
    /// The original's size.
    Original,
    Pixels(u64),
}

impl BoxSide {
    pub(crate) fn is_pixels(self) -> bool {
        matches!(self, Self::Pixels(_))
    }
}

impl<'a> UrlParts<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut rest = Rest(text);
        let mut parts = Self {
            debug: rest.take(|part| (part == "debug").then_some(())).is_some(),
            meta: rest.take(|part| (part == "meta").then_some(())).is_some(),
            trim: rest.take(trim).is_some(),
            crop: rest.take(crop),
            fit_in: rest.take(fit_in),
            ..Self::default()
        };
        if let Some(((horizontal, width), (vertical, height))) = rest.take(dimensions) {
            parts.mirror = (horizontal, vertical);
            (parts.width, parts.height) = (width, height);
        }
        parts.halign = rest.take(|part| position(part, ["left", "center", "right"]));
        parts.valign = rest.take(|part| position(part, ["top", "middle", "bottom"]));
        parts.smart = rest.take(|part| (part == "smart").then_some(())).is_some();
        parts.filters = rest.take_filters().unwrap_or_default();
        parts.image = rest.0;
        parts
    }
}

struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes the next segment, if it can be parsed and something is left for the image.
    fn take<T>(&mut self, read: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let (part, after) = self.0.split_once('/')?;
        let value = read(part).filter(|_| !after.is_empty())?;
        self.0 = after;
        Some(value)
    }

    /// Up to the first closing bracket at the end of a segment, which may belong to an argument.
    fn take_filters(&mut self) -> Option<&'a str> {
        let text = self.0.strip_prefix("filters:")?;
        // There is at least one character inside.
        let from = text.chars().next()?.len_utf8();
        let end = from + text[from..].find(")/")? + 1;
        let after = &text[end + 1..];
        (!after.is_empty()).then(|| {
            self.0 = after;
            &text[..end]
        })
    }
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // No image is that large, so it will be refused later.
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn trim(part: &str) -> Option<()> {
    let mut rest = part.strip_prefix("trim")?;
    for corner in [":top-left", ":bottom-right"] {
        if let Some(after) = rest.strip_prefix(corner) {
            rest = after;
            break;
        }
    }
    match rest.strip_prefix(':') {
        Some(tolerance) => number(tolerance).map(drop),
        None => rest.is_empty().then_some(()),
    }
}

fn crop(part: &str) -> Option<[u64; 4]> {
    let (from, to) = part.split_once(':')?;
    let ((left, top), (right, bottom)) = (from.split_once('x')?, to.split_once('x')?);
    Some([number(left)?, number(top)?, number(right)?, number(bottom)?])
}

fn fit_in(part: &str) -> Option<FitIn> {
    let (adaptive, part) = match part.strip_prefix("adaptive-") {
        Some(part) => (true, part),
        None => (false, part),
    };
    let (full, part) = match part.strip_prefix("full-") {
        Some(part) => (true, part),
        None => (false, part),
    };
    (part == "fit-in").then_some(FitIn { adaptive, full })
}

/// Each side with whether it is mirrored.
fn dimensions(part: &str) -> Option<((bool, BoxSide), (bool, BoxSide))> {
    let (width, height) = part.split_once('x')?;
    let side = |text: &str| {
        let (mirrored, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let side = match text {
            "" => BoxSide::Free,
            "orig" => BoxSide::Original,
            _ => match number(text)? {
                0 => BoxSide::Free,
                pixels => BoxSide::Pixels(pixels),
            },
        };
        Some((mirrored, side))
    };
    Some((side(width)?, side(height)?))
}

fn position(part: &str, words: [&str; 3]) -> Option<i8> {
    let at = words.iter().position(|word| *word == part)?;
    Some([-1, 0, 1][at])
}
