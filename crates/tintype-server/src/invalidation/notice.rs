//! A purge as it is stored until every purger has confirmed it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tintype_store::OutboxId;

/// Why something is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    Overwrite,
    Delete,
    Move,
    /// Focal point, crops or rights.
    Record,
    /// An embargo, a takedown, or the end of either.
    State,
    /// An explicit request.
    Purge,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overwrite => "overwrite",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Record => "record",
            Self::State => "state",
            Self::Purge => "purge",
        }
    }
}

/// The token, and on whose behalf it acts.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    pub name: &'a str,
    pub token: &'a str,
}

/// What to purge. Older versions ignore members that newer ones add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PurgeEntry {
    pub at: Timestamp,
    pub cause: Cause,
    /// The sites whose purgers are called.
    pub sites: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub tags: Vec<String>,
    pub actor: String,
    pub token: String,
}

/// An entry and its unique name.
#[derive(Clone, Debug)]
pub(crate) struct Purge {
    pub id: OutboxId,
    pub entry: PurgeEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_newer_version_are_ignored() {
        let json = r#"{"at":"2026-11-01T00:00:00Z","cause":"purge","sites":["default"],
            "key":"a.jpg","tags":["tt-1"],"actor":"desk","token":"web","more":1}"#;
        let entry: PurgeEntry = serde_json::from_str(json).unwrap();
        assert_eq!((entry.key.as_deref(), entry.prefix), (Some("a.jpg"), None));
    }
}
