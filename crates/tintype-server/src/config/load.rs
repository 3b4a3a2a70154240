//! From what was written down to a [`Config`].

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use tintype_store::StoreUrl;

use super::options::{OPTIONS, env_name};
use super::problems::Problems;
use super::read::{self, list};
use super::site::Policy;
use super::sources::{Sources, Value, Values};
use super::{Config, Otel, Problem, Quality, Token, effective, otel, site, units};
use crate::url::Unsigned;

/// The token of `--dev`. It holds on loopback alone.
pub const DEV_TOKEN: &str = "dev";

/// What `serve --dev` fills in where nothing is set.
#[derive(Clone, Debug, Default)]
pub struct Dev {
    /// Where originals are kept; `./media` by default.
    pub root: Option<PathBuf>,
    /// Also on addresses that others can reach, with this secret instead of [`DEV_TOKEN`].
    pub anywhere: Option<String>,
}

/// A configuration and where its values come from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// What is in force, secrets masked, as TOML.
    pub effective: String,
}

impl Config {
    /// `file` is the default place, read if it is there; `TINTYPE_CONFIG` names another, which must
    /// be. Waits for it, so that asynchronous code must not call this.
    pub fn load(
        environment: impl IntoIterator<Item = (String, String)>,
        file: &Path,
        dev: Option<&Dev>,
    ) -> Result<Loaded, Vec<Problem>> {
        let mut problems = Problems::default();
        let sources = Sources::read(environment, file, &mut problems);
        let mut reader = Reader {
            values: sources.flat,
            problems,
            aws: sources.aws,
        };
        let otel = otel::read(&sources.otel, &mut reader.problems);
        if let Some(dev) = dev {
            reader.fill_in(dev);
        }
        let config = reader.config(sources.presets, sources.sites, dev);
        let config = config.map(|config| Config {
            sites: config.sites.with_old_urls(sources.old_urls),
            task_metadata: sources.task_metadata,
            otel,
            ..config
        });
        if let Some(config) = &config {
            reader.check(config, sources.file.as_deref(), dev.is_some());
        }
        let Problems { refused, warned } = std::mem::take(&mut reader.problems);
        match config {
            Some(mut config) if refused.is_empty() => {
                config.warnings = warned;
                let effective = effective::text(&config, &reader.values);
                Ok(Loaded { config, effective })
            }
            _ => Err(refused),
        }
    }
}

/// Whether the kernel gives only one of two addresses: the unspecified one takes a port on every other.
fn is_clash(one: SocketAddr, other: SocketAddr) -> bool {
    // Port 0 is a new port each time.
    let is_same_port = one.port() == other.port() && one.port() != 0;
    let takes = |one: SocketAddr, other: SocketAddr| match one.ip() {
        // Of IPv6 also those of IPv4.
        IpAddr::V6(ip) if ip.is_unspecified() => true,
        ip => ip == other.ip() || (ip.is_unspecified() && other.is_ipv4()),
    };
    is_same_port && (takes(one, other) || takes(other, one))
}

/// A folder that is missing may be a mount that was forgotten, and is made for development alone.
fn made_for_dev(mut store: StoreUrl, dev: Option<&Dev>) -> StoreUrl {
    if let StoreUrl::Disk(settings) = &mut store {
        settings.make = dev.is_some();
    }
    store
}

/// Reads options and collects what is wrong with them.
pub(super) struct Reader {
    pub(super) values: Values,
    pub(super) problems: Problems,
    /// AWS's own variables.
    pub(super) aws: BTreeMap<String, String>,
}

impl Reader {
    /// What is set wins: `--dev` is for what is not.
    fn fill_in(&mut self, dev: &Dev) {
        if let (Some(_), Some(store)) = (&dev.root, self.values.get("store")) {
            let (name, fix) = (store.name.clone(), "leave out one of the two");
            self.problems
                .add(&name, "set, and --root is given as well", fix);
        }
        let root = dev.root.clone().unwrap_or_else(|| PathBuf::from("media"));
        // A store's URL tells relative paths from hosts by their first character.
        let root = if root.is_absolute() {
            root
        } else {
            Path::new(".").join(root)
        };
        let store = tintype_store::StoreUrl::disk(root).to_string();
        // Nobody waits for a balancer to notice that a laptop stops.
        for (option, text) in [("store", store), ("lame_duck", "0s".to_owned())] {
            let name = String::from("--dev");
            let value = Value::new(text, name);
            self.values.entry(option).or_insert(value);
        }
    }

