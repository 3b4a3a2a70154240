//! thumbor's URLs: `unsafe` or a signature, then parts in a fixed order, then the image.

mod filters;
mod parts;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::{Choice, ConstantTimeEq};

use super::items::SpecItems;
use super::key_mapping::{decode, without_needless_escapes};
use super::orientation::{Orientation, word};
use super::{ParsedUrl, Unmapped};
use crate::url::Access;
use filters::Filters;
use parts::{BoxSide, FitIn, UrlParts};

const SIGNATURE_BYTES: usize = 20;

/// Secrets, and whether `unsafe` is allowed.
pub struct Thumbor {
    pub keys: Vec<Vec<u8>>,
    pub is_unsafe: bool,
}

impl std::fmt::Debug for Thumbor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Thumbor({} keys)", self.keys.len())
    }
}

impl Thumbor {
    pub(super) fn read(&self, rest: &str) -> Option<Result<ParsedUrl, Unmapped>> {
        let (first, raw) = rest.split_once('/').filter(|(_, raw)| !raw.is_empty())?;
        // Undoes encoding by proxies, as the text was signed; nothing else is changed.
        let text = without_needless_escapes(raw);
        let access = match first {
            "unsafe" if self.is_unsafe => Access::Unsigned,
            "unsafe" => return Some(Err(Unmapped::Unsigned)),
            _ => {
                let signature = signature(first)?;
                match self.is_signed(&signature, raw) | self.is_signed(&signature, &text) {
                    true => Access::Signed,
                    false => return Some(Err(Unmapped::Signature)),
                }
            }
        };
        Some(request(&text, access))
    }

    /// Timing reveals neither which key nor how much of the signature was right.
    fn is_signed(&self, signature: &[u8; SIGNATURE_BYTES], text: &str) -> bool {
        let mut found = Choice::from(0);
        for key in &self.keys {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(text.as_bytes());
            found |= mac.finalize().into_bytes().as_slice().ct_eq(signature);
        }
        found.into()
    }
}

/// `None` if the segment does not look like a signature.
fn signature(segment: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let text = without_needless_escapes(segment);
    URL_SAFE.decode(text).ok()?.try_into().ok()
}

fn request(text: &str, access: Access) -> Result<ParsedUrl, Unmapped> {
    let parts = UrlParts::of(text);
    let items = items(&parts)?;
    let address = decode(parts.image)?;
    Ok(ParsedUrl {
        address,
        items,
        access,
    })
}

fn items(parts: &UrlParts<'_>) -> Result<SpecItems, Unmapped> {
    let refused = [
        (parts.debug, "debug"),
        (parts.meta, "meta"),
        (parts.trim, "trim"),
    ];
    if let Some((_, name)) = refused.into_iter().find(|(is_there, _)| *is_there) {
        return Err(Unmapped::option(name));
    }
    let filters = Filters::read(parts.filters)?;
    let mut items = SpecItems::default();
    if let Some([left, top, right, bottom]) = parts.crop
        // thumbor ignores an empty crop.
        && right > left
        && bottom > top
    {
        let (width, height) = (right - left, bottom - top);
        items.set("crop", format!("{left}x{top}x{width}x{height}"));
    }
    let turn = Orientation::after_mirror(filters.quarters, parts.mirror.0, parts.mirror.1);
    match parts.fit_in {
        Some(fit_in) => inside(parts, fit_in, &filters, &mut items)?,
        None => covering(parts, &filters, turn, &mut items)?,
    }
    fill(parts, &filters, turn, &mut items)?;
    if turn.is_across() {
        // thumbor turns last, we turn first.
        items.swap("w", "h");
    }
    for (name, value) in turn.items() {
        items.set(name, value);
    }
    for (name, value) in &filters.items {
        items.set(name, value);
    }
    Ok(items)
}

