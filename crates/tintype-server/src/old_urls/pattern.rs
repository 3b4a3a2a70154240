//! Custom scripts and caches: regular expressions with named groups over path and query, and templates that the
//! groups are inserted into.

use std::collections::BTreeMap;

use regex::Regex;

use super::items::SpecItems;
use super::key_mapping::{compile, decode};
use super::{ParsedUrl, Unmapped};
use crate::url::{Access, is_item};

/// As configured.
#[derive(Clone, Debug)]
pub struct PatternText<'a> {
    /// Matches the whole path after the prefix, decoded.
    pub path: &'a str,
    /// By parameter: matches its whole value, decoded.
    pub query: &'a [(String, String)],
    pub key: &'a str,
    pub spec: &'a str,
    /// By group: translations of its values.
    pub words: &'a BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug)]
pub struct Pattern {
    path: Regex,
    /// If empty, the query is ignored.
    query: Vec<(String, Regex)>,
    key: Template,
    spec: Vec<Template>,
    words: BTreeMap<String, BTreeMap<String, String>>,
}

impl Pattern {
    /// The error has the option at fault, and why.
    pub fn new(text: &PatternText<'_>) -> Result<Self, (String, String)> {
        let whole = |option: String, pattern: &str| {
            let compiled = compile(&format!("^(?:{pattern})$"));
            compiled.map_err(|reason| (option, reason))
        };
        let path = whole("path".to_owned(), text.path)?;
        let mut query = Vec::new();
        for (name, pattern) in text.query {
            query.push((name.clone(), whole(format!("query.{name}"), pattern)?));
        }
        let groups: Vec<&str> = query
            .iter()
            .map(|(_, pattern)| pattern)
            .chain([&path])
            .flat_map(|pattern| pattern.capture_names().flatten())
            .collect();
        let template = |option: &str, text: &str| {
            let template = Template::parse(text).map_err(|reason| (option.to_owned(), reason))?;
            let unknown = template.groups().find(|group| !groups.contains(group));
            if let Some(group) = unknown {
                return Err((option.to_owned(), format!("there is no group {group:?}")));
            }
            Ok(template)
        };
        let spec = text.spec.split('~').filter(|item| !item.is_empty());
        let spec: Vec<Template> = spec
            .map(|item| template("spec", item))
            .collect::<Result<_, _>>()?;
        if let Some(item) = spec.iter().find_map(Template::unknown_item) {
            return Err(("spec".to_owned(), format!("{item:?} is not an item")));
        }
        if let Some(group) = text
            .words
            .keys()
            .find(|group| !groups.contains(&group.as_str()))
        {
            return Err((
                format!("words.{group}"),
                "there is no such group".to_owned(),
            ));
        }
        let key = template("key", text.key)?;
        let words = text.words.clone();
        Ok(Self {
            path,
            query,
            key,
            spec,
            words,
        })
    }

    pub(super) fn read(
        &self,
        rest: &str,
        query: Option<&str>,
    ) -> Option<Result<ParsedUrl, Unmapped>> {
        let path = decode(rest).ok()?;
        let mut groups = Groups::default();
        if !groups.take(&self.path, &path) {
            return None;
        }
        Some(self.request(groups, query.unwrap_or_default()))
    }

    fn request(&self, mut groups: Groups, query: &str) -> Result<ParsedUrl, Unmapped> {
        if !self.query.is_empty() {
            self.read_query(query, &mut groups)?;
        }
        let mut texts = BTreeMap::new();
        for (name, value) in groups.0 {
            let text = match self.words.get(&name) {
                None => value,
                Some(words) => match words.get(&value) {
                    Some(word) => word.clone(),
                    None => return Err(Unmapped::option(format!("{name} {value:?}"))),
                },
            };
            texts.insert(name, text);
        }
        let missing = || Unmapped::Key(String::from("the URL names no image"));
        let address = self.key.fill(&texts).ok_or_else(missing)?;
        let mut items = SpecItems::default();
        for template in &self.spec {
            let has_nothing = |group: &str| texts.get(group).is_none_or(|text| is_nothing(text));
            if template.groups().any(has_nothing) {
                continue;
            }
            // The value of a lone group may be several items.
            let text = template.fill(&texts).unwrap_or_default();
            match template.is_one_group() {
                true => text.split('~').for_each(|item| items.add(item)),
                false => items.add(&text),
            }
        }
        Ok(ParsedUrl {
            address,
            items,
            access: Access::Unsigned,
        })
    }

    /// If a parameter occurs twice the last one counts, as in PHP.
    fn read_query(&self, query: &str, groups: &mut Groups) -> Result<(), Unmapped> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = |text: &str| decode(&text.replace('+', " "));
            let (name, value) = (plain(name)?, plain(value)?);
            let known = self.query.iter().find(|(known, _)| *known == name);
            let (_, pattern) =
                known.ok_or_else(|| Unmapped::option(format!("parameter {name}")))?;
            if !groups.take(pattern, &value) {
                return Err(Unmapped::option(format!("parameter {name}={value}")));
            }
        }
        Ok(())
    }
}

/// Values by name.
#[derive(Default)]
struct Groups(BTreeMap<String, String>);

impl Groups {
    fn take(&mut self, pattern: &Regex, text: &str) -> bool {
        let Some(found) = pattern.captures(text) else {
            return false;
        };
        for name in pattern.capture_names().flatten() {
            if let Some(value) = found.name(name) {
                self.0.insert(name.to_owned(), value.as_str().to_owned());
            }
        }
        true
    }
}

/// Empty, or a zero of any length.
fn is_nothing(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

#[derive(Debug)]
struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(String),
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (group, after) = after
                .split_once('}')
                .ok_or_else(|| String::from("a bracket is not closed"))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Group(group.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self(pieces))
    }

    fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Group(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    fn is_one_group(&self) -> bool {
        matches!(self.0[..], [Piece::Group(_)])
    }

    /// The name before the first underscore, if it is literal text and not the name of an item.
    fn unknown_item(&self) -> Option<&str> {
        let Some(Piece::Text(text)) = self.0.first() else {
            return None;
        };
        let (name, _) = text.split_once('_')?;
        (!is_item(name)).then_some(name)
    }

    /// `None` if a group is missing.
    fn fill(&self, texts: &BTreeMap<String, String>) -> Option<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Group(name) => texts.get(name).cloned(),
        };
        self.0.iter().map(piece).collect()
    }
}
