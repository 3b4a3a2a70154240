//! From text to a [`Config`]. One way for every value, wherever it was written: the environment,
//! the file and the defaults all give text, and text is read in one place.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tintype_store::StoreUrl;

use super::options::{OPTIONS, Opt, SITE_OPTIONS, env_name};
use super::site::{Site, Sites};
use super::{Config, Problem, Quality, Token, units};
use crate::url::{Originals, PresetName, Presets, SigningKey, Unsigned};

/// The token of `--dev`. It holds on loopback alone.
pub const DEV_TOKEN: &str = "dev";

/// What `serve --dev` fills in where nothing is set.
#[derive(Clone, Debug, Default)]
pub struct Dev {
    /// Where originals are kept; `./media` by default.
    pub root: Option<PathBuf>,
    /// Also on addresses that others can reach, with this token instead of [`DEV_TOKEN`].
    pub anywhere: Option<String>,
}

/// A configuration and where each of its values comes from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// The flat options in force, secrets masked, as lines of TOML.
    pub effective: String,
}

/// A value and the name its writer knows it by.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    name: String,
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, name: &str, reason: impl Into<String>, fix: impl Into<String>) {
        let (reason, fix) = (reason.into(), fix.into());
        self.0.push(Problem {
            name: name.to_owned(),
            reason,
            fix,
        });
    }
}

impl Config {
    /// `file` is the default place, read if it is there; `TINTYPE_CONFIG` names another, which must
    /// be.
    pub fn load(
        environment: impl IntoIterator<Item = (String, String)>,
        file: &Path,
        dev: Option<&Dev>,
    ) -> Result<Loaded, Vec<Problem>> {
        let mut problems = Problems::default();
        let mut environment: HashMap<String, String> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with("TINTYPE_"))
            .collect();
        let mut table = read_file(environment.remove("TINTYPE_CONFIG"), file, &mut problems);
        if let Some(inline) = environment.remove("TINTYPE_CONFIG_INLINE") {
            match inline.parse::<toml::Table>() {
                Ok(inline) => merge(&mut table, inline),
                Err(error) => {
                    let reason = format!("not TOML: {}", error.message());
                    problems.add("TINTYPE_CONFIG_INLINE", reason, "check its syntax");
                }
            }
        }
        let presets = take_table(&mut table, "presets", &mut problems);
        let sites = take_table(&mut table, "sites", &mut problems);
        let mut values = from_table(table, OPTIONS, "", &mut problems);
        from_environment(environment, &mut values, &mut problems);

        let mut reader = Reader { values, problems };
        if let Some(dev) = dev {
            reader.fill_in(dev);
        }
        let config = reader.config(presets, sites, dev);
        let effective = reader.effective();
        match config {
            Some(config) if reader.problems.0.is_empty() => Ok(Loaded { config, effective }),
            _ => Err(reader.problems.0),
        }
    }
}

fn read_file(named: Option<String>, default: &Path, problems: &mut Problems) -> toml::Table {
    let (path, must) = match &named {
        Some(path) => (Path::new(path), true),
        None => (default, false),
    };
    let name = if must {
        String::from("TINTYPE_CONFIG")
    } else {
        path.display().to_string()
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must => String::new(),
        Err(error) => {
            let reason = format!("{} cannot be read: {error}", path.display());
            problems.add(&name, reason, "name a file that the service may read");
            String::new()
        }
    };
    text.parse().unwrap_or_else(|error: toml::de::Error| {
        problems.add(
            &name,
            format!("not TOML: {}", error.message()),
            "check its syntax",
        );
        toml::Table::new()
    })
}

/// What is given inline wins, table by table.
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

fn take_table(table: &mut toml::Table, key: &str, problems: &mut Problems) -> toml::Table {
    match table.remove(key) {
        None => toml::Table::new(),
        Some(toml::Value::Table(table)) => table,
        Some(_) => {
            problems.add(key, "not a table", format!("write it as [{key}]"));
            toml::Table::new()
        }
    }
}

