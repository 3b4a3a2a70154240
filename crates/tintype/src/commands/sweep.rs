//! `tintype sweep`: removes what nobody needs any more.

use std::time::Duration;

use clap::Args;
use tintype_server::config::units;
use tintype_server::service::stores::Stores;
use tintype_upkeep::sweep::{self, Options};

use super::support::{self, PROGRESS, Telling};
use crate::failure::Failure;

/// Remove derived data without an original, and leftovers.
///
/// Goes: variants and records whose original is gone, variants older than a week that were made of an
/// earlier content, answers kept for Idempotency-Key for more than a day, and unfinished uploads of
/// more than a day. Stays: originals, takedowns, purges that are still to be delivered, and every
/// record with something that people said. May run at any time, beside the service.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype sweep --dry-run
  tintype sweep --json

{PROGRESS}
Of a sweep \"after\" is a path: variants come first, then records, then intents.

In a bucket it costs a LIST request for each 1,000 objects of tintype's own, a GET and a HEAD for
each original with variants and for each record, and two requests for each object removed."))]
pub(crate) struct Arguments {
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Also records of absent originals that hold a focal point, crops, rights, a state or `meta`
    #[arg(long)]
    records: bool,
    /// What is younger is left alone: it may belong to an upload that is under way
    #[arg(long, default_value = "24h", value_parser = units::duration)]
    grace: Duration,
    /// Go on after this path, as the lines of --json have it
    #[arg(long, value_name = "PATH", value_parser = sweep::place)]
    after: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = support::load_to_change()?;
        let options = Options {
            dry_run: self.dry_run,
            records: self.records,
            grace: self.grace,
            after: self.after,
        };
        support::walk(&self.telling, async |session| {
            let stores = Stores::open(&config).await?;
            Ok(sweep::sweep(stores, options, session.report()).await?)
        })
    }
}
