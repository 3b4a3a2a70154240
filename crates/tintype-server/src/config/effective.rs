//! The effective configuration for people: TOML with the source of each value and without secrets.

use std::fmt::Write;

use super::access::{ORIGINALS_WORDS, UNSIGNED_WORDS};
use super::options::OPTIONS;
use super::shape::shown;
use super::values::SettingMap;
use super::{Config, Site};

pub(super) fn text(config: &Config, values: &SettingMap) -> String {
    let mut lines = String::new();
    for option in OPTIONS.iter() {
        let name = option.name;
        let line = match values.get(name) {
            Some(value) if option.is_secret => format!("{name} = \"…\"  # from {}", value.name),
            Some(value) => format!("{name} = {:?}  # from {}", shown(&value.text), value.name),
            None if option.default.is_empty() => format!("# {name} is not set"),
            None => format!("{name} = {:?}  # default", option.default),
        };
        lines.push_str(&line);
        lines.push('\n');
    }
    let mut sites: Vec<_> = config.sites.iter().collect();
    sites.reverse();
    for site in sites {
        // Writing to a `String` cannot fail.
        let _ = write_site(&mut lines, site);
    }
    lines
}

fn write_site(lines: &mut String, site: &Site) -> std::fmt::Result {
    let unsigned = UNSIGNED_WORDS.of(site.unsigned);
    let originals = ORIGINALS_WORDS.of(site.originals);
    writeln!(lines, "\n# The site {}:", site.name)?;
    writeln!(lines, "#   prefix = {:?}", site.prefix)?;
    writeln!(lines, "#   signing_keys: {}", site.signing_keys.len())?;
    writeln!(lines, "#   ticket_keys: {}", site.ticket_keys.len())?;
    writeln!(lines, "#   unsigned = {unsigned:?}")?;
    writeln!(lines, "#   originals = {originals:?}")?;
    if let Some(url) = &site.public_url {
        writeln!(lines, "#   public_url = {url:?}")?;
    }
    let purgers = &site.purgers;
    for (name, nodes) in [
        ("varnish", &purgers.varnish),
        ("cloudfront", &purgers.cloudfront),
    ] {
        if !nodes.is_empty() {
            writeln!(lines, "#   purge_{name} = {:?}", nodes.join(","))?;
        }
    }
    if purgers.webhook.is_some() {
        writeln!(lines, "#   purge_webhook is set")?;
    }
    for rule in &site.old_urls {
        let (grammar, prefix) = (rule.grammar.name(), &rule.prefix);
        writeln!(lines, "#   old_urls: {grammar} below {prefix}")?;
    }
    for (name, spec) in site.presets.iter() {
        writeln!(lines, "#   presets.{name} = \"{spec}\"")?;
    }
    Ok(())
}
