//! Words of a closed list in stored data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A word that this release knows, or one of another release, which is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredWord<T> {
    Known(T),
    Other(String),
}

impl<T: Copy> StoredWord<T> {
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Other(_) => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for StoredWord<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => word.fmt(f),
            Self::Other(text) => text.fmt(f),
        }
    }
}

impl<T: fmt::Display> Serialize for StoredWord<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for StoredWord<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().map_or(Self::Other(text), Self::Known))
    }
}
