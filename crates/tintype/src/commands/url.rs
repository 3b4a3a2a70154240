//! `tintype url`: the URL of an image, signed if required.

use clap::Args;
use tintype_server::url::{
    Access, authorise, encode_key, parse_path, parse_spec, signed_path, variant_path,
};
use tintype_store::Key;

use super::{answer, load_for_urls, unix_now};
use crate::failure::Failure;

/// Print the URL of an image.
///
/// It is signed if the site of the key requires a signature. No server is asked, so the signing keys have to be
/// configured here too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype url photos/lion.jpg w_640~h_480~fit_cover
  tintype url photos/lion.jpg card~dpr_2
  tintype url docs/report.pdf f_original~exp_1900000000~dl_report.pdf")]
pub(crate) struct Arguments {
    /// Name of the original, not percent-encoded
    key: String,
    /// The spec, or the name of a preset
    #[arg(default_value = "f_auto")]
    spec: String,
    /// Sign even if no signature is required
    #[arg(long)]
    signed: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let key = Key::existing(&self.key).map_err(|error| usage(&error))?;
        let spec = parse_spec(&self.spec).map_err(|error| usage(&error))?;
        let config = load_for_urls()?;
        let site = config.sites.of(&key);
        spec.with_preset(&site.presets)
            .map_err(|error| usage(&error))?;

        let mut spec = spec;
        spec.signature = None;
        let path = variant_path(&key, &spec);
        let unsigned = parse_path(&path, None).map_err(|error| usage(&error))?;
        let now = unix_now();
        let open = authorise(&unsigned, &[], site.unsigned, site.originals, now);
        let path = match (open, site.signing_keys.first()) {
            (Ok(Access::Unsigned), _) if !self.signed => path,
            (_, Some(signing_key)) => signed_path(&key, spec, signing_key),
            (_, None) => {
                let (key, site) = (encode_key(&key), &site.name);
                return Err(Failure::Usage(format!(
                    "{key} needs a signature, but the site {site} has no signing keys"
                )));
            }
        };
        let base = site.public_url.clone();
        answer(&format!(
            "{}{path}",
            base.unwrap_or_else(|| format!("http://{}", config.addresses.bind))
        ))
    }
}