    fn config(
        &mut self,
        presets: toml::Table,
        sites: toml::Table,
        dev: Option<&Dev>,
    ) -> Option<Config> {
        let bind = self.optional("bind", read::address);
        let admin_bind = self.optional("admin_bind", read::address);
        let api_bind = self.optional("api_bind", read::address);
        self.check_addresses([bind, admin_bind, api_bind], dev);
        let implied = dev.map(|_| Unsigned::Any);
        let policy = Policy {
            flat: &self.values,
            presets,
            sites,
            implied,
        };
        let sites = site::read(policy, &mut self.problems);
        let tokens = self.tokens(dev);
        let store = self.optional("store", read::store_url);
        let name = env_name("store");
        if !self.values.contains_key("store") && !self.problems.tell_of(&name) {
            let fix = "name one, such as file:///srv/media, or use --dev";
            self.problems.add(&name, "not set", fix);
        }
        let memory_budget = self.optional("memory_budget", read::many_bytes(1024 * 1024));
        let hot_cache_bytes = self.optional("hot_cache_bytes", units::bytes);
        if let (Some(budget), Some(hot)) = (memory_budget, hot_cache_bytes)
            && hot >= budget
        {
            let name = self.name("hot_cache_bytes");
            let fix = format!("leave some of the {budget} bytes of memory_budget to pixel work");
            self.problems
                .add(&name, "takes the whole memory budget", fix);
        }
        // Each option is read before the first `?`, so that every problem has been told by then.
        let derived_store = self.optional("derived_store", read::store_url);
        let fallback_store = self.optional("fallback_store", read::store_url);
        let [store, derived_store] = self.with_s3_writing([store, derived_store]);
        let store = store.map(|store| made_for_dev(store, dev));
        let derived_store = derived_store.map(|store| made_for_dev(store, dev));
        let read_only = self.optional("read_only", read::switch);
        let spool_dir = self.optional("spool_dir", |text| Ok(PathBuf::from(text)));
        let spool_bytes = self.optional("spool_bytes", read::many_bytes(64 * 1024));
        let allow_types = self.optional("allow_types", read::media_types);
        let max_upload_bytes = self.optional("max_upload_bytes", read::many_bytes(1024));
        let max_pixels = self.optional("max_pixels", read::pixels);
        let max_declared_pixels = self.optional("max_declared_pixels", read::pixels);
        let jpeg = self.optional("quality_jpeg", read::quality);
        let webp = self.optional("quality_webp", read::quality);
        let avif = self.optional("quality_avif", read::quality);
        let jpeg_progressive = self.optional("jpeg_progressive", read::switch);
        let format_budget = self.optional("format_budget", units::duration);
        let max_age = self.optional("max_age", read::cache_time);
        let s_maxage = self.optional("s_maxage", read::cache_time);
        let record_cache = self.optional("record_cache", units::duration);
        let workers = self.optional("workers", read::threads);
        let queue = self.optional("queue", read::count);
        let queue_wait = self.optional("queue_wait", read::time_limit);
        let render_deadline = self.optional("render_deadline", read::network_time);
        let max_connections = self.optional("max_connections", read::connections);
        let header_timeout = self.optional("header_timeout", read::network_time);
        let body_timeout = self.optional("body_timeout", read::network_time);
        let body_min_rate = self.optional("body_min_rate", units::bytes);
        let idle_timeout = self.optional("idle_timeout", read::network_time);
        let write_timeout = self.optional("write_timeout", read::network_time);
        let write_min_rate = self.optional("write_min_rate", units::bytes);
        let lame_duck = self.optional("lame_duck", units::duration);
        let drain = self.optional("drain", units::duration);
        let log = self.optional("log", read::log_filter);
        let access_log = self.optional("access_log", read::logged);
        let emf = self.optional("emf", read::switch);
        Some(Config {
            dev: dev.is_some(),
            bind: bind?,
            admin_bind: admin_bind?,
            api_bind,
            store: store?,
            derived_store,
            fallback_store,
            read_only: read_only?,
            sites,
            tokens,
            spool_dir,
            spool_bytes: spool_bytes?,
            allow_types: allow_types?,
            max_upload_bytes: max_upload_bytes?,
            max_pixels: max_pixels?,
            max_declared_pixels: max_declared_pixels?,
            quality: Quality {
                jpeg: jpeg?,
                webp: webp?,
                avif: avif?,
            },
            jpeg_progressive: jpeg_progressive?,
            format_budget: format_budget?,
            max_age: max_age?,
            s_maxage: s_maxage?,
            record_cache: record_cache?,
            memory_budget,
            hot_cache_bytes,
            workers,
            queue: queue?,
            queue_wait: queue_wait?,
            render_deadline: render_deadline?,
            max_connections: max_connections?,
            header_timeout: header_timeout?,
            body_timeout: body_timeout?,
            body_min_rate: body_min_rate?,
            write_timeout: write_timeout?,
            write_min_rate: write_min_rate?,
            idle_timeout: idle_timeout?,
            lame_duck: lame_duck?,
            drain: drain?,
            log: log?,
            access_log: access_log?,
            emf: emf?,
            task_metadata: None,
            warnings: Vec::new(),
            otel: Otel::default(),
        })
    }