/// The values of a table, as the text that an environment variable would have.
fn from_table(
    table: toml::Table,
    options: &[Opt],
    path: &str,
    problems: &mut Problems,
) -> HashMap<&'static str, Value> {
    let mut values = HashMap::new();
    for (key, value) in table {
        let name = format!("{path}{key}");
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                let items: Vec<_> = items.iter().filter_map(toml::Value::as_str).collect();
                items.join(",")
            }
            _ => {
                problems.add(
                    &name,
                    "neither text, a number nor a list of texts",
                    "write it as text",
                );
                continue;
            }
        };
        place(&key, text, name, options, &mut values, problems);
    }
    values
}

fn from_environment(
    environment: HashMap<String, String>,
    values: &mut HashMap<&'static str, Value>,
    problems: &mut Problems,
) {
    let mut set = HashMap::new();
    // Sorted, so that problems come in the same order every time.
    for (name, text) in BTreeMap::from_iter(environment) {
        let key = name["TINTYPE_".len()..].to_ascii_lowercase();
        if name != env_name(&key) {
            problems.add(&name, "unknown variable", "write it in capitals");
            continue;
        }
        place(&key, text, name, OPTIONS, &mut set, problems);
    }
    values.extend(set);
}

/// Finds the option that a key means, and reads the file that a `…_file` names.
fn place(
    key: &str,
    text: String,
    name: String,
    options: &[Opt],
    values: &mut HashMap<&'static str, Value>,
    problems: &mut Problems,
) {
    let of = |key: &str| options.iter().find(|option| option.name == key);
    let from_file = key
        .strip_suffix("_file")
        .and_then(of)
        .filter(|option| option.secret);
    let (option, text) = match (of(key), from_file) {
        (Some(option), _) => (option, text),
        (None, Some(option)) => match std::fs::read_to_string(&text) {
            Ok(secret) => (option, secret.trim().to_owned()),
            Err(error) => {
                let reason = format!("{text} cannot be read: {error}");
                problems.add(&name, reason, "name a file that the service may read");
                return;
            }
        },
        (None, None) => {
            let near = options
                .iter()
                .map(|option| (strsim::damerau_levenshtein(key, option.name), option.name))
                .min()
                .filter(|(distance, _)| *distance <= 3);
            let fix = match near {
                Some((_, near)) if name.starts_with("TINTYPE_") => {
                    format!("did you mean {}?", env_name(near))
                }
                Some((_, near)) => format!("did you mean {near}?"),
                None => "`tintype config` lists the options".to_owned(),
            };
            problems.add(&name, "unknown option", fix);
            return;
        }
    };
    if let Some(twice) = values.insert(
        option.name,
        Value {
            text,
            name: name.clone(),
        },
    ) {
        let fix = format!("keep one of {} and {name}", twice.name);
        problems.add(&name, "set twice", fix);
    }
}

struct Reader {
    values: HashMap<&'static str, Value>,
    problems: Problems,
}

impl Reader {
    /// What is set wins: `--dev` is for what is not.
    fn fill_in(&mut self, dev: &Dev) {
        let root = dev.root.clone().unwrap_or_else(|| PathBuf::from("./media"));
        let root = match root.is_absolute() || root.starts_with(".") || root.starts_with("..") {
            true => root,
            false => Path::new(".").join(root),
        };
        if dev.root.is_some() {
            if let Some(store) = self.values.get("store") {
                let (name, fix) = (store.name.clone(), "leave out one of the two");
                self.problems
                    .add(&name, "set, and --root is given as well", fix);
            }
        }
        for (option, text) in [
            ("store", format!("file://{}", root.display())),
            ("unsigned", String::from("any")),
            // Nobody waits for a balancer to notice.
            ("lame_duck", String::from("0s")),
        ] {
            let name = String::from("--dev");
            self.values.entry(option).or_insert(Value { text, name });
        }
    }

