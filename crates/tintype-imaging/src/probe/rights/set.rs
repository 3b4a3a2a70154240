//! Rights set by a client, which override those in the file.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{MAX_CREATORS, MAX_TEXT_BYTES, Rights, clean};

/// `None` keeps what the file says; an empty text or list removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetRights {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creators: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owners: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licensor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licensor_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digital_source_type: Option<String>,
}

/// Pages link to these, so schemes that run script are refused.
const ADDRESSES: [&str; 3] = ["web_statement", "licensor_url", "digital_source_type"];

impl SetRights {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the effective rights, given those in the file.
    pub fn over(&self, file: Rights) -> Rights {
        let text = |set: &Option<String>, file| match set {
            Some(text) => clean(text),
            None => file,
        };
        let names = |set: &Option<Vec<String>>, file| match set {
            Some(names) => names.iter().filter_map(|name| clean(name)).collect(),
            None => file,
        };
        Rights {
            creators: names(&self.creators, file.creators),
            notice: text(&self.notice, file.notice),
            credit: text(&self.credit, file.credit),
            source: text(&self.source, file.source),
            marked: self.marked.or(file.marked),
            owners: names(&self.owners, file.owners),
            terms: text(&self.terms, file.terms),
            web_statement: text(&self.web_statement, file.web_statement),
            licensor: text(&self.licensor, file.licensor),
            licensor_url: text(&self.licensor_url, file.licensor_url),
            digital_source_type: text(&self.digital_source_type, file.digital_source_type),
        }
    }

    /// Refuses texts that would be truncated or are not a single line. The message names the field.
    pub fn check(&self) -> Result<(), String> {
        for (field, names) in self.lists() {
            if names.len() > MAX_CREATORS {
                let count = names.len();
                return Err(format!("{field}: {count} names, limit is {MAX_CREATORS}"));
            }
        }
        let names = self.lists().into_iter();
        let names = names.flat_map(|(field, names)| names.iter().map(move |name| (field, name)));
        for (field, text) in names.chain(self.texts()) {
            if text.len() > MAX_TEXT_BYTES {
                let bytes = text.len();
                return Err(format!("{field}: {bytes} bytes, limit is {MAX_TEXT_BYTES}"));
            }
            if text.chars().any(char::is_control) {
                return Err(format!(
                    "{field}: line breaks and other control characters are not allowed"
                ));
            }
            let is_web = text.starts_with("https://") || text.starts_with("http://");
            if ADDRESSES.contains(&field) && !text.is_empty() && !is_web {
                return Err(format!("{field}: must begin with https:// or http://"));
            }
        }
        Ok(())
    }

    fn lists(&self) -> Vec<(&'static str, &Vec<String>)> {
        [("creators", &self.creators), ("owners", &self.owners)]
            .into_iter()
            .filter_map(|(field, names)| Some((field, names.as_ref()?)))
            .collect()
    }

    fn texts(&self) -> Vec<(&'static str, &String)> {
        [
            ("notice", &self.notice),
            ("credit", &self.credit),
            ("source", &self.source),
            ("terms", &self.terms),
            ("web_statement", &self.web_statement),
            ("licensor", &self.licensor),
            ("licensor_url", &self.licensor_url),
            ("digital_source_type", &self.digital_source_type),
        ]
        .into_iter()
        .filter_map(|(field, text)| Some((field, text.as_ref()?)))
        .collect()
    }
}

impl fmt::Display for SetRights {
    /// Canonical and injective, because it is hashed. Lengths come first, so that a text cannot imitate the next field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, names) in self.lists() {
            write!(f, "{field}={}:", names.len())?;
            for name in names {
                write!(f, "{}:{name}", name.len())?;
            }
        }
        for (field, text) in self.texts() {
            write!(f, "{field}={}:{text}", text.len())?;
        }
        match self.marked {
            Some(marked) => write!(f, "marked={}", u8::from(marked)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_is_set_takes_the_place_of_what_the_file_says_field_by_field() {
        let file = Rights {
            creators: vec!["A".to_owned()],
            notice: some("© A"),
            credit: some("A / Desk"),
            marked: Some(true),
            ..Rights::NONE
        };
        let set = SetRights {
            creators: Some(vec!["B".to_owned(), " ".to_owned()]),
            notice: some(""),
            terms: some("once"),
            marked: Some(false),
            ..SetRights::default()
        };
        let expected = Rights {
            creators: vec!["B".to_owned()],
            notice: None,
            terms: some("once"),
            marked: Some(false),
            ..file.clone()
        };
        assert_eq!(set.over(file.clone()), expected);
        assert_eq!(SetRights::default().over(file.clone()), file);
    }

    #[test]
    fn what_would_be_cut_or_run_is_refused_by_its_field() {
        let refused = |set: SetRights, field: &str| {
            let reason = set.check().unwrap_err();
            assert!(reason.starts_with(&format!("{field}: ")), "{reason}");
        };
        let text = |length: usize| Some("x".repeat(length));
        let set = |credit| SetRights {
            credit,
            ..SetRights::default()
        };
        assert_eq!(set(text(MAX_TEXT_BYTES)).check(), Ok(()));
        refused(set(text(MAX_TEXT_BYTES + 1)), "credit");
        refused(set(some("two\nlines")), "credit");
        let creators = |names| SetRights {
            creators: Some(names),
            ..SetRights::default()
        };
        assert_eq!(creators(vec![String::new(); MAX_CREATORS]).check(), Ok(()));
        refused(creators(vec![String::new(); MAX_CREATORS + 1]), "creators");
        refused(creators(vec!["x".repeat(MAX_TEXT_BYTES + 1)]), "creators");
        for address in ["javascript:alert(1)", "example.org/licence"] {
            let set = SetRights {
                licensor_url: some(address),
                ..SetRights::default()
            };
            refused(set, "licensor_url");
        }
    }

    #[test]
    fn two_that_differ_have_different_texts() {
        let set = |credit, source| SetRights {
            credit,
            source,
            ..SetRights::default()
        };
        let texts = [
            SetRights::default(),
            set(some(""), None),
            set(None, some("")),
            set(some("asource=1:b"), None),
            set(some("a"), some("b")),
            SetRights {
                creators: Some(vec!["ab".to_owned()]),
                ..SetRights::default()
            },
            SetRights {
                creators: Some(vec!["a".to_owned(), "b".to_owned()]),
                ..SetRights::default()
            },
        ]
        .map(|set| set.to_string());
        for (number, text) in texts.iter().enumerate() {
            assert!(!texts[..number].contains(text), "{text}");
        }
    }
}
