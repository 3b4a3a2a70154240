//! Writes [`SpecUrl`] in its one canonical spelling.

use std::fmt;

use super::SpecUrl;
use super::items::{ITEMS, SIG};

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
        let preset = self.preset.iter().map(ToString::to_string);
        let items = ITEMS.iter().filter_map(|item| item.write(self));
        let items: Vec<String> = preset.chain(items).collect();
        if items.is_empty() {
            // A path needs a last segment.
            return "f_auto".to_owned();
        }
        items.join("~")
    }
}

impl fmt::Display for SpecUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}