    fn config(
        &mut self,
        presets: toml::Table,
        sites: toml::Table,
        dev: Option<&Dev>,
    ) -> Option<Config> {
        let bind: Option<SocketAddr> = self.read("bind", address);
        let loopback = bind.is_some_and(|address| address.ip().is_loopback());
        let exposed = dev.filter(|_| !loopback);
        if exposed.is_some_and(|dev| dev.anywhere.is_none()) {
            let name = self.name("bind");
            self.problems.add(
                &name,
                "--dev would let everybody who reaches this address do everything",
                "bind 127.0.0.1, or add --dev-anywhere to have a random token printed",
            );
        }
        let sites = self.sites(presets, sites, loopback);
        let tokens = self.tokens(dev);
        let store = self.need("store", "name one, such as file:///srv/media, or use --dev");
        let store = store.then(|| self.read("store", store_url)).flatten();
        let api_bind = self.optional("api_bind", address);
        let quality = Quality {
            jpeg: self.read("quality_jpeg", quality)?,
            webp: self.read("quality_webp", quality)?,
            avif: self.read("quality_avif", quality)?,
        };
        Some(Config {
            admin_bind: self.read("admin_bind", address)?,
            api_bind,
            derived_store: self.optional("derived_store", store_url),
            spool_dir: self.optional("spool_dir", |text| Ok(PathBuf::from(text))),
            spool_bytes: self.read("spool_bytes", units::bytes)?,
            allow_types: self.read("allow_types", media_types)?,
            max_upload_bytes: self.read("max_upload_bytes", units::bytes)?,
            max_pixels: self.read("max_pixels", units::pixels)?,
            quality,
            max_age: self.read("max_age", units::duration)?,
            s_maxage: self.read("s_maxage", units::duration)?,
            record_cache: self.read("record_cache", units::duration)?,
            memory_budget: self.optional("memory_budget", units::bytes),
            hot_cache_bytes: self.optional("hot_cache_bytes", units::bytes),
            workers: self.optional("workers", count),
            queue: self.read("queue", count)?,
            queue_wait: self.read("queue_wait", units::duration)?,
            render_deadline: self.read("render_deadline", units::duration)?,
            max_connections: self.read("max_connections", count)?,
            header_timeout: self.read("header_timeout", units::duration)?,
            body_timeout: self.read("body_timeout", units::duration)?,
            idle_timeout: self.read("idle_timeout", units::duration)?,
            write_timeout: self.read("write_timeout", units::duration)?,
            lame_duck: self.read("lame_duck", units::duration)?,
            drain: self.read("drain", units::duration)?,
            log: self.read("log", |text| Ok(text.to_owned()))?,
            bind: bind?,
            store: store?,
            sites,
            tokens,
        })
    }

    /// The name by which the writer of a value knows it; what is not set goes by its variable.
    fn name(&self, option: &str) -> String {
        self.values
            .get(option)
            .map_or_else(|| env_name(option), |value| value.name.clone())
    }

