//! imgproxy's options: every name that it knows, and its equivalent here.

use tintype_imaging::spec::Decimal;

use super::super::Unmapped;
use super::super::items::SpecItems;
use super::super::orientation::{Orientation, word};
use super::crop::{Crop, CropSide};
use super::number::{decimal, switch, whole};
use super::position::{self, Position};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Resizing {
    #[default]
    Fit,
    Fill,
    Force,
    /// Depends on the size of the original.
    Auto,
}

/// The combined options; of two with the same meaning the later one wins.
#[derive(Default)]
pub(super) struct ProcessingOptions {
    items: SpecItems,
    resizing: Resizing,
    enlarge: bool,
    /// Enabled, and the image's position on its canvas.
    extend: Option<Option<Position>>,
    gravity: Option<Position>,
    crop: Option<Crop>,
    turn: Orientation,
    format_quality: Vec<(String, u64)>,
    raw: bool,
    attachment: bool,
    file_name: Option<String>,
    preset: Option<String>,
    /// Options were read, so that a preset would come too late.
    is_begun: bool,
}

impl ProcessingOptions {
    pub(super) fn apply(&mut self, name: &str, arguments: &[&str]) -> Result<(), Unmapped> {
        let first = arguments.first().copied().unwrap_or_default();
        let refuse = || Unmapped::option(format!("option {name}:{}", arguments.join(":")));
        // Superfluous arguments are an error in imgproxy as well.
        let one = || (arguments.len() == 1).then_some(first).ok_or_else(refuse);
        match name {
            "resize" | "rs" => self.resize(arguments).ok_or_else(refuse)??,
            "size" | "s" => self.size(arguments).ok_or_else(refuse)??,
            "resizing_type" | "rt" => self.resizing_type(one()?).ok_or_else(refuse)?,
            "width" | "w" => self.whole("w", one()?).ok_or_else(refuse)?,
            "height" | "h" => self.whole("h", one()?).ok_or_else(refuse)?,
            "enlarge" | "el" => self.enlarge = switch(one()?),
            "extend" | "ex" => self.extend(arguments)?,
            "dpr" => {
                let dpr = decimal(one()?).ok_or_else(refuse)?;
                self.items.set("dpr", dpr);
            }
            "gravity" | "g" => self.gravity = Some(position::read("gravity", arguments)?),
            "crop" | "c" => self.crop(arguments).ok_or_else(refuse)??,
            "rotate" | "rot" => {
                let degrees: i64 = one()?.parse().map_err(|_| refuse())?;
                if degrees % 90 != 0 {
                    return Err(refuse());
                }
                let quarters = (degrees / 90).rem_euclid(4);
                self.turn.quarters = u8::try_from(quarters).unwrap_or_default();
            }
            "flip" | "fl" if arguments.len() <= 2 => {
                let [horizontal, vertical] = [0, 1].map(|at| {
                    let said = arguments.get(at).filter(|text| !text.is_empty());
                    said.map(|text| switch(text))
                });
                self.turn.horizontal = horizontal.unwrap_or(self.turn.horizontal);
                self.turn.vertical = vertical.unwrap_or(self.turn.vertical);
            }
            "background" | "bg" => self.background(arguments).ok_or_else(refuse)?,
            "blur" | "bl" => self.unless_zero("blur", one()?).ok_or_else(refuse)?,
            "sharpen" | "sh" => self.unless_zero("sharpen", one()?).ok_or_else(refuse)?,
            "quality" | "q" => match whole(one()?).ok_or_else(refuse)? {
                // As configured.
                0 => self.items.remove("q"),
                quality => self.items.set("q", quality),
            },
            "format_quality" | "fq" => self.format_quality(arguments).ok_or_else(refuse)?,
            "max_bytes" | "mb" => self.whole("max", one()?).ok_or_else(refuse)?,
            "format" | "f" | "ext" => self.format(one()?)?,
            "raw" => self.raw = switch(one()?),
            "expires" | "exp" => match whole(one()?).ok_or_else(refuse)? {
                0 => self.items.remove("exp"),
                expires => self.items.set("exp", expires),
            },
            "return_attachment" | "att" => self.attachment = switch(one()?),
            "filename" | "fn" => self.file_name = Some(first.to_owned()),
            "preset" | "pr" => self.preset(arguments)?,
            _ if is_without_effect(name, first) => {}
            _ if is_off(name, arguments) => {}
            _ => return Err(Unmapped::option(format!("option {name}"))),
        }
        self.is_begun = true;
        Ok(())
    }

