//! `tintype config`: what is in force.

use clap::Args;
use tintype_imaging::render::AVIF_ENCODER;
use tintype_server::cgroup::Granted;
use tintype_server::config::{Dev, Resources};

use super::{answer, load};
use crate::failure::Failure;

/// Check the configuration and print what is in force.
///
/// Every option with where it comes from; secrets are masked. Mistakes are all told at once.
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
        let loaded = load(dev.as_ref())?;
        let resources = loaded.config.resources(&Granted::detect());
        let Resources {
            workers,
            memory_budget,
            hot_cache_bytes,
        } = resources;
        answer(&format!(
            "{}\n# On this machine:\n#   workers = {workers}\n#   memory_budget = {memory_budget}\n\
             #   hot_cache_bytes = {hot_cache_bytes}\n\n# In this build:\n#   AVIF by {AVIF_ENCODER}\n",
            loaded.effective
        ))
    }
}
