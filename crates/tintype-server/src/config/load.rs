//! Builds a [`Config`] from its sources.

use std::path::{Path, PathBuf};

use super::addresses::Addresses;
use super::caching::Caching;
use super::connections::Connections;
use super::dev::Dev;
use super::logging::Logging;
use super::pictures::Pictures;
use super::problems::Problems;
use super::reader::OptionReader;
use super::site::Policy;
use super::sources::Sources;
use super::stopping::{LAME_DUCK, Stopping};
use super::stores::{STORE, StoreUrls};
use super::uploads::Uploads;
use super::values::Setting;
use super::work::PixelWork;
use super::{Config, Otel, Problem, access, effective, otel, site};
use crate::url::Unsigned;

/// A configuration and the sources of its values.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// The effective configuration as TOML, with secrets masked.
    pub effective: String,
}

impl Config {
    /// Loads the configuration. `file` is the default path, read if it exists; `TINTYPE_CONFIG` names another,
    /// which must exist. Blocks, so asynchronous code must not call it.
    pub fn load(
        environment: impl IntoIterator<Item = (String, String)>,
        file: &Path,
        dev: Option<&Dev>,
    ) -> Result<Loaded, Vec<Problem>> {
        let mut problems = Problems::default();
        let sources = Sources::read(environment, file, &mut problems);
        let mut reader = OptionReader::new(sources.flat, sources.aws, problems);
        let otel = otel::read(&sources.otel, &mut reader.problems);
        if let Some(dev) = dev {
            reader.fill_in(dev);
        }
        let config = Self::read(&mut reader, sources.presets, sources.sites, dev);
        // If a value could not be read, combinations with it cannot be checked.
        let config = config.filter(|_| reader.is_whole());
        let config = config.map(|config| Self {
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

    /// Reads every part, so that all problems are reported. `None` if there is no store.
    fn read(
        reader: &mut OptionReader,
        presets: toml::Table,
        sites: toml::Table,
        dev: Option<&Dev>,
    ) -> Option<Self> {
        let addresses = Addresses::read(reader, dev);
        let policy = Policy {
            flat: &reader.values,
            presets,
            sites,
            implied: dev.map(|_| Unsigned::Any),
        };
        let sites = site::read(policy, &mut reader.problems);
        let tokens = access::tokens(reader, dev);
        let stores = StoreUrls::read(reader, dev);
        let uploads = Uploads::read(reader);
        let pictures = Pictures::read(reader);
        let caching = Caching::read(reader);
        let work = PixelWork::read(reader);
        let connections = Connections::read(reader);
        let stopping = Stopping::read(reader);
        let logging = Logging::read(reader);
        Some(Self {
            dev: dev.is_some(),
            addresses,
            stores: stores?,
            sites,
            tokens,
            uploads,
            pictures,
            caching,
            work,
            connections,
            stopping,
            logging,
            otel: Otel::default(),
            task_metadata: None,
            warnings: Vec::new(),
        })
    }
}

impl OptionReader {
    /// Fills in what is not set; `--dev` never overrides an option.
    fn fill_in(&mut self, dev: &Dev) {
        if let (Some(_), Some(store)) = (&dev.root, self.values.get(STORE.name)) {
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
        // No load balancer has to notice that a laptop stops.
        for (option, text) in [(STORE, store), (LAME_DUCK, "0s".to_owned())] {
            let name = String::from("--dev");
            let value = Setting::new(text, name);
            self.values.entry(option.name).or_insert(value);
        }
    }
}
