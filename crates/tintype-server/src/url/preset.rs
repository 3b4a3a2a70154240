//! Presets, which are named specs, and merging one into a URL's own items.

use std::collections::BTreeMap;
use std::fmt;

use tintype_imaging::spec::Request;

use super::items::ITEMS;
use super::{Download, FormatItem, SpecError, SpecUrl, check, parse_spec};

const MAX_NAME_BYTES: usize = 64;

/// A preset's name: a lower-case letter, then lower-case letters, digits and hyphens, such as `card` or
/// `hero-wide`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PresetName(String);

impl PresetName {
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = text.len() <= MAX_NAME_BYTES
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        is_name.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PresetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The presets of a site. Each is a complete spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presets(BTreeMap<PresetName, SpecUrl>);

impl Presets {
    /// Adds a preset, or returns why its text cannot be one.
    pub fn insert(&mut self, name: PresetName, text: &str) -> Result<(), SpecError> {
        let spec = parse_spec(text)?;
        let refused = [
            (spec.signature.is_some(), "sig"),
            (spec.expires.is_some(), "exp"),
            (spec.version.is_some(), "v"),
            (spec.preset.is_some(), "the name of another preset"),
            // A bare preset needs no signature, but records and originals do.
            (
                !spec.format.unwrap_or_default().is_image(),
                "f_json and f_original",
            ),
        ];
        if let Some((_, item)) = refused.into_iter().find(|(is_there, _)| *is_there) {
            let reason = "belongs in a URL and cannot be part of a preset";
            return Err(SpecError::new(item, reason));
        }
        self.0.insert(name, spec);
        Ok(())
    }

    pub fn get(&self, name: &PresetName) -> Option<&SpecUrl> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&PresetName, &SpecUrl)> {
        self.0.iter()
    }
}

/// A request with its preset filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub request: Request,
    pub format: FormatItem,
    pub download: Option<Download>,
}

impl SpecUrl {
    /// Fills in the preset; each item of the URL replaces the preset's item of the same name.
    pub fn with_preset(&self, presets: &Presets) -> Result<Merged, SpecError> {
        let none = SpecUrl::default();
        let preset = match &self.preset {
            None => &none,
            Some(name) => presets
                .get(name)
                .ok_or_else(|| SpecError::new(name.as_str(), "no such preset"))?,
        };
        let mut whole = self.clone();
        ITEMS
            .iter()
            .for_each(|item| item.complete(&mut whole, preset));
        let format = whole.format.unwrap_or_default();
        check::consistent(&whole.request, format)?;
        Ok(Merged {
            request: whole.request,
            format,
            download: whole.download,
        })
    }
}
