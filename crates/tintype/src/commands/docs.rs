//! `tintype docs`: the reference as a page.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tintype_server::docs;

use super::answer;
use crate::failure::Failure;

/// Write the reference: URLs, API, error codes, options, metrics, log.
///
/// One HTML page that loads nothing else, for exactly this release: every URL item with its range, every API call,
/// every error code with cause and cure, every option, metric and log field. `tintype serve --dev` serves the same
/// page at `/`, with a playground.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype docs --output tintype.html
  tintype docs > tintype.html")]
pub(crate) struct Arguments {
    /// A file, which is replaced; otherwise standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let html = docs::document(None).html;
        let Some(file) = self.output else {
            return answer(&html);
        };
        let written = std::fs::write(&file, html);
        Ok(written.with_context(|| format!("{} cannot be written", file.display()))?)
    }
}
