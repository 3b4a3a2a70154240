//! The items of a spec: names, canonical order, and the words and ranges that parsing and formatting share.

use tintype_imaging::spec::{Compass, Fit, Flip, Format, Metadata, Rotate};

use super::FormatItem;

/// An item, as the reference describes it. The accepted values come from its parser.
#[derive(Debug)]
pub struct Item {
    pub name: &'static str,
    /// The value that means the same as leaving the item out.
    pub default: Option<&'static str>,
    /// Markdown, with names in backticks.
    pub meaning: &'static str,
}

const fn item(name: &'static str, meaning: &'static str) -> Item {
    Item {
        name,
        default: None,
        meaning,
    }
}

const fn or(name: &'static str, default: &'static str, meaning: &'static str) -> Item {
    Item {
        name,
        default: Some(default),
        meaning,
    }
}

/// Every item, in canonical order: the position here is the position in a URL.
pub const ITEMS: [Item; 22] = [
    item(
        "w",
        "Width of the box, in CSS pixels. With only one side the other follows from the image.",
    ),
    item("h", "Height of the box, in CSS pixels."),
    or(
        "fit",
        "contain",
        "How the image fits the box: `contain` keeps all of it inside, `cover` fills the box and crops the rest, \
         `stretch` distorts, `pad` adds a canvas of exactly that size.",
    ),
    item(
        "g",
        "What cropping keeps, or where a padded image is placed: a compass point, or a point in fractions of the \
         upright original. The default is the record's focal point, else the centre. `smart` is the most salient part \
         (edges, skin tones, unusual colours), unless the record has a focal point.",
    ),
    item(
        "crop",
        "A part of the upright original, cut out before anything else: left, top, width and height. It is clipped to \
         the original.",
    ),
    or(
        "dpr",
        "1",
        "Device pixels per CSS pixel: multiplies the box. Unsigned it must be 1, 1.5, 2 or 3.",
    ),
    or(
        "up",
        "0",
        "Whether the image may be larger than the original. Otherwise a box that is too large is reduced, keeping its \
         aspect ratio.",
    ),
    item(
        "q",
        "Quality, on the scale of JPEG for all formats. The default is configured for each format. PNG has none.",
    ),
    or(
        "f",
        "auto",
        "The format. `auto` is the best one that the client's `Accept` header names and that can hold the image; \
         `json` is the public part of the record, `original` the file itself.",
    ),
    item(
        "bg",
        "The colour behind transparent parts and around a padded image. The default is transparent if the format \
         allows it, else white. With `fit_pad`, `blur` is a blurred copy of the image that fills the canvas.",
    ),
    item("rot", "Degrees to rotate by, clockwise, after the crop."),
    item(
        "flip",
        "Mirrors after rotating: `h` left to right, `v` top to bottom.",
    ),
    item("blur", "Gaussian blur with this sigma in CSS pixels."),
    or("sharpen", "0", "Sharpens the image."),
    or("gray", "0", "Removes all colour."),
    or(
        "trim",
        "0",
        "Removes a border that is transparent or has the colour of the corners, after `crop`. The tolerance is a \
         fraction of a channel's range; 1 stands for the usual one (0.04). The size of the image is known only after \
         rendering, because what is left may have any shape.",
    ),
    or(
        "anim",
        "0",
        "Keeps an animated GIF, PNG or WebP animated, with its timing and loops, as WebP or GIF; with `f_auto` as WebP \
         if the client accepts it. The first frame is shown instead of an animation of more than 1,000 frames, 500 \
         megapixels in total or 100 in the response, or one that takes too long for now; the header \
         `Tintype-Animation: first-frame` says so.",
    ),
    or(
        "meta",
        "copyright",
        "Which metadata the image contains: none, author and copyright, or with `keep` also what describes the image \
         and how it was taken. Locations, serial numbers, owners, previews and maker notes are never included.",
    ),
    item(
        "max",
        "Bytes that the image should not exceed. Quality is reduced for it, to 10 at least and in at most six attempts; \
         PNG has no quality to reduce.",
    ),
    item(
        "v",
        "The record's version. With the current one, and no preset, the response may be cached for ever; with an older \
         one it is the current image, cached briefly.",
    ),
    item(
        "exp",
        "Unix time in seconds at which the URL expires. Caches keep the response no longer.",
    ),
    item(
        "dl",
        "Offers the response as a download, named after the last segment of the key or with this name.",
    ),
];

/// Names of [`ITEMS`].
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ITEMS.iter().map(|item| item.name)
}

pub fn is_item(name: &str) -> bool {
    names().any(|item| item == name)
}

/// Returns the words that an item accepts; none if it accepts numbers.
pub fn words(item: &str) -> Vec<&'static str> {
    fn of<T>(words: Words<T>) -> Vec<&'static str> {
        words.iter().map(|(word, _)| *word).collect()
    }
    match item {
        "fit" => of(FITS),
        "g" => [of(COMPASS), vec!["smart"]].concat(),
        "f" => of(FORMATS),
        "rot" => of(ROTATIONS),
        "flip" => of(FLIPS),
        "meta" => of(METADATA),
        "up" | "gray" | "anim" => of(SWITCH),
        _ => Vec::new(),
    }
}

/// The signature is not in [`ITEMS`]: it does not affect the response and is always last.
pub(super) const SIG: &str = "sig";

/// The words of a closed set, each with its value.
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

/// The background that is not a colour.
pub(super) const BLUR: &str = "blur";

pub(super) const SWITCH: Words<bool> = &[("0", false), ("1", true)];

pub(super) fn meaning<T: Copy>(words: Words<T>, text: &str) -> Option<T> {
    let (_, value) = words.iter().find(|(word, _)| *word == text)?;
    Some(*value)
}

/// Returns the word for a value. `Rotate::None` and the empty flip have none: they are written by leaving the item out.
pub(super) fn word<T: Copy + PartialEq>(words: Words<T>, value: T) -> Option<&'static str> {
    let (word, _) = words.iter().find(|(_, candidate)| *candidate == value)?;
    Some(word)
}
