//! `tintype verify`: checks whether the originals still are what was uploaded.

use clap::Args;
use tintype_server::service::stores::Stores;
use tintype_upkeep::verify::{self, VerifyOptions};

use super::support::{self, OutputOptions, PROGRESS};
use crate::failure::Failure;

/// Read every original and compare it with its record.
///
/// Changes nothing, and reads every byte: in a bucket that is a request and the transfer for each original.
/// Findings that mean damage (missing, changed, unreadable, bad-record) make it exit with 1; stale and missing
/// records do not, they are made anew on first use.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype verify
  tintype verify --prefix photos/2016/ --jobs 16 --json
  tintype verify --after photos/2016/lion.jpg

{PROGRESS}
Originals come first, then records, for which \"after\" is a path.

Findings:
  missing     there is a record, but no original
  changed     not the bytes that were uploaded, though the store reports no write
  unreadable  the store has it but cannot read it
  bad-record  the record cannot be read; the original may be intact (tintype index rebuilds the record)
  stale       another program changed the original; its record describes an earlier version
  no-record   an original that was never used (tintype index creates records in advance)
  not-hashed  its record has no hash yet to compare with
  packed      intact, and stored by another program with a content coding such as gzip, with which it is delivered"))]
pub(crate) struct Arguments {
    /// Only keys that start with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Originals read at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Continue after this key, or after this path of a record
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = support::load()?;
        let options = VerifyOptions {
            prefix: self.prefix,
            jobs: usize::from(self.jobs),
            after: self.after,
        };
        support::walk(&self.output, async |session| {
            let store = Stores::open(&config).await?.store;
            Ok(verify::verify(store, options, session.report()).await?)
        })
    }
}
