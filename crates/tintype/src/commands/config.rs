//! `tintype config`: the effective configuration.

use std::time::SystemTime;

use clap::Args;
use tintype_imaging::render::AVIF_ENCODER;
use tintype_server::config::granted::Granted;
use tintype_server::config::{Config, Dev, Group, Loaded, documented};

use super::sizes::{Size, Sizes};
use super::{answer, fit, load};
use crate::failure::Failure;

/// Check the configuration and print the effective values.
///
/// Every option with its source; secrets are masked. All mistakes are reported together; settings that work less
/// well than intended are listed at the end.
#[derive(Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", options()))]
pub(crate) struct Arguments {
    /// As `tintype serve --dev` would fill in
    #[arg(long)]
    dev: bool,
}

const EXAMPLES: &str = "\
Examples:
  tintype config
  TINTYPE_STORE=file:///srv/media tintype config --dev";

/// Every option with its default; full descriptions would take a page each.
fn options() -> String {
    let mut text = "\
Options, by the variables that set them. config/tintype.toml and tintype docs say what each means."
        .to_owned();
    for Group { title, options, .. } in documented() {
        if options.is_empty() {
            continue;
        }
        text += &format!("\n\n{title}:");
        for option in options {
            let (variable, default) = (&option.variable, option.default);
            text += &match default {
                "" => format!("\n  {variable}"),
                default => format!("\n  {variable:<26} {default}"),
            };
        }
    }
    text
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

/// Settings that work, but probably not as intended; `/readyz` and the log have the same.
fn warnings(config: &Config) -> String {
    let warnings = config.warnings(SystemTime::now());
    let lines = warnings.iter().map(|warning| format!("#   {warning}\n"));
    match warnings.is_empty() {
        true => String::new(),
        false => format!("\n# Warnings:\n{}", lines.collect::<String>()),
    }
}

/// The effective sizes on this machine, and the source of each.
fn here(config: &Config, granted: &Granted) -> String {
    let Sizes {
        cpus,
        memory,
        workers,
        memory_budget,
        hot_cache_bytes,
        max_connections,
        largest,
    } = Sizes::of(config, granted);
    let line = |name: &str, size: &Size| {
        let from = size.from("as set above");
        format!("{name} = {}  # {from}", size.value)
    };
    let memory = memory.map(|memory| line("memory", &memory));
    let unread = granted.unread.iter();
    let unread = unread.map(|reason| format!("the limits of the task are unknown: {reason}"));
    let lines = [
        line("cpus", &cpus),
        memory.unwrap_or_else(|| "memory is unknown".to_owned()),
        line("workers", &workers),
        line("memory_budget", &memory_budget),
        line("hot_cache_bytes", &hot_cache_bytes),
        line("max_connections", &max_connections),
        format!("largest images in megapixels: {largest}"),
    ];
    let otel = &config.otel;
    let collector = [("traces", &otel.traces), ("metrics", &otel.metrics)];
    let collector = collector
        .into_iter()
        .filter_map(|(what, signal)| Some(format!("{what} go to {}", signal.as_ref()?.endpoint)));
    let lines = lines.into_iter().chain(unread).chain(collector);
    lines.fold("# On this machine:\n".to_owned(), |text, line| {
        text + "#   " + &line + "\n"
    })
}