    /// The public, admin and API addresses.
    fn check_addresses(&mut self, addresses: [Option<SocketAddr>; 3], dev: Option<&Dev>) {
        let names = ["bind", "admin_bind", "api_bind"];
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            if let (Some(first), Some(second)) = (addresses[one], addresses[other])
                && is_clash(first, second)
            {
                let reason = format!("{second} is taken by {} = {first}", names[one]);
                let name = self.name_of(&[names[other], names[one]]);
                self.problems
                    .add(&name, reason, "give each a port of its own");
            }
        }
        if dev.is_none_or(|dev| dev.anywhere.is_some()) {
            return;
        }
        // The admin address gives nothing away that uploads or deletes.
        for at in [0, 2] {
            if addresses[at].is_some_and(|address| !address.ip().is_loopback()) {
                let name = self.name(names[at]);
                let reason = "--dev would let everybody who reaches this address do everything";
                let fix = "bind 127.0.0.1, or add --dev-anywhere to have a random token printed";
                self.problems.add(&name, reason, fix);
            }
        }
    }

    fn tokens(&mut self, dev: Option<&Dev>) -> Vec<Token> {
        let name = self.name("tokens");
        let Some(text) = self.text("tokens") else {
            return match dev {
                Some(Dev {
                    anywhere: Some(secret),
                    ..
                }) => {
                    vec![Token::with_secret("dev-anywhere", secret)]
                }
                Some(_) => vec![Token::with_secret("dev", DEV_TOKEN)],
                None if self.problems.tell_of(&name) => Vec::new(),
                None => {
                    let fix = "make one with `tintype token new`, or say `none` to have no API";
                    self.problems
                        .add(&name, "not set, so nobody could upload", fix);
                    Vec::new()
                }
            };
        };
        if text == "none" {
            return Vec::new();
        }
        let mut tokens: Vec<Token> = Vec::new();
        for part in list(&text) {
            match part.parse::<Token>() {
                Ok(token) if tokens.iter().any(|known| known.id == token.id) => {
                    let reason = format!("token {} is given twice", token.id);
                    self.problems
                        .add(&name, reason, "give each token an id of its own");
                }
                Ok(token) if token.is_well_known() => {
                    let reason = format!("token {} has the secret of --dev", token.id);
                    self.problems
                        .add(&name, reason, "make one with `tintype token new`");
                }
                Ok(token) => tokens.push(token),
                Err(reason) => {
                    let fix = "`tintype token new` prints the whole entry";
                    self.problems.add(&name, reason, fix);
                }
            }
        }
        tokens
    }

    /// The name by which the writer of a value knows it; what is not set goes by its variable.
    pub(super) fn name(&self, option: &str) -> String {
        let value = self.values.get(option);
        value.map_or_else(|| env_name(option), |value| value.name.clone())
    }

    /// Of options that contradict each other: the first one that somebody wrote.
    pub(super) fn name_of(&self, options: &[&str]) -> String {
        let is_written = |option: &&&str| self.values.contains_key(**option);
        self.name(options.iter().find(is_written).unwrap_or(&options[0]))
    }

    pub(super) fn text(&self, option: &str) -> Option<String> {
        let set = self.values.get(option).map(|value| value.text.as_str());
        let default = || {
            let known = OPTIONS.iter().find(|known| known.name == option)?;
            Some(known.default).filter(|text| !text.is_empty())
        };
        set.or_else(default).map(str::to_owned)
    }

    /// `None` where the option is neither set nor has a default, or cannot be read, which is then a
    /// problem.
    pub(super) fn optional<T>(
        &mut self,
        option: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        read(&self.text(option)?)
            .map_err(|reason| {
                let name = self.name(option);
                self.problems
                    .add(&name, reason, "write it as `config/tintype.toml` shows");
            })
            .ok()
    }
}