    fn resize(&mut self, arguments: &[&str]) -> Option<Result<(), Unmapped>> {
        let (kind, size) = arguments.split_first()?;
        if !kind.is_empty() {
            self.resizing_type(kind)?;
        }
        match size.is_empty() {
            true => Some(Ok(())),
            false => self.size(size),
        }
    }

    /// Empty arguments leave the value as it was.
    fn size(&mut self, arguments: &[&str]) -> Option<Result<(), Unmapped>> {
        if arguments.len() > 7 {
            return None;
        }
        let said = |at: usize| arguments.get(at).copied().filter(|text| !text.is_empty());
        if let Some(width) = said(0) {
            self.whole("w", width)?;
        }
        if let Some(height) = said(1) {
            self.whole("h", height)?;
        }
        if let Some(enlarge) = said(2) {
            self.enlarge = switch(enlarge);
        }
        Some(match said(3) {
            Some(_) => self.extend(&arguments[3..]),
            None => Ok(()),
        })
    }

    fn whole(&mut self, item: &str, text: &str) -> Option<()> {
        match whole(text)? {
            0 => self.items.remove(item),
            number => self.items.set(item, number),
        }
        Some(())
    }

    fn resizing_type(&mut self, text: &str) -> Option<()> {
        self.resizing = match text {
            "fit" => Resizing::Fit,
            "fill" | "fill-down" => Resizing::Fill,
            "force" => Resizing::Force,
            "auto" => Resizing::Auto,
            _ => return None,
        };
        Some(())
    }

    fn extend(&mut self, arguments: &[&str]) -> Result<(), Unmapped> {
        let (on, gravity) = arguments.split_first().unwrap_or((&"", &[]));
        let gravity = match gravity {
            [] => None,
            gravity => match position::read("extend", gravity)? {
                Position::Smart => return Err(Unmapped::option("option extend:sm")),
                position => Some(position),
            },
        };
        self.extend = switch(on).then_some(gravity);
        Ok(())
    }

    fn crop(&mut self, arguments: &[&str]) -> Option<Result<(), Unmapped>> {
        let side = |at: usize| match arguments.get(at) {
            None => Some(CropSide::All),
            Some(text) => CropSide::parse(text),
        };
        let (width, height) = (side(0)?, side(1)?);
        let position = match arguments.get(2..).filter(|gravity| !gravity.is_empty()) {
            None => None,
            Some(gravity) => match position::read("crop", gravity) {
                Ok(position) => Some(position),
                Err(refused) => return Some(Err(refused)),
            },
        };
        self.crop = Some(Crop {
            width,
            height,
            position,
        });
        Some(Ok(()))
    }

    fn background(&mut self, arguments: &[&str]) -> Option<()> {
        match arguments {
            [""] => self.items.remove("bg"),
            [hex] if matches!(hex.len(), 3 | 6) => self.items.set("bg", hex),
            [r, g, b] => {
                let part = |text: &str| text.parse::<u8>().ok();
                let (r, g, b) = (part(r)?, part(g)?, part(b)?);
                self.items.set("bg", format!("{r:02x}{g:02x}{b:02x}"));
            }
            _ => return None,
        }
        Some(())
    }

