//! A spec under construction: text items, of which the last one of a name wins.

use super::Unmapped;
use crate::url::{SpecUrl, parse_spec};

#[derive(Clone, Debug, Default)]
pub(super) struct SpecItems {
    preset: Option<String>,
    items: Vec<(String, String)>,
}

impl SpecItems {
    pub(super) fn set(&mut self, name: &str, value: impl ToString) {
        self.remove(name);
        self.items.push((name.to_owned(), value.to_string()));
    }

    /// `name_value`, or the name of a preset.
    pub(super) fn add(&mut self, item: &str) {
        match item.split_once('_') {
            Some((name, value)) => self.set(name, value),
            None => self.preset = Some(item.to_owned()),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.items.retain(|(known, _)| known != name);
    }

    pub(super) fn swap(&mut self, one: &str, other: &str) {
        for (name, _) in &mut self.items {
            if name == one {
                *name = other.to_owned();
            } else if name == other {
                *name = one.to_owned();
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let item = self.items.iter().find(|(known, _)| known == name)?;
        Some(&item.1)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn spec(mut self) -> Result<SpecUrl, Unmapped> {
        self.tidy();
        let items = self.items.iter().map(|(name, value)| {
            // Otherwise a value could smuggle in further items.
            match value.contains('~') {
                true => Err(Unmapped::option(format!("{name}_{value}"))),
                false => Ok(format!("{name}_{value}")),
            }
        });
        let items: Vec<String> = self
            .preset
            .iter()
            .cloned()
            .map(Ok)
            .chain(items)
            .collect::<Result<_, _>>()?;
        let text = match items.is_empty() {
            true => "f_auto".to_owned(),
            false => items.join("~"),
        };
        let spec = parse_spec(&text)?;
        match spec.signature {
            None => Ok(spec),
            Some(_) => Err(Unmapped::option("sig")),
        }
    }

    /// Drops items without effect, which are an error here. With a preset they may have one.
    fn tidy(&mut self) {
        if self.preset.is_some() {
            return;
        }
        let (has_width, has_height) = (self.has("w"), self.has("h"));
        if !(has_width && has_height) {
            self.remove("fit");
        }
        if !has_width && !has_height {
            self.remove("up");
            self.remove("dpr");
        }
        if !matches!(self.get("fit"), Some("cover" | "pad")) {
            self.remove("g");
        }
    }
}
