//! `tintype import`: copies originals from a folder, a bucket or another tintype into a store.

use clap::Args;
use tintype_upkeep::import::{self, Address, ImportOptions};

use super::support;
use crate::failure::Failure;

/// Copy originals from a folder, a bucket or another tintype.
///
/// FROM and TO are a folder, file:///path, s3://bucket/location, or the address of a tintype service.
/// Originals keep their names, and what was said of them in a tintype (focal point, crops, rights, state,
/// meta, takedowns) comes along. Every copy is hashed on its way and compared with what was written. What another
/// program has stored in FROM packed with gzip (Content-Encoding) is unpacked.
///
/// Run it again to continue: existing copies are skipped. A name with other bytes is a conflict, which is reported
/// and left alone. FROM is never written to.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype import /srv/old/media /srv/media --dry-run
  tintype import s3://old-bucket/media s3://new-bucket
  TINTYPE_IMPORT_TOKEN=tt_… tintype import https://media.example.org ./media --prefix photos/
  tintype import ./media https://media.example.org --token-to tt_… --json

Buckets are configured by AWS's own variables (AWS_REGION, AWS_ENDPOINT_URL, …). For a service the token
needs the scopes read and list (FROM), or read and write, with replace for --overwrite and takedown
for blocked originals (TO).

Exits with 1 if anything was not imported: a conflict, an unusable name, a failure, or an interruption.")]
pub(crate) struct Arguments {
    from: Address,
    to: Address,
    /// Only names that start with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Originals copied at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Report what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace originals of the same name with other bytes
    #[arg(long)]
    overwrite: bool,
    /// Copy bytes only, without editable fields
    #[arg(long)]
    no_records: bool,
    /// Do not read back what was written to TO; a service compares by itself
    #[arg(long)]
    no_read_back: bool,
    /// One line of JSON for each original, and a summary
    #[arg(long)]
    json: bool,
    /// Token of the service; better given by the variable, which does not appear in process lists
    #[arg(long, env = "TINTYPE_IMPORT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Token of TO, if both are services [default: --token]
    #[arg(long, env = "TINTYPE_IMPORT_TOKEN_TO", hide_env_values = true)]
    token_to: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if self.from.overlaps(&self.to) {
            return Err(Failure::Usage(
                "FROM and TO are the same, or one is inside the other".to_owned(),
            ));
        }
        let options = ImportOptions {
            from: self.from,
            to: self.to,
            tokens: [self.token.clone(), self.token_to.or(self.token)],
            prefix: self.prefix,
            jobs: usize::from(self.jobs),
            dry_run: self.dry_run,
            overwrite: self.overwrite,
            records: !self.no_records,
            read_back: !self.no_read_back,
        };
        support::run(self.json, async |session| {
            Ok(import::import(options, session.report()).await?)
        })
    }
}
