//! The rules for old URLs: `[[old_urls]]` of the default site, `[[sites.NAME.old_urls]]` of another. An entry has
//! more structure than an option, so it is a table that serde reads, and has no variable.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::problems::Problems;
use crate::old_urls::{
    EndDate, Grammar, Imgproxy, KeyMapping, OldUrlRule, Pair, Pattern, PatternText, ResponseMode,
    Thumbor, UnsignedSize, compile,
};

/// Rules per site; each is tried in turn.
const MOST: usize = 100;

/// An entry as written. Keys that its grammar does not use are a problem.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RuleEntry {
    grammar: String,
    prefix: Option<String>,
    sources: Vec<String>,
    key_prefix: String,
    replace: Vec<[String; 2]>,
    answer: Option<String>,
    until: Option<toml::Value>,
    sizes: Vec<String>,
    keys: Vec<String>,
    keys_file: Option<PathBuf>,
    #[serde(rename = "unsafe")]
    is_unsafe: Option<bool>,
    signature_size: Option<usize>,
    only_presets: Option<bool>,
    path: Option<String>,
    query: BTreeMap<String, String>,
    key: Option<String>,
    spec: Option<String>,
    words: BTreeMap<String, BTreeMap<String, String>>,
}

/// Takes the rules out of a table, which is a site's or the whole file.
pub(super) fn take(
    table: &mut toml::Table,
    path: &str,
    problems: &mut Problems,
) -> Vec<OldUrlRule> {
    let name = format!("{path}old_urls");
    let entries = match table.remove("old_urls") {
        None => return Vec::new(),
        Some(toml::Value::Array(entries)) if entries.len() <= MOST => entries,
        Some(toml::Value::Array(_)) => {
            let reason = format!("more than {MOST} entries");
            problems.add(&name, reason, "combine several into one pattern");
            return Vec::new();
        }
        Some(_) => {
            problems.add(
                &name,
                "not a list of tables",
                format!("write each as [[{name}]]"),
            );
            return Vec::new();
        }
    };
    let read = |(at, value)| {
        let mut reader = RuleReader {
            name: format!("{name}[{at}]"),
            problems,
        };
        reader.rule(value)
    };
    entries.into_iter().enumerate().filter_map(read).collect()
}

struct RuleReader<'a> {
    /// Prefix for the names of keys in problems.
    name: String,
    problems: &'a mut Problems,
}

/// A key of the entry, and what is wrong with it.
type EntryError = (String, String);

fn wrong<T>(key: &str, reason: impl Into<String>) -> Result<T, EntryError> {
    Err((key.to_owned(), reason.into()))
}

impl RuleReader<'_> {
    fn rule(&mut self, value: toml::Value) -> Option<OldUrlRule> {
        const FIX: &str = "write it as `config/tintype.toml` shows";
        // serde's message may quote a value, which may be a secret; its first line has none.
        let entry: RuleEntry = match value.try_into() {
            Ok(entry) => entry,
            Err(error) => {
                let message = error.message().lines().next().unwrap_or_default();
                let is_of_names = message.starts_with("unknown field");
                let message = if is_of_names {
                    message
                } else {
                    "a value has the wrong type"
                };
                self.problems.add(&self.name, message, FIX);
                return None;
            }
        };
        match rule(entry) {
            Ok(rule) => Some(rule),
            Err((key, reason)) => {
                self.problems
                    .add(&format!("{}.{key}", self.name), reason, FIX);
                None
            }
        }
    }
}

fn rule(mut entry: RuleEntry) -> Result<OldUrlRule, EntryError> {
    refuse_foreign_keys(&entry)?;
    let keys = keys(&mut entry)?;
    let grammar = match entry.grammar.as_str() {
        "thumbor" => thumbor(&entry, keys)?,
        "imgproxy" => imgproxy(&entry, &keys)?,
        "pattern" => pattern(&entry)?,
        other => {
            let reason = format!("{other:?} is none of thumbor, imgproxy and pattern");
            return wrong("grammar", reason);
        }
    };
    let mut sizes = Vec::new();
    for text in &entry.sizes {
        match UnsignedSize::parse(text) {
            Some(listed) => sizes.push(listed),
            None => {
                return wrong(
                    "sizes",
                    format!("{text:?} is not written like 300x200, 640x or x480"),
                );
            }
        }
    }
    Ok(OldUrlRule {
        grammar,
        prefix: prefix(entry.prefix.as_deref().unwrap_or("/"))?,
        mapping: mapping(&entry)?,
        answer: match entry.answer.as_deref() {
            None | Some("here") => ResponseMode::Here,
            Some("redirect") => ResponseMode::Redirect,
            Some(other) => {
                return wrong("answer", format!("{other:?} is neither here nor redirect"));
            }
        },
        until: entry.until.as_ref().map(until).transpose()?,
        sizes,
    })
}