    fn text(&self, option: &str) -> Option<String> {
        let default = || {
            let option = OPTIONS.iter().find(|known| known.name == option);
            option
                .map(|option| option.default)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let set = self.values.get(option).map(|value| value.text.clone());
        // An empty variable is how a container definition says "not set".
        set.filter(|text| !text.is_empty()).or_else(default)
    }

    fn optional<T>(
        &mut self,
        option: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(option)?;
        read(&text)
            .map_err(|reason| {
                let name = self.name(option);
                self.problems
                    .add(&name, reason, "write it as `config/tintype.toml` shows");
            })
            .ok()
    }

    /// For options with a default. What cannot be read is a problem already, and stands as `None`
    /// only until all problems are told.
    fn read<T>(
        &mut self,
        option: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.optional(option, &read).or_else(|| {
            let option = OPTIONS.iter().find(|known| known.name == option)?;
            read(option.default).ok()
        })
    }

    fn need(&mut self, option: &'static str, fix: &str) -> bool {
        let there = self.text(option).is_some();
        if !there {
            self.problems.add(&env_name(option), "not set", fix);
        }
        there
    }

    fn tokens(&mut self, dev: Option<&Dev>) -> Vec<Token> {
        let text = self.text("tokens");
        if let (Some(dev), None) = (dev, &text) {
            return match &dev.anywhere {
                Some(secret) => vec![Token::with_secret("dev-anywhere", secret)],
                None => vec![Token::with_secret("dev", DEV_TOKEN)],
            };
        }
        let name = self.name("tokens");
        let Some(text) = text else {
            self.problems.add(
                &name,
                "not set, so nobody could upload",
                "make one with `tintype token new`, or say `none` to have no API",
            );
            return Vec::new();
        };
        let mut tokens: Vec<Token> = Vec::new();
        for part in list(&text).filter(|part| *part != "none") {
            match part.parse::<Token>() {
                Ok(token) if tokens.iter().any(|known| known.id == token.id) => {
                    let reason = format!("token {} is given twice", token.id);
                    self.problems
                        .add(&name, reason, "give each token an id of its own");
                }
                Ok(token) => tokens.push(token),
                Err(reason) => {
                    self.problems
                        .add(&name, reason, "`tintype token new` prints the whole entry");
                }
            }
        }
        tokens
    }

    fn sites(&mut self, presets: toml::Table, sites: toml::Table, loopback: bool) -> Sites {
        let flat: HashMap<_, _> = SITE_OPTIONS
            .iter()
            .filter_map(|option| Some((option.name, self.values.get(option.name)?.clone())))
            .collect();
        let mut built = vec![self.site("default", flat, presets, loopback)];
        for (name, table) in sites {
            let path = format!("sites.{name}.");
            let toml::Value::Table(mut table) = table else {
                self.problems
                    .add(&path, "not a table", format!("write it as [sites.{name}]"));
                continue;
            };
            if name == "default" {
                let fix = "set its options at the top level";
                self.problems
                    .add(&path, "default is the site of the flat options", fix);
                continue;
            }
            let presets = take_table(&mut table, "presets", &mut self.problems);
            let values = from_table(table, SITE_OPTIONS, &path, &mut self.problems);
            let site = self.site(&name, values, presets, loopback);
            if site.prefix.is_empty() || built.iter().any(|other| other.prefix == site.prefix) {
                let fix = "give each site a prefix of its own, such as \"magazine/\"";
                self.problems
                    .add(&format!("{path}prefix"), "missing, or taken", fix);
            }
            built.push(site);
        }
        Sites::new(built)
    }

    fn site(
        &mut self,
        name: &str,
        values: HashMap<&'static str, Value>,
        presets: toml::Table,
        loopback: bool,
    ) -> Site {
        let get = |option: &str| values.get(option).filter(|value| !value.text.is_empty());
        let named = |option: &str| match values.get(option) {
            Some(value) => value.name.clone(),
            None if name == "default" => env_name(option),
            None => format!("sites.{name}.{option}"),
        };
        let mut keys = |option: &str| {
            let text = get(option)
                .map(|value| value.text.as_str())
                .unwrap_or_default();
            let mut keys = Vec::new();
            for key in list(text) {
                match SigningKey::parse(key) {
                    Some(key) => keys.push(key),
                    None => {
                        let least = SigningKey::MIN_CHARACTERS;
                        let reason = format!("a key is shorter than {least} characters");
                        let fix = "make one with `openssl rand -hex 32`";
                        self.problems.add(&named(option), reason, fix);
                    }
                }
            }
            keys
        };
        let signing_keys = keys("signing_keys");
        let ticket_keys = keys("ticket_keys");

        let unsigned = match get("unsigned").map(|value| value.text.as_str()) {
            Some("none") => Some(Unsigned::None),
            Some("presets") => Some(Unsigned::Presets),
            Some("any") => Some(Unsigned::Any),
            Some(other) => {
                let reason = format!("{other:?} is not a policy");
                self.problems
                    .add(&named("unsigned"), reason, "say none, presets or any");
                None
            }
            None if !signing_keys.is_empty() => Some(Unsigned::Presets),
            None => None,
        };
        let unsigned = unsigned.unwrap_or_else(|| {
            if signing_keys.is_empty() && get("unsigned").is_none() {
                let reason = "not set, so no address could be signed";
                let fix = if loopback {
                    "set a key of 32 characters or more, or TINTYPE_UNSIGNED=any, or use --dev"
                } else {
                    "set a key of 32 characters or more, or say TINTYPE_UNSIGNED=any to let \
                     everybody ask for any size"
                };
                self.problems.add(&named("signing_keys"), reason, fix);
            }
            Unsigned::None
        });
        let originals = match get("originals").map(|value| value.text.as_str()) {
            Some("public") => Originals::Public,
            Some("signed") => Originals::Signed,
            Some(other) => {
                let reason = format!("{other:?} is not a policy");
                self.problems
                    .add(&named("originals"), reason, "say public or signed");
                Originals::Signed
            }
            // Adopting a bucket must not publish it.
            None if signing_keys.is_empty() => Originals::Public,
            None => Originals::Signed,
        };
        let public_url = get("public_url").map(|value| {
            let url = value.text.trim_end_matches('/').to_owned();
            let host = url
                .strip_prefix("https://")
                .or_else(|| url.strip_prefix("http://"));
            if host.is_none_or(str::is_empty) || url.contains(['?', '#', ' ']) {
                let fix = "write it like https://media.example.org";
                self.problems.add(
                    &named("public_url"),
                    format!("{url:?} is not an address"),
                    fix,
                );
            }
            url
        });
        let path = if name == "default" {
            String::new()
        } else {
            format!("sites.{name}.")
        };
        let presets = self.presets(presets, &path);
        let prefix = get("prefix")
            .map(|value| value.text.clone())
            .unwrap_or_default();
        let name = name.to_owned();
        Site {
            name,
            prefix,
            signing_keys,
            ticket_keys,
            presets,
            public_url,
            originals,
            unsigned,
        }
    }

    fn presets(&mut self, table: toml::Table, path: &str) -> Presets {
        let mut presets = Presets::default();
        for (name, spec) in table {
            let place = format!("{path}presets.{name}");
            let Some(preset) = PresetName::parse(&name) else {
                let fix = "begin with a letter; a-z, 0-9 and - may follow";
                self.problems.add(&place, "not a name for a preset", fix);
                continue;
            };
            let inserted = spec
                .as_str()
                .ok_or_else(|| "not text".to_owned())
                .and_then(|spec| {
                    presets
                        .insert(preset, spec)
                        .map_err(|error| error.to_string())
                });
            if let Err(reason) = inserted {
                let fix = "write it as in an address, such as w_640~h_480~fit_cover";
                self.problems.add(&place, reason, fix);
            }
        }
        presets
    }

    fn effective(&self) -> String {
        let mut lines = String::new();
        for option in OPTIONS {
            let value = self.values.get(option.name);
            let line = match (self.text(option.name), value) {
                (Some(_), Some(value)) if option.secret => {
                    format!("{} = \"…\"  # secret, from {}", option.name, value.name)
                }
                (Some(text), Some(value)) => {
                    format!("{} = {:?}  # from {}", option.name, text, value.name)
                }
                (Some(text), None) => format!("{} = {:?}  # default", option.name, text),
                (None, _) => format!("# {} is not set", option.name),
            };
            lines.push_str(&line);
            lines.push('\n');
        }
        lines
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address with a port, such as 0.0.0.0:8080"))
}

fn store_url(text: &str) -> Result<StoreUrl, String> {
    StoreUrl::from_str(text).map_err(|error| error.to_string())
}

fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is not a whole number above 0"))
}

fn quality(text: &str) -> Result<u8, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=100).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a quality from 1 to 100"))
}

fn media_types(text: &str) -> Result<Vec<String>, String> {
    let types: Vec<_> = list(text).map(str::to_ascii_lowercase).collect();
    let wrong = types.iter().find(|t| **t != "*" && !t.contains('/'));
    match wrong {
        Some(wrong) => Err(format!(
            "{wrong:?} is not a media type such as image/jpeg or image/*"
        )),
        None => Ok(types),
    }
}
