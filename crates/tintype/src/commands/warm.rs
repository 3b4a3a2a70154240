//! `tintype warm`: has variants made in advance.

use std::io::BufReader;
use std::sync::Arc;

use clap::Args;
use tintype_upkeep::client;
use tintype_upkeep::warm::{self, KeySource, WarmOptions};

use super::support::{self, OutputOptions, PROGRESS};
use crate::failure::Failure;

/// Have variants made in advance.
///
/// Requests each of them from the running service, in every format that browsers accept, or in the one that the
/// spec names. URLs are signed with the signing keys of the configuration. Keys come from the command line, from
/// standard input (-), one per line, or from the store (--prefix).
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype warm --preset card --preset hero photos/lion.jpg
  tintype warm --spec w_640 --prefix photos/2016/ --url https://media.example.org
  git diff --name-only | tintype warm --preset card -

{PROGRESS}"))]
pub(crate) struct Arguments {
    /// Originals, not percent-encoded; - reads them from standard input
    #[arg(required_unless_present = "prefix", conflicts_with = "prefix")]
    keys: Vec<String>,
    /// Every original whose key starts with this
    #[arg(long)]
    prefix: Option<String>,
    /// The name of a preset; may be repeated
    #[arg(long = "preset", required_unless_present = "specs")]
    presets: Vec<String>,
    /// A spec, as in a URL; may be repeated
    #[arg(long = "spec")]
    specs: Vec<String>,
    /// Where the service is [default: from the configuration]
    #[arg(long, value_parser = client::base)]
    url: Option<String>,
    /// Requests at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// With --prefix: continue after this key
    #[arg(long, requires = "prefix", conflicts_with = "keys", value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = match self.prefix {
            Some(_) => support::load()?,
            None => super::load_for_tools()?,
        };
        let keys = match self.prefix {
            Some(prefix) => KeySource::Prefix {
                prefix,
                after: self.after,
            },
            None if self.keys == ["-"] => {
                KeySource::Lines(Box::new(BufReader::new(std::io::stdin())))
            }
            None => KeySource::Named(self.keys),
        };
        let specs = [self.presets, self.specs].concat();
        let specs = warm::specs(&specs, &keys, &config).map_err(Failure::Usage)?;
        let url = self.url;
        let options = WarmOptions {
            keys,
            specs,
            url: url.unwrap_or_else(|| format!("http://{}", support::local(config.addresses.bind))),
            jobs: usize::from(self.jobs),
        };
        support::walk(&self.output, async |session| {
            Ok(warm::warm(Arc::new(config), options, session.report()).await?)
        })
    }
}
