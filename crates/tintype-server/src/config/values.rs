//! Settings as written, by option.

use std::collections::HashMap;
use std::path::PathBuf;

/// A value and the name under which it was set.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) text: String,
    pub(super) name: String,
    /// The file that it was read from, if it had a separate one.
    pub(super) file: Option<PathBuf>,
}

impl Setting {
    pub(super) fn new(text: String, name: String) -> Self {
        let file = None;
        Self { text, name, file }
    }
}

/// The values that are set, none of them empty.
pub(super) type SettingMap = HashMap<&'static str, Setting>;