fn sides(parts: &UrlParts<'_>, items: &mut SpecItems) {
    for (name, side) in [("w", parts.width), ("h", parts.height)] {
        if let BoxSide::Pixels(pixels) = side {
            items.set(name, pixels);
        }
    }
}

/// `fit-in`: all of the image, inside the box; only `upscale()` enlarges, and only with both sides.
fn inside(
    parts: &UrlParts<'_>,
    fit_in: FitIn,
    filters: &Filters,
    items: &mut SpecItems,
) -> Result<(), Unmapped> {
    let (width, height) = (parts.width, parts.height);
    let has_both = width.is_pixels() && height.is_pixels();
    let is_original = [width, height].contains(&BoxSide::Original);
    let has_any = width.is_pixels() || height.is_pixels();
    // The box depends on the image's orientation.
    if fit_in.adaptive && has_any && (is_original || (has_both && width != height)) {
        return Err(Unmapped::option("adaptive-fit-in"));
    }
    // The box is covered without cutting anything off.
    if fit_in.full && has_any && (has_both || is_original) {
        return Err(Unmapped::option("full-fit-in"));
    }
    sides(parts, items);
    if (fit_in.full && has_any) || (filters.upscale && has_both) {
        items.set("up", 1);
    }
    Ok(())
}

/// Fills the whole box, cutting what does not fit, enlarging where needed.
fn covering(
    parts: &UrlParts<'_>,
    filters: &Filters,
    turn: Orientation,
    items: &mut SpecItems,
) -> Result<(), Unmapped> {
    let (width, height) = (parts.width, parts.height);
    match (width, height) {
        (BoxSide::Original, BoxSide::Original) => return Ok(()),
        (BoxSide::Original, _) | (_, BoxSide::Original) => {
            return Err(Unmapped::option("orig"));
        }
        _ => sides(parts, items),
    }
    if !filters.no_upscale {
        items.set("up", 1);
    }
    if !(width.is_pixels() && height.is_pixels()) {
        return Ok(());
    }
    if filters.stretch {
        items.set("fit", "stretch");
        return Ok(());
    }
    if filters.focal {
        return Err(Unmapped::option("filter focal, in pixels of the original,"));
    }
    items.set("fit", "cover");
    // Both thumbor's smart cropping and its default become the record's focal point.
    if !parts.smart && (parts.halign.is_some() || parts.valign.is_some()) {
        let compass = (
            parts.halign.unwrap_or_default(),
            parts.valign.unwrap_or_default(),
        );
        items.set("g", word(turn.compass(compass)));
    }
    Ok(())
}

/// `fill()` colours where the image does not fill the box and, if requested, where it is transparent.
fn fill(
    parts: &UrlParts<'_>,
    filters: &Filters,
    turn: Orientation,
    items: &mut SpecItems,
) -> Result<(), Unmapped> {
    let behind = filters.background.as_ref();
    let Some(fill) = &filters.fill else {
        if let Some(colour) = behind {
            colour.set_background("background_color", items)?;
        }
        return Ok(());
    };
    let refuse = |with: &str| Err(Unmapped::option(format!("filter fill with {with}")));
    let (has_width, has_height) = (parts.width.is_pixels(), parts.height.is_pixels());
    let is_padded = parts.fit_in.is_some() && (has_width || has_height);
    match () {
        () if !is_padded && !fill.is_behind => match behind {
            Some(colour) => colour.set_background("background_color", items),
            None => Ok(()),
        },
        () if behind.is_some() => refuse("background_color"),
        () if !is_padded => fill.colour.set_background("fill", items),
        () if !(has_width && has_height) => refuse("one side"),
        // In thumbor it reduces the box to the size of the image.
        () if filters.no_upscale => refuse("no_upscale"),
        () if turn.is_across() => refuse("rotate"),
        () => {
            items.set("fit", "pad");
            fill.colour.set_background("fill", items)
        }
    }
}

#[cfg(test)]
mod tests;
