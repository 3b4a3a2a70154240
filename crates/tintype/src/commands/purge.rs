//! `tintype purge`: asks the service to purge variants and downstream caches.

use clap::Args;
use tintype_store::Key;
use tintype_upkeep::purge::{self, PurgeTarget};
use tintype_upkeep::{client, key};

use super::{load_for_tools, support};
use crate::failure::Failure;

/// The variable with the token; on a command line everybody on the machine could read it.
pub(super) const TOKEN: &str = "TINTYPE_TOKEN";

/// Purge variants and downstream caches of originals.
///
/// Calls the running service, which purges its downstream caches too. The token comes from TINTYPE_TOKEN and needs
/// the scope `purge`. Variants are made again when they are next requested.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype purge photos/lion.jpg
  tintype purge --prefix photos/2016/ --url https://media.example.org")]
pub(crate) struct Arguments {
    /// Originals, not percent-encoded
    #[arg(value_parser = key, required_unless_present = "prefix", conflicts_with = "prefix")]
    keys: Vec<Key>,
    /// Every original whose key starts with this
    #[arg(long)]
    prefix: Option<String>,
    /// Where the API is [default: from the configuration]
    #[arg(long, value_parser = client::base)]
    url: Option<String>,
    #[arg(long, env = TOKEN, hide = true, hide_env_values = true)]
    token: Option<String>,
    /// One line of JSON for each key that failed, and one at the end
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let url = match self.url {
            Some(url) => url,
            None => {
                let config = load_for_tools()?;
                let address =
                    support::local(config.addresses.api_bind.unwrap_or(config.addresses.bind));
                format!("http://{address}")
            }
        };
        let Some(token) = self.token else {
            return Err(Failure::Usage(format!(
                "{TOKEN} is missing: set it to a token with the scope purge, made by tintype token new"
            )));
        };
        let what = match self.prefix {
            Some(prefix) => PurgeTarget::Prefix(prefix),
            None => PurgeTarget::Keys(self.keys),
        };
        support::run(self.json, async |session| {
            Ok(purge::purge(&url, &token, what, session.report()).await?)
        })
    }
}
