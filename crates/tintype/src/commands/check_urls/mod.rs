//! `tintype check-urls`: how many requests of an old access log will work, and why the others will not.

mod line;
mod tally;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::support::Progress;
use super::{answer, load_for_urls, unix_now};
use crate::failure::Failure;
use line::parse;
use tally::Tally;

/// Report how many URLs of an old access log will work.
///
/// Reads lines in the common or combined format, or bare URLs, and tries each with the old_urls of the
/// configuration, with signatures and the rules of the site, as the service will. Neither a store nor the service
/// is asked, so whether an original exists is not known. Requests that failed already are counted separately.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype check-urls < access.log
  zcat access.log.*.gz | tintype check-urls --json")]
pub(crate) struct Arguments {
    /// Standard input if left out
    file: Option<PathBuf>,
    /// One line of JSON for each reason, and a summary
    #[arg(long)]
    json: bool,
}

/// The longest URL that a server accepts, and the rest of a log line.
const MAX_LINE_BYTES: u64 = 64 * 1024;
const LINES_A_STEP: u64 = 10_000;

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = load_for_urls()?;
        if config.sites.iter().all(|site| site.old_urls.is_empty()) {
            let reason = "no site has old_urls; deploy/old-urls.md has examples";
            return Err(Failure::Usage(reason.to_owned()));
        }
        let tally = match &self.file {
            None => self.read(&mut io::stdin().lock(), &config.sites)?,
            Some(path) => {
                let file = File::open(path).with_context(|| path.display().to_string())?;
                self.read(&mut BufReader::new(file), &config.sites)?
            }
        };
        answer(&match self.json {
            true => tally.json(),
            false => tally.words(),
        })
    }

    fn read(
        &self,
        lines: &mut dyn BufRead,
        sites: &tintype_server::config::Sites,
    ) -> Result<Tally, Failure> {
        let progress = Progress::new(self.json);
        let (now, mut tally, mut line) = (unix_now(), Tally::default(), Vec::new());
        while read_line(lines, &mut line)? {
            let text = String::from_utf8_lossy(&line);
            tally.take(parse(text.trim()), sites, now);
            if tally.lines().is_multiple_of(LINES_A_STEP) {
                progress.found(1);
                progress.did(&format!("{} lines", tally.lines()));
            }
        }
        progress.finish();
        Ok(tally)
    }
}

/// Bytes beyond the limit are dropped. Returns false at the end.
fn read_line(lines: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    use io::Read;
    line.clear();
    let read = lines.take(MAX_LINE_BYTES).read_until(b'\n', line)? as u64;
    if read == MAX_LINE_BYTES && !line.ends_with(b"\n") {
        lines.skip_until(b'\n')?;
    }
    Ok(read > 0)
}
