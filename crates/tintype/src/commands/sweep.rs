//! `tintype sweep`: removes what is no longer needed.

use std::time::Duration;

use clap::Args;
use tintype_server::config::units;
use tintype_server::service::stores::Stores;
use tintype_upkeep::sweep::{self, SweepOptions};

use super::support::{self, OutputOptions, PROGRESS};
use crate::failure::Failure;

/// Remove derived data without an original, and leftovers.
///
/// Removed: variants and records whose original is gone, variants of older content made more than a week ago,
/// responses kept for Idempotency-Key for more than a day, and uploads unfinished for more than a day. Kept:
/// originals, takedowns, undelivered purges, and every record with editable fields that are set. May run at any
/// time, while the service runs.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype sweep --dry-run
  tintype sweep --json

{PROGRESS}
For a sweep \"after\" is a path: variants come first, then records, then intents.

In a bucket it costs a LIST request for each 1,000 objects of tintype's own, a GET and a HEAD for
each original with variants and for each record, and two requests for each object removed."))]
pub(crate) struct Arguments {
    /// Only report what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Also records of absent originals that hold a focal point, crops, rights, a state or `meta`
    #[arg(long)]
    records: bool,
    /// Younger objects are kept: they may belong to an upload in progress
    #[arg(long, default_value = "24h", value_parser = units::duration)]
    grace: Duration,
    /// Continue after this path, as in the lines of --json
    #[arg(long, value_name = "PATH", value_parser = sweep::place)]
    after: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = support::load_to_change()?;
        let options = SweepOptions {
            dry_run: self.dry_run,
            records: self.records,
            grace: self.grace,
            after: self.after,
        };
        support::walk(&self.output, async |session| {
            let stores = Stores::open(&config).await?;
            Ok(sweep::sweep(stores, options, session.report()).await?)
        })
    }
}
