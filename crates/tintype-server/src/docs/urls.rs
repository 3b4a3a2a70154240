//! URLs: items, contradictions, presets, signatures.

use tintype_imaging::geometry::{MAX_PIXELS, MAX_SIDE};
use tintype_store::Key;

use super::page::{Page, ReferenceEntry};
use crate::url::{
    Contradiction, ITEMS, MAX_SPEC_BYTES, RULES, SigningKey, allowed, parse_spec, signed_path,
};

/// For the example only.
const EXAMPLE_KEY: &str = "an example key that is never used";

pub(super) fn write(page: &mut Page) {
    page.section("urls", "URLs");
    page.prose(include_str!("prose/urls.md"));
    page.part("items", "Items");
    for item in &ITEMS {
        let default = item.default.map(|default| format!("`{default}`"));
        page.entry(ReferenceEntry {
            id: format!("item-{}", item.name),
            name: item.name,
            text: item.meaning,
            facts: vec![
                ("Values", allowed(item.name)),
                ("Default", default.unwrap_or_default()),
                ("Conflicts with", contradictions(item.name)),
            ],
            ..ReferenceEntry::default()
        });
    }
    page.entry(ReferenceEntry {
        id: "item-sig".to_owned(),
        name: "sig",
        text: "The [signature](#signatures). Always the last item.",
        facts: vec![("Values", allowed("sig"))],
        ..ReferenceEntry::default()
    });
    page.prose(&format!(
        "A spec is at most {MAX_SPEC_BYTES} characters of `A-Z a-z 0-9 - . _ ~`. An image has at most {MAX_SIDE} pixels a \
         side and {} megapixels; a larger one is refused as [`invalid-spec`](#error-invalid-spec).",
        MAX_PIXELS / 1_000_000,
    ));
    page.part("contradictions", "Contradictions");
    page.prose("Contradictions are refused with the name of the item. These are all:");
    let row = |rule: &Contradiction| {
        let (item, example) = (rule.item, rule.example);
        [
            format!("`{item}`"),
            rule.reason.to_owned(),
            format!("`{example}`"),
        ]
    };
    page.table(
        ["item", "why", "for example"],
        RULES.iter().map(row).collect(),
    );
    page.part("presets", "Presets");
    page.prose(include_str!("prose/presets.md"));
    page.part("signatures", "Signatures");
    page.prose(include_str!("prose/signatures.md"));
    page.prose(&format!(
        "With the key `{EXAMPLE_KEY}` the image `photos/lion.jpg` in `w_640` is at `{}`.",
        example()
    ));
    page.part("versions", "Versions and caching");
    page.prose(include_str!("prose/versions.md"));
}

fn contradictions(item: &str) -> String {
    let rules = RULES.iter().filter(|rule| rule.item == item);
    let rules = rules.map(|rule| format!("{} (`{}`)", rule.reason, rule.example));
    rules.collect::<Vec<_>>().join("; ")
}

/// Computed by the code that signs.
fn example() -> String {
    let parts = (
        Key::parse("photos/lion.jpg").ok(),
        parse_spec("w_640").ok(),
        SigningKey::parse(EXAMPLE_KEY),
    );
    match parts {
        (Some(key), Some(spec), Some(signing_key)) => signed_path(&key, spec, &signing_key),
        _ => String::new(),
    }
}
