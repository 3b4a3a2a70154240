//! Where values come from: the environment over TOML. Every value becomes text under the name of its option, so
//! that it is parsed in one way wherever it was written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::option::{ConfigOption, env_name};
use super::options::OPTIONS;
use super::otel;
use super::problems::Problems;
use super::shape::misshapen;
use super::values::{Setting, SettingMap};
use super::{bucket, old_urls};
use crate::old_urls::OldUrlRule;

const PREFIX: &str = "TINTYPE_";
const FILE: &str = "TINTYPE_CONFIG";
const INLINE: &str = "TINTYPE_CONFIG_INLINE";
/// Set by the ECS agent in every container.
const TASK_METADATA: &str = "ECS_CONTAINER_METADATA_URI_V4";
/// AWS's library reads its own variables; here they are only checked against the options.
const AWS: &str = "AWS_";
/// Limit of a file with configuration or a secret: fits thousands of presets and sites.
const MAX_BYTES: u64 = 1024 * 1024;

/// All settings as written.
pub(super) struct Sources {
    pub(super) flat: SettingMap,
    pub(super) presets: toml::Table,
    pub(super) sites: toml::Table,
    pub(super) old_urls: Vec<OldUrlRule>,
    pub(super) task_metadata: Option<String>,
    pub(super) aws: BTreeMap<String, String>,
    /// Where the configuration was read, if there was one.
    pub(super) file: Option<PathBuf>,
    /// OpenTelemetry's own variables.
    pub(super) otel: BTreeMap<String, String>,
}

impl Sources {
    pub(super) fn read(
        environment: impl IntoIterator<Item = (String, String)>,
        file: &Path,
        problems: &mut Problems,
    ) -> Self {
        // Sorted, so that problems always come in the same order. An empty variable is how a container definition
        // says "not set".
        let mut environment: BTreeMap<String, String> = environment
            .into_iter()
            .filter(|(_, text)| !text.trim().is_empty())
            .collect();
        let task_metadata = environment.remove(TASK_METADATA);
        warn_of_misspelt(environment.keys(), problems);
        let of = |start| move |name: &String, _: &mut String| name.starts_with(start);
        let aws = environment.extract_if(.., of(AWS)).collect();
        let otel = environment.extract_if(.., of(otel::PREFIX)).collect();
        let mut environment: BTreeMap<_, _> = environment.extract_if(.., of(PREFIX)).collect();
        let named = environment.remove(FILE);
        let file = named.as_deref().map_or(file, Path::new).to_owned();
        let mut table = read_file(named, &file, problems);
        if let Some(inline) = environment.remove(INLINE) {
            merge(&mut table, parse(&inline, INLINE, problems));
        }
        let presets = take_table(&mut table, "presets", "", problems);
        let sites = take_table(&mut table, "sites", "", problems);
        let old_urls = old_urls::take(&mut table, "", problems);
        let mut flat = from_table(table, &OPTIONS, "", problems);
        flat.extend(from_environment(environment, problems));
        Self {
            flat,
            presets,
            sites,
            old_urls,
            task_metadata,
            aws,
            file: file.exists().then_some(file),
            otel,
        }
    }
}

/// A variable of another program may have a similar prefix, but not followed by one of our options.
fn warn_of_misspelt<'a>(names: impl Iterator<Item = &'a String>, problems: &mut Problems) {
    for name in names {
        let Some((prefix, key)) = name.split_once('_') else {
            continue;
        };
        let distance = strsim::damerau_levenshtein(prefix, PREFIX.trim_end_matches('_'));
        let key_of = key.to_ascii_lowercase();
        let is_option = || OPTIONS.iter().any(|option| option.name == key_of);
        if (1..=2).contains(&distance) && is_option() {
            let fix = format!("did you mean {PREFIX}{key}?");
            problems.warn(
                name,
                "not a variable of this service, but very similar to one",
                fix,
            );
        }
    }
}

fn read_file(named: Option<String>, path: &Path, problems: &mut Problems) -> toml::Table {
    let shown = path.display().to_string();
    let text = match named.as_deref() {
        Some(url) if url.starts_with(bucket::SCHEME) => bucket::read(url),
        _ => match read_bounded(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
                return toml::Table::new();
            }
            text => text.map_err(|error| error.to_string()),
        },
    };
    text.map(|text| parse(&text, &shown, problems))
        .unwrap_or_else(|reason| {
            let name = named.as_ref().map_or(&*shown, |_| FILE);
            let reason = format!("{shown} cannot be read: {reason}");
            problems.add(
                name,
                reason,
                "set it to a file or object that the service may read",
            );
            toml::Table::new()
        })
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)? as u64;
    match read > MAX_BYTES {
        true => Err(io::Error::other(format!("larger than {MAX_BYTES} bytes"))),
        false => Ok(text),
    }
}