/// Refuses keys of other grammars, which would have no effect.
fn refuse_foreign_keys(entry: &RuleEntry) -> Result<(), EntryError> {
    let is = |grammars: &[&str]| grammars.contains(&entry.grammar.as_str());
    let signed = is(&["thumbor", "imgproxy"]);
    let said = [
        ("keys", !entry.keys.is_empty(), signed),
        ("keys_file", entry.keys_file.is_some(), signed),
        ("unsafe", entry.is_unsafe.is_some(), is(&["thumbor"])),
        (
            "signature_size",
            entry.signature_size.is_some(),
            is(&["imgproxy"]),
        ),
        (
            "only_presets",
            entry.only_presets.is_some(),
            is(&["imgproxy"]),
        ),
        ("path", entry.path.is_some(), is(&["pattern"])),
        ("query", !entry.query.is_empty(), is(&["pattern"])),
        ("key", entry.key.is_some(), is(&["pattern"])),
        ("spec", entry.spec.is_some(), is(&["pattern"])),
        ("words", !entry.words.is_empty(), is(&["pattern"])),
    ];
    let stranger = said
        .iter()
        .find(|(_, is_configured, belongs)| *is_configured && !belongs);
    match stranger {
        Some((key, ..)) if is(&["thumbor", "imgproxy", "pattern"]) => {
            wrong(key, format!("nothing of {}", entry.grammar))
        }
        _ => Ok(()),
    }
}

fn keys(entry: &mut RuleEntry) -> Result<Vec<String>, EntryError> {
    let mut keys = std::mem::take(&mut entry.keys);
    if let Some(file) = &entry.keys_file {
        if !keys.is_empty() {
            return wrong("keys_file", "set, and so is keys");
        }
        let text = std::fs::read_to_string(file)
            .or_else(|error| wrong("keys_file", format!("cannot be read: {error}")))?;
        keys = super::read::list(&text).map(str::to_owned).collect();
        if keys.is_empty() {
            return wrong("keys_file", "has no key");
        }
    }
    match keys.iter().any(String::is_empty) {
        true => wrong("keys", "a key is empty"),
        false => Ok(keys),
    }
}

fn thumbor(entry: &RuleEntry, keys: Vec<String>) -> Result<Grammar, EntryError> {
    let is_unsafe = entry.is_unsafe.unwrap_or(false);
    if keys.is_empty() && !is_unsafe {
        return wrong(
            "keys",
            "none, but unsafe is not true: no URL would be served",
        );
    }
    let keys = keys.into_iter().map(String::into_bytes).collect();
    Ok(Grammar::Thumbor(Thumbor { keys, is_unsafe }))
}

fn imgproxy(entry: &RuleEntry, keys: &[String]) -> Result<Grammar, EntryError> {
    const ALL: usize = 32;
    let mut pairs = Vec::new();
    for text in keys {
        let pair = text.split_once(':').and_then(|(key, salt)| {
            let (key, salt) = (from_hex(key.trim())?, from_hex(salt.trim())?);
            Some(Pair { key, salt })
        });
        match pair {
            Some(pair) => pairs.push(pair),
            // The text is omitted because it is a secret.
            None => return wrong("keys", "one is not written like hexkey:hexsalt"),
        }
    }
    let signature_size = entry.signature_size.unwrap_or(ALL);
    if !(1..=ALL).contains(&signature_size) {
        return wrong("signature_size", "not a number of bytes from 1 to 32");
    }
    Ok(Grammar::Imgproxy(Imgproxy {
        pairs,
        signature_size,
        only_presets: entry.only_presets.unwrap_or(false),
    }))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? * 16 + digit(*low)?).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|bytes| !bytes.is_empty())
}

fn pattern(entry: &RuleEntry) -> Result<Grammar, EntryError> {
    let Some(path) = entry.path.as_deref() else {
        return wrong("path", "not set");
    };
    let query = entry.query.iter();
    let query: Vec<_> = query
        .map(|(name, pattern)| (name.clone(), pattern.clone()))
        .collect();
    let pattern = Pattern::new(&PatternText {
        path,
        query: &query,
        key: entry.key.as_deref().unwrap_or("{key}"),
        spec: entry.spec.as_deref().unwrap_or_default(),
        words: &entry.words,
    })?;
    Ok(Grammar::Pattern(Box::new(pattern)))
}

fn prefix(text: &str) -> Result<String, EntryError> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"?#%\\".contains(c);
    if !text.starts_with('/') || !text.chars().all(is_plain) {
        return wrong(
            "prefix",
            format!("{text:?} is not written like /media/cache/"),
        );
    }
    Ok(format!("{}/", text.trim_end_matches('/')))
}

fn mapping(entry: &RuleEntry) -> Result<KeyMapping, EntryError> {
    let mut replace = Vec::new();
    for [pattern, text] in &entry.replace {
        match compile(pattern) {
            Ok(pattern) => replace.push((pattern, text.clone())),
            Err(reason) => return wrong("replace", reason),
        }
    }
    // A source is a folder or a host: `https://old.example.org` must not match `old.example.org.example`.
    let folder = |source: &String| match source.is_empty() || source.ends_with('/') {
        true => source.clone(),
        false => format!("{source}/"),
    };
    let sources: Vec<String> = entry.sources.iter().map(folder).collect();
    let sources = sources.iter().map(String::as_str);
    Ok(KeyMapping::new(sources, entry.key_prefix.clone(), replace))
}

/// Parses a day, as a TOML date or as text.
fn until(value: &toml::Value) -> Result<EndDate, EntryError> {
    let day = match value {
        toml::Value::String(day) => day.clone(),
        value => value.to_string(),
    };
    let midnight = day
        .parse::<Date>()
        .and_then(|date| date.to_zoned(TimeZone::UTC));
    let second = midnight
        .ok()
        .and_then(|day| u64::try_from(day.timestamp().as_second()).ok());
    match second {
        Some(second) => Ok(EndDate { day, second }),
        None => wrong("until", format!("{day:?} is not a day such as 2030-01-01")),
    }
}
