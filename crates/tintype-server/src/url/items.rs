//! The items of a spec, one row each: name, default, meaning, field and kind of value. Rows are in canonical order.

use super::values::{
    Backgrounds, Crops, Downloads, FITS, FLIPS, FORMATS, GAMUTS, Gravities, LAST_SECOND, METADATA,
    ROTATIONS, SWITCH, ValueKind, Versions, fractional, number,
};
use super::{SpecError, SpecUrl, shortened};

const MAX_BOX: u64 = 8_192;

/// An item, as the reference describes it.
#[derive(Debug)]
pub struct Item {
    pub name: &'static str,
    /// The value that means the same as leaving the item out.
    pub default: Option<&'static str>,
    /// Markdown, with names in backticks.
    pub meaning: &'static str,
    value: ItemValue,
}

/// What can be done with the value of an item in a spec.
#[derive(Debug)]
struct ItemValue {
    /// Returns the accepted values if the text is none of them.
    read: fn(&mut SpecUrl, &str) -> Result<(), String>,
    write: fn(&SpecUrl) -> Option<String>,
    clear: fn(&mut SpecUrl),
    /// Takes the value of the second spec if the first has none.
    complete: fn(&mut SpecUrl, &SpecUrl),
    words: fn() -> Vec<&'static str>,
}

macro_rules! value {
    ($($field:ident).+, $kind:expr) => {
        ItemValue {
            read: |spec, text| {
                spec.$($field).+ = Some($kind.read(text)?);
                Ok(())
            },
            write: |spec| $kind.write(spec.$($field).+.as_ref()?),
            clear: |spec| spec.$($field).+ = None,
            complete: |over, under| {
                if over.$($field).+.is_none() {
                    over.$($field).+.clone_from(&under.$($field).+);
                }
            },
            words: || $kind.words(),
        }
    };
}