/// The message has the number of the line, not its text, which may be a secret.
fn parse(text: &str, name: &str, problems: &mut Problems) -> toml::Table {
    text.parse().unwrap_or_else(|error: toml::de::Error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let reason = format!("not TOML in line {line}: {}", error.message());
        problems.add(name, reason, "check its syntax");
        toml::Table::new()
    })
}

/// Inline values win, table by table.
fn merge(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// `path` is that of the enclosing table.
pub(super) fn take_table(
    table: &mut toml::Table,
    key: &str,
    path: &str,
    problems: &mut Problems,
) -> toml::Table {
    match table.remove(key) {
        None => toml::Table::new(),
        Some(toml::Value::Table(table)) => table,
        Some(_) => {
            let name = format!("{path}{key}");
            problems.add(&name, "not a table", format!("write it as [{name}]"));
            toml::Table::new()
        }
    }
}

/// The values of a table, as the texts that variables would have.
pub(super) fn from_table(
    table: toml::Table,
    options: &'static [ConfigOption],
    path: &str,
    problems: &mut Problems,
) -> SettingMap {
    let mut values = SettingMap::new();
    for (key, value) in table {
        let name = format!("{path}{key}");
        match text(value) {
            Ok(text) if text.is_empty() => {}
            Ok(text) => place(
                &key,
                Setting::new(text, name),
                options,
                &mut values,
                problems,
            ),
            Err(reason) => problems.add(&name, reason, "write it as text"),
        }
    }
    values
}

fn text(value: toml::Value) -> Result<String, &'static str> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            let items = items.ok_or("a list of something other than texts")?;
            match items.iter().any(|item| item.contains(',')) {
                true => Err("a list of texts, one of which has a comma"),
                false => Ok(items.join(",")),
            }
        }
        _ => Err("neither text, a whole number nor a list of texts"),
    }
}

fn from_environment(environment: BTreeMap<String, String>, problems: &mut Problems) -> SettingMap {
    let mut values = SettingMap::new();
    for (name, text) in environment {
        let key = name[PREFIX.len()..].to_ascii_lowercase();
        if name == env_name(&key) {
            place(
                &key,
                Setting::new(text, name),
                &OPTIONS,
                &mut values,
                problems,
            );
        } else {
            problems.add(&name, "unknown variable", "write it in capitals");
        }
    }
    values
}

/// Finds the option of a key, and reads the file that a `…_file` names.
fn place(
    key: &str,
    mut value: Setting,
    options: &'static [ConfigOption],
    values: &mut SettingMap,
    problems: &mut Problems,
) {
    let of = |key: &str| options.iter().find(|option| option.name == key);
    let from_file = || {
        key.strip_suffix("_file")
            .and_then(of)
            .filter(|option| option.is_secret)
    };
    let option = match (of(key), from_file()) {
        (Some(option), _) => option,
        (None, Some(option)) => match read_bounded(Path::new(value.text.trim())) {
            Ok(secret) => {
                value.file = Some(PathBuf::from(value.text.trim()));
                value.text = secret;
                option
            }
            // Omits the text: it is the secret itself if the two names were mixed up.
            Err(error) => {
                let reason = format!("the file that it names cannot be read: {error}");
                problems.add(
                    &value.name,
                    reason,
                    "set it to a file that the service may read",
                );
                return;
            }
        },
        (None, None) => {
            problems.add(
                &value.name,
                "unknown option",
                suggestion(key, &value.name, options),
            );
            return;
        }
    };
    value.text = value.text.trim().to_owned();
    let name = value.name.clone();
    if value.text.is_empty() && value.file.is_some() {
        problems.add(
            &name,
            "the file that it names is empty",
            "put the secret into it",
        );
        return;
    }
    if let Some((reason, fix)) = misshapen(&value.text, option.is_secret) {
        problems.add(&name, reason, fix);
        return;
    }
    if let Some(twice) = values.insert(option.name, value) {
        let fix = format!("keep one of {} and {name}", twice.name);
        problems.add(&name, "set twice", fix);
    }
}

fn suggestion(key: &str, name: &str, options: &'static [ConfigOption]) -> String {
    let near = options
        .iter()
        .map(|option| (strsim::damerau_levenshtein(key, option.name), option.name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match near {
        Some((_, near)) if name.starts_with(PREFIX) => format!("did you mean {}?", env_name(near)),
        Some((_, near)) => format!("did you mean {near}?"),
        None => "`config/tintype.toml` has every option".to_owned(),
    }
}
