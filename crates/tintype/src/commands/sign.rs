//! `tintype sign`: signs an existing path.

use clap::Args;
use tintype_server::url::parse_path;

use super::{answer, load_for_urls};
use crate::failure::Failure;

/// Sign a delivery path.
///
/// Prints the path in its canonical spelling; an existing signature is replaced.
#[derive(Args)]
#[command(after_help = "\
Example:
  tintype sign /t/photos/lion.jpg/w_640~h_480~fit_cover")]
pub(crate) struct Arguments {
    /// Percent-encoded, from `/t/` on
    path: String,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let path = parse_path(&self.path, None).map_err(|error| usage(&error))?;
        let config = load_for_urls()?;
        let site = config.sites.of(&path.key);
        path.spec
            .with_preset(&site.presets)
            .map_err(|error| usage(&error))?;
        let Some(signing_key) = site.signing_keys.first() else {
            return Err(Failure::Usage(format!(
                "the site {} has no signing keys",
                site.name
            )));
        };
        answer(&path.canonical_path(Some(signing_key)))
    }
}