/// Every item, in canonical order: the position here is the position in a URL.
pub static ITEMS: [Item; 23] = [
    Item {
        name: "w",
        default: None,
        meaning: "Width of the box, in CSS pixels. With only one side the other follows from the image.",
        value: value!(request.width, number::<u32>(1, MAX_BOX)),
    },
    Item {
        name: "h",
        default: None,
        meaning: "Height of the box, in CSS pixels.",
        value: value!(request.height, number::<u32>(1, MAX_BOX)),
    },
    Item {
        name: "fit",
        default: Some("contain"),
        meaning: "How the image fits the box: `contain` keeps all of it inside, `cover` fills the box and crops the \
                  rest, `stretch` distorts, `pad` adds a canvas of exactly that size.",
        value: value!(request.fit, FITS),
    },
    Item {
        name: "g",
        default: None,
        meaning: "What cropping keeps, or where a padded image is placed: a compass point, or a point in fractions of \
                  the upright original. The default is the record's focal point, else the centre. `smart` is the most \
                  salient part (edges, skin tones, unusual colours), unless the record has a focal point.",
        value: value!(request.gravity, Gravities),
    },
    Item {
        name: "crop",
        default: None,
        meaning: "A part of the upright original, cut out before anything else: left, top, width and height. It is \
                  clipped to the original.",
        value: value!(request.crop, Crops),
    },
    Item {
        name: "dpr",
        default: Some("1"),
        meaning: "Device pixels per CSS pixel: multiplies the box. Unsigned it must be 1, 1.5, 2 or 3.",
        value: value!(request.dpr, fractional(1_000_000, 4_000_000)),
    },
    Item {
        name: "up",
        default: Some("0"),
        meaning: "Whether the image may be larger than the original. Otherwise a box that is too large is reduced, \
                  keeping its aspect ratio.",
        value: value!(request.enlarge, SWITCH),
    },
    Item {
        name: "q",
        default: None,
        meaning: "Quality, on the scale of JPEG for all formats. The default is configured for each format. PNG has \
                  none.",
        value: value!(request.quality, number::<u8>(1, 100)),
    },
    Item {
        name: "f",
        default: Some("auto"),
        meaning: "The format. `auto` is the best one that the client's `Accept` header names and that can hold the \
                  image; `json` is the public part of the record, `original` the file itself.",
        value: value!(format, FORMATS),
    },
    Item {
        name: "bg",
        default: None,
        meaning: "The colour behind transparent parts and around a padded image. The default is transparent if the \
                  format allows it, else white. With `fit_pad`, `blur` is a blurred copy of the image that fills the \
                  canvas.",
        value: value!(request.background, Backgrounds),
    },
    Item {
        name: "rot",
        default: None,
        meaning: "Degrees to rotate by, clockwise, after the crop.",
        value: value!(request.rotate, ROTATIONS),
    },
    Item {
        name: "flip",
        default: None,
        meaning: "Mirrors after rotating: `h` left to right, `v` top to bottom.",
        value: value!(request.flip, FLIPS),
    },
    Item {
        name: "blur",
        default: None,
        meaning: "Gaussian blur with this sigma in CSS pixels.",
        value: value!(request.blur, fractional(300_000, 100_000_000)),
    },
    Item {
        name: "sharpen",
        default: Some("0"),
        meaning: "Sharpens the image.",
        value: value!(request.sharpen, fractional(0, 10_000_000)),
    },
    Item {
        name: "gray",
        default: Some("0"),
        meaning: "Removes all colour.",
        value: value!(request.gray, SWITCH),
    },
    Item {
        name: "cs",
        default: Some("srgb"),
        meaning: "The colour space: `p3` keeps the wide colours of an original in Display P3, with its profile, where \
                  the format can say so. Originals in sRGB, GIF, animations, and AVIF by rav1e stay in sRGB.",
        value: value!(request.gamut, GAMUTS),
    },
    Item {
        name: "trim",
        default: Some("0"),
        meaning: "Removes a border that is transparent or has the colour of the corners, after `crop`. The tolerance \
                  is a fraction of a channel's range; 1 stands for the usual one (0.04). The size of the image is \
                  known only after rendering, because what is left may have any shape.",
        value: value!(request.trim, fractional(0, 1_000_000)),
    },
    Item {
        name: "anim",
        default: Some("0"),
        meaning: "Keeps an animated GIF, PNG, WebP or AVIF animated, with its timing and loops, as WebP or GIF; \
                  with `f_auto` as WebP if the client accepts it. The first frame is shown instead of an animation of \
                  more than 1,000 frames, 500 megapixels in total or 100 in the response, or one that takes too long for \
                  now; the header `Tintype-Animation: first-frame` says so.",
        value: value!(request.animate, SWITCH),
    },
    Item {
        name: "meta",
        default: Some("copyright"),
        meaning: "Which metadata the image contains: none, author and copyright, or with `keep` also what describes \
                  the image and how it was taken. Locations, serial numbers, owners, previews and maker notes are \
                  never included.",
        value: value!(request.metadata, METADATA),
    },
    Item {
        name: "max",
        default: None,
        meaning: "Bytes that the image should not exceed. Quality is reduced for it, to 10 at least and in at most six \
                  attempts; PNG has no quality to reduce.",
        value: value!(request.max_bytes, number::<u64>(1, 1_000_000_000)),
    },
    Item {
        name: "v",
        default: None,
        meaning: "The record's version. With the current one, and no preset, the response may be cached for ever; with \
                  an older one it is the current image, cached briefly.",
        value: value!(version, Versions),
    },
    Item {
        name: "exp",
        default: None,
        meaning: "Unix time in seconds at which the URL expires. Caches keep the response no longer.",
        value: value!(expires, number::<u64>(1, LAST_SECOND)),
    },
    Item {
        name: "dl",
        default: None,
        meaning: "Offers the response as a download, named after the last segment of the key or with this name.",
        value: value!(download, Downloads),
    },
];

impl Item {
    pub(super) fn read(&self, spec: &mut SpecUrl, text: &str) -> Result<(), SpecError> {
        (self.value.read)(spec, text).map_err(|allowed| {
            let reason = format!("must be {allowed}, not {:?}", shortened(text));
            SpecError::new(self.name, reason)
        })
    }

    /// Returns `name_value`, if the spec has the item.
    pub(super) fn write(&self, spec: &SpecUrl) -> Option<String> {
        let value = (self.value.write)(spec)?;
        Some(format!("{}_{value}", self.name))
    }

    /// Removes the item if it has its default value.
    pub(super) fn drop_default(&self, spec: &mut SpecUrl) {
        if self.default.is_some() && (self.value.write)(spec).as_deref() == self.default {
            (self.value.clear)(spec);
        }
    }

    /// Takes the item from the second spec, unless the first has it.
    pub(super) fn complete(&self, over: &mut SpecUrl, under: &SpecUrl) {
        (self.value.complete)(over, under);
    }
}

/// Names of [`ITEMS`].
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ITEMS.iter().map(|item| item.name)
}

pub fn is_item(name: &str) -> bool {
    names().any(|item| item == name)
}

/// Returns the words that an item accepts; none if it accepts numbers.
pub fn words(name: &str) -> Vec<&'static str> {
    let item = ITEMS.iter().find(|item| item.name == name);
    item.map(|item| (item.value.words)()).unwrap_or_default()
}

/// The signature is not in [`ITEMS`]: it does not affect the response and is always last.
pub(super) const SIG: &str = "sig";