    fn unless_zero(&mut self, item: &str, text: &str) -> Option<()> {
        let value = decimal(text)?;
        match value == Decimal::ZERO {
            true => self.items.remove(item),
            false => self.items.set(item, value),
        }
        Some(())
    }

    fn format_quality(&mut self, arguments: &[&str]) -> Option<()> {
        let (pairs, []) = arguments.as_chunks::<2>() else {
            return None;
        };
        for [format, quality] in pairs {
            self.format_quality
                .push((our_format(format)?.to_owned(), whole(quality)?));
        }
        Some(())
    }

    fn format(&mut self, text: &str) -> Result<(), Unmapped> {
        let format =
            our_format(text).ok_or_else(|| Unmapped::option(format!("option format:{text}")))?;
        self.items.set("f", format);
        Ok(())
    }

    /// The extension of the source, which takes precedence.
    pub(super) fn extension(&mut self, text: &str) -> Result<(), Unmapped> {
        match self.raw {
            true => Ok(()),
            false => self.format(text),
        }
    }

    /// Our presets fill in what the URL leaves open; imgproxy's overwrite what came before them.
    fn preset(&mut self, names: &[&str]) -> Result<(), Unmapped> {
        match names {
            [name] if !self.is_begun => {
                self.preset = Some((*name).to_owned());
                Ok(())
            }
            [_] => Err(Unmapped::option("option preset after others")),
            names => Err(Unmapped::option(format!(
                "option preset:{}",
                names.join(":")
            ))),
        }
    }

    pub(super) fn items(mut self) -> Result<SpecItems, Unmapped> {
        if self.raw {
            let mut items = SpecItems::default();
            items.set("f", "original");
            self.answer(&mut items)?;
            if let Some(expires) = self.items.get("exp") {
                items.set("exp", expires);
            }
            return Ok(items);
        }
        if let Some(preset) = self.preset.take() {
            // Before anything that it may fill in.
            self.items.add(&preset);
        }
        let mut items = self.items.clone();
        self.cut(&mut items)?;
        self.boxed(&mut items)?;
        self.qualities(&mut items)?;
        self.answer(&mut items)?;
        for (name, value) in self.turn.items() {
            items.set(name, value);
        }
        Ok(items)
    }

    /// imgproxy's crop refers to the turned image, ours to the upright one.
    fn cut(&self, items: &mut SpecItems) -> Result<(), Unmapped> {
        let Some(crop) = self
            .crop
            .map(|crop| crop.item(self.gravity))
            .transpose()?
            .flatten()
        else {
            return Ok(());
        };
        if !self.turn.is_none() {
            return Err(Unmapped::option("option crop with rotate or flip"));
        }
        items.set("crop", crop);
        Ok(())
    }

    fn boxed(&self, items: &mut SpecItems) -> Result<(), Unmapped> {
        let (has_width, has_height) = (items.has("w"), items.has("h"));
        let (has_both, has_any) = (has_width && has_height, has_width || has_height);
        if self.enlarge && has_any {
            items.set("up", 1);
        }
        if !has_any {
            return Ok(());
        }
        let is_extended = self.extend.is_some() && (has_both || !self.enlarge);
        match self.resizing {
            Resizing::Auto => Err(Unmapped::option("option resizing_type:auto")),
            Resizing::Force if !has_both => {
                Err(Unmapped::option("option resizing_type:force with one side"))
            }
            Resizing::Force | Resizing::Fill if is_extended && has_both && !self.enlarge => {
                let reason = "option extend with a resizing type other than fit";
                Err(Unmapped::option(reason))
            }
            _ if is_extended && !has_both => Err(Unmapped::option("option extend with one side")),
            Resizing::Force => {
                items.set("fit", "stretch");
                Ok(())
            }
            Resizing::Fill => self.cover(has_both, items),
            Resizing::Fit => {
                if let Some(gravity) = self.extend {
                    pad(gravity, items)?;
                }
                Ok(())
            }
        }
    }

