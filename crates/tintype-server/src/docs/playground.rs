//! The playground, for trying URLs on an image. It works if the page is served by a development service; otherwise
//! the page says how to start one.

use serde_json::json;
use tintype_store::Key;

use super::html::escape;
use super::page::Page;
use crate::app::App;
use crate::config::DEV_TOKEN;
use crate::url::{ITEMS, Presets, words};

/// The prefix of playground uploads.
const PREFIX: &str = "playground/";

/// What the script needs to know of the service.
pub struct PlaygroundData {
    /// The token of `--dev`, where it is valid; otherwise the page asks the reader for one.
    token: Option<&'static str>,
    presets: Presets,
    /// What clients put before `/t/`, if that is not the page's own origin.
    public_url: Option<String>,
}

impl PlaygroundData {
    pub fn of(app: &App) -> Self {
        let key = Key::parse(&format!("{PREFIX}a")).expect("it breaks no rule");
        let site = app.config.sites.of(&key);
        let is_well_known = app.config.tokens.iter().any(|token| token.is_well_known());
        Self {
            token: is_well_known.then_some(DEV_TOKEN),
            presets: site.presets.clone(),
            public_url: site.public_url.clone(),
        }
    }

    /// JSON for the script, escaped so that it cannot end the markup.
    pub(super) fn json(&self) -> String {
        let presets = self.presets.iter();
        let presets = presets.map(|(name, spec)| (name.to_string(), spec.to_string().into()));
        let presets: serde_json::Map<_, _> = presets.collect();
        let items: Vec<_> = ITEMS.iter().map(|item| item.name).collect();
        let script = json!({
            "token": self.token,
            "prefix": PREFIX,
            "items": items,
            "presets": presets,
            "public_url": self.public_url,
        });
        script.to_string().replace('<', "\\u003c")
    }
}

pub(super) fn write(page: &mut Page, live: Option<&PlaygroundData>) {
    page.section("playground", "Playground");
    let Some(live) = live else {
        page.prose(include_str!("prose/playground.md"));
        return;
    };
    let bench = include_str!("assets/playground.html")
        .replace("{prefix}", PREFIX)
        .replace("{few}", &fields(&FEW))
        .replace("{more}", &(preset(&live.presets) + &fields(&MORE)));
    page.raw(&bench);
}

/// The form control of an item.
enum Control {
    /// A number: item, label, default, and the ends of a slider.
    Slid(&'static str, &'static str, &'static str, [u32; 2]),
    /// Text: item, label, default.
    Typed(&'static str, &'static str, &'static str),
    /// One of the item's words: item, label, default.
    Chosen(&'static str, &'static str, &'static str),
    Ticked(&'static str, &'static str),
}

use Control::{Chosen, Slid, Ticked, Typed};

const FEW: [Control; 5] = [
    Slid("w", "Width", "any", [16, 2400]),
    Slid("h", "Height", "any", [16, 2400]),
    Slid("q", "Quality", "80", [1, 100]),
    Chosen("fit", "Fit", ""),
    Chosen("f", "Format", ""),
];

const MORE: [Control; 14] = [
    Chosen("g", "Gravity", "focal point"),
    Typed("crop", "Crop", "0.1x0.1x0.8x0.8"),
    Typed("trim", "Trim", "0"),
    Typed("dpr", "Density", "1"),
    Typed("bg", "Background", "ffffff"),
    Chosen("rot", "Turn", "none"),
    Chosen("flip", "Mirror", "none"),
    Typed("blur", "Blur", "none"),
    Typed("sharpen", "Sharpen", "0"),
    Typed("max", "Most bytes", "any"),
    Chosen("meta", "Metadata", ""),
    Chosen("cs", "Colour space", ""),
    Ticked("gray", "Gray"),
    Ticked("up", "May enlarge"),
];

fn fields(fields: &[Control]) -> String {
    fields.iter().map(field).collect()
}

fn field(field: &Control) -> String {
    match field {
        Slid(item, label, without, [least, most]) => format!(
            "<div class=\"field slid\"><label for=\"try-{item}\">{label} <code>{item}</code></label>\
             <input id=\"try-{item}\" data-item=\"{item}\" inputmode=\"numeric\" autocomplete=\"off\" placeholder=\"{without}\">\
             <input type=\"range\" data-slides=\"{item}\" aria-label=\"{label}\" min=\"{least}\" max=\"{most}\"></div>"
        ),
        Typed(item, label, without) => format!(
            "<div class=\"field\"><label for=\"try-{item}\">{label} <code>{item}</code></label>\
             <input id=\"try-{item}\" data-item=\"{item}\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"{without}\"></div>"
        ),
        Chosen(item, label, silence) => {
            let default = ITEMS.iter().find(|known| known.name == *item);
            let default = default.and_then(|known| known.default).unwrap_or(silence);
            let others = words(item).into_iter().filter(|word| *word != default);
            // These do not produce an image to show.
            let others = others.filter(|word| !["json", "original"].contains(word));
            chosen(item, label, default, others)
        }
        Ticked(item, label) => format!(
            "<div class=\"field ticked\"><input type=\"checkbox\" id=\"try-{item}\" data-item=\"{item}\" value=\"1\">\
             <label for=\"try-{item}\">{label} <code>{item}</code></label></div>"
        ),
    }
}

fn chosen<'a>(
    item: &str,
    label: &str,
    silence: &str,
    others: impl Iterator<Item = &'a str>,
) -> String {
    let others = others.map(|word| format!("<option>{}</option>", escape(word)));
    let others: String = others.collect();
    format!(
        "<div class=\"field\"><label for=\"try-{item}\">{label} <code>{item}</code></label>\
         <select id=\"try-{item}\" data-item=\"{item}\"><option value=\"\">{silence}</option>{others}</select></div>"
    )
}

fn preset(presets: &Presets) -> String {
    let names: Vec<_> = presets.iter().map(|(name, _)| name.as_str()).collect();
    match names.is_empty() {
        true => String::new(),
        false => chosen("preset", "Preset", "none", names.into_iter()),
    }
}
