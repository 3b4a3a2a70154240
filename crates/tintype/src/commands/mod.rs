//! One file per subcommand: its arguments, its help, and what it does.

pub(crate) mod check_urls;
pub(crate) mod config;
pub(crate) mod decode_av1;
pub(crate) mod docs;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod index;
pub(crate) mod purge;
pub(crate) mod render;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod sweep;
pub(crate) mod token;
pub(crate) mod url;
pub(crate) mod verify;
pub(crate) mod warm;

mod sizes;
mod support;

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tintype_server::config::granted::Granted;
use tintype_server::config::{Config, Dev, Loaded, Problems};

use crate::failure::Failure;

const FILE: &str = "config/tintype.toml";

/// Loads the configuration.
pub(crate) fn load(dev: Option<&Dev>) -> Result<Loaded, Failure> {
    Config::load(environment(), Path::new(FILE), dev).map_err(Failure::Configuration)
}

/// Checks that it can work on this machine; shortcomings are added to its warnings.
pub(crate) fn fit(config: &mut Config, granted: &Granted) -> Result<(), Failure> {
    let Problems { refused, warned } = config.misfits(granted);
    config.warnings.extend(warned);
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::Configuration(refused)),
    }
}

/// The configuration for a tool that does not serve: settings that only serving needs may be missing, and it does
/// not matter who could reach the addresses.
fn load_for_tools() -> Result<Config, Failure> {
    load_leniently(environment())
}

/// Does the same without reading a bucket: an unavailable S3 says nothing about the process.
fn load_for_health() -> Result<Config, Failure> {
    let is_near =
        |(name, text): &(String, String)| name != "TINTYPE_CONFIG" || !text.starts_with("s3://");
    load_leniently(environment().filter(is_near))
}

fn load_leniently(environment: impl Iterator<Item = (String, String)>) -> Result<Config, Failure> {
    let dev = Dev {
        root: None,
        anywhere: Some(String::new()),
    };
    let loaded = Config::load(environment, Path::new(FILE), Some(&dev));
    Ok(loaded.map_err(Failure::Configuration)?.config)
}

/// The configuration for making URLs, which needs neither a store nor API tokens.
fn load_for_urls() -> Result<Config, Failure> {
    const PLACES: [&str; 4] = [
        "TINTYPE_STORE",
        "TINTYPE_DERIVED_STORE",
        "TINTYPE_FALLBACK_STORE",
        "TINTYPE_SPOOL_DIR",
    ];
    let is_needed = |name: &str| !name.starts_with("TINTYPE_TOKENS") && !PLACES.contains(&name);
    let unused = [
        ("TINTYPE_TOKENS", "none"),
        ("TINTYPE_STORE", "file://./media"),
    ];
    let unused = unused.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let environment = environment()
        .filter(|(name, _)| is_needed(name))
        .chain(unused);
    let loaded = Config::load(environment, Path::new(FILE), None);
    Ok(loaded.map_err(Failure::Configuration)?.config)
}

/// Text that is not UTF-8 is converted, so that it can be refused by name.
fn environment() -> impl Iterator<Item = (String, String)> {
    let named = std::env::vars_os().map(|(name, text)| {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        (lossy(name), lossy(text))
    });
    // Variables of commands, which are not options of the service.
    named.filter(|(name, _)| !name.starts_with("TINTYPE_IMPORT_") && name != purge::TOKEN)
}

/// Prints a result on standard output.
fn answer(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    Ok(stdout.flush()?)
}

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
