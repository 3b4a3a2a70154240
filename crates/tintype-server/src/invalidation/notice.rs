//! What caches are told: one purge, as it is stored until every purger has confirmed it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tintype_store::OutboxId;

/// Why caches are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    Overwrite,
    Delete,
    Move,
    /// Focal point, crops or rights.
    Record,
    /// Embargo, takedown, or the end of either.
    State,
    /// Somebody asked for it.
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

/// On whose behalf, and by which token.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    pub name: &'a str,
    pub token: &'a str,
}

/// What caches are to forget. Members that a newer version adds are ignored by an older one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeEntry {
    pub at: Timestamp,
    pub cause: Cause,
    /// Whose purgers are told.
    pub sites: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub tags: Vec<String>,
    pub actor: String,
    pub token: String,
}

/// An entry and its name, which tells it from all others.
#[derive(Clone, Debug)]
pub struct Purge {
    pub id: OutboxId,
    pub entry: PurgeEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_adds_is_ignored() {
        let json = r#"{"at":"2026-11-01T00:00:00Z","cause":"purge","sites":["default"],
            "key":"a.jpg","tags":["tt-1"],"actor":"desk","token":"web","more":1}"#;
        let entry: PurgeEntry = serde_json::from_str(json).unwrap();
        assert_eq!((entry.key.as_deref(), entry.prefix), (Some("a.jpg"), None));
    }
}
