//! Writes [`SpecUrl`] in its one canonical spelling.

use std::fmt;

use tintype_imaging::spec::{Background, Crop, Decimal, Gravity, Rect, Request, Rgba};

use super::items::{BLUR, COMPASS, FITS, FLIPS, FORMATS, METADATA, ROTATIONS, SIG, SWITCH, word};
use super::{Download, SpecUrl};

impl SpecUrl {
    /// The canonical spelling, signature included.
    pub fn canonical(&self) -> String {
        match &self.signature {
            None => self.unsigned(),
            Some(signature) => format!("{}~{SIG}_{signature}", self.unsigned()),
        }
    }

    /// The canonical spelling without the signature, as it is signed.
    pub fn unsigned(&self) -> String {
        let mut items: Vec<String> = self.items().into_iter().flatten().collect();
        if let Some(preset) = &self.preset {
            items.insert(0, preset.to_string());
        }
        match items.is_empty() {
            // A path needs a last segment.
            true => "f_auto".to_owned(),
            false => items.join("~"),
        }
    }

    /// In the order of [`super::items::ITEMS`], which a test compares.
    pub(super) fn items(&self) -> [Option<String>; 22] {
        // Destructured, so that a new field cannot be forgotten here.
        let Request {
            width,
            height,
            fit,
            gravity,
            crop,
            dpr,
            enlarge,
            quality,
            background,
            rotate,
            flip,
            blur,
            sharpen,
            gray,
            trim,
            animate,
            metadata,
            max_bytes,
        } = &self.request;
        [
            item("w", width.as_ref()),
            item("h", height.as_ref()),
            item("fit", fit.and_then(|fit| word(FITS, fit))),
            item("g", gravity.map(gravity_text)),
            item("crop", crop.map(crop_text)),
            item("dpr", dpr.as_ref()),
            item("up", enlarge.and_then(|enlarge| word(SWITCH, enlarge))),
            item("q", quality.as_ref()),
            item("f", self.format.and_then(|format| word(FORMATS, format))),
            item("bg", background.map(background_text)),
            item("rot", rotate.and_then(|rotate| word(ROTATIONS, rotate))),
            item("flip", flip.and_then(|flip| word(FLIPS, flip))),
            item("blur", blur.as_ref()),
            item("sharpen", sharpen.as_ref()),
            item("gray", gray.and_then(|gray| word(SWITCH, gray))),
            item("trim", trim.as_ref()),
            item("anim", animate.and_then(|animate| word(SWITCH, animate))),
            item(
                "meta",
                metadata.and_then(|metadata| word(METADATA, metadata)),
            ),
            item("max", max_bytes.as_ref()),
            item("v", self.version.as_ref()),
            item("exp", self.expires.as_ref()),
            item(
                "dl",
                self.download.as_ref().map(|download| match download {
                    Download::KeyName => "1",
                    Download::Named(name) => name,
                }),
            ),
        ]
    }
}

impl fmt::Display for SpecUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

fn item(name: &str, value: Option<impl fmt::Display>) -> Option<String> {
    value.map(|value| format!("{name}_{value}"))
}

fn gravity_text(gravity: Gravity) -> String {
    match gravity {
        Gravity::Compass(compass) => word(COMPASS, compass).unwrap_or_default().to_owned(),
        Gravity::Smart => "smart".to_owned(),
        Gravity::Point { x, y } => format!("{x}x{y}"),
    }
}

fn crop_text(crop: Crop) -> String {
    match crop {
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
    }
}

/// Keeps the dot in every value, so that none can be mistaken for pixels.
fn dotted(value: Decimal) -> String {
    let text = value.to_string();
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

fn background_text(background: Background) -> String {
    let Background::Colour(Rgba { r, g, b, a }) = background else {
        return BLUR.to_owned();
    };
    match a {
        255 => format!("{r:02x}{g:02x}{b:02x}"),
        _ => format!("{r:02x}{g:02x}{b:02x}{a:02x}"),
    }
}
