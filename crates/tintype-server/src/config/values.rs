//! What was written down, by option.

use std::collections::HashMap;
use std::path::PathBuf;

/// A value and the name its writer knows it by.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) name: String,
    /// The file that it was read from, where it has one of its own.
    pub(super) file: Option<PathBuf>,
}

impl Value {
    pub(super) fn new(text: String, name: String) -> Self {
        let file = None;
        Self { text, name, file }
    }
}

/// The values that are set, none of them empty.
pub(super) type Values = HashMap<&'static str, Value>;
