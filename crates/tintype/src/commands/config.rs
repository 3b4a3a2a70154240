//! `tintype config`: what is in force.

use std::time::SystemTime;

use clap::Args;
use tintype_imaging::render::AVIF_ENCODER;
use tintype_server::config::{Config, Dev, Loaded, Resources};
use tintype_server::granted::Granted;

use super::{answer, fit, load};
use crate::failure::Failure;

/// Check the configuration and print what is in force.
///
/// Every option with where it comes from; secrets are masked. Mistakes are all told at once, and what works less
/// well than it is meant to is told at the end.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype config
  TINTYPE_STORE=file:///srv/media tintype config --dev")]
pub(crate) struct Arguments {
    /// As `tintype serve --dev` would fill in
    #[arg(long)]
    dev: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let dev = self.dev.then(Dev::default);
        let Loaded {
            mut config,
            effective,
        } = load(dev.as_ref())?;
        let granted = Granted::detect(config.task_metadata.as_deref());
        fit(&mut config, &granted)?;
        let here = here(&config, &granted);
        let warnings = warnings(&config);
        answer(&format!(
            "{effective}\n{here}\n# In this build:\n#   AVIF by {AVIF_ENCODER}\n{warnings}",
        ))
    }
}

/// What works, and probably not as it is meant; `/readyz` and the log say the same.
fn warnings(config: &Config) -> String {
    let warnings = config.warnings(SystemTime::now());
    let lines = warnings.iter().map(|warning| format!("#   {warning}\n"));
    match warnings.is_empty() {
        true => String::new(),
        false => format!("\n# Warnings:\n{}", lines.collect::<String>()),
    }
}

/// What is in force on this machine, and where each figure is from.
fn here(config: &Config, granted: &Granted) -> String {
    let resources = config.resources(granted);
    let largest = resources.largest(config.max_pixels);
    let Resources {
        workers,
        memory_budget,
        hot_cache_bytes,
        connections,
    } = resources;
    let cpus = &granted.cpus;
    let memory = granted.memory_bytes.as_ref();
    let memory = memory.map_or("memory is not known".to_owned(), |memory| {
        format!("memory = {}  # from {}", memory.value, memory.from)
    });
    let unread = granted.unread.iter();
    let unread = unread.map(|reason| format!("the limits of the task are not known: {reason}"));
    let from = |is_set, otherwise| if is_set { "as set above" } else { otherwise };
    let lines = [
        format!("cpus = {}  # from {}", cpus.value, cpus.from),
        memory,
        format!(
            "workers = {workers}  # {}",
            from(config.workers.is_some(), "one for each of the cpus")
        ),
        format!(
            "memory_budget = {memory_budget}  # {}",
            from(config.memory_budget.is_some(), "three quarters of memory")
        ),
        format!(
            "hot_cache_bytes = {hot_cache_bytes}  # {}",
            from(
                config.hot_cache_bytes.is_some(),
                "a quarter of memory_budget"
            )
        ),
        format!(
            "max_connections = {connections}  # {}",
            from(
                connections == config.max_connections,
                "what an eighth of memory_budget holds"
            )
        ),
    ];
    let largest = format!("largest pictures in megapixels: {largest}");
    let lines = lines.into_iter().chain([largest]).chain(unread);
    lines.fold("# On this machine:\n".to_owned(), |text, line| {
        text + "#   " + &line + "\n"
    })
}
