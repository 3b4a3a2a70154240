//! The items of a spec: their names, in the order in which they are written, and the words and
//! ranges that parsing and writing share.

use tintype_imaging::spec::{Compass, Fit, Flip, Format, Metadata, Rotate};

use super::FormatItem;

/// Every item, in canonical order. Where an item stands here is its place in a URL.
pub(super) const ITEMS: [&str; 22] = [
    "w", "h", "fit", "g", "crop", "dpr", "up", "q", "f", "bg", "rot", "flip", "blur", "sharpen",
    "gray", "trim", "anim", "meta", "max", "v", "exp", "dl",
];

pub fn is_item(name: &str) -> bool {
    ITEMS.contains(&name)
}

/// The signature is no item among others: it says nothing about the answer and is always last.
pub(super) const SIG: &str = "sig";

/// Words of a closed set, each with its meaning.
pub(super) type Words<T> = &'static [(&'static str, T)];

pub(super) const FITS: Words<Fit> = &[
    ("contain", Fit::Contain),
    ("cover", Fit::Cover),
    ("stretch", Fit::Stretch),
    ("pad", Fit::Pad),
];

pub(super) const COMPASS: Words<Compass> = &[
    ("c", Compass::Center),
    ("n", Compass::North),
    ("ne", Compass::NorthEast),
    ("e", Compass::East),
    ("se", Compass::SouthEast),
    ("s", Compass::South),
    ("sw", Compass::SouthWest),
    ("w", Compass::West),
    ("nw", Compass::NorthWest),
];

pub(super) const FORMATS: Words<FormatItem> = &[
    ("auto", FormatItem::Auto),
    ("jpeg", FormatItem::Image(Format::Jpeg)),
    ("png", FormatItem::Image(Format::Png)),
    ("webp", FormatItem::Image(Format::Webp)),
    ("avif", FormatItem::Image(Format::Avif)),
    ("gif", FormatItem::Image(Format::Gif)),
    ("json", FormatItem::Json),
    ("original", FormatItem::Original),
];

pub(super) const ROTATIONS: Words<Rotate> = &[
    ("90", Rotate::Quarter),
    ("180", Rotate::Half),
    ("270", Rotate::ThreeQuarters),
];

pub(super) const FLIPS: Words<Flip> = &[
    (
        "h",
        Flip {
            horizontal: true,
            vertical: false,
        },
    ),
    (
        "v",
        Flip {
            horizontal: false,
            vertical: true,
        },
    ),
    (
        "hv",
        Flip {
            horizontal: true,
            vertical: true,
        },
    ),
];

pub(super) const METADATA: Words<Metadata> = &[
    ("none", Metadata::None),
    ("copyright", Metadata::Copyright),
    ("keep", Metadata::Keep),
];

pub(super) const SWITCH: Words<bool> = &[("0", false), ("1", true)];

pub(super) fn meaning<T: Copy>(words: Words<T>, text: &str) -> Option<T> {
    let (_, value) = words.iter().find(|(word, _)| *word == text)?;
    Some(*value)
}

/// Every value has a word, except `Rotate::None` and the empty flip, which are said by silence.
pub(super) fn word<T: Copy + PartialEq>(words: Words<T>, value: T) -> Option<&'static str> {
    let (word, _) = words.iter().find(|(_, candidate)| *candidate == value)?;
    Some(word)
}