    fn cover(&self, has_both: bool, items: &mut SpecItems) -> Result<(), Unmapped> {
        if !has_both {
            return Ok(());
        }
        items.set("fit", "cover");
        match self.gravity {
            None | Some(Position::Smart) => {}
            Some(Position::Compass(compass)) => items.set("g", word(compass)),
            // It refers to the rest of the image, whose size is not known.
            Some(Position::Point(..)) if items.has("crop") => {
                return Err(Unmapped::option("option gravity:fp with crop"));
            }
            Some(Position::Point(x, y)) => {
                let (x, y) = self.turn.undo((x, y));
                items.set("g", format!("{x}x{y}"));
            }
        }
        Ok(())
    }

    /// The quality depends on the format, if the URL names one.
    fn qualities(&self, items: &mut SpecItems) -> Result<(), Unmapped> {
        if self.format_quality.is_empty() || items.has("q") {
            return Ok(());
        }
        let Some(format) = items.get("f") else {
            return Err(Unmapped::option("option format_quality without a format"));
        };
        let said = self.format_quality.iter().rev();
        let quality = said.clone().find(|(of, _)| of == format);
        if let Some((_, quality)) = quality.filter(|(_, quality)| *quality > 0) {
            items.set("q", quality);
        }
        Ok(())
    }

    fn answer(&self, items: &mut SpecItems) -> Result<(), Unmapped> {
        if !self.attachment {
            return Ok(());
        }
        match (&self.file_name, items.get("f")) {
            (None, _) => items.set("dl", 1),
            (Some(name), Some(format)) if format != "original" => {
                items.set("dl", format!("{name}.{format}"));
            }
            (Some(_), _) => return Err(Unmapped::option("option filename without a format")),
        }
        Ok(())
    }
}

fn pad(gravity: Option<Position>, items: &mut SpecItems) -> Result<(), Unmapped> {
    items.set("fit", "pad");
    match gravity {
        None | Some(Position::Compass((0, 0))) => {}
        Some(Position::Compass(compass)) => items.set("g", word(compass)),
        Some(_) => {
            return Err(Unmapped::option("option extend with a point"));
        }
    }
    Ok(())
}

fn our_format(text: &str) -> Option<&'static str> {
    match text {
        "jpg" | "jpeg" => Some("jpeg"),
        "png" => Some("png"),
        "webp" => Some("webp"),
        "avif" => Some("avif"),
        "gif" => Some("gif"),
        _ => None,
    }
}

/// Options for caching, metadata and limits, and for what is always done here.
fn is_without_effect(name: &str, first: &str) -> bool {
    match name {
        "cachebuster"
        | "cb"
        | "strip_metadata"
        | "sm"
        | "keep_copyright"
        | "kcr"
        | "strip_color_profile"
        | "scp"
        | "enforce_thumbnail"
        | "eth"
        | "max_src_resolution"
        | "msr"
        | "max_src_file_size"
        | "msfs"
        | "max_animation_frames"
        | "maf"
        | "max_animation_frame_resolution"
        | "mafr"
        | "max_result_dimension"
        | "mrd" => true,
        "auto_rotate" | "ar" => switch(first),
        _ => false,
    }
}

/// Options that are not supported but switched off.
fn is_off(name: &str, arguments: &[&str]) -> bool {
    let all = |value: Decimal| {
        arguments
            .iter()
            .all(|text| text.is_empty() || decimal(text) == Some(value))
    };
    match name {
        "min-width" | "mw" | "min-height" | "mh" | "padding" | "pd" | "pixelate" | "pix" => {
            all(Decimal::ZERO)
        }
        "zoom" | "z" => all(Decimal::ONE),
        "watermark" | "wm" => all(Decimal::ZERO),
        "extend_aspect_ratio" | "extend_ar" | "exar" | "preserve_hdr" | "ph" => {
            !switch(arguments.first().copied().unwrap_or_default())
        }
        _ => false,
    }
}
